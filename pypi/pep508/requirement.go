package pep508

import (
	"errors"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/pypi/pep440"
)

// Requirement asks for a project. Treat it as immutable.
type Requirement struct {
	Name       string   // as written
	Extras     []string // as written, each once, sorted
	Specifiers pep440.Specifiers
	URL        string // after "@"; then there are no Specifiers
	Marker     Marker // where the requirement holds
}

// Parse reads a requirement. Errors are *ParseError.
func Parse(text string) (*Requirement, error) {
	c := cursor{text: text, what: "requirement"}
	r, err := c.requirement()
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (c *cursor) requirement() (*Requirement, *ParseError) {
	if n := strings.IndexAny(c.text, "\n\r\v\f"); n >= 0 {
		return nil, c.fail(n, "a line break does not belong here")
	}
	r := &Requirement{}
	c.space()
	n := nameLength(c.rest())
	if n == 0 {
		return nil, c.fail(c.at, "want the name of a project")
	}
	r.Name = c.take(n)
	c.space()
	var err *ParseError
	if r.Extras, err = c.extras(); err != nil {
		return nil, err
	}
	c.space()
	after := "after the name"
	switch {
	case c.word("@"):
		c.space()
		if r.URL = c.take(len(upTo(c.rest(), " \t"))); r.URL == "" {
			return nil, c.fail(c.at, "want a URL after @")
		}
		if after = "after the URL and a space"; c.rest() != "" {
			c.space()
		}
	default:
		if r.Specifiers, err = c.specifiers(); err != nil {
			return nil, err
		}
		if !r.Specifiers.IsAny() {
			after = "after the versions"
		}
		c.space()
	}
	if c.rest() == "" {
		return r, nil
	}
	if !c.word(";") {
		return nil, c.fail(c.at, "want a marker, beginning with a semicolon, or the end "+after)
	}
	if r.Marker.expr, err = c.or(0); err != nil {
		return nil, err
	}
	return r, c.end()
}

// extras reads "[a, b]", or nothing.
func (c *cursor) extras() ([]string, *ParseError) {
	if !c.word("[") {
		return nil, nil
	}
	var extras []string
	for {
		c.space()
		n := nameLength(c.rest())
		switch {
		case n > 0:
			extras = append(extras, c.take(n))
		case len(extras) > 0:
			return nil, c.fail(c.at, "want an extra after the comma")
		}
		c.space()
		if c.word("]") {
			slices.Sort(extras)
			return slices.Compact(extras), nil
		}
		if len(extras) == 0 || !c.word(",") {
			return nil, c.fail(c.at, "want ] after the extras")
		}
	}
}

// specifiers reads clauses, in parentheses or up to the marker.
func (c *cursor) specifiers() (pep440.Specifiers, *ParseError) {
	none := pep440.Specifiers{}
	closing := c.word("(")
	start := c.at
	text := upTo(c.rest(), ";")
	if closing {
		if text = upTo(c.rest(), ")"); len(text) == len(c.rest()) {
			return none, c.fail(len(c.text), "want ) after the versions")
		}
	} else if text == "" || strings.IndexByte("~=!<>", text[0]) < 0 {
		return none, nil
	}
	clauses := strings.Split(text, ",")
	at := start
	for i, clause := range clauses {
		if strings.TrimSpace(clause) == "" && len(clauses) > 1 && (i == 0 || i+1 < len(clauses)) {
			return none, c.fail(at, "want a version clause before the comma")
		}
		at += len(clause) + 1
	}
	s, err := pep440.ParseSpecifiers(text)
	if e, ok := errors.AsType[*pep440.ParseError](err); ok {
		return none, c.fail(start+e.Offset, e.Reason)
	}
	c.at += len(text)
	if closing {
		c.at++
	}
	return s, nil
}

// MustParse is Parse for requirements known to be right; it panics where they are not.
func MustParse(text string) *Requirement {
	r, err := Parse(text)
	if err != nil {
		panic(err)
	}
	return r
}

// Key returns the normalised name.
func (r *Requirement) Key() string { return NormalizeName(r.Name) }

// ExtraKeys returns the normalised extras, sorted, each once.
func (r *Requirement) ExtraKeys() []string {
	keys := make([]string, len(r.Extras))
	for i, e := range r.Extras {
		keys[i] = NormalizeName(e)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// String writes r so that Parse reads the same.
func (r *Requirement) String() string {
	s := r.Name + bracketed(r.Extras)
	if r.URL != "" {
		s += " @ " + r.URL
		if !r.Marker.IsAny() {
			s += " "
		}
	} else {
		s += r.Specifiers.String()
	}
	if !r.Marker.IsAny() {
		s += "; " + r.Marker.String()
	}
	return s
}

func bracketed(extras []string) string {
	if len(extras) == 0 {
		return ""
	}
	return "[" + strings.Join(extras, ",") + "]"
}

// Equal tells whether r and o ask for the same: names and extras are compared normalised, "==1.0" equals
// "==1.0.0", markers are compared as they are written.
func (r *Requirement) Equal(o *Requirement) bool {
	return r.Key() == o.Key() && slices.Equal(r.ExtraKeys(), o.ExtraKeys()) && r.URL == o.URL &&
		r.Specifiers.Canonical() == o.Specifiers.Canonical() && r.Marker.String() == o.Marker.String()
}
