package wheel

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/nasa-openscapes/corn/pypi/pep440"
)

// An SdistName is the file name of a source distribution, taken apart.
type SdistName struct {
	Name    string // as written
	Version string // as written
}

// Normalized returns the name as indexes compare it (PEP 503).
func (n SdistName) Normalized() string { return NormalizeName(n.Name) }

// sdistEndings are the standard's (PEP 625), then .zip, which packaging takes too, then what old projects
// uploaded and pip still installs.
var sdistEndings = []string{".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tar.xz"}

// standardEndings is how many of sdistEndings are read without knowing the project.
const standardEndings = 2

// ParseSdistFileName takes "name-version.tar.gz" apart. Old file names leave open where the version
// begins ("a-b-1.0-1.zip"): the normalised name of the project settles it, where it is given. Errors are *FileNameError.
func ParseSdistFileName(file, project string) (SdistName, error) {
	bad := func(format string, args ...any) (SdistName, error) {
		return SdistName{}, &FileNameError{FileName: file, Reason: fmt.Sprintf(format, args...), kind: "sdist"}
	}
	endings := sdistEndings
	if project == "" {
		endings = endings[:standardEndings]
	}
	for _, ending := range endings {
		base, ok := strings.CutSuffix(file, ending)
		if !ok {
			continue
		}
		dash := strings.LastIndexByte(base, '-')
		if project != "" {
			dash = afterProject(base, project)
		}
		if dash <= 0 {
			if project != "" {
				return bad("it does not begin with the name %s and a dash", project)
			}
			return bad("want a name, a dash and a version before %s", ending)
		}
		n := SdistName{Name: base[:dash], Version: base[dash+1:]}
		if !goodSdistName(n.Name) {
			return bad("the name %q has other characters than letters, digits, dots, dashes and underscores", n.Name)
		}
		if _, err := pep440.Parse(n.Version); err != nil {
			return bad("%q is no version", n.Version)
		}
		return n, nil
	}
	return bad("it does not end in %s", strings.Join(endings, ", "))
}

// afterProject returns the first dash whose left side is the project's name, and -1 where there is none.
func afterProject(base, project string) int {
	for i := range len(base) {
		if base[i] == '-' && NormalizeName(base[:i]) == project {
			return i
		}
	}
	return -1
}

// goodSdistName takes what goodName takes, and what nothing has escaped: dashes and runs of underscores.
func goodSdistName(name string) bool {
	for _, r := range name {
		if !strings.ContainsRune("-_.", r) && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return false
		}
	}
	return name != ""
}
