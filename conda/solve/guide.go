package solve

import (
	"github.com/nasa-openscapes/corn/sat"
)

// guide tells the core what to try: first that locked records are kept, then the names that the
// request asks for, then what those need, in the order in which it turned up. Of a name the
// most preferred candidate is tried that nothing refutes yet. As the core undoes a decision only where
// earlier ones refute it, the answer is the best in this order.
type guide struct {
	p      *pool
	keeps  []sat.Var // of locked records, in order
	first  *name     // where set, goes before floors and roots
	floors []sat.Var // wishes like keeps, of one search
	floor  int       // floors before here are decided, unless jumps says otherwise
	jumps  int       // what sat.Solver.Jumps said
	roots  []*name
	seen   []sat.Var // the core's observed variables, as far as they are taken note of
	next   int       // the needs of seen before here are met
}

// Next implements sat.Guide.
func (g *guide) Next(s *sat.Solver) sat.Lit {
	g.follow(s)
	for _, k := range g.keeps {
		if s.Value(lit(k)) == sat.Unknown {
			return lit(k)
		}
	}
	if g.first != nil && g.needed(g.first) {
		if l := g.choose(s, g.first); l != 0 {
			return l
		}
	}
	if j := s.Jumps(); j != g.jumps {
		g.jumps, g.floor = j, 0
	}
	for ; g.floor < len(g.floors); g.floor++ {
		if f := lit(g.floors[g.floor]); s.Value(f) == sat.Unknown {
			return f
		}
	}
	for _, n := range g.roots {
		if n.chosen != nil || !g.needed(n) {
			continue // an explanation asks what follows from some of the requests alone
		}
		if l := g.choose(s, n); l != 0 {
			return l
		}
	}
	for ; g.next < len(g.seen); g.next++ {
		if need := g.p.vars[g.seen[g.next]].need; need != nil {
			if l := g.choose(s, need.name); l != 0 {
				return l
			}
		}
	}
	return 0
}

// wish sets what the next search tries first.
func (g *guide) wish(first *name, floors []sat.Var) {
	g.first, g.floors, g.floor = first, floors, 0
}

// follow takes note of what became true or was undone since the last question. A record that
// became true is fed: it may have done so without being tried.
func (g *guide) follow(s *sat.Solver) {
	kept := min(s.Kept(), len(g.seen))
	for _, v := range g.seen[kept:] {
		if c := g.p.vars[v].cand; c != nil {
			c.name.chosen = nil
			g.next = min(g.next, c.name.needAt) // it was met, and is open again
		}
	}
	g.seen = g.seen[:kept]
	g.next = min(g.next, kept)
	// Feeding can make more variables true, which are then at the end of the list.
	for len(g.seen) < len(s.Observed()) {
		v := s.Observed()[len(g.seen)]
		g.seen = append(g.seen, v)
		if c := g.p.vars[v].cand; c != nil {
			c.name.chosen = c
			g.p.feed(c)
		} else {
			g.noteNeed(g.p.vars[v].need.name)
		}
	}
}

// noteNeed keeps n.needAt at the first need of n in seen; the last entry of seen is one.
func (g *guide) noteNeed(n *name) {
	if last := len(g.seen) - 1; n.needAt >= last || !g.needed(n) {
		n.needAt = last
	}
}

// needed tells whether something needs n now.
func (g *guide) needed(n *name) bool {
	if n.needAt >= len(g.seen) {
		return false
	}
	need := g.p.vars[g.seen[n.needAt]].need
	return need != nil && need.name == n
}

// choose returns the best candidate of n that is not refuted, or zero where n is settled. What it
// looks at, it feeds: a candidate whose dependencies are refuted already is then refuted
// without being tried.
func (g *guide) choose(s *sat.Solver, n *name) sat.Lit {
	if n.chosen != nil {
		return 0
	}
	for _, k := range n.classes {
		if s.Value(lit(k.v)) == sat.False {
			continue
		}
		g.p.enter(k)
		builds, rest := k.builds, len(k.rest)
		for i := range builds {
			b := &builds[i]
			if !g.open(s, k, b) {
				continue // refuted in any order
			}
			g.p.refine(b)
			for _, c := range b.variants {
				if s.Value(lit(c.v)) == sat.False {
					if g.fills(s, k, c) {
						g.p.fill(k)
						return g.choose(s, n)
					}
					continue
				}
				g.p.feed(c)
				if s.Value(lit(c.v)) == sat.Unknown {
					return lit(c.v)
				}
			}
		}
		if len(k.rest) != rest { // something looked at more than versions meanwhile
			return g.choose(s, n)
		}
	}
	return 0
}

// open tells whether some of b's candidates, or others of k that stand behind them, are not refuted.
func (g *guide) open(s *sat.Solver, k *class, b *build) bool {
	for _, c := range b.variants {
		if s.Value(lit(c.v)) != sat.False || g.fills(s, k, c) {
			return true
		}
	}
	return false
}

// fills tells whether c is refuted, but not for what it needs: one of those that need the same may do.
func (g *guide) fills(s *sat.Solver, k *class, c *candidate) bool {
	return len(k.rest) > 0 && s.Value(lit(c.body.v)) != sat.False
}
