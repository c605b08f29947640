package requirements

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/nasa-openscapes/corn/conda/record"
)

// A ParseError reports a line that cannot be used, or a file that cannot be read.
type ParseError struct {
	Place        // Line is 0 where the whole file is meant
	Text  string // the line, redacted; empty where the whole file is meant
	// Reason is what is wrong, and Remedy what to do; the latter may be empty.
	Reason, Remedy string
	Err            error // a *pep508.ParseError where that is what is wrong; may be nil
}

func (e *ParseError) Error() string {
	where := e.File
	if e.Line > 0 {
		where = fmt.Sprintf("%s:%d", e.File, e.Line)
	}
	if e.Text != "" {
		return fmt.Sprintf("%s: %s: %s", where, e.Text, e.Reason)
	}
	return where + ": " + e.Reason
}

// Unwrap returns the parser's error.
func (e *ParseError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *ParseError) Hint() string { return e.Remedy }

var urlText = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://\S+`)

// shown is a line for a message: secrets are hidden, and it is not endless.
func shown(text string) string {
	text = urlText.ReplaceAllStringFunc(strings.TrimSpace(text), record.Redact)
	const most = 160
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, text)
}
