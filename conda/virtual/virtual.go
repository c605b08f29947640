// Package virtual makes the virtual packages of a target: facts such as its glibc that
// packages may depend on.
//
// Source: CEP 30 as of 2026-03-04. Departure: nothing is ever read from the machine that
// this runs on. An image is built on one machine and runs on others, so the facts are those of
// the image ([Target]), what the project says of its machines, and the environment
// variables CONDA_OVERRIDE_*, which somebody set on purpose.
package virtual

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/conda/record"
)

// A Target is where packages will run.
type Target struct {
	Subdir record.Subdir // "linux-64"
	Glibc  string        // "2.36"; empty on Linux: not known, DefaultGlibc is taken
}

// What is taken where nothing is known of the target.
const (
	// DefaultGlibc is the oldest that conda-forge builds for today, and what conda-lock takes.
	DefaultGlibc = "2.28"
	// DefaultLinux is the kernel that conda-lock takes. An image does not bring its
	// kernel; the oldest with support in 2026 is this one.
	DefaultLinux = "5.10"
	// DefaultOSX is the version that conda-forge builds for today.
	DefaultOSX = "11.0"
)

// Packages are the virtual packages of t, by name. Their channel is empty. Of __archspec the
// build is the generic one of the architecture: which processor an image will meet is not
// known.
func (t Target) Packages() []*record.Record {
	var all []*record.Record
	add := func(name, version, build string) { all = append(all, Package(name, version, build)) }
	system, arch, _ := strings.Cut(string(t.Subdir), "-")
	if t.Subdir == record.Noarch || !t.Subdir.Known() {
		return nil
	}
	switch system {
	case "linux":
		add("__unix", "0", "0")
		add("__linux", DefaultLinux, "0")
		add("__glibc", cmp.Or(t.Glibc, DefaultGlibc), "0")
	case "osx":
		add("__unix", "0", "0")
		add("__osx", DefaultOSX, "0")
	case "win":
		add("__win", "0", "0")
	}
	add("__archspec", "1", archspec(system, arch))
	sortByName(all)
	return all
}

// archspec is the generic microarchitecture of a platform, in archspec's words.
func archspec(system, arch string) string {
	switch arch {
	case "64":
		return "x86_64"
	case "32":
		return "x86"
	case "arm64":
		if system == "osx" {
			return "m1"
		}
		return "aarch64"
	case "armv6l", "armv7l":
		return "arm"
	}
	return arch
}

// Package makes one virtual package; an empty build is "0".
func Package(name, version, build string) *record.Record {
	return &record.Record{Name: name, Version: version, Build: cmp.Or(build, "0")}
}

// A ParseError reports text that is no virtual package.
type ParseError struct{ Input string }

func (e *ParseError) Error() string {
	return fmt.Sprintf("virtual package %q: want NAME=VERSION or NAME=VERSION=BUILD, as in __glibc=2.36", e.Input)
}

var form = regexp.MustCompile(`^(__[a-z0-9_]+)=([A-Za-z0-9_.!+]*)(?:=([A-Za-z0-9_.+]+))?$`)

// Parse reads "__glibc=2.36" or "__archspec=1=x86_64_v3". An empty version ("__cuda=") says
// that the target has none: the record's version is empty. Anything else is a *ParseError.
func Parse(text string) (*record.Record, error) {
	m := form.FindStringSubmatch(text)
	if m == nil {
		return nil, &ParseError{Input: text}
	}
	return Package(m[1], m[2], m[3]), nil
}

// With returns the packages with others put in their places; one without a version takes
// that name away. Neither argument is changed.
func With(packages []*record.Record, others ...*record.Record) []*record.Record {
	out := slices.Clone(packages)
	for _, o := range others {
		out = slices.DeleteFunc(out, func(r *record.Record) bool { return r.Name == o.Name })
		if o.Version != "" {
			out = append(out, o)
		}
	}
	sortByName(out)
	return out
}

func sortByName(all []*record.Record) {
	slices.SortFunc(all, func(a, b *record.Record) int { return strings.Compare(a.Name, b.Name) })
}

// overrides are the variables of CEP 30.
var overrides = []struct{ variable, name string }{
	{"CONDA_OVERRIDE_ARCHSPEC", "__archspec"}, {"CONDA_OVERRIDE_CUDA", "__cuda"}, {"CONDA_OVERRIDE_GLIBC", "__glibc"},
	{"CONDA_OVERRIDE_LINUX", "__linux"}, {"CONDA_OVERRIDE_OSX", "__osx"}, {"CONDA_OVERRIDE_WIN", "__win"},
}

// Overrides reads CONDA_OVERRIDE_* by lookup: what to put in place with [With], and the
// variables that were set, to be told to the user. A set but empty variable takes its package
// away (CEP 30); that of __archspec is its build. A value that is no version is a *ParseError.
func Overrides(lookup func(name string) (string, bool)) (packages []*record.Record, variables []string, err error) {
	for _, o := range overrides {
		value, set := lookup(o.variable)
		if !set {
			continue
		}
		text := o.name + "=" + value
		if o.name == "__archspec" && value != "" {
			text = o.name + "=1=" + value
		}
		p, err := Parse(text)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", o.variable, err)
		}
		packages, variables = append(packages, p), append(variables, o.variable+"="+value)
	}
	return packages, variables, nil
}
