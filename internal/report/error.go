package report

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// A Class says what sort of thing went wrong; its number is the exit code.
type Class int

// The classes, as every command's help lists them (ExitCodes).
const (
	Unexpected  Class = 1
	Usage       Class = 2
	Project     Class = 3
	Lock        Class = 4
	Fetch       Class = 5
	Package     Class = 6
	Base        Class = 7
	Disk        Class = 8
	Registry    Class = 9
	Kernels     Class = 10
	Sandbox     Class = 11
	Hub         Class = 12
	Drift       Class = 13
	Interrupted Class = 130
)

// ExitCodes is the table that every command's help ends with.
const ExitCodes = `Exit codes:
  0    it worked
  1    something unexpected
  2    wrong usage
  3    the project: names, environment files, corn.yaml
  4    a lock file, or packages that cannot be had together
  5    fetching: network, missing file, wrong hash
  6    a package or wheel that cannot be used
  7    the base image
  8    no space left on the disk
  9    a registry: no image taken or given, or a wrong one
  10   a kernel of the image does not work
  11   the sandbox: this machine refuses it, or a program in it failed
  12   a hub, or a file that tells it which image to take
  13   --check: the files do not have the image
  130  interrupted`

// An Error gives an error its class. It adds no words.
type Error struct {
	Class Class
	Hint  string // a thing to do; empty: found by the type of Err, or none
	Err   error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// In gives err a class, unless it has one already. A nil err stays nil.
func In(class Class, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	return &Error{Class: class, Err: err}
}

// Hinted gives err a class and a hint.
func Hinted(class Class, hint string, err error) error {
	return &Error{Class: class, Hint: hint, Err: err}
}

// A hinter is an error that knows what to do about it.
type hinter interface {
	error
	Hint() string
}

// Explain returns the class of err and a hint, a thing to do, which may be empty.
func Explain(err error) (Class, string) {
	switch {
	case errors.Is(err, context.Canceled):
		return Interrupted, "nothing is lost: what was fetched and computed is in the cache"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return Disk, "free space, or point CORN_CACHE_DIR or the output at another disk; the cache and the last good image are intact"
	}
	class, hint := Unexpected, ""
	if e, ok := errors.AsType[*Error](err); ok {
		class, hint = e.Class, e.Hint
	}
	if h, ok := errors.AsType[hinter](err); ok && hint == "" {
		hint = h.Hint()
	}
	return class, hint
}

// Error prints err and its hint on stderr and returns the exit code.
//
//	corn: error: environment "climate": no version of xarray satisfies every request
//	corn: hint: allow python 3.9, or ask for an older xarray
func (p *Printer) Error(err error) int {
	p.Close()
	class, hint := Explain(err)
	p.line(p.paint(red, "corn: error: ") + indent(err.Error()))
	if hint != "" {
		p.line(p.paint(cyan, "corn: hint: ") + indent(hint))
	}
	return int(class)
}

// indent sets the lines after the first apart.
func indent(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n  ") }

// UsageError reports a command line that corn does not understand.
type UsageError struct {
	Command string // "corn build"
	Err     error
}

func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *UsageError) Unwrap() error { return e.Err }

// Hint names the help to read.
func (e *UsageError) Hint() string {
	return fmt.Sprintf("run %q for the flags and examples", e.Command+" --help")
}
