package pep508

import "strings"

// A cursor walks over text that is being read.
type cursor struct {
	text string
	what string // for errors
	at   int
}

func (c *cursor) rest() string { return c.text[c.at:] }

func (c *cursor) fail(at int, reason string) *ParseError {
	return &ParseError{What: c.what, Input: c.text, Offset: at, Reason: reason}
}

func (c *cursor) space() {
	for c.at < len(c.text) && (c.text[c.at] == ' ' || c.text[c.at] == '\t') {
		c.at++
	}
}

// word moves past w where it comes next.
func (c *cursor) word(w string) bool {
	if strings.HasPrefix(c.rest(), w) {
		c.at += len(w)
		return true
	}
	return false
}

// keyword is word for letters: what follows must not belong to a longer word.
func (c *cursor) keyword(w string) bool {
	rest := c.rest()
	if !strings.HasPrefix(rest, w) || len(rest) > len(w) && isWord(rest[len(w)]) {
		return false
	}
	c.at += len(w)
	return true
}

func (c *cursor) take(n int) string {
	c.at += n
	return c.text[c.at-n : c.at]
}

// end fails where something is left.
func (c *cursor) end() *ParseError {
	if c.space(); c.at < len(c.text) {
		return c.fail(c.at, "want \"and\", \"or\" or the end")
	}
	return nil
}

// upTo returns what comes before the first of chars.
func upTo(s, chars string) string {
	if n := strings.IndexAny(s, chars); n >= 0 {
		return s[:n]
	}
	return s
}
