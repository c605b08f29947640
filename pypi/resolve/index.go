package resolve

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Index is where projects are found. Solve calls it from one goroutine, for each project and each file once at
// most; answers must not change in the meantime. Names are normalised.
type Index interface {
	// Files returns the files of a project, in any order. The error is ErrNoProject where there is no such
	// project; any other ends the search.
	Files(ctx context.Context, project string) ([]File, error)
	// Metadata returns what a file says of itself. An error that is an *UnusableError rules the file out; any other
	// ends the search. The project is empty for a URL whose requirement gives no name.
	Metadata(ctx context.Context, project string, file *File) (*Metadata, error)
}

// Expecter is an Index that wants to know what will be asked for soon, so that it can fetch side by side what is
// then asked for one after the other.
type Expecter interface {
	Index
	// Expect returns at once. The projects are likely to be asked for next.
	Expect(projects []string)
}

// ErrNoProject is returned by an Index that does not have a project.
var ErrNoProject = errors.New("no such project")

// An UnusableError says that a file cannot be used, whichever server it comes from: its metadata cannot be
// read, or its sdist could not be built.
type UnusableError struct{ Err error }

func (e *UnusableError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *UnusableError) Unwrap() error { return e.Err }

// File is one file of a project.
type File struct {
	Name           string            // "numpy-2.2.4-cp313-cp313-manylinux_2_17_x86_64.whl"
	URL            string            // where to fetch it
	Hashes         map[string]string // by algorithm ("sha256"), in lower case hexadecimal
	RequiresPython string            // as the index says
	Yanked         bool
	YankedReason   string
	Uploaded       time.Time // zero where unknown
	SizeBytes      int64     // zero where unknown
	Index          string    // which index it is from; empty for a URL requirement
}

// Metadata is what a file says of itself. The file's own word on Python counts where the index has none.
type Metadata struct {
	Name           string // empty: not checked
	Version        string // empty only where the file name tells
	RequiresDist   []string
	RequiresPython string
	ProvidesExtra  []string
}

// A MetadataError reports metadata that contradicts the file or cannot be read.
type MetadataError struct {
	File   string
	Reason string
	Err    error // may be nil
}

func (e *MetadataError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("metadata of %s: %s: %v", e.File, e.Reason, e.Err)
	}
	return fmt.Sprintf("metadata of %s: %s", e.File, e.Reason)
}

// Unwrap returns the parser's error.
func (e *MetadataError) Unwrap() error { return e.Err }

// An IndexError reports that the index failed, and what led to the question.
type IndexError struct {
	Project string
	Origin  Origin   // of the requirement at the beginning of the chain
	Chain   []string // "a", "b>=2": the requirement, and what follows from it, down to the project
	Err     error    // the index's
}

func (e *IndexError) Error() string {
	if len(e.Chain) == 0 {
		return e.Err.Error()
	}
	where := e.Origin.String()
	if where == "" {
		where = "the request"
	}
	return fmt.Sprintf("%s asks %s: %v", where, strings.Join(e.Chain, ", which needs "), e.Err)
}

// Unwrap returns the index's error.
func (e *IndexError) Unwrap() error { return e.Err }
