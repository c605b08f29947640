package resolve

import (
	"slices"

	"github.com/nasa-openscapes/corn/sat"
)

// guide tells the core what to try: first the projects that the request asks for, then what those need, in the
// order in which it turned up. Of a project the most preferred candidate is tried that nothing refutes
// yet. As the core undoes a decision only where earlier ones refute it, the answer is the best in this order.
type guide struct {
	p     *pool
	first *project   // where set, goes before roots
	roots []*project // in order
}

// Next implements sat.Guide.
func (g *guide) Next(s *sat.Solver) sat.Lit {
	needed := g.follow(s)
	if g.p.err != nil {
		return 0
	}
	if g.first != nil && slices.Contains(needed, g.first) {
		if l := g.choose(s, g.first); l != 0 {
			return l
		}
	}
	for _, n := range g.roots {
		if slices.Contains(needed, n) {
			if l := g.choose(s, n); l != 0 {
				return l
			}
		}
	}
	for _, n := range needed {
		if l := g.choose(s, n); l != 0 {
			return l
		}
	}
	return 0
}

// follow feeds the candidates that are true, which may have become so without being tried, and returns the projects
// that are needed and open, in order.
func (g *guide) follow(s *sat.Solver) []*project {
	for i := 0; i < len(s.Observed()); i++ { // feeding can make more variables true
		if c := g.p.vars[s.Observed()[i]].cand; c != nil {
			g.p.feed(c)
		}
	}
	var needed []*project
	for _, n := range g.p.projects {
		n.chosen = nil
	}
	for _, v := range s.Observed() {
		if c := g.p.vars[v].cand; c != nil {
			c.project.chosen = c
		}
	}
	seen := map[*project]bool{}
	for _, v := range s.Observed() {
		if d := g.p.vars[v].need; d != nil && d.project.chosen == nil && !seen[d.project] {
			seen[d.project] = true
			needed = append(needed, d.project)
		}
	}
	return needed
}

// choose returns the best candidate of n that is not refuted. What it looks at, it feeds: a candidate whose
// dependencies are refuted already is then refuted without being tried.
func (g *guide) choose(s *sat.Solver, n *project) sat.Lit {
	for _, c := range n.cands {
		if s.Value(lit(c.v)) != sat.Unknown {
			continue
		}
		g.p.feed(c)
		if g.p.err != nil {
			return 0
		}
		if s.Value(lit(c.v)) == sat.Unknown {
			return lit(c.v)
		}
	}
	return 0
}
