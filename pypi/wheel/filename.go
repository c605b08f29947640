package wheel

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
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

var separators = regexp.MustCompile(`[-_.]+`)

// NormalizeName puts a project's name into lower case with single dashes (PEP 503).
func NormalizeName(name string) string {
	return strings.ToLower(separators.ReplaceAllString(name, "-"))
}

// A FileNameError reports a file name that is no wheel's.
type FileNameError struct {
	FileName string
	Reason   string
}

func (e *FileNameError) Error() string {
	return fmt.Sprintf("%q is no wheel's file name: %s", e.FileName, e.Reason)
}

var (
	// versionForm is PEP 440's grammar (appendix B), with "_" where escaping put it.
	versionForm = regexp.MustCompile(`(?i)^v?(?:[0-9]+!)?[0-9]+(?:\.[0-9]+)*` +
		`(?:[-_.]?(?:a|b|c|rc|alpha|beta|pre|preview)[-_.]?[0-9]*)?` +
		`(?:-[0-9]+|[-_.]?(?:post|rev|r)[-_.]?[0-9]*)?` +
		`(?:[-_.]?dev[-_.]?[0-9]*)?` +
		`(?:\+[a-z0-9]+(?:[-_.][a-z0-9]+)*)?$`)
	buildForm  = regexp.MustCompile(`^[0-9]+[A-Za-z0-9_.]*$`)
	pythonForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
	tagForm    = regexp.MustCompile(`^[A-Za-z0-9_]+$`)
)

// ParseFileName takes "name-version[-build]-python-abi-platform.whl" apart, checking each
// part. Errors are *FileNameError.
func ParseFileName(file string) (FileName, error) {
	bad := func(format string, args ...any) (FileName, error) {
		return FileName{}, &FileNameError{FileName: file, Reason: fmt.Sprintf(format, args...)}
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
	if !versionForm.MatchString(n.Version) {
		return bad("%q is no version", n.Version)
	}
	if len(parts) == 6 {
		if n.Build = parts[2]; !buildForm.MatchString(n.Build) {
			return bad("the build tag %q does not start with a digit", n.Build)
		}
	}
	tags := parts[len(parts)-3:]
	var err error
	if n.Tags, err = expandTags(strings.Join(tags, "-")); err != nil {
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

// expandTags spells out "py2.py3-none-any".
func expandTags(set string) ([]string, error) {
	parts := strings.Split(set, "-")
	if len(parts) != 3 {
		return nil, fmt.Errorf("the tag %q has %d parts, want 3", set, len(parts))
	}
	var out []string
	for _, py := range strings.Split(parts[0], ".") {
		if !pythonForm.MatchString(py) {
			return nil, fmt.Errorf("%q is no python tag", py)
		}
		for _, abi := range strings.Split(parts[1], ".") {
			for _, platform := range strings.Split(parts[2], ".") {
				if !tagForm.MatchString(abi) || !tagForm.MatchString(platform) {
					return nil, fmt.Errorf("%q is no tag", set)
				}
				out = append(out, py+"-"+abi+"-"+platform)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
