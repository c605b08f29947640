package matchspec

import (
	"regexp"
	"strings"

	"github.com/nasa-openscapes/corn/conda/version"
)

// A Pattern is what a text field is compared with, without regard to case (CEP 29, "String
// matching"): a text itself, a glob with "*", or a regular expression from "^" to "$". The
// zero value is like any text.
type Pattern struct {
	text string
	kind patternKind
	re   *regexp.Regexp
}

type patternKind uint8

const (
	anyText patternKind = iota
	exactText
	globText // text is in lower case
	regexpText
)

// Literally is the Pattern of one text. An empty text is that of any.
func Literally(text string) Pattern {
	if text == "" {
		return Pattern{}
	}
	return Pattern{text: text, kind: exactText}
}

// ParsePattern reads a pattern. "*" and empty text are like any text. The error tells what is
// wrong with a regular expression.
func ParsePattern(text string) (Pattern, error) {
	switch {
	case strings.Trim(text, "*") == "":
		return Pattern{}, nil
	case len(text) > 1 && text[0] == '^' && text[len(text)-1] == '$':
		re, err := regexp.Compile("(?is)" + text)
		return Pattern{text: text, kind: regexpText, re: re}, err
	case strings.Contains(text, "*"):
		return Pattern{text: strings.ToLower(text), kind: globText}, nil
	}
	return Literally(text), nil
}

// Match tells whether p is like text.
func (p Pattern) Match(text string) bool {
	switch p.kind {
	case exactText:
		return p.text == text || strings.EqualFold(p.text, text)
	case globText:
		return version.Glob(p.text, strings.ToLower(text))
	case regexpText:
		return p.re.MatchString(text)
	}
	return true
}

// IsAny tells whether p is like every text.
func (p Pattern) IsAny() bool { return p.kind == anyText }

// Exact returns the text of a pattern that is one text; ok is false for all others.
func (p Pattern) Exact() (text string, ok bool) { return p.text, p.kind == exactText }

// String returns the pattern as it is parsed, "*" for that of any text.
func (p Pattern) String() string {
	if p.kind == anyText {
		return "*"
	}
	return p.text
}

// matchAny tells whether one of the patterns that commas part in p is like text.
func (p Pattern) matchAny(text string) bool {
	if p.kind != exactText {
		return p.Match(text)
	}
	for one := range strings.SplitSeq(p.text, ",") {
		if strings.EqualFold(strings.TrimSpace(one), text) {
			return true
		}
	}
	return false
}
