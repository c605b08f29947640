package project

import (
	"fmt"
	"strings"

	"github.com/nasa-openscapes/corn/yamltree"
)

// A ParseError reports a file of the project that cannot be read.
type ParseError = yamltree.ParseError

// A NameError reports a name that no kernel may have.
type NameError struct {
	File   string // name.txt, environment.yml or a folder
	Name   string // as written, shortened
	Reason string
}

func (e *NameError) Error() string {
	return fmt.Sprintf("%s: the kernel name %q %s", e.File, e.Name, e.Reason)
}

// Hint says what is allowed.
func (e *NameError) Hint() string {
	return fmt.Sprintf("write one line of 1 to %d printable characters without / and \\ into name.txt; not base, notebook or python3", maxNameRunes)
}

// A SlugError reports two environments whose names come to the same slug.
type SlugError struct {
	Slug          string
	First, Second string // the files the names come from
}

func (e *SlugError) Error() string {
	return fmt.Sprintf("%s and %s give two kernels the name %q", e.First, e.Second, e.Slug)
}

// Hint says what to do.
func (e *SlugError) Hint() string {
	return "change one name.txt: names are compared in lower case, with other characters than a-z, 0-9, dot and underscore as dashes"
}

// A LockError reports an environment without a lock that can be used.
type LockError struct {
	Dir      string   // the environment's folder
	Platform string   // "linux-64"
	Others   []string // locks for other platforms that are there
	Spec     string   // what asks for packages; empty: nothing does
}

func (e *LockError) Error() string {
	if len(e.Others) > 0 {
		return fmt.Sprintf("%s: no lock for %s: there is %s", e.Dir, e.Platform, strings.Join(e.Others, ", "))
	}
	return fmt.Sprintf("%s: no lock: want conda-lock.yml, conda-%s.lock or pixi.lock", e.Dir, e.Platform)
}

// Hint says how to make one.
func (e *LockError) Hint() string {
	spec := e.Spec
	if spec == "" {
		spec = "environment.yml"
	}
	return fmt.Sprintf("this version of corn does not solve: run conda-lock -f %s -p %s (or pixi lock) and commit the lock", spec, e.Platform)
}

// A PipError reports requirements from PyPI that the lock does not hold.
type PipError struct {
	Lock    string
	Missing []Requirement
}

func (e *PipError) Error() string {
	var what []string
	for _, r := range e.Missing {
		what = append(what, fmt.Sprintf("%s (%s:%d)", r.Text, r.File, r.Line))
	}
	return fmt.Sprintf("%s: the lock has no wheels, but the environment asks for %s", e.Lock, strings.Join(what, ", "))
}

// Hint says what to do.
func (e *PipError) Hint() string {
	return "lock again with the pip packages: conda-lock takes them from the pip: list of environment.yml"
}

// An UnsupportedError reports a file that would change the image and that this version
// does not carry out.
type UnsupportedError struct {
	File   string
	What   string // "runs apt-get install for each line"
	Remedy string
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("%s: %s: this version of corn does not do that", e.File, e.What)
}

// Hint says what to do.
func (e *UnsupportedError) Hint() string { return e.Remedy }

// A MisplacedError reports a file that belongs elsewhere in the project.
type MisplacedError struct {
	File  string
	Where string // the folder it belongs to
}

func (e *MisplacedError) Error() string {
	return fmt.Sprintf("%s: it is about the whole image and does not belong to one environment: move it to %s", e.File, e.Where)
}

// An EmptyError reports a folder with nothing to build.
type EmptyError struct{ Dir string }

func (e *EmptyError) Error() string {
	return fmt.Sprintf("%s: nothing to build: no folder environments and no environment.yml in it, nor in binder, .binder or ci", e.Dir)
}
