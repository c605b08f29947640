package resolve

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/nasa-openscapes/corn/pypi/pep440"
	"github.com/nasa-openscapes/corn/pypi/pep508"
	"github.com/nasa-openscapes/corn/sat"
)

// maxHints is how many ways out are shown for one problem.
const maxHints = 3

// hints tries changes to the request that would solve the problem of set, which causes explain, while
// others, which take part in other problems, are left out.
func (x *explainer) hints(ctx context.Context, causes []Cause, set, others []int) ([]Hint, error) {
	var base []int
	for i := range x.req.Requirements {
		if !slices.Contains(others, i) {
			base = append(base, i)
		}
	}
	var hints []Hint
	// try adds h if the changed request has an answer, in which name is looked for.
	try := func(h Hint, name string, change func(*Request)) error {
		req := x.only(base)
		change(req)
		p := newProblem(ctx, x.store, req, req, nil)
		core, err := p.search(ctx, sat.Limits{MaxConflicts: explainConflicts})
		if isLimit(err) || err == nil && core != nil {
			return nil
		}
		if err != nil {
			return err
		}
		for _, c := range p.chosen() {
			if c.project.name == name {
				d := c.dist()
				h.Gets = &d
			}
		}
		hints = append(hints, h)
		return nil
	}
	for _, s := range []struct {
		lack   LackKind
		hint   HintKind
		change func(*Request)
	}{
		{OnlyPrereleases, AllowPrereleases, func(r *Request) { r.Prereleases = true }},
		{OnlySdist, AllowSdists, func(r *Request) { r.AllowSdists = true }},
		{TooNew, AllowNewer, func(r *Request) { r.ExcludeNewer = time.Time{} }},
	} {
		if name, ok := lacking(causes, s.lack); ok {
			if err := try(Hint{Kind: s.hint}, name, s.change); err != nil {
				return nil, err
			}
		}
	}
	for _, d := range urls(causes) {
		r := Requirement{Requirement: &pep508.Requirement{Name: d.Name, URL: d.URL}}
		change := func(q *Request) { q.Requirements = append(q.Requirements, r) }
		if len(hints) < maxHints {
			if err := try(Hint{Kind: AskURL, Name: d.Name, URL: d.URL}, d.Name, change); err != nil {
				return nil, err
			}
		}
	}
	for _, d := range fixed(causes) {
		change := func(r *Request) {
			r.Provided = slices.DeleteFunc(slices.Clone(r.Provided), func(q Provided) bool { return pep508.NormalizeName(q.Name) == d.Name })
		}
		if len(hints) < maxHints {
			if err := try(Hint{Kind: AskConda, Name: d.Name, Package: d.Package}, d.Name, change); err != nil {
				return nil, err
			}
		}
	}
	for _, i := range set {
		if len(hints) >= maxHints {
			break
		}
		r := x.req.Requirements[i]
		at := slices.Index(base, i)
		before := len(hints)
		if !r.Specifiers.IsAny() && !x.req.RequireHashes {
			weaker := *r.Requirement
			weaker.Specifiers = pep440.Specifiers{}
			if err := try(Hint{Kind: Relax, Requirement: r}, r.Key(), func(q *Request) { q.Requirements[at].Requirement = &weaker }); err != nil {
				return nil, err
			}
		}
		if len(hints) == before {
			if err := try(Hint{Kind: Drop, Requirement: r}, r.Key(), func(q *Request) { q.Requirements = slices.Delete(q.Requirements, at, at+1) }); err != nil {
				return nil, err
			}
		}
	}
	return hints, nil
}

// lacking returns the first project in causes that has this lack.
func lacking(causes []Cause, kind LackKind) (string, bool) {
	for _, c := range causes {
		if c.Lack.Kind == kind {
			return c.Name, true
		}
		if name, ok := lacking(c.Because, kind); ok {
			return name, true
		}
	}
	return "", false
}

// urls returns what dependencies in causes name by URLs that the user does not.
func urls(causes []Cause) []Hint {
	var out []Hint
	for _, c := range causes {
		for _, s := range c.Specs {
			if name, url, ok := strings.Cut(s, " @ "); ok && c.Lack.Kind == UnknownURL {
				out = append(out, Hint{Name: name, URL: url})
			}
		}
		out = append(out, urls(c.Because)...)
	}
	return out
}

// fixed returns what conda brings that takes part in causes, each once.
func fixed(causes []Cause) []Dist {
	var out []Dist
	add := func(list []Dist) {
		for _, d := range list {
			if d.Package != "" && !slices.Contains(out, d) {
				out = append(out, d)
			}
		}
	}
	for _, c := range causes {
		add(c.Lack.Have)
		add(c.Versions)
		for _, d := range fixed(c.Because) {
			add([]Dist{d})
		}
	}
	return out
}
