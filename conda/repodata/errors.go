package repodata

import (
	"errors"
	"fmt"
)

// ErrTruncated is what a [FormatError] wraps when the input ends too early.
var ErrTruncated = errors.New("the file ends in the middle")

// ErrHTML is what a [FormatError] wraps when the input is a web page: a login form, a
// proxy's complaint, or the front page of a server that is no channel.
var ErrHTML = errors.New("this is a web page, no repodata")

// A FormatError reports input that is not what it should be.
type FormatError struct {
	What   string // "repodata.json", "shard", "shard index", "repodata index"
	Offset int64  // where, in bytes of the uncompressed input; -1 where no place can be told
	Reason string // what was wanted and got; may be empty where Err says it all
	Err    error  // may be nil
}

func (e *FormatError) Error() string {
	s := e.What
	if e.Offset >= 0 {
		s += fmt.Sprintf(" at byte %d", e.Offset)
	}
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *FormatError) Unwrap() error { return e.Err }

// A VersionError reports a repodata_version that this package does not know. conda
// refuses those as well: a later version may change what fields mean.
type VersionError struct{ Got, Max int }

func (e *VersionError) Error() string {
	return fmt.Sprintf("repodata_version: got %d, know up to %d", e.Got, e.Max)
}

// A LimitError reports input that is larger than a limit allows. A small file may hold a
// terabyte of zeros once it is decompressed.
type LimitError struct {
	What  string // "record of repodata.json", "shard"
	Limit int64  // in bytes
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s has more than %d bytes", e.What, e.Limit)
}
