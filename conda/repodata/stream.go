package repodata

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/nasa-openscapes/corn/conda/record"
)

// maxRecordBytes is the longest record, "info" object or name of "removed" that is read.
// The longest records of conda-forge have some 50 KB.
const maxRecordBytes = 16 << 20

// A stream reads one JSON document through a window.
type stream struct {
	r    io.Reader
	buf  []byte // what was read and is not yet consumed starts at pos
	pos  int
	base int64 // offset of buf[0] in the input
	eof  bool
}

// windowBytes is the size of a read: large enough that a record seldom crosses its end.
const windowBytes = 1 << 20

func newStream(r io.Reader) *stream { return &stream{r: r, buf: make([]byte, 0, windowBytes)} }

func (s *stream) offset() int64 { return s.base + int64(s.pos) }

func (s *stream) fail(reason string, err error) error {
	return &FormatError{What: whatJSON, Offset: s.offset(), Reason: reason, Err: err}
}

const whatJSON = "repodata.json"

// fill reads more, keeping what is not consumed. It returns io.EOF once the input is at its end.
func (s *stream) fill() error {
	if s.eof {
		return io.EOF
	}
	if s.pos > 0 {
		s.base += int64(s.pos)
		s.buf = s.buf[:copy(s.buf, s.buf[s.pos:])]
		s.pos = 0
	}
	if len(s.buf) == cap(s.buf) {
		if cap(s.buf) > maxRecordBytes {
			return &LimitError{What: "a value of " + whatJSON, Limit: maxRecordBytes}
		}
		s.buf = append(make([]byte, 0, 2*cap(s.buf)), s.buf...)
	}
	n, err := s.r.Read(s.buf[len(s.buf):cap(s.buf)])
	s.buf = s.buf[:len(s.buf)+n]
	if errors.Is(err, io.EOF) {
		s.eof, err = true, nil
		if n == 0 {
			err = io.EOF
		}
	}
	return err
}

// need is fill where the document may not end.
func (s *stream) need() error {
	err := s.fill()
	if errors.Is(err, io.EOF) {
		s.pos = len(s.buf)
		return s.fail("", ErrTruncated)
	}
	return err
}

// peek returns the next byte that is no space; io.EOF is an error of its own here.
func (s *stream) peek() (byte, error) {
	for {
		for s.pos < len(s.buf) {
			switch c := s.buf[s.pos]; c {
			case ' ', '\t', '\r', '\n':
				s.pos++
			default:
				return c, nil
			}
		}
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
}

// next is peek inside the document.
func (s *stream) next() (byte, error) {
	c, err := s.peek()
	if errors.Is(err, io.EOF) {
		return 0, s.fail("", ErrTruncated)
	}
	return c, err
}

func (s *stream) expect(want byte) error {
	got, err := s.next()
	if err != nil {
		return err
	}
	if got != want {
		return s.fail(fmt.Sprintf("want %q, got %s", want, show(got)), nil)
	}
	s.pos++
	return nil
}

// value returns the bytes of the next value, valid until the next call.
func (s *stream) value() ([]byte, error) {
	if _, err := s.next(); err != nil {
		return nil, err
	}
	var skip skipper
	for n := 0; ; {
		m, done, bad := skip.feed(s.buf[s.pos+n:])
		n += m
		if bad {
			s.pos += n
			return nil, s.fail("want a value, got "+show(s.buf[s.pos]), nil)
		}
		if done {
			v := s.buf[s.pos : s.pos+n]
			s.pos += n
			return v, nil
		}
		if err := s.need(); err != nil {
			return nil, err
		}
	}
}

// skip leaves out the next value, however long it is ("signatures" has as many bytes as the
// records).
func (s *stream) skip() error {
	if _, err := s.next(); err != nil {
		return err
	}
	var skip skipper
	for {
		n, done, bad := skip.feed(s.buf[s.pos:])
		s.pos += n
		if bad {
			return s.fail("want a value, got "+show(s.buf[s.pos]), nil)
		}
		if done {
			return nil
		}
		if err := s.need(); err != nil {
			return err
		}
	}
}

// key returns the next key of an object, as bytes of its own, and leaves the colon behind.
func (s *stream) key() ([]byte, error) {
	if c, err := s.next(); err != nil {
		return nil, err
	} else if c != '"' {
		return nil, s.fail("want a key in quotes, got "+show(c), nil)
	}
	quoted, err := s.value()
	if err != nil {
		return nil, err
	}
	var key []byte
	if bytes.IndexByte(quoted, '\\') >= 0 {
		if key, err = unquote(quoted); err != nil {
			return nil, s.fail("a key", err)
		}
	} else {
		key = bytes.Clone(quoted[1 : len(quoted)-1])
	}
	return key, s.expect(':')
}

// members calls f with each key of an object; f has to consume the value.
func (s *stream) members(f func(key []byte) error) error {
	if err := s.expect('{'); err != nil {
		return err
	}
	if c, err := s.next(); err != nil {
		return err
	} else if c == '}' {
		s.pos++
		return nil
	}
	for {
		key, err := s.key()
		if err != nil {
			return err
		}
		if err := f(key); err != nil {
			return err
		}
		more, err := s.more('}')
		if err != nil || !more {
			return err
		}
	}
}

// more reads a comma, or the end of the object or array.
func (s *stream) more(end byte) (bool, error) {
	c, err := s.next()
	if err != nil {
		return false, err
	}
	if c != ',' && c != end {
		return false, s.fail(fmt.Sprintf("want ',' or %q, got %s", end, show(c)), nil)
	}
	s.pos++
	return c == ',', nil
}

// An event of a document: what readDocument found.
type handler struct {
	record  func(fileName []byte, value []byte, at int64) error
	removed func(fileName string)
	info    func(docInfo)
}

// docInfo is the "info" object and repodata_version, wherever it stood.
type docInfo struct {
	Subdir  string
	BaseURL string
	Version int
}

// readDocument reads a whole repodata.json. An empty file is an empty document (CEP 36).
func (s *stream) readDocument(h handler) error {
	c, err := s.peek()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return err
	}
	if c == 0xEF { // a byte order mark
		s.pos += min(3, len(s.buf)-s.pos)
		if c, err = s.next(); err != nil {
			return err
		}
	}
	if c != '{' {
		return s.notJSON(c)
	}
	known, other := false, ""
	err = s.members(func(key []byte) error {
		switch string(key) {
		case "packages", "packages.conda":
			known = true
			return s.packages(h, "")
		case "v3":
			known = true
			return s.revision(h)
		case "removed":
			known = true
			return s.removed(h)
		case "info":
			known = true
			return s.info(h)
		case "repodata_version":
			known = true
			return s.version(h)
		}
		if other == "" {
			other = string(key)
		}
		return s.skip()
	})
	if err != nil {
		return err
	}
	if c, err := s.peek(); err == nil {
		return s.fail("want the end, got "+show(c), nil)
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	if !known && other != "" {
		return &FormatError{What: whatJSON, Offset: 0, Reason: fmt.Sprintf("no repodata: it holds %q but neither info nor packages", other)}
	}
	return nil
}

// notJSON says what a document is that does not start as one.
func (s *stream) notJSON(c byte) error {
	if c == '<' {
		return &FormatError{What: whatJSON, Offset: s.offset(), Err: ErrHTML}
	}
	return s.fail("want '{', got "+show(c), nil)
}

// null consumes a value where c is not what an object or array starts with: conda takes null
// and the like for an empty one.
func (s *stream) unless(want byte) (skipped bool, err error) {
	c, err := s.next()
	if err != nil || c == want {
		return false, err
	}
	return true, s.skip()
}

// revision reads the section of CEP 48: records by format, their keys without its ending. Formats
// that are none of conda's (wheels) are left out.
func (s *stream) revision(h handler) error {
	if skipped, err := s.unless('{'); skipped || err != nil {
		return err
	}
	return s.members(func(key []byte) error {
		ext := "." + string(key)
		if _, ok := record.FormatOf(ext); !ok {
			return s.skip()
		}
		return s.packages(h, ext)
	})
}

// packages reads a section of records. ext is what the keys lack of the file names.
func (s *stream) packages(h handler, ext string) error {
	if skipped, err := s.unless('{'); skipped || err != nil {
		return err
	}
	return s.members(func(key []byte) error {
		if _, err := s.next(); err != nil {
			return err
		}
		at := s.offset()
		v, err := s.value()
		if err != nil {
			return err
		}
		return h.record(append(key, ext...), v, at)
	})
}

func (s *stream) removed(h handler) error {
	if skipped, err := s.unless('['); skipped || err != nil {
		return err
	}
	s.pos++
	if c, err := s.next(); err != nil {
		return err
	} else if c == ']' {
		s.pos++
		return nil
	}
	for {
		v, err := s.value()
		if err != nil {
			return err
		}
		if name, err := (&cursor{b: v}).text(); err == nil && len(name) > 0 {
			h.removed(string(name))
		}
		more, err := s.more(']')
		if err != nil || !more {
			return err
		}
	}
}

func (s *stream) info(h handler) error {
	v, err := s.value()
	if err != nil {
		return err
	}
	var raw struct {
		Subdir  any `json:"subdir"`
		BaseURL any `json:"base_url"`
		Version any `json:"repodata_version"`
	}
	if err := json.Unmarshal(v, &raw); err != nil && v[0] == '{' {
		return s.fail("info", err)
	}
	var i docInfo
	i.Subdir, _ = raw.Subdir.(string)
	i.BaseURL, _ = raw.BaseURL.(string)
	if f, ok := raw.Version.(float64); ok {
		i.Version = int(f)
	}
	h.info(i)
	return nil
}

func (s *stream) version(h handler) error {
	v, err := s.value()
	if err != nil {
		return err
	}
	if f, err := (&cursor{b: v}).number(); err == nil {
		h.info(docInfo{Version: int(f)})
	}
	return nil
}
