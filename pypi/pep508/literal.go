package pep508

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Texts in markers are Python's: a backslash begins an escape, one that Python does not know stays as it is.

var escapes = map[byte]string{
	'\\': "\\", '\'': "'", '"': "\"", 'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v",
}

// hexDigits is how many digits an escape has.
var hexDigits = map[byte]int{'x': 2, 'u': 4, 'U': 8}

// unquote reads what stands between quotes. Where it cannot be read it returns the place and the reason.
func unquote(s string) (text string, at int, reason string) {
	if n := strings.IndexAny(s, "\n\r\x00"); n >= 0 {
		return "", n, "a text has no line break"
	}
	if strings.IndexByte(s, '\\') < 0 {
		return s, 0, ""
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			i++
			continue
		}
		if i+1 == len(s) {
			return "", i, "a backslash before the closing quote; write two"
		}
		e := s[i+1]
		digits, isHex := hexDigits[e]
		switch known, ok := escapes[e]; {
		case ok:
			b.WriteString(known)
			i += 2
		case isHex:
			if i+2+digits > len(s) {
				return "", i, fmt.Sprintf("want %d hexadecimal digits after \\%c", digits, e)
			}
			n, err := strconv.ParseUint(s[i+2:i+2+digits], 16, 32)
			if err != nil || n > utf8.MaxRune {
				return "", i, fmt.Sprintf("want %d hexadecimal digits of a character after \\%c", digits, e)
			}
			b.WriteRune(rune(n))
			i += 2 + digits
		case '0' <= e && e <= '7':
			end := i + 2
			for end < len(s) && end < i+4 && '0' <= s[end] && s[end] <= '7' {
				end++
			}
			n, _ := strconv.ParseUint(s[i+1:end], 8, 32)
			b.WriteRune(rune(n))
			i = end
		case e == 'N':
			return "", i, "names of characters (\\N) are not read"
		default:
			b.WriteByte('\\')
			i++
		}
	}
	return b.String(), 0, ""
}

// quote writes a text in double quotes, or in single ones where it has double ones.
func quote(s string) string {
	q := byte('"')
	if strings.IndexByte(s, '"') >= 0 && strings.IndexByte(s, '\'') < 0 {
		q = '\''
	}
	var b strings.Builder
	b.WriteByte(q)
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\\':
			b.WriteString(`\\`)
		case c < ' ' || c == q:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte(q)
	return b.String()
}
