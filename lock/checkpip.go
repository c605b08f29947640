package lock

import (
	"regexp"
	"strings"

	"github.com/nasa-openscapes/corn/conda/version"
	"github.com/nasa-openscapes/corn/pypi/wheel"
)

func normalName(name string) string { return wheel.NormalizeName(name) }

var requirementText = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*([^;@]*)(@[^;]*)?(;.*)?$`)

// requirementName is the name at the front of a requirement, or "".
func requirementName(text string) string {
	m := requirementText.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return ""
	}
	return m[1]
}

// requirement looks for what a line of pip's asks for. Versions compare in conda's order,
// which is PEP 440's for all that releases are called; a requirement with a marker may
// rightly be absent, and options and URLs without a name are not looked at.
func (c *checker) requirement(a Ask) {
	m := requirementText.FindStringSubmatch(strings.TrimSpace(a.Text))
	if m == nil {
		return
	}
	name := normalName(m[1])
	p := c.pip[name]
	if p == nil {
		p = c.conda[name] // conda's package of that name satisfies pip
	}
	switch {
	case p == nil && m[4] != "":
	case p == nil:
		c.because(a, 0, "the lock has no wheel of %s", m[1])
	case m[3] == "" && !covers(m[2], p.Version):
		c.because(a, p.Line, "the lock has %s", p.dist())
	}
}

// covers tells whether a version is one of a list of PEP 440 specifiers.
func covers(specifiers, locked string) bool {
	v, err := version.Parse(strings.ToLower(locked))
	if err != nil {
		return false
	}
	specifiers = strings.Trim(strings.TrimSpace(specifiers), "()")
	for s := range strings.SplitSeq(specifiers, ",") {
		s = strings.ReplaceAll(s, " ", "")
		if s == "" {
			continue
		}
		if exact, ok := strings.CutPrefix(s, "==="); ok {
			s = "==" + exact
		}
		if prefix, ok := strings.CutSuffix(s, ".*"); ok { // ==1.2.* is conda's 1.2.*
			s = strings.TrimPrefix(prefix, "==") + ".*"
		}
		spec, err := version.ParseSpec(strings.ToLower(s))
		if err != nil || !spec.Match(v) {
			return false
		}
	}
	return true
}
