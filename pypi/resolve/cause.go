package resolve

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/sat"
)

// maxDepth bounds the chains of an explanation.
const maxDepth = 12

// causes turns the core of a refutation into chains that begin at the requirements.
type causes struct {
	*problem
	depends  map[*candidate][]*need // that took part
	excluded map[*candidate]bool    // by what something else wants of the project
	chosen   map[*need]bool         // whose matches took part, all of them
}

// problem explains why these requirements cannot all hold.
func (x *explainer) problem(ctx context.Context, set []int) (Problem, error) {
	req := x.only(set)
	p := newProblem(ctx, x.store, req, x.req, nil)
	core, err := p.search(ctx, sat.Limits{MaxConflicts: explainConflicts})
	if isLimit(err) || err == nil && core == nil {
		core = &sat.Core{} // it took longer than it may: the requirements alone have to do
	} else if err != nil {
		return Problem{}, err
	}
	b := &causes{problem: p, depends: map[*candidate][]*need{}, excluded: map[*candidate]bool{}, chosen: map[*need]bool{}}
	var allowed []int
	for _, t := range core.Tags {
		switch tag := p.tags[t]; tag.kind {
		case tagDepends:
			b.depends[tag.cand] = append(b.depends[tag.cand], tag.need)
		case tagChoice:
			b.chosen[tag.need] = true
		case tagAllowed:
			b.excluded[tag.cand] = true
			if !slices.Contains(allowed, tag.at) {
				allowed = append(allowed, tag.at)
			}
		}
	}
	for _, pair := range core.Pairs {
		a, d := pair[0], pair[1]
		if p.vars[a.Var()].cand == nil {
			a, d = d, a
		}
		c, n := p.vars[a.Var()].cand, p.vars[d.Var()].need
		switch {
		case c == nil || n == nil:
		case d.Negative():
			b.excluded[c] = true
		default:
			b.depends[c] = append(b.depends[c], n)
		}
	}
	var out Problem
	for i := range req.Requirements {
		r := &req.Requirements[i]
		c := b.cause([]*need{p.asked[i]}, nil, map[*project]bool{})
		c.Kind, c.Specs, c.Origin = Requested, []string{r.short()}, &r.Origin
		out.Causes = append(out.Causes, c)
	}
	slices.Sort(allowed)
	for _, at := range allowed {
		r := &req.Constraints[at]
		out.Causes = append(out.Causes, Cause{Kind: Allowed, Name: r.Key(), Specs: []string{r.short()}, Origin: &r.Origin})
	}
	return out, nil
}

// cause explains why none of what matches one of needs, which are about one project, can be chosen.
func (b *causes) cause(needs []*need, by []*candidate, above map[*project]bool) Cause {
	n := needs[0].project
	c := Cause{Kind: Needs, Name: n.name, By: distsOf(by)}
	matching := map[*candidate]bool{}
	follow := false
	for _, d := range needs {
		c.Specs = append(c.Specs, d.text)
		b.needVar(d)
		follow = follow || b.chosen[d]
		for _, m := range d.matching {
			matching[m] = true
		}
	}
	var open, failing, unreadable []*candidate
	for _, m := range n.cands {
		if !matching[m] {
			continue
		}
		c.Versions = append(c.Versions, m.dist())
		if m.bad != nil {
			unreadable = append(unreadable, m)
		}
		if !b.excluded[m] {
			open = append(open, m)
		}
		if len(b.depends[m]) > 0 {
			failing = append(failing, m)
		}
	}
	if len(open) == 0 {
		open = failing // what excludes them may be what they need themselves
	}
	switch {
	case len(c.Versions) == 0:
		c.Lack = b.lack(needs)
	case len(unreadable) == len(c.Versions):
		c.Lack = Lack{Kind: Unreadable, Have: c.Versions, Detail: unreadable[0].bad.Error()}
		c.Versions = nil
	case follow && !above[n] && len(above) < maxDepth:
		above[n] = true
		c.Because = b.because(open, above)
		delete(above, n)
	}
	return c
}

// because explains why these candidates of one project fail: by the fewest projects that they depend on.
func (b *causes) because(open []*candidate, above map[*project]bool) []Cause {
	type group struct {
		project *project
		by      []*candidate
		needs   []*need
	}
	var out []Cause
	for len(open) > 0 {
		groups := map[*project]*group{}
		for _, c := range open {
			for _, d := range b.depends[c] {
				g := groups[d.project]
				if g == nil {
					g = &group{project: d.project}
					groups[d.project] = g
				}
				if !slices.Contains(g.by, c) {
					g.by = append(g.by, c)
				}
				if !slices.Contains(g.needs, d) {
					g.needs = append(g.needs, d)
				}
			}
		}
		var best *group
		for _, g := range groups {
			if best == nil || cmp.Or(cmp.Compare(len(best.by), len(g.by)), strings.Compare(g.project.name, best.project.name)) < 0 {
				best = g
			}
		}
		if best == nil {
			break
		}
		slices.SortFunc(best.needs, func(x, y *need) int { return strings.Compare(x.text, y.text) })
		c := b.cause(best.needs, best.by, above)
		c.Specs, c.Extras = wordsOf(best.by, best.needs)
		out = append(out, c)
		open = slices.DeleteFunc(slices.Clone(open), func(c *candidate) bool { return slices.Contains(best.by, c) })
	}
	return out
}

// wordsOf returns how by ask for needs, in their own words, and the extras for which they do.
func wordsOf(by []*candidate, needs []*need) (specs, extras []string) {
	for _, c := range by {
		for _, d := range c.deps {
			if !slices.Contains(needs, d.need) {
				continue
			}
			if !slices.Contains(specs, d.text) {
				specs = append(specs, d.text)
			}
			if d.when != "" && !slices.Contains(extras, d.when) {
				extras = append(extras, d.when)
			}
		}
	}
	return specs, extras
}

func (c *candidate) dist() Dist {
	d := Dist{Name: c.project.name, Version: c.version.String()}
	if c.provided != nil {
		d.Package = c.provided.Package
	}
	return d
}

func distsOf(cands []*candidate) []Dist {
	var out []Dist
	for _, c := range cands {
		out = append(out, c.dist())
	}
	return out
}

// lack says why nothing matches needs.
func (b *causes) lack(needs []*need) Lack {
	n := needs[0].project
	target := b.req.Env.PythonFullVersion
	wanted := func(h hidden) bool {
		return slices.ContainsFunc(needs, func(d *need) bool { return h.version.IsZero() || d.url != "" || d.specs.Match(h.version) })
	}
	have := distsOf(n.cands)
	switch {
	case len(n.cands) == 1 && n.cands[0].provided != nil:
		return Lack{Kind: ByConda, Have: have}
	case slices.ContainsFunc(needs, func(d *need) bool { return d.url != "" && !slices.Contains(b.urlsOf(n), d.url) }):
		return Lack{Kind: UnknownURL, Have: have}
	case n.missing:
		return Lack{Kind: NoSuchProject}
	case len(b.urlsOf(n)) > 0 && len(n.cands) > 0:
		return Lack{Kind: OtherURL, Have: have, Detail: redact(b.urlsOf(n)[0])}
	}
	l := Lack{Kind: NoSuchVersion, Target: target}
	for _, h := range n.hidden {
		if !wanted(h) {
			continue
		}
		if l.Kind == NoSuchVersion {
			l.Kind, l.Detail = h.why, h.detail
			for _, f := range h.files {
				l.Files = append(l.Files, f.Name)
			}
			slices.Sort(l.Files)
		}
		if h.why == l.Kind {
			if h.why == NeedsPython && !strings.Contains(l.Detail, h.detail) {
				l.Detail += " or " + h.detail
			}
			l.Have = append(l.Have, Dist{Name: n.name, Version: h.version.String()})
		}
	}
	if l.Kind == NoSuchVersion {
		l.Have = have
		for _, h := range n.hidden {
			l.Have = append(l.Have, Dist{Name: n.name, Version: h.version.String()})
		}
	}
	return l
}
