package requirements

import (
	"encoding/binary"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// decode returns the text of a file. The reason is empty where that worked; line is where it did not.
func decode(data []byte) (text string, line int, reason string) {
	s := string(data)
	switch {
	case strings.HasPrefix(s, "\xef\xbb\xbf"):
		s = s[3:]
	case strings.HasPrefix(s, "\xff\xfe\x00\x00"), strings.HasPrefix(s, "\x00\x00\xfe\xff"):
		return "", 0, "it is UTF-32: save it as UTF-8"
	case strings.HasPrefix(s, "\xff\xfe"), strings.HasPrefix(s, "\xfe\xff"):
		var order binary.ByteOrder = binary.LittleEndian
		if s[0] == '\xfe' {
			order = binary.BigEndian
		}
		if len(data)%2 != 0 {
			return "", 0, "it is UTF-16 and breaks off in a character"
		}
		units := make([]uint16, 0, len(data)/2)
		for i := 2; i < len(data); i += 2 {
			units = append(units, order.Uint16(data[i:]))
		}
		s = string(utf16.Decode(units))
	}
	if n := 0; !utf8.ValidString(s) {
		for l := range strings.Lines(s) {
			if n++; !utf8.ValidString(l) {
				break
			}
		}
		return "", n, "the line is not UTF-8"
	}
	if i := strings.IndexByte(s, 0); i >= 0 {
		return "", 1 + strings.Count(s[:i], "\n"), "the line holds a NUL byte"
	}
	return s, 0, ""
}

// A logical line is one or several lines of a file that a backslash joins.
type logical struct {
	text string
	line int
}

var (
	commentLine = regexp.MustCompile(`^\s*#`)
	commentTail = regexp.MustCompile(`(^|\s+)#.*$`)
)

// logicalLines joins lines and takes comments out, as pip does: first the one, then the
// other, and a comment ends a line that goes on.
func logicalLines(text string) []logical {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	var out []logical
	var joined strings.Builder
	start := 0
	emit := func() {
		if l := strings.TrimSpace(commentTail.ReplaceAllString(joined.String(), "")); l != "" {
			out = append(out, logical{l, start})
		}
		joined.Reset()
		start = 0
	}
	n := 0
	for line := range strings.SplitSeq(text, "\n") {
		n++
		isComment := commentLine.MatchString(line)
		if cut, goesOn := strings.CutSuffix(line, `\`); goesOn && !isComment {
			if start == 0 {
				start = n
			}
			joined.WriteString(cut)
			continue
		}
		if start == 0 {
			start = n
		}
		if isComment {
			line = " " + line // so that it is one behind what it is joined to
		}
		joined.WriteString(line)
		emit()
	}
	emit()
	return out
}

var variable = regexp.MustCompile(`\$\{[A-Z0-9_]+\}`)

// expand replaces ${NAME} where NAME is set and not empty.
func expand(text string, getenv func(string) string) (out string, unset []string) {
	out = variable.ReplaceAllStringFunc(text, func(m string) string {
		name := m[2 : len(m)-1]
		if v := getenv(name); v != "" {
			return v
		}
		unset = append(unset, name)
		return m
	})
	return out, unset
}

// words splits options as a shell does: quotes and backslashes. ok is false where a quote is
// not closed.
func words(text string) (out []string, ok bool) {
	var b strings.Builder
	inWord, quote := false, byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote == '\'' && c != '\'':
			b.WriteByte(c)
		case c == '\\' && (quote == 0 || i+1 < len(text) && (text[i+1] == quote || text[i+1] == '\\')):
			if i++; i == len(text) {
				return nil, false
			}
			b.WriteByte(text[i])
			inWord = true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			b.WriteByte(c)
		case c == '"' || c == '\'':
			quote, inWord = c, true
		case c == ' ' || c == '\t':
			if inWord {
				out = append(out, b.String())
				b.Reset()
				inWord = false
			}
		default:
			b.WriteByte(c)
			inWord = true
		}
	}
	if inWord {
		out = append(out, b.String())
	}
	return out, quote == 0
}

// splitOptions parts a line into what is asked for and its options: from the first word on that
// begins with a dash.
func splitOptions(line string) (asked, options string) {
	at := 0
	for {
		for at < len(line) && (line[at] == ' ' || line[at] == '\t') {
			at++
		}
		if at >= len(line) {
			return line, ""
		}
		if line[at] == '-' {
			return strings.TrimSpace(line[:at]), line[at:]
		}
		for at < len(line) && line[at] != ' ' && line[at] != '\t' {
			at++
		}
	}
}
