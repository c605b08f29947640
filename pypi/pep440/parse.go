package pep440

import (
	"fmt"
	"strings"
)

// A ParseError reports text that is not a valid version or specifier.
type ParseError struct {
	Input  string // what was to be read
	Offset int    // byte offset into Input where reading stopped
	Reason string // "a version starts with a number"
	what   string // "version" or "specifier"
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("%s %q, at character %d: %s", e.what, e.Input, e.Offset+1, e.Reason)
}

// maxDigits bounds one number: its length is one byte of the key, below the code of infinity.
const maxDigits = 250

// Parse reads a version: any spelling that PEP 440 can normalise, with spaces around it. Errors
// are *ParseError.
func Parse(text string) (Version, error) {
	inner := strings.TrimSpace(text)
	p, err := scan(inner)
	if err != nil {
		err.Offset += strings.Index(text, inner)
		err.Input = text
		return Version{}, err
	}
	return p.as(inner), nil
}

// MustParse is Parse for versions known to be right; it panics where they are not.
func MustParse(text string) Version {
	v, err := Parse(text)
	if err != nil {
		panic(err)
	}
	return v
}

// as returns the version of these fields, written so.
func (p Parts) as(text string) Version {
	v := p.Version()
	if v.text = text; text == v.norm {
		v.norm = text // one string for both
	}
	return v
}

// scanner walks over a version in lower case.
type scanner struct {
	s   string
	at  int
	big bool // a number had too many digits
}

// scan reads the grammar of PEP 440, appendix B, without spaces around it.
func scan(text string) (Parts, *ParseError) {
	c := scanner{s: lower(text)}
	fail := func(reason string) (Parts, *ParseError) {
		if c.big {
			reason = fmt.Sprintf("a number has more than %d digits", maxDigits)
		}
		return Parts{}, &ParseError{Input: text, Offset: c.at, Reason: reason, what: "version"}
	}
	if text == "" {
		return fail("there is nothing")
	}
	p := Parts{Epoch: "0"}
	c.word("v")
	first, ok := c.number()
	if !ok {
		return fail("a version starts with a number")
	}
	if c.word("!") {
		p.Epoch = first
		if first, ok = c.number(); !ok {
			return fail("want a number after the epoch")
		}
	}
	p.Release = append(p.Release, first)
	for {
		back := c.at
		if !c.word(".") {
			break
		}
		n, ok := c.number()
		if !ok {
			c.at = back
			break
		}
		p.Release = append(p.Release, n)
	}
	p.Pre, p.PreNum = c.tagged(preWords)
	if c.at+1 < len(c.s) && c.s[c.at] == '-' && isDigit(c.s[c.at+1]) {
		c.at++
		p.Post, _ = c.number()
	} else {
		_, p.Post = c.tagged(postWords)
	}
	_, p.Dev = c.tagged(devWords)
	if c.word("+") {
		if p.Local, ok = c.local(); !ok {
			return fail("a local version has letters and digits, with single dots, dashes or underscores between them")
		}
	}
	if c.big || c.at < len(c.s) {
		return fail("this is no part of a version")
	}
	return p, nil
}

// A taggedWord is one spelling of a part of a version. Longer ones stand before those they begin with.
type taggedWord struct{ written, normal string }

var (
	preWords = []taggedWord{{"alpha", "a"}, {"a", "a"}, {"beta", "b"}, {"b", "b"},
		{"preview", "rc"}, {"pre", "rc"}, {"c", "rc"}, {"rc", "rc"}}
	postWords = []taggedWord{{"post", "post"}, {"rev", "post"}, {"r", "post"}}
	devWords  = []taggedWord{{"dev", "dev"}}
)

// tagged reads "[-_.]? word [-_.]? number?"; nothing where it does not stand there.
func (c *scanner) tagged(words []taggedWord) (tag, number string) {
	back := c.at
	c.separator()
	for _, w := range words {
		if !c.word(w.written) {
			continue
		}
		c.separator()
		n, ok := c.number()
		if !ok {
			n = "0"
		}
		return w.normal, n
	}
	c.at = back
	return "", ""
}

func (c *scanner) word(w string) bool {
	if strings.HasPrefix(c.s[c.at:], w) {
		c.at += len(w)
		return true
	}
	return false
}

func (c *scanner) separator() {
	if c.at < len(c.s) && strings.IndexByte("-_.", c.s[c.at]) >= 0 {
		c.at++
	}
}

// number reads digits and drops leading zeros.
func (c *scanner) number() (string, bool) {
	start := c.at
	for c.at < len(c.s) && isDigit(c.s[c.at]) {
		c.at++
	}
	n := c.s[start:c.at]
	if n == "" {
		return "", false
	}
	if n = strings.TrimLeft(n, "0"); n == "" {
		n = "0"
	}
	c.big = c.big || len(n) > maxDigits
	return n, true
}

// local reads segments and joins them with dots. Numbers lose leading zeros.
func (c *scanner) local() (string, bool) {
	var b strings.Builder
	for {
		start, digits := c.at, true
		for c.at < len(c.s) && isAlnum(c.s[c.at]) {
			digits = digits && isDigit(c.s[c.at])
			c.at++
		}
		seg := c.s[start:c.at]
		if seg == "" {
			return "", false
		}
		if digits {
			if seg = strings.TrimLeft(seg, "0"); seg == "" {
				seg = "0"
			}
			c.big = c.big || len(seg) > maxDigits
		}
		b.WriteString(seg)
		before := c.at
		if c.separator(); c.at == before {
			return b.String(), true
		}
		b.WriteByte('.')
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isAlnum(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'z' }

// lower puts ASCII letters into lower case; other letters are no part of a version.
func lower(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for j := i; j < len(b); j++ {
				if 'A' <= b[j] && b[j] <= 'Z' {
					b[j] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
