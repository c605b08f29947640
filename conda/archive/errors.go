package archive

import (
	"errors"
	"fmt"
)

// ErrNoIndex is wrapped by the *FormatError of an archive without info/index.json.
var ErrNoIndex = errors.New("has no info/index.json")

// A FormatError reports bytes that are no conda archive, or one that cannot be trusted:
// a path that leaves the archive, a path twice, a device, broken compression.
type FormatError struct {
	FileName string // "numpy-2.2.4-py313h0_0.conda"
	Path     string // the member to blame, as the archive spells it; may be empty
	Reason   string
	Err      error // what a decoder said; may be nil
}

func (e *FormatError) Error() string {
	s := "archive " + e.FileName + ": "
	if e.Path != "" {
		s += fmt.Sprintf("%q: ", e.Path)
	}
	switch {
	case e.Err == nil:
		return s + e.Reason
	case e.Reason == "":
		return s + e.Err.Error()
	}
	return s + e.Reason + ": " + e.Err.Error()
}

func (e *FormatError) Unwrap() error { return e.Err }

// A LimitError reports an archive that asks for more than it may have.
type LimitError struct {
	FileName string
	What     string // "unpacked bytes", "members", "bytes of info/paths.json"
	Limit    int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("archive %s: more than %d %s", e.FileName, e.Limit, e.What)
}

// A MissingError reports a path that the archive lists and does not hold.
type MissingError struct {
	FileName string
	List     string // "info/paths.json" or "info/files"
	Path     string
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("archive %s: %s lists %s, the archive does not hold it", e.FileName, e.List, e.Path)
}

// An IdentityError reports an archive that is not what its file name says.
type IdentityError struct {
	FileName string
	Field    string // "name", "version" or "build" of info/index.json
	Want     string // by the file name
	Got      string
}

func (e *IdentityError) Error() string {
	return fmt.Sprintf("archive %s: info/index.json has %s %q, the file name says %q", e.FileName, e.Field, e.Got, e.Want)
}
