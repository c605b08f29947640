package virtual

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/conda/version"
)

// A ParseError reports text that names no virtual package.
type ParseError struct {
	Input  string
	Reason string
}

func (e *ParseError) Error() string { return fmt.Sprintf("virtual package %q: %s", e.Input, e.Reason) }

// Parse reads "__glibc=2.36" or "__archspec=1=x86_64_v3", as command lines and lists of solvers
// have it. A version that is left out is 0, and so is a build. The error is a *ParseError.
func Parse(text string) (*record.Record, error) {
	name, rest, _ := strings.Cut(strings.TrimSpace(text), "=")
	v, build, hasBuild := strings.Cut(rest, "=")
	fail := func(reason string) (*record.Record, error) {
		return nil, &ParseError{Input: text, Reason: reason}
	}
	if err := record.CheckName(name); err != nil || !strings.HasPrefix(name, "__") || len(name) == 2 {
		return fail(`want a name that begins with "__", then "=" and a version`)
	}
	if v == "" {
		v = "0"
	}
	if _, err := version.Parse(v); err != nil {
		return fail(err.Error())
	}
	if !hasBuild {
		build = "0"
	}
	if !buildString.MatchString(build) {
		return fail(fmt.Sprintf("%q is no build", build))
	}
	return &record.Record{Name: name, Version: v, Build: build}, nil
}

// With returns the set with records put in the place of those of the same name, or added. The
// set itself stays as it is.
func (s *Set) With(records ...*record.Record) *Set {
	out := &Set{Overrides: s.Overrides}
	for _, r := range s.Records {
		if !slices.ContainsFunc(records, func(o *record.Record) bool { return o.Name == r.Name }) {
			out.Records = append(out.Records, r)
		}
	}
	out.Records = append(out.Records, records...)
	slices.SortStableFunc(out.Records, func(a, b *record.Record) int { return strings.Compare(a.Name, b.Name) })
	for _, name := range s.Assumed {
		if !slices.ContainsFunc(records, func(o *record.Record) bool { return o.Name == name }) {
			out.Assumed = append(out.Assumed, name)
		}
	}
	return out
}
