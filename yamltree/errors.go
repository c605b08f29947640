package yamltree

import (
	"fmt"
	"strings"

	"github.com/nasa-openscapes/corn/conda/record"
)

// A ParseError reports what is wrong in a file, and where.
type ParseError struct {
	File   string
	Line   int    // from 1; 0: no line is to blame
	Column int    // from 1; 0: not known
	Text   string // the line, shortened, credentials hidden; may be empty
	Reason string
	Err    error // what a text in the file has wrong; may be nil
}

func (e *ParseError) Error() string {
	at := e.File
	if e.Line > 0 {
		at = fmt.Sprintf("%s:%d", at, e.Line)
		if e.Column > 0 {
			at = fmt.Sprintf("%s:%d", at, e.Column)
		}
	}
	if e.Text != "" {
		return fmt.Sprintf("%s: %s in line %q", at, e.Reason, e.Text)
	}
	return at + ": " + e.Reason
}

func (e *ParseError) Unwrap() error { return e.Err }

const maxShown = 160

// Shown is a line as an error may show it: short, without credentials.
func Shown(line string) string {
	line = strings.TrimSpace(line)
	if strings.Contains(line, "://") || strings.Contains(line, "/t/") {
		words := strings.Fields(line)
		for i, w := range words {
			words[i] = record.Redact(w)
		}
		line = strings.Join(words, " ")
	}
	if len(line) > maxShown {
		line = strings.ToValidUTF8(line[:maxShown], "") + "..."
	}
	return line
}
