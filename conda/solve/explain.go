package solve

import (
	"fmt"

	"github.com/nasa-openscapes/corn/conda/record"
)

// Unsolvable is the error of a request that no choice of records satisfies.
type Unsolvable struct {
	// Causes are one for each request that takes part: none of them can be left out of the
	// conflict. Each is the root of a chain of causes.
	Causes []Cause
	// Hints are changes that would make the request solvable, the smallest first. Each was
	// tried. Empty where none was found.
	Hints []Hint
}

// A CauseKind says why a Cause cannot be satisfied.
type CauseKind uint8

const (
	// Requested: the user asks for Spec at Origin; Because says why its candidates fail.
	Requested CauseKind = iota
	// Needs: the candidates of the cause above depend on Spec; Because says why that fails.
	Needs
	// Constrains: the candidates of the cause above allow only Spec where it is chosen.
	Constrains
)

// Cause is one step of an explanation.
type Cause struct {
	Kind   CauseKind
	Spec   string  // "python >=3.9", as its author wrote it
	Name   string  // the package that Spec is about
	Origin *Origin // of a Requested cause
	// Records are the records that match Spec and fail, highest version first. Of a Constrains
	// cause: none.
	Records []*record.Record
	// Lack says why Records is empty where it is.
	Lack Lack
	// Because are the causes why Records fail.
	Because []Cause
	// Conflict is true where Records exist but another Cause asks something of the same name that
	// none of them matches.
	Conflict bool
}

// Lack says why a spec has no candidate.
type Lack struct {
	Kind LackKind
	// Near are the names nearest to one that does not exist.
	Near []string
	// Have are the records that exist under the name, highest version first, although none matches or
	// they are left out.
	Have []*record.Record
}

// A LackKind says why nothing matches a spec.
type LackKind uint8

const (
	NoLack           LackKind = iota
	NoSuchName                // no channel has the name
	NoSuchRecord              // no record of the name matches
	HiddenByPriority          // strict priority hides what another channel has
	TooNew                    // ExcludeNewer leaves out what matches
	NotOnTarget               // a virtual package that the target lacks, or has in another version
	BadRecords                // what matches carries dependencies that cannot be read
)

// Hint is one change that was tried and makes the request solvable.
type Hint struct {
	Kind HintKind
	// Spec is the request to change, of RelaxRequest and DropRequest.
	Spec *Spec
	// Gets is what would be chosen then for the name of Spec; nil if nothing would.
	Gets *record.Record
	// Text is the hint in words, without the file and line.
	Text string
}

// A HintKind says what to change.
type HintKind uint8

const (
	RelaxRequest  HintKind = iota // ask for the name without its version and build
	DropRequest                   // do not ask for the name
	RelaxPriority                 // channel_priority: flexible
	RelaxNewer                    // a later ExcludeNewer
)

// A LimitError says that the search was ended by Request.MaxConflicts.
type LimitError struct{ Conflicts int }

func (e *LimitError) Error() string {
	return fmt.Sprintf("solve: no answer after %d conflicts, the limit that was set", e.Conflicts)
}

// A SpecError reports a spec of the request that cannot be read. Unwrap gives the
// parser's error.
type SpecError struct {
	Spec Spec
	Err  error
}

func (e *SpecError) Error() string {
	if e.Spec.Origin.File == "" {
		return fmt.Sprintf("read spec %q: %v", e.Spec.Text, e.Err)
	}
	return fmt.Sprintf("%s:%d: read spec %q: %v", e.Spec.Origin.File, e.Spec.Origin.Line, e.Spec.Text, e.Err)
}

// Unwrap returns what the parser said.
func (e *SpecError) Unwrap() error { return e.Err }

// A NameError reports a spec without the name of one package: a pattern or nothing.
type NameError struct{ Text string }

func (e *NameError) Error() string {
	return fmt.Sprintf("spec %q: want the name of one package, without patterns", e.Text)
}

// Error is one line; Explain gives the whole text.
func (u *Unsolvable) Error() string {
	switch len(u.Causes) {
	case 0:
		return "no choice of packages satisfies the requests"
	case 1:
		return fmt.Sprintf("nothing satisfies the request %s", u.Causes[0].Spec)
	}
	return fmt.Sprintf("no choice of packages satisfies %d requests together", len(u.Causes))
}
