package solve

import (
	"cmp"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/conda/version"
	"github.com/nasa-openscapes/corn/sat"
)

// class is the records of one name that are equally good but for their build: those of one version,
// mostly. It has a variable, which holds where one of them is chosen.
//
// conda-forge has a thousand records of some names, and a dozen to a version. Most specs take a
// version or leave it, so they are written down by class; the candidates of a class are made only when the
// search comes to it, which for most classes is never.
type class struct {
	name *name
	merit
	at     int // position in name.classes
	v      sat.Var
	size   int                       // how many records it has
	recs   []*record.Record          // those that are made; all of them once the class is entered
	later  []func() []*record.Record // give the others
	vers   []version.Version         // the distinct ones of recs: "1.0" and "1.00" are equal, and a pattern may tell them apart
	cands  []*candidate              // in order of preference; ties are refined when they are reached
	rest   []*candidate              // those that need the same as one of cands and are worse, until fill
	open   bool                      // cands are made
	group  sat.Group
	builds []build // cands, in groups that coarse leaves equal
}

// merit is what makes a class better than another of its name.
type merit struct {
	locked, favored bool
	features        int
	channel         string // with flexible priority
	version         string
	ver             version.Version
}

// meritOf looks only at what the request's settings make count. The version's value is not in it yet.
func (p *pool) meritOf(n *name, locked, r *record.Record) merit {
	k := merit{features: len(r.TrackFeatures), version: r.Version}
	if locked != nil {
		k.locked = r.Version == locked.Version && r.Build == locked.Build && keyOf(r) == keyOf(locked)
	}
	if len(p.favored) > 0 && p.req.Favor == FavorVersions && !p.asked[n.text] {
		k.favored = p.favored[keyOf(r)]
	}
	if p.req.ChannelPriority == FlexiblePriority {
		k.channel = r.Channel
	}
	return k
}

// compareMerits puts the preferred rank first.
func (p *pool) compareMerits(n *name, a, b *merit) int {
	c := cmp.Or(
		trueFirst(a.locked, b.locked),
		trueFirst(a.favored, b.favored),
		cmp.Compare(a.features, b.features),
		p.compareChannel(a.channel, b.channel),
	)
	if c == 0 {
		c = p.compareVersion(n, a.ver, b.ver)
	}
	return c
}

// classes sorts recs and groups into classes, the preferred one first.
func (p *pool) classes(n *name, recs []*record.Record, groups []record.Group) []*class {
	locked := p.lockedOf(n)
	byMerit := map[merit]*class{}
	var all []*class
	var last *class
	of := func(k merit) *class {
		if last == nil || last.merit != k { // those of one version come together, mostly
			if last = byMerit[k]; last == nil {
				last = &class{name: n, merit: k}
				byMerit[k] = last
				all = append(all, last)
			}
		}
		return last
	}
	for _, r := range recs {
		k := of(p.meritOf(n, locked, r))
		k.recs = append(k.recs, r)
		k.size++
	}
	for _, g := range groups {
		m := merit{features: g.Features, version: g.Version}
		if p.req.ChannelPriority == FlexiblePriority {
			m.channel = g.Channel
		}
		k := of(m)
		k.later = append(k.later, g.Records)
		k.size += g.Len
	}
	for _, k := range all {
		k.ver, _ = p.parse(k.version) // the zero version where it cannot be read
		k.vers = []version.Version{k.ver}
	}
	slices.SortFunc(all, func(a, b *class) int {
		return cmp.Or(p.compareMerits(n, &a.merit, &b.merit), strings.Compare(a.version, b.version))
	})
	merged := all[:0]
	for _, k := range all {
		if i := len(merged) - 1; i >= 0 && p.compareMerits(n, &merged[i].merit, &k.merit) == 0 {
			merged[i].size += k.size
			merged[i].recs = append(merged[i].recs, k.recs...)
			merged[i].later = append(merged[i].later, k.later...)
			merged[i].vers = append(merged[i].vers, k.vers...)
			continue
		}
		k.at = len(merged)
		merged = append(merged, k)
	}
	return merged
}

// enter makes candidates of k, once: of those that need and limit the same, the best one. The others can be
// chosen only if something looks at more than versions, which fill is for.
func (p *pool) enter(k *class) {
	if k.open {
		return
	}
	k.open = true
	for _, records := range k.later {
		k.recs = append(k.recs, records()...)
	}
	k.recs = p.withoutTwins(k.recs)
	slab := make([]candidate, len(k.recs))
	all := make([]*candidate, len(k.recs))
	for i, r := range k.recs {
		c := &slab[i]
		*c = candidate{rec: r, name: k.name, class: k, locked: k.locked, favored: len(p.favored) > 0 && p.favored[keyOf(r)]}
		c.ver, c.bad = p.parse(r.Version)
		all[i] = c
	}
	slices.SortFunc(all, p.compareBuilds)
	k.group = p.sat.NewGroup()
	some := []sat.Lit{lit(k.v).Flip()}
	for _, b := range bodiesOf(all) {
		p.add(b.cands[0])
		if b.v = b.cands[0].v; len(b.cands) > 1 {
			b.v = p.newVar(meaning{body: b})
			p.sat.Imply(lit(b.cands[0].v), lit(b.v))
		}
		some = append(some, lit(b.v))
		k.cands = append(k.cands, b.cands[0])
		k.rest = append(k.rest, b.cands[1:]...)
	}
	k.builds = p.buildsOf(k.cands)
	p.clause(clauseTag{kind: tagGlue}, some...)
}

// fill makes the candidates that enter left out.
func (p *pool) fill(k *class) {
	p.enter(k)
	if len(k.rest) == 0 {
		return
	}
	for _, c := range k.rest {
		p.add(c)
		p.sat.Imply(lit(c.v), lit(c.body.v))
	}
	for _, c := range k.cands {
		if len(c.body.cands) > 1 {
			some := []sat.Lit{lit(c.body.v).Flip()}
			for _, o := range c.body.cands {
				some = append(some, lit(o.v))
			}
			p.clause(clauseTag{kind: tagGlue}, some...)
		}
	}
	k.cands = slices.Concat(k.cands, k.rest)
	slices.SortFunc(k.cands, p.compareBuilds)
	k.rest, k.builds = nil, p.buildsOf(k.cands)
}

// add gives c a variable.
func (p *pool) add(c *candidate) {
	c.v = p.newVar(meaning{cand: c})
	p.sat.Imply(lit(c.v), lit(c.class.v))
	p.sat.Join(c.class.group, c.v)
	if c.bad != nil {
		p.clause(clauseTag{kind: tagBad, cand: c}, lit(c.v).Flip())
	}
}

// bodiesOf finds candidates that need and limit the same. cands are in order of preference, and so are the
// bodies and the candidates in them.
func bodiesOf(cands []*candidate) []*body {
	var bodies []*body
	byLists := map[[2]listID]*body{} // most indexes give equal lists as one
	byText := map[string]*body{}
	var text []byte
	for _, c := range cands {
		lists := [2]listID{idOf(c.rec.Depends), idOf(c.rec.Constrains)}
		b := byLists[lists]
		alone := len(c.rec.ExtraDepends) > 0
		if b == nil && !alone {
			text = text[:0]
			for _, list := range [][]string{c.rec.Depends, c.rec.Constrains} {
				for _, d := range list {
					text = append(append(text, d...), 0)
				}
				text = append(text, 1)
			}
			b = byText[string(text)]
		}
		if b == nil || alone {
			b = &body{}
			bodies = append(bodies, b)
			if !alone {
				byText[string(text)] = b
			}
		}
		if !alone {
			byLists[lists] = b
		}
		c.body = b
		b.cands = append(b.cands, c)
	}
	return bodies
}

// listID is equal for slices that are the same one.
type listID struct {
	first *string
	n     int
}

func idOf(list []string) listID {
	if len(list) == 0 {
		return listID{}
	}
	return listID{&list[0], len(list)}
}

// all returns every candidate of n, the preferred one first.
func (p *pool) all(n *name) []*candidate {
	p.load(n)
	var cands []*candidate
	for _, k := range n.classes {
		p.fill(k)
		cands = append(cands, k.cands...)
	}
	return cands
}

// part is the records of a class that a spec matches.
type part struct {
	*class
	whole bool         // all of them
	some  []*candidate // where not whole; there is one
}

// parts returns what s matches, in order of preference.
func (p *pool) parts(s *spec) []part {
	p.load(s.name) // which may ask for these parts itself
	if s.matched {
		return s.matching
	}
	s.matched = true
	onlyVersion := s.match.OnlyNameVersionBuild() && s.match.Build.IsAny()
	for _, k := range s.name.classes {
		n := 0
		for _, v := range k.vers {
			if !v.IsZero() && s.match.Version.Match(v) {
				n++
			}
		}
		if n == 0 {
			continue
		}
		if n == len(k.vers) && onlyVersion {
			s.matching = append(s.matching, part{class: k, whole: true})
			continue
		}
		p.fill(k)
		var some []*candidate
		for _, c := range k.cands {
			if s.matches(c) {
				some = append(some, c)
			}
		}
		switch len(some) {
		case 0:
		case len(k.cands):
			s.matching = append(s.matching, part{class: k, whole: true})
		default:
			s.matching = append(s.matching, part{class: k, some: some})
		}
	}
	return s.matching
}

// allOf returns every candidate that s matches.
func (p *pool) allOf(s *spec) []*candidate {
	var cands []*candidate
	for _, t := range p.parts(s) {
		if p.fill(t.class); t.whole {
			cands = append(cands, t.cands...)
		} else {
			cands = append(cands, t.some...)
		}
	}
	return cands
}
