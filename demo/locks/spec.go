package locks

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// spec is a MatchSpec of the form "name [version [build]]".
type spec struct {
	name    string
	text    string // the whole, as written
	version string // as written, for dependencies maps
	build   string // glob; "" matches all
	anyOf   [][]constraint
}

// constraint is one comparison with a version.
type constraint struct {
	op string // "==", "!=", "<", "<=", ">", ">=", "=", "!=*", "~="
	v  version
}

var specName = regexp.MustCompile(`^[a-z0-9_][a-z0-9_.-]*$`)

// parseSpec reads a spec. Channels, brackets and regular expressions are
// refused: no package of the demo channel uses them.
func parseSpec(text string) (spec, error) {
	s := spec{text: strings.TrimSpace(text)}
	if strings.ContainsAny(text, "[]:^$(){}'\"#;@/") {
		return s, fmt.Errorf("spec %q: only name, version and build are understood", text)
	}
	at := strings.IndexAny(s.text, " =<>!~")
	if at < 0 {
		at = len(s.text)
	}
	s.name = strings.ToLower(s.text[:at])
	if !specName.MatchString(s.name) {
		return s, fmt.Errorf("spec %q: %q is no package name", text, s.name)
	}
	rest := strings.TrimSpace(s.text[at:])
	// A blank after an operator or a comma belongs to the version.
	rest = regexp.MustCompile(`([=<>!~,|])\s+`).ReplaceAllString(rest, "$1")
	rest = regexp.MustCompile(`\s+([,|])`).ReplaceAllString(rest, "$1")
	words := strings.Fields(rest)
	if len(words) == 1 && strings.HasPrefix(words[0], "=") && !strings.HasPrefix(words[0], "==") && !strings.ContainsAny(words[0], ",|<>") {
		if v, b, ok := strings.Cut(words[0][1:], "="); ok { // name=version=build
			words = []string{"==" + v, b}
		}
	}
	switch len(words) {
	case 0:
		s.version = ""
		return s, nil
	case 2:
		s.build = words[1]
		fallthrough
	case 1:
		s.version = words[0]
	default:
		return s, fmt.Errorf("spec %q: more than name, version and build", text)
	}
	for alternative := range strings.SplitSeq(s.version, "|") {
		var all []constraint
		for part := range strings.SplitSeq(alternative, ",") {
			c, err := parseConstraint(part, s.build != "")
			if err != nil {
				return s, fmt.Errorf("spec %q: %w", text, err)
			}
			all = append(all, c...)
		}
		s.anyOf = append(s.anyOf, all)
	}
	return s, nil
}

var constraintText = regexp.MustCompile(`^(==|!=|<=|>=|~=|<|>|=|)([^=<>!~]+)$`)

func parseConstraint(text string, hasBuild bool) ([]constraint, error) {
	m := constraintText.FindStringSubmatch(text)
	if m == nil {
		return nil, fmt.Errorf("%q is no comparison with a version", text)
	}
	op, literal := m[1], m[2]
	if literal == "*" && (op == "" || op == "=" || op == "==" || op == ">=") {
		return nil, nil
	}
	glob := false
	for _, end := range []string{".*", "*"} {
		if rest, ok := strings.CutSuffix(literal, end); ok {
			literal, glob = rest, true
			break
		}
	}
	v, err := parseVersion(literal)
	if err != nil {
		return nil, err
	}
	switch {
	case glob && (op == "<" || op == ">" || op == "<="):
		return nil, fmt.Errorf("%q: a star after %s has no one meaning", text, op)
	case op == "" && glob, op == "=", op == "==" && glob:
		op = "="
	case op == "":
		op = "=="
	case op == "!=" && glob:
		op = "!=*"
	case op == "~=":
		if glob || len(v.release) < 2 {
			return nil, fmt.Errorf("%q: ~= needs two segments and no *", text)
		}
		floor := v
		v.release, v.local = v.release[:len(v.release)-1], nil
		return []constraint{{">=", floor}, {"=", v}}, nil
	}
	// "=1.2 build" asks for exactly 1.2.
	if op == "=" && !glob && hasBuild && m[1] == "=" {
		op = "=="
	}
	return []constraint{{op, v}}, nil
}

// matches tells whether a version and build satisfy the spec; the name is the
// caller's business.
func (s spec) matches(v version, build string) bool {
	if s.build != "" {
		if ok, err := path.Match(s.build, build); err != nil || !ok {
			return false
		}
	}
	if len(s.anyOf) == 0 {
		return true
	}
	for _, all := range s.anyOf {
		ok := true
		for _, c := range all {
			ok = ok && c.holds(v)
		}
		if ok {
			return true
		}
	}
	return false
}

func (c constraint) holds(v version) bool {
	n := v.compare(c.v)
	switch c.op {
	case "==":
		return n == 0
	case "!=":
		return n != 0
	case "<":
		return n < 0
	case "<=":
		return n <= 0
	case ">":
		return n > 0
	case ">=":
		return n >= 0
	case "=":
		return v.startsWith(c.v)
	default: // "!=*"
		return !v.startsWith(c.v)
	}
}
