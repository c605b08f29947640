package resolve

import "github.com/nasa-openscapes/corn/sat"

// guide tells the core what to try: first the projects that the request asks for, then what those need, in the
// order in which it turned up. Of a project the most preferred candidate is tried that nothing refutes
// yet. As the core undoes a decision only where earlier ones refute it, the answer is the best in this order.
type guide struct {
	p     *pool
	first *project   // where set, goes before roots
	roots []*project // in order
	seen  []sat.Var  // the core's observed variables, as far as they are taken note of
	next  int        // the needs of seen before here are met
}

// Next implements sat.Guide.
func (g *guide) Next(s *sat.Solver) sat.Lit {
	g.follow(s)
	if g.first != nil {
		if l := g.choose(s, g.first); l != 0 {
			return l
		}
	}
	for _, n := range g.roots {
		if l := g.choose(s, n); l != 0 {
			return l
		}
	}
	for ; g.next < len(g.seen); g.next++ {
		if d := g.p.vars[g.seen[g.next]].need; d != nil {
			if l := g.choose(s, d.project); l != 0 {
				return l
			}
		}
	}
	return 0
}

// follow takes note of what became true or was undone since the last question. A candidate that became true
// is fed: it may have done so without being tried.
func (g *guide) follow(s *sat.Solver) {
	kept := min(s.Kept(), len(g.seen))
	for _, v := range g.seen[kept:] {
		if c := g.p.vars[v].cand; c != nil {
			c.project.chosen = nil
			g.next = min(g.next, c.project.needAt) // it was met, and is open again
		}
	}
	g.seen = g.seen[:kept]
	g.next = min(g.next, kept)
	for len(g.seen) < len(s.Observed()) { // feeding can make more variables true, which are then at the end
		v := s.Observed()[len(g.seen)]
		g.seen = append(g.seen, v)
		if c := g.p.vars[v].cand; c != nil {
			c.project.chosen = c
			g.p.feed(c)
		} else if n, last := g.p.vars[v].need.project, len(g.seen)-1; !g.needed(n, last) {
			n.needAt = last // the first of its needs
		}
	}
}

// needed tells whether one of the first entries of seen needs n.
func (g *guide) needed(n *project, entries int) bool {
	if n.needAt >= entries {
		return false
	}
	d := g.p.vars[g.seen[n.needAt]].need
	return d != nil && d.project == n
}

// choose returns the best candidate of n that is not refuted. What it looks at, it feeds: a candidate whose
// dependencies are refuted already is then refuted without being tried.
func (g *guide) choose(s *sat.Solver, n *project) sat.Lit {
	if n.chosen != nil || !g.needed(n, len(g.seen)) || g.p.err != nil {
		return 0
	}
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
