package projectlock

import "fmt"

// A ParseError reports a line that is no fact of a corn.lock.
type ParseError struct {
	File string
	Line int    // from 1
	Text string // the line, shortened
	Want string
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("%s:%d: want %s, got %q", e.File, e.Line, e.Want, e.Text)
}

// Hint says how to be rid of it.
func (e *ParseError) Hint() string {
	return "run \"corn lock --merge\", which keeps every line that can be read; the file may also be deleted: that costs bytes, not the build"
}

// A ConflictError reports the conflict markers of a merge.
type ConflictError struct {
	File string
	Line int // of the first marker
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s:%d: the file has conflict markers of a merge", e.File, e.Line)
}

// Hint names the command that resolves them.
func (e *ConflictError) Hint() string {
	return "run \"corn lock --merge\": it keeps what both sides know and writes the file anew"
}

// A VersionError reports a file of a later format.
type VersionError struct {
	File    string
	Version string
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("%s: is of version %s, this corn reads version %d", e.File, e.Version, Version)
}

// Hint says what to do.
func (e *VersionError) Hint() string { return "use the corn that wrote it, or a later one" }
