package solve

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/nasa-openscapes/corn/sat"
)

const (
	// maxProblems is how many independent problems are explained.
	maxProblems = 64
	// maxHinted is for how many of them ways out are tried.
	maxHinted = 3
	// explainConflicts bounds each search for a smaller explanation or a hint: what is
	// not found out within it is left as it is.
	explainConflicts = 3000
)

// explainer finds out why a request has no answer. It asks the search again and again, with fewer requests
// or weaker ones.
type explainer struct {
	idx  Index
	req  *Request
	memo *memo
	// p has all specs of the request, each of which holds where its selector is assumed. One
	// formula serves all searches, so that what one learns the next knows.
	p         *problem
	selectors []sat.Var
}

// explain returns an *Unsolvable for a request without an answer, or ctx's error.
func explain(ctx context.Context, idx Index, req *Request, memo *memo) error {
	x := &explainer{idx: cached(idx), req: req, memo: memo, selectors: make([]sat.Var, len(req.Specs))}
	if err := x.assuming(); err != nil {
		return err
	}
	rest := inOrder(req.Specs)
	u := &Unsolvable{}
	var sets [][]int
	for len(sets) < maxProblems {
		set, err := x.conflictSet(ctx, rest)
		if err != nil {
			return err
		}
		if set == nil {
			break
		}
		slices.SortFunc(set, x.byOrigin)
		sets = append(sets, set)
		rest = slices.DeleteFunc(rest, func(i int) bool { return slices.Contains(set, i) })
		if len(set) == 0 {
			break // the constraints alone: nothing that is left out helps
		}
	}
	for k, set := range sets {
		p, err := x.problem(ctx, set)
		if err != nil {
			return err
		}
		if k < maxHinted {
			others := slices.DeleteFunc(slices.Concat(sets...), func(i int) bool { return slices.Contains(set, i) })
			if p.Hints, err = x.hints(ctx, p.Causes, set, others); err != nil {
				return err
			}
		}
		u.Problems = append(u.Problems, p)
	}
	return u
}

// byOrigin orders specs of the request by file and line.
func (x *explainer) byOrigin(a, b int) int {
	o, q := x.req.Specs[a].Origin, x.req.Specs[b].Origin
	return cmp.Or(cmp.Compare(o.File, q.File), cmp.Compare(o.Line, q.Line), cmp.Compare(x.req.Specs[a].Text, x.req.Specs[b].Text))
}

// conflictSet returns some of the specs that cannot all hold although any of them can be left out; nil if
// the specs can all hold.
func (x *explainer) conflictSet(ctx context.Context, specs []int) ([]int, error) {
	for _, i := range specs {
		if s := x.p.specs[i]; s.match.When == nil && len(x.p.parts(s)) == 0 {
			return []int{i}, nil
		}
	}
	assumed, err := sat.Minimal(x.assume(specs), func(set []sat.Lit) (*sat.Core, error) {
		return x.p.search(ctx, sat.Limits{Assume: set, MaxConflicts: explainConflicts})
	}, isLimit)
	if assumed == nil {
		return nil, err
	}
	set := make([]int, len(assumed))
	for k, l := range assumed {
		set[k] = slices.Index(x.selectors, l.Var())
	}
	return set, nil
}

func isLimit(err error) bool {
	_, ok := errors.AsType[*LimitError](err)
	return ok
}

// assuming writes the request into x.p.
func (x *explainer) assuming() (err error) {
	req := *x.req
	req.Locked = nil
	x.p, err = newProblem(x.idx, &req, x.memo, func(p *problem, i int) []sat.Lit {
		x.selectors[i] = p.newVar(meaning{})
		return []sat.Lit{lit(x.selectors[i]).Flip()}
	})
	return err
}

// assume returns the selectors of specs.
func (x *explainer) assume(specs []int) []sat.Lit {
	var lits []sat.Lit
	for _, i := range specs {
		lits = append(lits, lit(x.selectors[i]))
	}
	return lits
}

// only returns the request with these of its specs.
func (x *explainer) only(specs []int) *Request {
	req := *x.req
	req.Locked = nil
	req.Specs = nil
	for _, i := range specs {
		req.Specs = append(req.Specs, x.req.Specs[i])
	}
	return &req
}
