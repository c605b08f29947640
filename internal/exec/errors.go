package exec

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nasa-openscapes/corn/internal/engine"
	"github.com/nasa-openscapes/corn/internal/sandbox"
)

// A StepError reports a step that did not end well.
type StepError struct {
	Step   string   // "apt.txt", "postBuild"
	Engine string   // the container engine that ran it, "docker"; empty: the sandbox did
	Last   []string // the last lines that it printed
	Err    error    // *sandbox.ExitError, *sandbox.TimeoutError, ...
}

func (e *StepError) Error() string {
	text := fmt.Sprintf("%s: %v", e.Step, e.Err)
	if len(e.Last) > 0 {
		text += "; its last lines:\n" + strings.Join(e.Last, "\n")
	}
	return text
}

// Unwrap returns why.
func (e *StepError) Unwrap() error { return e.Err }

// Hint says what to look at.
func (e *StepError) Hint() string {
	if r, ok := errors.AsType[*sandbox.RefusedError](e.Err); ok {
		return r.Hint() + "; or let a container engine run it with --exec docker; or build without " + e.Step
	}
	if _, ok := errors.AsType[*sandbox.TimeoutError](e.Err); ok {
		return "give it less to do, or more time: timeout below steps, or at the step, in corn.yaml"
	}
	if l, ok := errors.AsType[*sandbox.LimitError](e.Err); ok {
		return "let it use less, or raise " + l.What + " below steps in corn.yaml"
	}
	if _, ok := errors.AsType[*engine.NoEngineError](e.Err); ok {
		return "start " + e.Engine + ", or build without --exec, in corn's own sandbox"
	}
	if _, ok := errors.AsType[*engine.CommandError](e.Err); ok {
		return "see what " + e.Engine + " info says, or build without --exec, in corn's own sandbox"
	}
	if e.Engine != "" {
		return "change what " + e.Step + " does and build again: layers that are done are kept; its container is gone, the sandbox would stay for corn shell --failed"
	}
	return "look around with corn shell --failed; change what " + e.Step + " does and build again: layers that are done are kept"
}

// A StoreError reports a link script that wrote to a file which other environments share.
type StoreError struct {
	Step string
	Path string // in the image
}

func (e *StoreError) Error() string {
	return fmt.Sprintf("%s: it changed /%s, which is shared with other environments and read-only", e.Step, e.Path)
}

// Hint says how the environment gets files of its own.
func (e *StoreError) Hint() string {
	return "give the environment a copy of the file with a copy: rule in corn.yaml, or all of them with layout: copies"
}
