package artifact

import (
	"encoding/json"
	"fmt"

	"github.com/nasa-openscapes/corn/filetree"
)

// An InvalidError reports facts that contradict themselves: damaged ones, or a bug in
// what made them.
type InvalidError struct {
	FileName string
	Path     string // of the member; may be empty
	Reason   string
	Err      error // what filetree said of a path; may be nil
}

func (e *InvalidError) Error() string {
	s := "facts of " + e.FileName + ": "
	if e.Path != "" {
		s += e.Path + ": "
	}
	if e.Err != nil {
		return s + e.Err.Error()
	}
	return s + e.Reason
}

func (e *InvalidError) Unwrap() error { return e.Err }

// Validate checks what code that uses facts relies on: version and kind, paths that are
// clean and single, fields that fit the member's type, placeholder offsets that
// ascend without overlapping inside the file. Errors are *InvalidError.
func (f *Facts) Validate() error {
	fail := func(format string, args ...any) error {
		return &InvalidError{FileName: f.FileName, Reason: fmt.Sprintf(format, args...)}
	}
	switch {
	case f.FactsVersion != FactsVersion:
		return fail("version %d, want %d", f.FactsVersion, FactsVersion)
	case f.FileName == "":
		return fail("no file name")
	case f.SHA256.IsZero():
		return fail("no sha256")
	case f.SizeBytes <= 0:
		return fail("size %d, want more than 0", f.SizeBytes)
	case f.Name == "" || f.Version == "":
		return fail("no name or no version")
	case f.Noarch != "" && f.Noarch != "python" && f.Noarch != "generic":
		return fail("noarch %q, want python or generic", f.Noarch)
	}
	switch f.Kind {
	case Conda:
		if f.Conda == nil || f.Wheel != nil {
			return fail("kind conda needs the facts of a conda package and no others")
		}
		if !json.Valid(f.Conda.Index) {
			return fail("no valid index.json")
		}
	case Wheel:
		if f.Wheel == nil || f.Conda != nil {
			return fail("kind wheel needs the facts of a wheel and no others")
		}
	default:
		return fail("kind %q, want conda or wheel", f.Kind)
	}
	return f.validateMembers()
}

func (f *Facts) validateMembers() error {
	seen := make(map[string]*Member, len(f.Members))
	for i := range f.Members {
		m := &f.Members[i]
		if err := filetree.CheckPath(m.Path); err != nil {
			return &InvalidError{FileName: f.FileName, Path: m.Path, Err: err}
		}
		reason := m.invalid()
		if seen[m.Path] != nil {
			reason = "is there twice"
		}
		if reason != "" {
			return &InvalidError{FileName: f.FileName, Path: m.Path, Reason: reason}
		}
		seen[m.Path] = m
	}
	for p := range f.Kept {
		if m := seen[p]; m == nil || m.Type != filetree.File || m.SizeBytes != int64(len(f.Kept[p])) {
			return &InvalidError{FileName: f.FileName, Path: p, Reason: "its kept bytes are not those of a member"}
		}
	}
	return nil
}

// invalid returns what is wrong with a member, or "".
func (m *Member) invalid() string {
	if m.Mode&^0o7777 != 0 {
		return fmt.Sprintf("mode %o holds more than permissions", m.Mode)
	}
	switch m.Type {
	case filetree.File:
		switch {
		case m.SizeBytes < 0:
			return "has a negative size"
		case m.SHA256.IsZero():
			return "has no sha256"
		case m.Link != "":
			return "is a file with a link target"
		}
	case filetree.Dir, filetree.Symlink:
		if m.SizeBytes != 0 || !m.SHA256.IsZero() || m.Prefix != nil || m.Traits != 0 || m.HardLink != "" {
			return "is a " + m.Type.String() + " with the facts of a file"
		}
		if (m.Link != "") != (m.Type == filetree.Symlink) {
			return "is a " + m.Type.String() + " with the wrong link target"
		}
	default:
		return "is of no known type"
	}
	if m.Prefix != nil {
		return m.Prefix.invalid(m.SizeBytes)
	}
	return ""
}

func (u *PrefixUse) invalid(sizeBytes int64) string {
	if u.Placeholder == "" {
		return "has an empty placeholder"
	}
	if u.Mode != Text && u.Mode != Binary {
		return fmt.Sprintf("has file mode %q, want text or binary", u.Mode)
	}
	if len(u.Shebang) > MaxShebangBytes {
		return fmt.Sprintf("has a shebang of %d bytes, want at most %d", len(u.Shebang), MaxShebangBytes)
	}
	var end int64
	for _, o := range u.Offsets {
		if o < end || o > sizeBytes-int64(len(u.Placeholder)) {
			return fmt.Sprintf("has a placeholder at %d, outside the file or before %d", o, end)
		}
		end = o + int64(len(u.Placeholder))
	}
	return ""
}
