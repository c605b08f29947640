package exec

import (
	"bytes"
	"strings"
	"sync"
)

// Lines is an io.Writer that hands on whole lines, and remembers the last ones. Say may be
// nil. It is safe for concurrent use.
type Lines struct {
	Say func(line string)

	mu   sync.Mutex
	part []byte
	last []string
}

const (
	lastLines    = 20
	maxLineBytes = 4 << 10 // longer ones are cut up
)

// Write takes bytes of output.
func (l *Lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(p)
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			l.part = append(l.part, p...)
			break
		}
		l.part = append(l.part, p[:i]...)
		l.flush()
		p = p[i+1:]
	}
	for len(l.part) > maxLineBytes {
		rest := bytes.Clone(l.part[maxLineBytes:])
		l.part = l.part[:maxLineBytes]
		l.flush()
		l.part = rest
	}
	return n, nil
}

func (l *Lines) flush() {
	// A progress bar paints over itself: what it ended with is the line.
	text := strings.TrimRight(string(l.part), "\r ")
	if i := strings.LastIndexByte(text, '\r'); i >= 0 {
		text = text[i+1:]
	}
	text = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return -1 // what would move a terminal's cursor
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	l.part = l.part[:0]
	l.last = append(l.last, text)
	if len(l.last) > lastLines {
		l.last = l.last[1:]
	}
	if l.Say != nil {
		l.Say(text)
	}
}

// Last ends an unfinished line and returns the last ones.
func (l *Lines) Last() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.part) > 0 {
		l.flush()
	}
	return l.last
}
