package repodata

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// A skipper finds the end of one JSON value in bytes that come in pieces. It balances
// brackets and quotes and looks at nothing else, so it runs at the speed of
// bytes.IndexByte; what is in between is judged by whoever decodes it.
type skipper struct {
	depth    int
	inString bool
	escaped  bool // the last byte of the piece before was a backslash inside a string
	started  bool
}

// feed takes the next piece and returns how many bytes of it belong to the value, and
// whether the value ends there. A number or a word ends where the first byte follows that
// cannot be part of it; that byte is not taken. bad is set for a bracket that closes nothing.
func (s *skipper) feed(b []byte) (n int, done, bad bool) {
	i := 0
	for i < len(b) {
		if s.inString {
			j, closed := s.stringEnd(b[i:])
			i += j
			if !closed {
				return i, false, false
			}
			s.inString = false
			if s.depth == 0 {
				return i, true, false
			}
			continue
		}
		switch c := b[i]; c {
		case '"':
			s.started, s.inString = true, true
		case '{', '[':
			s.started = true
			s.depth++
		case '}', ']':
			if s.depth == 0 {
				return i, s.started, !s.started
			}
			if s.depth--; s.depth == 0 {
				return i + 1, true, false
			}
		case ',', ':':
			if s.depth == 0 {
				return i, s.started, !s.started
			}
		case ' ', '\t', '\r', '\n':
			if s.depth == 0 && s.started {
				return i, true, false
			}
		default:
			s.started = true
		}
		i++
	}
	return i, false, false
}

// stringEnd returns how many bytes of b belong to a string that began earlier, and whether
// the closing quote is among them.
func (s *skipper) stringEnd(b []byte) (n int, closed bool) {
	i := 0
	if s.escaped && len(b) > 0 {
		s.escaped = false
		i = 1
	}
	for i < len(b) {
		q := bytes.IndexByte(b[i:], '"')
		if q < 0 {
			q = len(b) - i
		}
		back := bytes.IndexByte(b[i:i+q], '\\')
		if back < 0 {
			if i += q; i == len(b) {
				return i, false
			}
			return i + 1, true
		}
		if i += back + 2; i > len(b) {
			s.escaped = true
			return len(b), false
		}
	}
	return len(b), false
}

// A cursor reads one JSON value that is whole in memory.
type cursor struct {
	b []byte
	i int
}

// A syntaxError is a place in a record. It becomes a *FormatError with the offset in the file.
type syntaxError struct {
	at     int
	reason string
}

func (e *syntaxError) Error() string { return e.reason }

func (c *cursor) errorf(format string, args ...any) error {
	return &syntaxError{at: c.i, reason: fmt.Sprintf(format, args...)}
}

func (c *cursor) space() {
	for c.i < len(c.b) {
		switch c.b[c.i] {
		case ' ', '\t', '\r', '\n':
			c.i++
		default:
			return
		}
	}
}

// peek returns the next byte that is no space, or 0 at the end.
func (c *cursor) peek() byte {
	c.space()
	if c.i < len(c.b) {
		return c.b[c.i]
	}
	return 0
}

func (c *cursor) expect(want byte) error {
	if got := c.peek(); got != want {
		return c.errorf("want %q, got %s", want, show(got))
	}
	c.i++
	return nil
}

func show(c byte) string {
	if c == 0 {
		return "the end"
	}
	return strconv.QuoteRune(rune(c))
}

// str reads a string. The result points into the input unless it holds escapes or bytes that
// are no UTF-8, which become U+FFFD as in encoding/json.
func (c *cursor) str() ([]byte, error) {
	if err := c.expect('"'); err != nil {
		return nil, err
	}
	start := c.i
	q := bytes.IndexByte(c.b[c.i:], '"')
	if q < 0 {
		return nil, c.errorf("a string has no end")
	}
	s := c.b[start : start+q]
	if bytes.IndexByte(s, '\\') < 0 {
		c.i = start + q + 1
		return s, nil
	}
	skip := skipper{inString: true}
	n, closed := skip.stringEnd(c.b[start:])
	if !closed {
		return nil, c.errorf("a string has no end")
	}
	c.i = start + n
	return unquote(c.b[start-1 : c.i])
}

func unquote(quoted []byte) ([]byte, error) {
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return nil, &syntaxError{reason: err.Error()}
	}
	return []byte(s), nil
}

// valid replaces bytes that are no UTF-8.
func valid(s []byte) []byte {
	if utf8.Valid(s) {
		return s
	}
	return bytes.ToValidUTF8(s, []byte("\uFFFD"))
}

// value skips one value and returns its bytes.
func (c *cursor) value() ([]byte, error) {
	c.space()
	var s skipper
	start := c.i
	n, done, bad := s.feed(c.b[start:])
	c.i += n
	if bad || !done && (s.depth > 0 || s.inString || !s.started) {
		return nil, c.errorf("want a value, got %s", show(c.peek()))
	}
	return c.b[start:c.i], nil
}

// members calls f with each key of an object; f has to read the value.
func (c *cursor) members(f func(key []byte) error) error {
	if err := c.expect('{'); err != nil {
		return err
	}
	if c.peek() == '}' {
		c.i++
		return nil
	}
	for {
		c.space()
		key, err := c.str()
		if err != nil {
			return err
		}
		if err := c.expect(':'); err != nil {
			return err
		}
		if err := f(key); err != nil {
			return err
		}
		switch c.peek() {
		case ',':
			c.i++
		case '}':
			c.i++
			return nil
		default:
			return c.errorf("want ',' or '}', got %s", show(c.peek()))
		}
	}
}

// elements calls f for each element of an array; f has to read it.
func (c *cursor) elements(f func() error) error {
	if err := c.expect('['); err != nil {
		return err
	}
	if c.peek() == ']' {
		c.i++
		return nil
	}
	for {
		c.space()
		if err := f(); err != nil {
			return err
		}
		switch c.peek() {
		case ',':
			c.i++
		case ']':
			c.i++
			return nil
		default:
			return c.errorf("want ',' or ']', got %s", show(c.peek()))
		}
	}
}
