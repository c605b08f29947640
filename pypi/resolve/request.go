package resolve

import (
	"fmt"
	"strings"
	"time"

	"github.com/nasa-openscapes/corn/pypi/pep508"
	"github.com/nasa-openscapes/corn/pypi/tags"
)

// Request says what is wanted and where. Env and Tags are required, the rest may be zero.
type Request struct {
	Env  pep508.Environment // of the target; its Extra is not looked at
	Tags *tags.Set          // what the target can use

	Requirements []Requirement
	Constraints  []Requirement // limit a project that something asks for; extras in them mean nothing
	Provided     []Provided    // by conda: fixed, and never replaced
	Locked       []Pin         // versions to keep where they still do

	Prereleases   bool      // --pre: of every project
	AllowSdists   bool      // a version without a wheel for the target may be built
	PreferBinary  bool      // --prefer-binary: an older version with a wheel rather than a newer one without
	NoBinary      Formats   // --no-binary: no wheels of these projects
	OnlyBinary    Formats   // --only-binary: no sdists of these projects
	ExcludeNewer  time.Time // leaves out what was uploaded later, or at an unknown time; zero means no limit
	RequireHashes bool      // every file must have a hash that a requirement gives; on where one gives any
	MaxConflicts  int       // ends the search with a *LimitError; zero means no limit
}

// Requirement is one line of the user's.
type Requirement struct {
	*pep508.Requirement          // Name may be empty where there is a URL
	Hashes              []string // "sha256:0123...": a file must have one of them
	Origin              Origin
}

// Origin is where a requirement is written.
type Origin struct {
	File string
	Line int
}

// String returns "file:line", or as much as is known.
func (o Origin) String() string {
	if o.Line == 0 {
		return o.File
	}
	return fmt.Sprintf("%s:%d", o.File, o.Line)
}

// Provided is a distribution that a conda package brings.
type Provided struct {
	Name         string   // of the distribution
	Version      string   // of the distribution, which may differ from the package's
	Package      string   // the conda package, as explanations name it: "py-opencv 4.9.0"
	RequiresDist []string // for the extras that are asked for; what conda depends on is conda's business
}

// Pin is a version to keep.
type Pin struct{ Name, Version string }

// Formats names projects, or all of them.
type Formats struct {
	All   bool
	Names []string
	// Except are names for which All does not hold.
	Except []string
}

func (f Formats) has(project string) bool {
	in := func(names []string) bool {
		for _, n := range names {
			if pep508.NormalizeName(n) == project {
				return true
			}
		}
		return false
	}
	return f.All && !in(f.Except) || in(f.Names)
}

// A RequirementError reports a requirement of the request that means nothing.
type RequirementError struct {
	Requirement Requirement
	Reason      string
	Err         error // may be nil
}

func (e *RequirementError) Error() string {
	text := e.Reason
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if where := e.Requirement.Origin.String(); where != "" {
		return fmt.Sprintf("%s: %s: %s", where, e.Requirement.short(), text)
	}
	return fmt.Sprintf("%s: %s", e.Requirement.short(), text)
}

// Unwrap returns the cause.
func (e *RequirementError) Unwrap() error { return e.Err }

// short is the requirement without its marker.
func (r Requirement) short() string {
	s := pep508.Requirement{Name: r.Name, Extras: r.Extras, Specifiers: r.Specifiers, URL: redact(r.URL)}
	return strings.TrimPrefix(s.String(), " @ ")
}
