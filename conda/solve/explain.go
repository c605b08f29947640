package solve

import (
	"fmt"

	"github.com/nasa-openscapes/corn/conda/record"
)

// Unsolvable is the error of a request that no choice of records satisfies. Error gives the whole
// explanation, Hint what to do.
type Unsolvable struct {
	// Problems are independent of one another: each must be solved. There is at least one.
	Problems []Problem
}

// Problem is a set of requests that cannot all hold; without any one of them the others could.
type Problem struct {
	// Causes are one for each of the requests, in order of file and line. Each is the root of a chain.
	Causes []Cause
	// Hints are changes that make the request solvable, other problems aside. Each was tried. Only the
	// first few problems get any.
	Hints []Hint
}

// A CauseKind says how a Cause comes in.
type CauseKind uint8

const (
	Requested  CauseKind = iota // one of Request.Specs
	Allowed                     // one of Request.Constraints
	Needs                       // By depend on it
	Constrains                  // By allow nothing else of the name
)

// Cause is one step of an explanation: something is wanted, and Records, which would do, all fail.
type Cause struct {
	Kind CauseKind
	Name string // the package that is wanted
	// Specs are what is wanted of it, as their authors wrote them. There are several only
	// where the records By differ in what they want; any of them would do then.
	Specs  []string
	Origin *Origin          // of Requested and Allowed
	By     []*record.Record // of Needs and Constrains: records of the cause above, best first
	// Records match one of Specs, best first. Empty where Lack says why.
	Records []*record.Record
	Lack    Lack
	// Because are the reasons why Records fail. A record that no reason covers fails because of
	// what another cause wants of the same name.
	Because []Cause
}

// Lack says why nothing matches a spec.
type Lack struct {
	Kind LackKind
	// Near are the names nearest to one that does not exist, the nearest first.
	Near []string
	// Have are records of the name that do not match, or that match and are left out; best first.
	Have []*record.Record
	// Instead are what strict priority leaves of the name.
	Instead []*record.Record
	// Err says what cannot be read of the first of Have, of Unreadable.
	Err error
}

// A LackKind says why nothing matches a spec.
type LackKind uint8

const (
	NoLack           LackKind = iota
	NoSuchName                // no channel has the name
	NoSuchRecord              // Have do not match
	HiddenByPriority          // Have match, but another channel has the name too and comes first
	TooNew                    // Have match, but were built after Request.ExcludeNewer
	NotOnTarget               // a virtual package that the target lacks; or Have is what it has
	Unreadable                // Have match, but what they depend on cannot be read
)

// Hint is one change that was tried and makes the request solvable.
type Hint struct {
	Kind HintKind
	// Spec is the request to change: of Relax and Drop.
	Spec Spec
	// Gets is what the trial chose for the name; nil where nothing.
	Gets *record.Record
}

// A HintKind says what to change.
type HintKind uint8

const (
	Relax         HintKind = iota // ask for the name alone
	Drop                          // do not ask for it
	RelaxPriority                 // channel_priority: flexible
	RelaxNewer                    // a later ExcludeNewer
)

// A LimitError says that the search was ended by Request.MaxConflicts.
type LimitError struct{ Conflicts int }

func (e *LimitError) Error() string {
	return fmt.Sprintf("solve: no answer after %d conflicts, the limit that was set", e.Conflicts)
}

// A SpecError reports a spec of the request that cannot be read. Unwrap gives the
// parser's error, a *matchspec.ParseError or a *NameError.
type SpecError struct {
	Spec Spec
	Err  error
}

func (e *SpecError) Error() string {
	if where := e.Spec.Origin.String(); where != "" {
		return fmt.Sprintf("%s: %v", where, e.Err)
	}
	return e.Err.Error()
}

// Unwrap returns what the parser said.
func (e *SpecError) Unwrap() error { return e.Err }

// A NameError reports a spec without the name of one package: a pattern or nothing.
type NameError struct{ Text string }

func (e *NameError) Error() string {
	return fmt.Sprintf("spec %q: want the name of one package, without patterns", e.Text)
}
