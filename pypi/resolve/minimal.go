package resolve

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/sat"
)

const (
	// maxProblems is how many independent problems are explained.
	maxProblems = 64
	// maxHinted is for how many of them ways out are tried.
	maxHinted = 3
	// explainConflicts bounds each search for a smaller explanation or a hint: what is not found out within it
	// is left as it is.
	explainConflicts = 3000
)

// explainer finds out why a request has no answer. It asks the search again and again, with fewer requirements.
type explainer struct {
	store *store
	req   *Request
	// p has all requirements of the request, each of which holds where its selector is assumed. One formula
	// serves all searches, so that what one learns the next knows.
	p         *problem
	selectors []sat.Var
}

// explain returns an *Unsolvable for a request without an answer, or an error of the index or ctx.
func explain(ctx context.Context, s *store, req *Request) error {
	x := &explainer{store: s, req: req, selectors: make([]sat.Var, len(req.Requirements))}
	x.p = newProblem(ctx, s, req, req, func(p *problem, i int) sat.Var {
		x.selectors[i] = p.newVar(meaning{})
		return x.selectors[i]
	})
	rest := make([]int, len(req.Requirements))
	for i := range rest {
		rest[i] = i
	}
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
	}
	slices.SortFunc(sets, func(a, b []int) int { return x.byOrigin(a[0], b[0]) })
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

// byOrigin orders requirements of the request by file and line.
func (x *explainer) byOrigin(a, b int) int {
	r, q := x.req.Requirements[a], x.req.Requirements[b]
	return cmp.Or(strings.Compare(r.Origin.File, q.Origin.File), cmp.Compare(r.Origin.Line, q.Origin.Line), cmp.Compare(a, b))
}

// conflictSet returns some of the requirements that cannot all hold although any of them can be left out; nil
// if they can all hold.
func (x *explainer) conflictSet(ctx context.Context, all []int) ([]int, error) {
	for _, i := range all {
		if len(x.p.asked[i].matching) == 0 {
			return []int{i}, nil
		}
	}
	assumed, err := sat.Minimal(x.assume(all), func(set []sat.Lit) (*sat.Core, error) {
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

// assume returns the selectors of requirements.
func (x *explainer) assume(set []int) []sat.Lit {
	var lits []sat.Lit
	for _, i := range set {
		lits = append(lits, lit(x.selectors[i]))
	}
	return lits
}

// only returns the request with these of its requirements.
func (x *explainer) only(set []int) *Request {
	req := *x.req
	req.Requirements = nil
	for _, i := range set {
		req.Requirements = append(req.Requirements, x.req.Requirements[i])
	}
	return &req
}
