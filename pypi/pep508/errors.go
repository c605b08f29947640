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

// An EvalError reports a comparison that has no meaning: "~=" and "===" of texts that are no versions.
type EvalError struct {
	Op          string
	Left, Right string // what was compared
}

func (e *EvalError) Error() string {
	return fmt.Sprintf("marker compares %q %s %q, which is defined for versions only", e.Left, e.Op, e.Right)
}
