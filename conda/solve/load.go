package solve

import (
	"cmp"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/conda/matchspec"
	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/sat"
)

// recordKey tells records apart: one archive on one channel.
type recordKey struct{ channel, subdir, name, version, build, ext string }

func keyOf(r *record.Record) recordKey {
	return recordKey{r.Channel, string(r.Subdir), r.Name, r.Version, r.Build, r.Dist().Format.Ext()}
}

// load sorts the index's records of n into classes, once.
func (p *pool) load(n *name) {
	if n.loaded {
		return
	}
	n.loaded = true
	recs := p.virtual(n)
	var groups []record.Group
	if recs == nil && !strings.HasPrefix(n.text, "__") {
		var ok bool
		if groups, ok = p.grouped(n); !ok {
			recs = p.visible(n)
		}
	}
	p.stats.Names++
	n.classes = p.classes(n, recs, groups)
	for _, k := range n.classes {
		p.stats.Records += k.size
	}
	vars := make([]sat.Var, len(n.classes))
	for i, k := range n.classes {
		k.v = p.newVar(meaning{class: k})
		vars[i] = k.v
	}
	p.sat.Join(p.sat.NewGroup(), vars...)
	if n.virtual {
		for _, c := range p.all(n) {
			p.clause(clauseTag{kind: tagVirtual, cand: c}, lit(c.v))
		}
	}
	for _, s := range n.pending {
		p.encodeOnly(s)
	}
	n.pending = nil
}

// virtual returns the target's records of a virtual package.
func (p *pool) virtual(n *name) []*record.Record {
	var recs []*record.Record
	for _, r := range p.req.Virtual {
		if r.Name == n.text {
			recs = append(recs, r)
			n.virtual = true
		}
	}
	return recs
}

// grouped returns the index's records of n in groups, where nothing about single ones matters before the search
// comes to them.
func (p *pool) grouped(n *name) ([]record.Group, bool) {
	idx, ok := p.idx.(Grouper)
	if !ok || !p.req.ExcludeNewer.IsZero() || p.lockedOf(n) != nil || len(p.favored) > 0 && p.req.Favor == FavorVersions {
		return nil, false
	}
	groups, ok := idx.Groups(n.text)
	if ok && p.req.ChannelPriority == StrictPriority && len(groups) > 0 {
		ok = !slices.ContainsFunc(groups, func(g record.Group) bool { return g.Channel != groups[0].Channel }) && len(p.channelSpecs(n)) == 0
	}
	if !ok {
		return nil, false
	}
	return groups, true
}

// lockedOf returns the locked record of n, or nil.
func (p *pool) lockedOf(n *name) *record.Record {
	for _, r := range p.req.Locked {
		if r.Name == n.text {
			return r
		}
	}
	return nil
}

// visible returns the records of n that the request's settings admit. The rest goes to n.hidden.
func (p *pool) visible(n *name) []*record.Record {
	recs := p.listed(n)
	hide := func(why LackKind, drop func(*record.Record) bool) {
		recs = slices.DeleteFunc(recs, func(r *record.Record) bool {
			if drop(r) {
				n.hidden = append(n.hidden, hiddenRecord{r, why})
				return true
			}
			return false
		})
	}
	if !p.req.ExcludeNewer.IsZero() {
		recs = p.withoutTwins(recs) // a .tar.bz2 does not stand in for a .conda that is too new
		limit := p.req.ExcludeNewer.UnixMilli()
		hide(TooNew, func(r *record.Record) bool { return r.TimestampMillis > limit })
	}
	if p.req.ChannelPriority == StrictPriority && len(recs) > 0 {
		if own := p.channelSpecs(n); len(own) > 0 {
			hide(HiddenByPriority, func(r *record.Record) bool {
				return !slices.ContainsFunc(own, func(s *matchspec.Spec) bool { return s.MatchRest(r) })
			})
		} else {
			first := slices.MinFunc(recs, func(a, b *record.Record) int { return p.compareChannel(a.Channel, b.Channel) })
			hide(HiddenByPriority, func(r *record.Record) bool { return r.Channel != first.Channel })
		}
	}
	return recs
}

// listed returns the index's records of n and the locked one.
func (p *pool) listed(n *name) []*record.Record {
	recs := slices.Clone(p.idx.Records(n.text))
	recs = slices.DeleteFunc(recs, func(r *record.Record) bool { return r.Name != n.text })
	if locked := p.lockedOf(n); locked != nil {
		key := keyOf(locked)
		if !slices.ContainsFunc(recs, func(r *record.Record) bool { return keyOf(r) == key }) {
			recs = append(recs, locked)
		}
	}
	return recs
}

// withoutTwins sorts recs and leaves out, of a dist that is there as .conda and as .tar.bz2, the latter.
func (p *pool) withoutTwins(recs []*record.Record) []*record.Record {
	slices.SortFunc(recs, compareDist)
	return slices.CompactFunc(recs, func(a, b *record.Record) bool {
		return a.Channel == b.Channel && a.Subdir == b.Subdir && a.Version == b.Version && a.Build == b.Build &&
			!p.isLocked(b)
	})
}

func (p *pool) isLocked(r *record.Record) bool {
	return slices.ContainsFunc(p.req.Locked, func(l *record.Record) bool { return keyOf(l) == keyOf(r) })
}

// compareDist puts twins together, the better one first.
func compareDist(a, b *record.Record) int {
	for _, c := range [...]int{
		strings.Compare(a.Channel, b.Channel), strings.Compare(string(a.Subdir), string(b.Subdir)),
		strings.Compare(a.Version, b.Version), strings.Compare(a.Build, b.Build),
	} {
		if c != 0 {
			return c
		}
	}
	return cmp.Or(
		cmp.Compare(a.Dist().Format, b.Dist().Format), // record.Conda is the lower
		compareBytes(a, b),
	)
}

// compareBytes tells records of one file name apart, where an index lists two.
func compareBytes(a, b *record.Record) int {
	return cmp.Or(
		strings.Compare(a.FileName, b.FileName),
		slices.Compare(a.SHA256[:], b.SHA256[:]),
		slices.Compare(a.MD5[:], b.MD5[:]),
		slices.Compare(a.Depends, b.Depends),
	)
}

// channelSpecs are the channels of the request's specs on n that name one: they choose it whatever
// its priority.
func (p *pool) channelSpecs(n *name) []*matchspec.Spec {
	var own []*matchspec.Spec
	for _, s := range p.req.Specs {
		if s, err := p.specOf(s.Text); err == nil && s.name == n && !s.match.Channel.IsAny() {
			own = append(own, &matchspec.Spec{Channel: s.match.Channel})
		}
	}
	return own
}
