package solve

import (
	"context"
	"errors"
	"slices"

	"github.com/nasa-openscapes/corn/sat"
)

// improveConflicts is how hard the search tries for one package: what is possible shows after few
// conflicts, and an answer is at hand.
const improveConflicts = 64

// improve takes chosen, an answer, and looks package by package for one where that package is newer
// and no other is older. In the end no package can be newer unless another gets older. The
// first answer is the best in the order of its decisions, which says nothing of what was decided last.
func (p *problem) improve(ctx context.Context, chosen []*candidate) ([]*candidate, error) {
	todo := slices.Clone(chosen)
	slices.SortStableFunc(todo, func(a, b *candidate) int {
		return trueFirst(p.asked[a.name.text], p.asked[b.name.text])
	})
	for _, c := range todo {
		now := c.name.in(chosen)
		if now == nil || now.locked || !p.canRise(now) {
			continue
		}
		assume := []sat.Lit{lit(p.floor(now, true))}
		for _, o := range chosen {
			if o != now {
				assume = append(assume, lit(p.floor(o, false)))
			}
		}
		core, err := p.search(ctx, sat.Limits{Assume: assume, MaxConflicts: improveConflicts})
		if _, ok := errors.AsType[*LimitError](err); ok {
			continue
		}
		if err != nil {
			return nil, err
		}
		if core == nil {
			chosen = p.chosen()
		}
	}
	return chosen, nil
}

// in returns the candidate of n among chosen, or nil.
func (n *name) in(chosen []*candidate) *candidate {
	for _, c := range chosen {
		if c.name == n {
			return c
		}
	}
	return nil
}

// canRise tells whether a better version than c's exists that is not refuted for good.
func (p *problem) canRise(c *candidate) bool {
	for _, o := range c.name.cands {
		if p.compareClass(o, c) >= 0 {
			return false
		}
		if !p.sat.Fixed(lit(o.v).Flip()) {
			return true
		}
	}
	return false
}

type floorKey struct {
	c      *candidate
	strict bool
}

// floor returns a variable that holds where c's name, if chosen, is not chosen in a worse version
// than c's; strictly: in a better one.
func (p *problem) floor(c *candidate, strict bool) sat.Var {
	// Candidates of one version share a floor: the first of them stands for all.
	first := c
	for i := c.at - 1; i >= 0 && p.compareClass(c.name.cands[i], c) == 0; i-- {
		first = c.name.cands[i]
	}
	key := floorKey{first, strict}
	if v, ok := p.floors[key]; ok {
		return v
	}
	v := p.newVar(nil, nil)
	p.floors[key] = v
	for _, o := range c.name.cands {
		if d := p.compareClass(o, c); d > 0 || strict && d == 0 {
			p.clause(clauseTag{kind: tagGlue}, lit(v).Flip(), lit(o.v).Flip())
		}
	}
	return v
}
