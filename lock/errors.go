package lock

import (
	"fmt"
	"strings"
)

// A ParseError reports a lock file that cannot be read.
type ParseError struct {
	Path   string
	Line   int    // from 1; 0 where no line is to blame
	Column int    // from 1; 0 where it is not known
	Text   string // the line itself, secrets hidden, shortened; may be empty
	Reason string // "package numpy has neither md5 nor sha256"
}

func (e *ParseError) Error() string {
	var b strings.Builder
	b.WriteString(where(e.Path, e.Line, e.Column))
	b.WriteString(": " + e.Reason)
	if e.Text != "" {
		fmt.Fprintf(&b, " in line %q", e.Text)
	}
	return b.String()
}

// A ConflictError reports the markers that git leaves in a file it could not merge.
type ConflictError struct {
	Path string
	Line int
}

func (e *ConflictError) Error() string {
	return where(e.Path, e.Line, 0) + ": git conflict markers: finish the merge, or take one side and lock again"
}

// A VersionError reports a version of a format that this package does not read.
type VersionError struct {
	Path    string
	Line    int
	Kind    Kind
	Version string // as written; empty where the file names none
	Known   string // "1", "5 and 6"
}

func (e *VersionError) Error() string {
	got := "no version"
	if e.Version != "" {
		got = "version " + e.Version
	}
	return fmt.Sprintf("%s: %s of the %s format: want version %s", where(e.Path, e.Line, 0), got, e.Kind, e.Known)
}

// A DuplicateError reports one package listed twice for the same platform and category.
type DuplicateError struct {
	Path      string
	Line      int
	FirstLine int
	Manager   Manager
	Name      string
	Platform  string
}

func (e *DuplicateError) Error() string {
	on := ""
	if e.Platform != "" {
		on = " for " + e.Platform
	}
	return fmt.Sprintf("%s: %s package %s%s is already in line %d", where(e.Path, e.Line, 0), e.Manager, e.Name, on, e.FirstLine)
}

// A PlatformError reports a lock that holds nothing for the platform asked for.
type PlatformError struct {
	Path     string
	Kind     Kind
	Platform string
	Have     []string // the platforms it holds packages for
}

func (e *PlatformError) Error() string {
	if len(e.Have) == 0 {
		return fmt.Sprintf("%s: no packages for %s: the lock is empty", e.Path, e.Platform)
	}
	return fmt.Sprintf("%s: no packages for %s: the lock is for %s", e.Path, e.Platform, strings.Join(e.Have, ", "))
}

// Hint says what to do about it.
func (e *PlatformError) Hint() string {
	var fix string
	switch e.Kind {
	case CondaLock:
		fix = fmt.Sprintf("add it to the lock (corn lock --platform %s)", e.Platform)
	case Pixi:
		fix = fmt.Sprintf("add %q to the platforms of the pixi project and run pixi lock", e.Platform)
	case Explicit:
		fix = fmt.Sprintf("put a lock for it beside this one (conda-%s.lock)", e.Platform)
	}
	if len(e.Have) == 0 {
		return fix
	}
	return fmt.Sprintf("%s, or build for %s (--platform %s)", fix, strings.Join(e.Have, " or "), e.Have[0])
}

// A CategoryError reports a category that no package of the lock has.
type CategoryError struct {
	Path     string
	Category string
	Have     []string
}

func (e *CategoryError) Error() string {
	return fmt.Sprintf("%s: no category %q: the lock has %s", e.Path, e.Category, strings.Join(e.Have, ", "))
}

// An EnvironmentError reports an environment that a lock does not have.
type EnvironmentError struct {
	Path        string
	Environment string
	Have        []string
}

func (e *EnvironmentError) Error() string {
	have := "only one environment, without a name"
	if len(e.Have) > 0 {
		have = strings.Join(e.Have, ", ")
	}
	return fmt.Sprintf("%s: no environment %q: the lock has %s", e.Path, e.Environment, have)
}

// An UnsupportedError reports a locked package that is understood and cannot be installed.
type UnsupportedError struct {
	Path   string
	Line   int
	Name   string
	Reason string // "is a source distribution (x-1.0.tar.gz)"
	Remedy string // a thing to do
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("%s: package %s %s", where(e.Path, e.Line, 0), e.Name, e.Reason)
}

// Hint says what to do about it.
func (e *UnsupportedError) Hint() string { return e.Remedy }

// A VariableError reports an environment variable that a URL names and that is not set.
type VariableError struct {
	URL      string // redacted
	Variable string
}

func (e *VariableError) Error() string {
	return fmt.Sprintf("url %s needs the environment variable %s, which is not set", e.URL, e.Variable)
}

func where(path string, line, column int) string {
	switch {
	case line == 0:
		return path
	case column == 0:
		return fmt.Sprintf("%s:%d", path, line)
	}
	return fmt.Sprintf("%s:%d:%d", path, line, column)
}

// A HashError reports a package that conda-lock.yml cannot hold for want of an MD5.
type HashError struct{ Name, URL string }

func (e *HashError) Error() string {
	return fmt.Sprintf("package %s (%s) has no md5: conda-lock.yml wants one of each conda package", e.Name, e.URL)
}
