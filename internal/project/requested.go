package project

import (
	"regexp"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/pypi/wheel"
)

// specName is the name at the front of a MatchSpec, after what names its channel (CEP 29).
var specName = regexp.MustCompile(`^(?:[^\s\[=<>!~]*::)?([A-Za-z0-9_][A-Za-z0-9._-]*)`)

// Requested returns the names of the packages that the environment asks for, sorted, each
// once: conda's in lower case, PyPI's normalized (PEP 503). Virtual packages, which no
// environment can import, and requirements that are URLs without a name are left out.
func (e *Environment) Requested() (conda, pip []string) {
	for _, r := range e.Dependencies {
		if m := specName.FindStringSubmatch(strings.TrimSpace(r.Text)); m != nil && !strings.HasPrefix(m[1], "__") {
			conda = append(conda, strings.ToLower(m[1]))
		}
	}
	for _, r := range e.Pip {
		if r.Name != "" {
			pip = append(pip, wheel.NormalizeName(r.Name))
		}
	}
	slices.Sort(conda)
	slices.Sort(pip)
	return slices.Compact(conda), slices.Compact(pip)
}
