package solve

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/sat"
)

// Solve chooses records of idx that satisfy req. It fails with an *Unsolvable where none do, a
// *SpecError, a *LimitError, or ctx's error.
func Solve(ctx context.Context, idx Index, req Request) (*Solution, error) {
	memo := newMemo()
	p, err := newProblem(idx, &req, memo, nil)
	if err != nil {
		return nil, err
	}
	core, err := p.search(ctx, sat.Limits{MaxConflicts: req.MaxConflicts})
	if err != nil {
		return nil, err
	}
	if core != nil {
		return nil, explain(ctx, idx, &req, memo)
	}
	chosen := p.chosen()
	if chosen, err = p.improve(ctx, chosen); err != nil {
		return nil, err
	}
	return p.solution(chosen), nil
}

// problem is a pool with a request written into it.
type problem struct {
	*pool
	guide  guide
	specs  []*spec // of req.Specs
	floors map[floorKey]sat.Var
}

// newProblem writes req into a formula. Where given is not nil, each spec holds only where the literals
// that given returns for it are false.
func newProblem(idx Index, req *Request, memo *memo, given func(p *problem, spec int) []sat.Lit) (*problem, error) {
	p := &problem{pool: newPool(idx, req, memo), floors: map[floorKey]sat.Var{}}
	p.guide.p = p.pool
	for _, s := range req.Specs {
		sp, err := p.specOf(s.Text)
		if err != nil {
			return nil, &SpecError{Spec: s, Err: err}
		}
		p.specs = append(p.specs, sp)
		p.asked[sp.name.text] = true
	}
	for _, i := range inOrder(req.Specs) {
		s := p.specs[i]
		var lits []sat.Lit
		if given != nil {
			lits = given(p, i)
		}
		if err := p.needWhen(clauseTag{kind: tagAsked, spec: s, at: i}, s, lits...); err != nil {
			return nil, &SpecError{Spec: req.Specs[i], Err: err}
		}
		if s.match.When == nil && !slices.Contains(p.guide.roots, s.name) {
			p.guide.roots = append(p.guide.roots, s.name)
		}
	}
	for _, i := range inOrder(req.Constraints) {
		s, err := p.specOf(req.Constraints[i].Text)
		if err != nil {
			return nil, &SpecError{Spec: req.Constraints[i], Err: err}
		}
		p.clause(clauseTag{kind: tagAllowed, spec: s, at: i}, lit(p.onlyVar(s)))
	}
	choices := map[*name]int{}
	for _, s := range p.specs {
		n := 0
		for _, t := range p.parts(s) {
			if t.whole {
				n += t.size
			} else {
				n += len(t.some)
			}
		}
		if k, ok := choices[s.name]; !ok || n < k {
			choices[s.name] = n
		}
	}
	slices.SortFunc(p.guide.roots, func(a, b *name) int {
		return cmp.Or(cmp.Compare(choices[a], choices[b]), compareText(a, b))
	})
	p.keepLocked()
	return p, nil
}

// inOrder returns the indexes of specs in an order that does not depend on theirs.
func inOrder(specs []Spec) []int {
	at := make([]int, len(specs))
	for i := range at {
		at[i] = i
	}
	slices.SortStableFunc(at, func(a, b int) int {
		x, y := specs[a], specs[b]
		return cmp.Or(
			strings.Compare(x.Text, y.Text),
			strings.Compare(x.Origin.File, y.Origin.File),
			cmp.Compare(x.Origin.Line, y.Origin.Line),
		)
	})
	return at
}

// compareRoots is the order in which names asked for get their best version.
func compareRoots(a, b *name) int {
	return cmp.Or(trueFirst(a.text == "python", b.text == "python"), strings.Compare(a.text, b.text))
}

// keepLocked lets the search begin with the wish that each locked record stays: with a variable
// for each that forbids the name's other records, but does not ask for the name.
func (p *problem) keepLocked() {
	var locked []*name
	for _, r := range p.req.Locked {
		n := p.nameOf(r.Name)
		p.load(n)
		if n.keep == 0 && len(n.classes) > 0 && n.classes[0].locked {
			n.keep = p.newVar(meaning{})
			locked = append(locked, n)
		}
	}
	slices.SortFunc(locked, func(a, b *name) int {
		return cmp.Or(trueFirst(p.asked[a.text], p.asked[b.text]), compareRoots(a, b))
	})
	for _, n := range locked {
		first := n.classes[0]
		p.fill(first)
		for _, c := range first.cands[1:] {
			p.sat.Imply(lit(n.keep), lit(c.v).Flip())
		}
		for _, k := range n.classes[1:] {
			p.sat.Imply(lit(n.keep), lit(k.v).Flip())
		}
		p.feed(first.cands[0])
		p.guide.keeps = append(p.guide.keeps, n.keep)
	}
}

// search runs the core and puts its errors into this package's words.
func (p *problem) search(ctx context.Context, limits sat.Limits) (*sat.Core, error) {
	core, err := p.sat.Solve(ctx, &p.guide, limits)
	if errors.Is(err, sat.ErrLimit) {
		return nil, &LimitError{Conflicts: limits.MaxConflicts}
	}
	return core, err
}

// chosen returns the candidates that the last search made true, without virtual ones, by name.
func (p *problem) chosen() []*candidate {
	var chosen []*candidate
	for _, v := range p.sat.Observed() {
		if c := p.vars[v].cand; c != nil && !c.name.virtual {
			chosen = append(chosen, c)
		}
	}
	slices.SortFunc(chosen, func(a, b *candidate) int { return compareText(a.name, b.name) })
	return chosen
}

func compareText(a, b *name) int { return strings.Compare(a.text, b.text) }
