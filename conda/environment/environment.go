package environment

import (
	"github.com/nasa-openscapes/corn/conda/matchspec"
	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/yamltree"
)

// A Place is where something stands in a file. Both count from 1; the column counts
// characters.
type Place = yamltree.Place

// An Environment is one environment.yml, as written and in its order.
type Environment struct {
	File         string // as it was given to Parse
	Name         string // empty: none
	NamePlace    Place
	Channels     []Channel // without nodefaults
	NoDefaults   bool      // nodefaults was among the channels
	Dependencies []Dependency
	Pip          []Requirement // of all pip: lists
	Variables    []Variable
	Platforms    []Platform
	Warnings     []Warning // in order of lines
}

// A Channel is a name, a URL or a path. A URL may hold credentials: record.Redact it
// before it is shown.
type Channel struct {
	Text string
	Place
	Selector *Selector // nil: on every platform
}

// A Dependency is a conda package that is asked for.
type Dependency struct {
	Text string // as written, without the selector
	Spec *matchspec.Spec
	Place
	Selector *Selector
}

// A Requirement is a line for pip: a requirement, or an option such as "-r more.txt". It is kept as
// written, but for spaces around it.
type Requirement struct {
	Text string
	Place
	Selector *Selector
}

// A Variable is set when the environment is active.
type Variable struct {
	Name, Value string
	Place
	Selector *Selector
}

// A Platform is one that the environment is meant for.
type Platform struct {
	Subdir record.Subdir
	Place
	Selector *Selector
}

// A Warning says what was read and not used.
type Warning struct {
	Place
	Text string
}

// For returns the environment as it is on one platform: without the lines whose selectors do not
// select it. Dependencies keep their places. What is shared with e is not to be changed.
func (e *Environment) For(subdir record.Subdir) *Environment {
	out := *e
	out.Channels = selected(e.Channels, subdir, func(c *Channel) *Selector { return c.Selector })
	out.Dependencies = selected(e.Dependencies, subdir, func(d *Dependency) *Selector { return d.Selector })
	out.Pip = selected(e.Pip, subdir, func(r *Requirement) *Selector { return r.Selector })
	out.Variables = selected(e.Variables, subdir, func(v *Variable) *Selector { return v.Selector })
	out.Platforms = selected(e.Platforms, subdir, func(p *Platform) *Selector { return p.Selector })
	return &out
}

func selected[T any](items []T, subdir record.Subdir, selector func(*T) *Selector) []T {
	var out []T
	for i := range items {
		if selector(&items[i]).Selects(subdir) {
			out = append(out, items[i])
		}
	}
	return out
}
