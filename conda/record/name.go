package record

import (
	"fmt"
	"strings"
)

// Format is the format of an archive, told from the end of its file name.
type Format uint8

// The formats of CEP 35. The zero value is none.
const (
	Conda  Format = iota + 1 // .conda: a zip of two zstd-compressed tars
	TarBz2                   // .tar.bz2
)

// Ext returns ".conda", ".tar.bz2", or "" for the zero value.
func (f Format) Ext() string {
	switch f {
	case Conda:
		return ".conda"
	case TarBz2:
		return ".tar.bz2"
	}
	return ""
}

func (f Format) String() string { return strings.TrimPrefix(f.Ext(), ".") }

// FormatOf tells the format by the end of a file name; ok is false where it is none.
func FormatOf(fileName string) (f Format, ok bool) {
	for _, f := range []Format{Conda, TarBz2} {
		if strings.HasSuffix(fileName, f.Ext()) {
			return f, true
		}
	}
	return 0, false
}

// Dist names one archive: the parts of its file name.
type Dist struct {
	Name    string // "numpy"
	Version string // "2.2.4"
	Build   string // "py313h0_0"
	Format  Format
}

// String returns "numpy-2.2.4-py313h0_0".
func (d Dist) String() string { return d.Name + "-" + d.Version + "-" + d.Build }

// FileName returns "numpy-2.2.4-py313h0_0.conda".
func (d Dist) FileName() string { return d.String() + d.Format.Ext() }

// A NameError reports text that names no archive, subdir or channel.
type NameError struct {
	What   string // "archive", "subdir", "channel"
	Input  string
	Reason string
}

func (e *NameError) Error() string {
	return fmt.Sprintf("%s %q: %s", e.What, e.Input, e.Reason)
}

// maxFileNameBytes is what file systems take for one name.
const maxFileNameBytes = 255

// ParseFileName takes "numpy-2.2.4-py313h0_0.conda" apart. Version and build hold no dash,
// the name may. Whatever is accepted is safe as one name in a folder and as one
// segment of a URL's path; anything else is a *NameError.
func ParseFileName(fileName string) (Dist, error) {
	fail := func(reason string) (Dist, error) {
		return Dist{}, &NameError{What: "archive", Input: fileName, Reason: reason}
	}
	if len(fileName) > maxFileNameBytes {
		return fail(fmt.Sprintf("has %d bytes, want at most %d", len(fileName), maxFileNameBytes))
	}
	f, ok := FormatOf(fileName)
	if !ok {
		return fail("want a name that ends in .conda or .tar.bz2")
	}
	stem := strings.TrimSuffix(fileName, f.Ext())
	b := strings.LastIndexByte(stem, '-')
	if b < 0 {
		return fail("want name-version-build")
	}
	v := strings.LastIndexByte(stem[:b], '-')
	if v < 0 {
		return fail("want name-version-build")
	}
	d := Dist{Name: stem[:v], Version: stem[v+1 : b], Build: stem[b+1:], Format: f}
	if err := checkPart("name", d.Name, "-_."); err != "" {
		return fail(err)
	}
	if err := checkPart("version", d.Version, "_.+!"); err != "" {
		return fail(err)
	}
	if err := checkPart("build", d.Build, "_.+"); err != "" {
		return fail(err)
	}
	return d, nil
}

// CheckName tells whether s can name a package. Virtual packages ("__glibc") pass.
func CheckName(s string) error {
	if reason := checkPart("name", s, "-_."); reason != "" {
		return &NameError{What: "package", Input: s, Reason: reason}
	}
	return nil
}

// checkPart returns why s is no part of a file name, or "".
func checkPart(what, s, punctuation string) string {
	if s == "" {
		return "has no " + what
	}
	if !alnum(s[0]) && s[0] != '_' {
		return fmt.Sprintf("%s starts with %q, want a letter, digit or underscore", what, s[0])
	}
	for i := range len(s) {
		if !alnum(s[i]) && strings.IndexByte(punctuation, s[i]) < 0 {
			return fmt.Sprintf("%s holds %q, want letters, digits and %s", what, s[i], punctuation)
		}
	}
	return ""
}

func alnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
