package frame

import "fmt"

// An EntryError reports an entry that a frame cannot hold.
type EntryError struct {
	Path   string
	Reason string // "is written twice"
}

func (e *EntryError) Error() string { return fmt.Sprintf("frame: entry %q %s", e.Path, e.Reason) }

// A SizeError reports a file whose bytes are not as many as its entry says.
type SizeError struct {
	Path      string
	WantBytes int64
	GotBytes  int64 // a lower bound when More is true
	More      bool
}

func (e *SizeError) Error() string {
	more := ""
	if e.More {
		more = " or more"
	}
	return fmt.Sprintf("frame: entry %q: want %d bytes, got %d%s", e.Path, e.WantBytes, e.GotBytes, more)
}

// A LimitError reports a frame that is greater than its reader allows.
type LimitError struct {
	What  string // "bytes" or "entries"
	Limit int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("frame: more than %d %s", e.Limit, e.What)
}

// A FormatError reports bytes that are no frame.
type FormatError struct {
	Entry  int    // how many entries were read before
	Reason string // what is wrong
	Err    error  // what the decoder said, or nil
}

func (e *FormatError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("frame: after %d entries: %s: %v", e.Entry, e.Reason, e.Err)
	}
	return fmt.Sprintf("frame: after %d entries: %s", e.Entry, e.Reason)
}

// Unwrap returns what the decoder said.
func (e *FormatError) Unwrap() error { return e.Err }
