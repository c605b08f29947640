package solve

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/sat"
)

// maxDepth bounds the chains of an explanation.
const maxDepth = 12

// causes turns the core of a refutation into chains that begin at the requests.
type causes struct {
	*problem
	depends, limits map[*candidate][]*spec // that took part
	excluded        map[*candidate]bool    // by what something else wants of the name
	chosen          map[*spec]bool         // whose matches took part, all of them
}

// problem explains why the given specs of the request cannot all hold.
func (x *explainer) problem(ctx context.Context, set []int) (Problem, error) {
	req := x.only(set)
	p, err := newProblem(x.idx, req, x.memo, nil)
	if err != nil {
		return Problem{}, err
	}
	core, err := p.search(ctx, sat.Limits{MaxConflicts: explainConflicts})
	if isLimit(err) || err == nil && core == nil {
		core = &sat.Core{} // it took longer than it may: the requests alone have to do
	} else if err != nil {
		return Problem{}, err
	}
	b := &causes{problem: p, depends: map[*candidate][]*spec{}, limits: map[*candidate][]*spec{},
		excluded: map[*candidate]bool{}, chosen: map[*spec]bool{}}
	var out Problem
	steps := p.steps(core)
	for _, tag := range steps {
		switch tag.kind {
		case tagDepends:
			b.depends[tag.cand] = append(b.depends[tag.cand], tag.spec)
		case tagLimits:
			b.limits[tag.cand] = append(b.limits[tag.cand], tag.spec)
		case tagExcludes:
			b.excluded[tag.cand] = true
			if tag.class != nil {
				p.fill(tag.class)
				for _, c := range tag.class.cands {
					b.excluded[c] = true
				}
			}
		case tagChoice:
			b.chosen[tag.spec] = true
		}
	}
	for i := range req.Specs {
		c := b.cause(Requested, []*spec{p.specs[i]}, nil, map[*name]bool{})
		c.Specs, c.Origin = []string{req.Specs[i].Text}, &req.Specs[i].Origin
		out.Causes = append(out.Causes, c)
	}
	for _, tag := range steps {
		if tag.kind == tagAllowed {
			o := &req.Constraints[tag.at]
			out.Causes = append(out.Causes, Cause{Kind: Allowed, Name: tag.spec.name.text, Specs: []string{o.Text}, Origin: &o.Origin})
		}
	}
	return out, nil
}

// cause explains why none of what matches one of specs, which are about one name, can be chosen.
func (b *causes) cause(kind CauseKind, specs []*spec, by []*candidate, above map[*name]bool) Cause {
	n := specs[0].name
	c := Cause{Kind: kind, Name: n.text, By: recordsOf(by)}
	matching := map[*candidate]bool{}
	follow := false
	for _, s := range specs {
		c.Specs = append(c.Specs, s.text)
		follow = follow || b.chosen[s]
		for _, m := range b.allOf(s) {
			matching[m] = true
		}
	}
	var open []*candidate
	var unreadable error // why the best one cannot be read, while all cannot
	readable := false
	for _, m := range b.all(n) {
		if matching[m] {
			c.Records = append(c.Records, m.rec)
			if readable = readable || m.bad == nil; unreadable == nil {
				unreadable = m.bad
			}
			if !b.excluded[m] {
				open = append(open, m)
			}
		}
	}
	switch {
	case kind == Constrains: // what it allows need not exist
	case len(c.Records) == 0:
		c.Lack = b.lack(specs)
	case !readable:
		c.Lack = Lack{Kind: Unreadable, Have: c.Records, Err: unreadable}
		c.Records = nil
	case follow && !above[n] && len(above) < maxDepth:
		above[n] = true
		c.Because = b.because(open, above)
		delete(above, n)
	}
	return c
}

// because explains why these candidates of one name fail: by the fewest names that they
// depend on or constrain.
func (b *causes) because(open []*candidate, above map[*name]bool) []Cause {
	type group struct {
		kind  CauseKind
		name  *name
		by    []*candidate
		specs []*spec
	}
	var out []Cause
	for len(open) > 0 {
		groups := map[string]*group{}
		add := func(kind CauseKind, c *candidate, s *spec) {
			key := s.name.text
			if kind == Constrains {
				key += " constrained"
			}
			g := groups[key]
			if g == nil {
				g = &group{kind: kind, name: s.name}
				groups[key] = g
			}
			if !slices.Contains(g.by, c) {
				g.by = append(g.by, c)
			}
			if !slices.Contains(g.specs, s) {
				g.specs = append(g.specs, s)
			}
		}
		for _, c := range open {
			for _, s := range b.depends[c] {
				add(Needs, c, s)
			}
			for _, s := range b.limits[c] {
				add(Constrains, c, s)
			}
		}
		var best *group
		for _, g := range groups {
			if best == nil || cmp.Or(-cmp.Compare(len(g.by), len(best.by)), cmp.Compare(g.kind, best.kind), compareText(g.name, best.name)) < 0 {
				best = g
			}
		}
		if best == nil {
			break
		}
		out = append(out, b.cause(best.kind, best.specs, best.by, above))
		open = slices.DeleteFunc(slices.Clone(open), func(c *candidate) bool { return slices.Contains(best.by, c) })
	}
	return out
}

func recordsOf(cands []*candidate) []*record.Record {
	var recs []*record.Record
	for _, c := range cands {
		recs = append(recs, c.rec)
	}
	return recs
}

// lack says why nothing matches specs.
func (b *causes) lack(specs []*spec) Lack {
	n := specs[0].name
	if strings.HasPrefix(n.text, "__") {
		return Lack{Kind: NotOnTarget, Have: recordsOf(b.all(n))}
	}
	hidden := map[LackKind][]*candidate{}
	for _, h := range n.hidden {
		k := &class{name: n, merit: b.meritOf(n, nil, h.rec)}
		c := &candidate{rec: h.rec, name: n, class: k, favored: b.favored[keyOf(h.rec)]}
		c.ver, c.bad = b.parse(h.rec.Version)
		k.ver = c.ver
		if slices.ContainsFunc(specs, func(s *spec) bool { return s.matches(c) }) {
			hidden[h.why] = append(hidden[h.why], c)
		}
	}
	for _, why := range []LackKind{HiddenByPriority, TooNew} {
		if cands := hidden[why]; len(cands) > 0 {
			slices.SortFunc(cands, func(x, y *candidate) int {
				return cmp.Or(b.compareMerits(n, &x.class.merit, &y.class.merit), b.compareBuilds(x, y))
			})
			l := Lack{Kind: why, Have: recordsOf(cands)}
			if why == HiddenByPriority {
				l.Instead = recordsOf(b.all(n))
			}
			return l
		}
	}
	if all := b.all(n); len(all) > 0 {
		bad := slices.DeleteFunc(slices.Clone(all), func(c *candidate) bool { return c.bad == nil })
		if len(bad) == len(all) {
			return Lack{Kind: Unreadable, Have: recordsOf(bad), Err: bad[0].bad}
		}
		return Lack{Kind: NoSuchRecord, Have: recordsOf(b.all(n))}
	}
	if len(n.hidden) > 0 {
		var recs []*record.Record
		for _, h := range n.hidden {
			recs = append(recs, h.rec)
		}
		return Lack{Kind: n.hidden[0].why, Have: recs}
	}
	l := Lack{Kind: NoSuchName}
	if lister, ok := b.idx.(NameLister); ok {
		l.Near = nearest(n.text, lister.Names())
	}
	return l
}
