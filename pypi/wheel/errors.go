package wheel

import "fmt"

// A FormatError reports an archive that is no valid wheel.
type FormatError struct {
	Wheel  string // file name of the wheel
	Member string // path in the archive; empty where the whole is meant
	Reason string
}

func (e *FormatError) Error() string {
	if e.Member == "" {
		return fmt.Sprintf("wheel %s: %s", e.Wheel, e.Reason)
	}
	return fmt.Sprintf("wheel %s: %q %s", e.Wheel, e.Member, e.Reason)
}

// A LimitError reports an archive that unpacks to more than is believable.
type LimitError struct {
	Wheel  string
	Member string
	What   string // "size", "total size", "files", "ratio"
	Limit  int64
	Got    int64
}

func (e *LimitError) Error() string {
	of := ""
	if e.Member != "" {
		of = fmt.Sprintf(" of %q", e.Member)
	}
	return fmt.Sprintf("wheel %s: %s%s is %d, more than the limit of %d", e.Wheel, e.What, of, e.Got, e.Limit)
}

// A RecordError reports a file that RECORD does not list or lists otherwise.
type RecordError struct {
	Wheel     string
	Member    string
	What      string // "hash", "size", "missing", "syntax"
	Want, Got string
}

func (e *RecordError) Error() string {
	switch e.What {
	case "missing":
		return fmt.Sprintf("wheel %s: %q is not listed in RECORD", e.Wheel, e.Member)
	case "syntax":
		return fmt.Sprintf("wheel %s: RECORD: %s", e.Wheel, e.Got)
	}
	return fmt.Sprintf("wheel %s: %s of %q: RECORD says %s, the file has %s", e.Wheel, e.What, e.Member, e.Want, e.Got)
}

// A ClashError reports two members of a wheel that want one path of the environment.
type ClashError struct {
	Wheel         string
	Path          string
	First, Second string
}

func (e *ClashError) Error() string {
	return fmt.Sprintf("wheel %s: %q and %q both become %s", e.Wheel, e.First, e.Second, e.Path)
}

// An EntryPointError reports a console or GUI script that cannot be written.
type EntryPointError struct {
	Wheel  string
	Line   string // "name = module:attr"
	Reason string
}

func (e *EntryPointError) Error() string {
	return fmt.Sprintf("wheel %s: entry point %q: %s", e.Wheel, e.Line, e.Reason)
}
