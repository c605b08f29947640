package hub

import (
	"fmt"
	"strings"
)

// A FileError reports a file that cannot be edited.
type FileError struct {
	File   string
	Line   int // from 1; 0: no line is to blame
	Reason string
	Advice string // a thing to do; may be empty
	Err    error  // may be nil
}

func (e *FileError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Reason)
	}
	return e.File + ": " + e.Reason
}

// Unwrap returns Err.
func (e *FileError) Unwrap() error { return e.Err }

// Hint is the advice.
func (e *FileError) Hint() string { return e.Advice }

// A NoMatchError reports an image whose repository none of the files names.
type NoMatchError struct {
	Image string
	Files []string
	Seen  []string // repositories that the files name, sorted
	Left  []Left   // places with the repository that were left as they are
}

func (e *NoMatchError) Error() string {
	s := fmt.Sprintf("no image of %s is to be changed in %s", e.Image, strings.Join(e.Files, ", "))
	for _, l := range e.Left {
		s += fmt.Sprintf("\n%s:%d: %s: %s", l.File, l.Line, l.Path, l.Reason)
	}
	if len(e.Seen) == 0 {
		return s + "\nthey name no image at all"
	}
	return s + "\nrepositories that they name:\n  " + strings.Join(e.Seen, "\n  ")
}

// Hint says what to look at.
func (e *NoMatchError) Hint() string {
	return "name the repository as the file does; the registry's host belongs to it"
}
