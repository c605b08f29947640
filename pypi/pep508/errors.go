package pep508

import "fmt"

// A ParseError reports text that is not a valid requirement, marker or name.
type ParseError struct {
	What   string // "requirement", "marker" or "name"
	Input  string // what was to be read
	Offset int    // byte offset into Input where reading stopped
	Reason string // "want ] after the extras"
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("%s %q, at character %d: %s", e.What, e.Input, e.Offset+1, e.Reason)
}

// An EvalError reports a comparison that has no meaning: "~=" and "===" of texts that are no versions, and anything
// but being "in" of sets.
type EvalError struct {
	Op          string
	Left, Right string // what was compared; of sets, as they are written
	Set         bool
}

func (e *EvalError) Error() string {
	if e.Set {
		return fmt.Sprintf("marker says %s %s %s, but extras and dependency_groups are sets: write '\"name\" in extras'", e.Left, e.Op, e.Right)
	}
	return fmt.Sprintf("marker compares %q %s %q, which is defined for versions only", e.Left, e.Op, e.Right)
}
