package wheel

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/nasa-openscapes/corn/pypi/pep440"
	"github.com/nasa-openscapes/corn/pypi/pep508"
	"github.com/nasa-openscapes/corn/pypi/tags"
)

// A FileName is a wheel's file name, taken apart.
type FileName struct {
	Name    string   // as written, "ruamel.yaml" or "foo_bar"
	Version string   // as written, "1.0+cu118"
	Build   string   // build tag, "1000" or "2local"; usually empty
	Tags    []string // "cp313-cp313-manylinux_2_17_x86_64", compressed sets spelt out and sorted
}

// Normalized returns the name as indexes compare it (PEP 503).
func (n FileName) Normalized() string { return NormalizeName(n.Name) }

// NormalizeName puts a project's name into lower case with single dashes (PEP 503).
func NormalizeName(name string) string { return pep508.NormalizeName(name) }

// BuildTag returns the number that a build tag begins with, without leading zeros, and the rest of it. Both are
// empty where there is no build tag.
func (n FileName) BuildTag() (number, rest string) {
	digits := len(n.Build) - len(strings.TrimLeft(n.Build, "0123456789"))
	number, rest = strings.TrimLeft(n.Build[:digits], "0"), n.Build[digits:]
	if number == "" && digits > 0 {
		number = "0"
	}
	return number, rest
}

// CompareBuilds puts the wheel that is to be preferred last: of two wheels with the same version and tags
// it is the one with the higher build tag; none is the lowest.
func CompareBuilds(a, b FileName) int {
	x, xs := a.BuildTag()
	y, ys := b.BuildTag()
	return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y), strings.Compare(xs, ys))
}

// A FileNameError reports a file name that is no wheel's, or no sdist's.
type FileNameError struct {
	FileName string
	Reason   string
	kind     string // "wheel" or "sdist"
}

func (e *FileNameError) Error() string {
	return fmt.Sprintf("%q is no %s's file name: %s", e.FileName, e.kind, e.Reason)
}

var buildForm = regexp.MustCompile(`^[0-9]+[A-Za-z0-9_.]*$`)

// ParseFileName takes "name-version[-build]-python-abi-platform.whl" apart, checking each
// part. Errors are *FileNameError.
func ParseFileName(file string) (FileName, error) {
	bad := func(format string, args ...any) (FileName, error) {
		return FileName{}, &FileNameError{FileName: file, Reason: fmt.Sprintf(format, args...), kind: "wheel"}
	}
	base, ok := strings.CutSuffix(file, ".whl")
	if !ok {
		return bad("it does not end in .whl")
	}
	parts := strings.Split(base, "-")
	if len(parts) != 5 && len(parts) != 6 {
		return bad("it has %d parts between dashes, want 5 or 6", len(parts))
	}
	n := FileName{Name: parts[0], Version: parts[1]}
	if !goodName(n.Name) {
		return bad("the name %q has other characters than letters, digits, dots and single underscores", n.Name)
	}
	if _, err := pep440.Parse(n.Version); err != nil {
		return bad("%q is no version", n.Version)
	}
	if len(parts) == 6 {
		if n.Build = parts[2]; !buildForm.MatchString(n.Build) {
			return bad("the build tag %q does not start with a digit", n.Build)
		}
	}
	var err error
	if n.Tags, err = tags.Expand(strings.Join(parts[len(parts)-3:], "-")); err != nil {
		return bad("%v", err)
	}
	return n, nil
}

// goodName follows the packaging library: word characters of any script and dots, no two
// underscores together, none at the ends that a normalized name could not have.
func goodName(name string) bool {
	if name == "" || strings.Contains(name, "__") {
		return false
	}
	for _, r := range name {
		if r != '_' && r != '.' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return false
		}
	}
	return true
}
