package resolve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/pypi/pep440"
	"github.com/nasa-openscapes/corn/pypi/pep508"
	"github.com/nasa-openscapes/corn/sat"
)

// Solve chooses files of idx that satisfy req. It fails with an *Unsolvable where none do, a
// *RequirementError, a *LimitError, or the error of idx or ctx.
func Solve(ctx context.Context, idx Index, req Request) (*Resolution, error) {
	s := newStore(idx)
	if err := s.prepare(ctx, &req); err != nil {
		return nil, err
	}
	p := newProblem(ctx, s, &req, &req, nil)
	core, err := p.search(ctx, sat.Limits{MaxConflicts: req.MaxConflicts})
	if err != nil {
		return nil, err
	}
	if core != nil {
		return nil, explain(ctx, s, &req)
	}
	chosen, err := p.improve(ctx, p.chosen())
	if err != nil {
		return nil, err
	}
	return p.resolution(chosen), nil
}

// A LimitError says that the search was ended by Request.MaxConflicts.
type LimitError struct{ Conflicts int }

func (e *LimitError) Error() string {
	return fmt.Sprintf("resolve: no answer after %d conflicts, the limit that was set", e.Conflicts)
}

// prepare checks the request and leaves in it what counts on the target, in an order that does not depend on
// the one it came in.
func (s *store) prepare(ctx context.Context, req *Request) error {
	python, err := pep440.Parse(strings.TrimSuffix(req.Env.PythonFullVersion, "+"))
	if err != nil {
		return fmt.Errorf("python of the target: %w", err)
	}
	s.python = python
	if req.Requirements, err = s.counting(ctx, req, req.Requirements); err != nil {
		return err
	}
	if req.Constraints, err = s.counting(ctx, req, req.Constraints); err != nil {
		return err
	}
	// Where two packages bring one distribution, the later version counts.
	req.Provided = slices.Clone(req.Provided)
	slices.SortFunc(req.Provided, func(a, b Provided) int {
		return cmp.Or(strings.Compare(pep508.NormalizeName(a.Name), pep508.NormalizeName(b.Name)),
			-compareTexts(a.Version, b.Version), strings.Compare(a.Package, b.Package))
	})
	req.Locked = slices.Clone(req.Locked)
	slices.SortFunc(req.Locked, func(a, b Pin) int {
		return cmp.Or(strings.Compare(pep508.NormalizeName(a.Name), pep508.NormalizeName(b.Name)), -compareTexts(a.Version, b.Version))
	})
	req.RequireHashes = req.RequireHashes || slices.ContainsFunc(req.Requirements, func(r Requirement) bool { return len(r.Hashes) > 0 })
	for _, r := range req.Requirements {
		if req.RequireHashes && !r.Specifiers.IsPinned() && r.URL == "" && !pinnedByConstraint(req, r.Key()) {
			return &RequirementError{Requirement: r, Reason: "with hashes, each requirement must pin its version with =="}
		}
	}
	if x, ok := s.idx.(Expecter); ok {
		x.Expect(projectsOf(req))
	}
	return nil
}

// compareTexts orders versions; what is none comes first.
func compareTexts(a, b string) int {
	x, _ := pep440.Parse(a)
	y, _ := pep440.Parse(b)
	return cmp.Or(pep440.Compare(x, y), strings.Compare(a, b))
}

func pinnedByConstraint(req *Request, name string) bool {
	return slices.ContainsFunc(req.Constraints, func(c Requirement) bool { return c.Key() == name && c.Specifiers.IsPinned() })
}

// counting returns those of reqs whose markers hold, with names, in order.
func (s *store) counting(ctx context.Context, req *Request, reqs []Requirement) ([]Requirement, error) {
	var out []Requirement
	for _, r := range reqs {
		ok, err := r.Marker.Eval(req.Env.WithExtra(""))
		if err != nil {
			return nil, &RequirementError{Requirement: r, Reason: "its marker cannot be evaluated", Err: err}
		}
		if !ok {
			continue
		}
		if r.Name == "" {
			m, err := s.metadata(ctx, "", s.fileAt(r.URL))
			if err == nil && m.name == "" {
				err = &MetadataError{File: s.fileAt(r.URL).Name, Reason: "it gives no name"}
			}
			if err != nil {
				return nil, &RequirementError{Requirement: r, Reason: "its name is not known", Err: err}
			}
			named := *r.Requirement
			named.Name = m.name
			r.Requirement = &named
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Requirement) int {
		return cmp.Or(strings.Compare(a.Key(), b.Key()), strings.Compare(a.String(), b.String()),
			strings.Compare(a.Origin.File, b.Origin.File), cmp.Compare(a.Origin.Line, b.Origin.Line))
	})
	return out, nil
}

// projectsOf returns the names that an index will be asked for first.
func projectsOf(req *Request) []string {
	var names []string
	for _, r := range req.Requirements {
		name := r.Key()
		provided := slices.ContainsFunc(req.Provided, func(d Provided) bool { return pep508.NormalizeName(d.Name) == name })
		if r.URL == "" && !provided {
			names = append(names, name)
		}
	}
	return slices.Compact(names)
}

// problem is a pool with a request written into it.
type problem struct {
	*pool
	guide guide
	asked []*need // by requirement
}

// newProblem writes req into a formula. What may be used of a project follows from what whole says of it, a request
// of which req may be a part. Where given is not nil, each requirement holds only where the variable that
// given returns for it is true.
func newProblem(ctx context.Context, s *store, req, whole *Request, given func(p *problem, at int) sat.Var) *problem {
	p := &problem{pool: &pool{
		ctx: ctx, req: req, store: s, sat: sat.New(), projects: map[string]*project{}, needs: map[string]*need{},
		vars: make([]meaning, 1), tags: make([]clauseTag, 1),
	}}
	p.guide.p = p.pool
	for _, list := range [][]Requirement{whole.Requirements, whole.Constraints} {
		for i := range list {
			n := p.projectOf(list[i].Key())
			n.user = append(n.user, &list[i])
		}
	}
	for i := range req.Requirements {
		r := &req.Requirements[i]
		d := p.needOf(r.Requirement)
		p.asked = append(p.asked, d)
		var unless []sat.Lit
		if given != nil {
			unless = append(unless, lit(given(p, i)).Flip())
		}
		t := clauseTag{kind: tagAsked, need: d, at: i}
		p.clause(t, append(slices.Clone(unless), lit(p.needVar(d)))...)
		for _, e := range r.ExtraKeys() {
			p.clause(t, append(slices.Clone(unless), lit(p.extraOf(d.project, e).v))...)
		}
		if !slices.Contains(p.guide.roots, d.project) {
			p.guide.roots = append(p.guide.roots, d.project)
		}
	}
	p.sortRoots()
	return p
}

// sortRoots puts first what leaves least choice: a version of it that turns out to be impossible later would
// undo more than one of the others.
func (p *problem) sortRoots() {
	choices := map[*project]int{}
	for _, d := range p.asked {
		if k, ok := choices[d.project]; !ok || len(d.matching) < k {
			choices[d.project] = len(d.matching)
		}
	}
	slices.SortFunc(p.guide.roots, func(a, b *project) int {
		return cmp.Or(cmp.Compare(choices[a], choices[b]), strings.Compare(a.name, b.name))
	})
}

// search runs the core and puts its errors into this package's words.
func (p *problem) search(ctx context.Context, limits sat.Limits) (*sat.Core, error) {
	if p.err != nil {
		return nil, p.err
	}
	core, err := p.sat.Solve(ctx, &p.guide, limits)
	switch {
	case p.err != nil:
		return nil, p.err
	case errors.Is(err, sat.ErrLimit):
		return nil, &LimitError{Conflicts: limits.MaxConflicts}
	}
	return core, err
}

// chosen returns the candidates that the last search made true, by name.
func (p *problem) chosen() []*candidate {
	var chosen []*candidate
	for _, v := range p.sat.Observed() {
		if c := p.vars[v].cand; c != nil {
			chosen = append(chosen, c)
		}
	}
	slices.SortFunc(chosen, func(a, b *candidate) int { return strings.Compare(a.project.name, b.project.name) })
	return chosen
}
