package pep440

import (
	"slices"
	"strings"
)

// operators in the order in which they are tried: none is the beginning of a later one.
var operators = []Op{Arbitrary, Compatible, Equal, NotEqual, LessEqual, GreaterEqual, Less, Greater}

// ParseSpecifiers reads clauses separated by commas: ">=1.0, !=1.5.*, <2". Empty text has none. Errors
// are *ParseError.
func ParseSpecifiers(text string) (Specifiers, error) {
	var list []Specifier
	at := 0
	for part := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(part) != "" {
			s, err := parseClause(part)
			if err != nil {
				err.Input, err.Offset = text, err.Offset+at
				return Specifiers{}, err
			}
			list = append(list, s)
		}
		at += len(part) + 1
	}
	return Of(list...), nil
}

// MustParseSpecifiers is ParseSpecifiers for text known to be right; it panics where it is not.
func MustParseSpecifiers(text string) Specifiers {
	s, err := ParseSpecifiers(text)
	if err != nil {
		panic(err)
	}
	return s
}

// ParseSpecifier reads one clause. Errors are *ParseError.
func ParseSpecifier(text string) (Specifier, error) {
	s, err := parseClause(text)
	if err != nil {
		return Specifier{}, err
	}
	return s, nil
}

func parseClause(text string) (Specifier, *ParseError) {
	fail := func(at int, reason string) (Specifier, *ParseError) {
		return Specifier{}, &ParseError{Input: text, Offset: at, Reason: reason, what: "specifier"}
	}
	start := len(text) - len(strings.TrimLeft(text, spaces))
	i := slices.IndexFunc(operators, func(op Op) bool { return strings.HasPrefix(text[start:], string(op)) })
	if i < 0 {
		return fail(start, "want one of ~= == != <= >= < > ===")
	}
	s := Specifier{Op: operators[i]}
	from := start + len(s.Op)
	s.Text = strings.Trim(text[from:], spaces)
	from += strings.Index(text[from:], s.Text)
	if s.Text == "" {
		return fail(from, "want a version after "+string(s.Op))
	}
	if s.Op == Arbitrary {
		if n := strings.IndexAny(s.Text, spaces+";)"); n >= 0 {
			return fail(from+n, "a version has no space, semicolon or parenthesis")
		}
		s.Is, _ = Parse(s.Text)
		s.ranges = rangesOf(s)
		return s, nil
	}
	written := s.Text
	if s.Op == Equal || s.Op == NotEqual {
		written, s.Prefix = strings.CutSuffix(s.Text, ".*")
	}
	p, err := scan(written)
	if err != nil {
		return fail(from+err.Offset, err.Reason)
	}
	if s.Is = p.as(written); s.Prefix && (p.isPrerelease() || p.Post != "" || p.Local != "") {
		return fail(from+len(written), ".* stands after a plain release only")
	}
	if p.Local != "" && s.Op != Equal && s.Op != NotEqual {
		return fail(from+strings.Index(written, "+"), "a local version can only be compared with == and !=")
	}
	if s.Op == Compatible && len(p.Release) < 2 {
		return fail(from, "~= needs two numbers at least, such as ~=1.0")
	}
	s.ranges = rangesOf(s)
	return s, nil
}

const spaces = " \t\n\v\f\r"
