package project

import (
	"fmt"
	"regexp"
	"strings"
)

// An AptPackage is a package of the base's distribution.
type AptPackage struct {
	Name string // "libgl1", "libgl1=1.7.0-1", "libgl1:arm64"
	Line int
}

// aptName is a package's name (Debian policy 5.6.1), then optionally an architecture, and a
// version (5.6.12) or a release. A name that ends in a dash would remove the package.
var aptName = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]*[a-z0-9+.](:[a-z0-9-]+)?(=[0-9A-Za-z.+:~-]+|/[a-z0-9.-]+)?$`)

// maxAptPackages bounds a list: the names become arguments of one program.
const maxAptPackages = 2000

// ParseApt reads an apt.txt: names of packages, one or several a line, "#" starts a comment.
// The base image's own rule hands the words of the file to apt-get; what a shell or apt-get
// would take for something else than a name is a *ParseError.
func ParseApt(file string, data []byte) ([]AptPackage, error) {
	var out []AptPackage
	for i, line := range strings.Split(strings.TrimPrefix(string(data), "\ufeff"), "\n") {
		text, _, _ := strings.Cut(line, "#")
		for _, word := range strings.Fields(text) {
			if !aptName.MatchString(word) {
				return nil, &ParseError{File: file, Line: i + 1, Text: shortLine([]byte(line)), Reason: fmt.Sprintf("%q is no package name: want names as libgl1 or libgl1=1.7.0-1", shortLine([]byte(word)))}
			}
			if len(out) == maxAptPackages {
				return nil, &ParseError{File: file, Line: i + 1, Reason: fmt.Sprintf("has more than %d packages", maxAptPackages)}
			}
			out = append(out, AptPackage{word, i + 1})
		}
	}
	return out, nil
}
