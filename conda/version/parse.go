package version

import (
	"fmt"
	"strings"
)

// A Version is a parsed literal. The zero value is none: it sorts before all others.
//
// Two Versions of equal rank may differ under == ("1.1" and "1.1.0"); use Compare, Equal or Key.
type Version struct {
	text string // lower case, dashes as underscores
	key  string
}

// maxBytes keeps what is counted in a key within one byte. CEP 26 allows 64 bytes; no file
// name has more than 255.
const maxBytes = 255

// A ParseError reports text that is no version or version spec.
type ParseError struct {
	Input  string // the whole text
	Offset int    // byte offset into Input of what is wrong
	Reason string // "a second '!'"
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("version %q: %s at character %d", e.Input, e.Reason, e.Offset+1)
}

// Parse reads a version literal. Case does not count, spaces around it neither. The error is a
// *ParseError. The Version may share memory with s.
func Parse(s string) (Version, error) {
	v, bad := parse(strings.TrimSpace(s))
	if bad.reason != "" {
		return Version{}, &ParseError{Input: s, Offset: leadingSpaces(s) + bad.at, Reason: bad.reason}
	}
	return v, nil
}

// MustParse is Parse for literals in programs; it panics on an error.
func MustParse(s string) Version {
	v, err := Parse(s)
	if err != nil {
		panic(err)
	}
	return v
}

func leadingSpaces(s string) int { return len(s) - len(strings.TrimLeft(s, " \t\r\n\v\f")) }

// A fault is what is wrong, and where in the text that was given. An empty reason is no fault.
type fault struct {
	at     int
	reason string
}

// parse reads text without spaces around it.
func parse(text string) (Version, fault) {
	if text == "" {
		return Version{}, fault{0, "there is no version"}
	}
	if len(text) > maxBytes {
		return Version{}, fault{maxBytes, fmt.Sprintf("the version has %d bytes, want at most %d", len(text), maxBytes)}
	}
	text, bad := normalize(text)
	if bad.reason != "" {
		return Version{}, bad
	}
	v := Version{text: text}
	if bad = v.check(); bad.reason != "" {
		return Version{}, bad
	}
	v.key = makeKey(v.parts())
	return v, fault{}
}

// normalize gives text in lower case with dashes as underscores, and refuses what no
// version holds. Dashes and underscores do not mix (conda's rule).
func normalize(text string) (string, fault) {
	dash, under, upper := -1, false, false
	for i := range len(text) {
		switch c := text[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c == '.', c == '+', c == '!', c == '*':
		case c >= 'A' && c <= 'Z':
			upper = true
		case c == '_':
			under = true
		case c == '-':
			if dash < 0 {
				dash = i
			}
		default:
			return "", fault{i, fmt.Sprintf("%s is not part of a version", quoteAt(text, i))}
		}
	}
	if dash >= 0 {
		if under {
			return "", fault{dash, "a version has dashes or underscores, not both"}
		}
		text = strings.ReplaceAll(text, "-", "_")
	}
	if upper {
		text = strings.ToLower(text)
	}
	return text, fault{}
}

// quoteAt quotes the character at offset i.
func quoteAt(s string, i int) string {
	for _, r := range s[i:] {
		return fmt.Sprintf("%q", r)
	}
	return "the end"
}

// parts splits the text at "!" and "+". Epoch and local are empty where there is none.
func (v Version) parts() (epoch, main, local string) {
	main = v.text
	if i := strings.IndexByte(main, '!'); i >= 0 {
		epoch, main = main[:i], main[i+1:]
	}
	if i := strings.IndexByte(main, '+'); i >= 0 {
		main, local = main[:i], main[i+1:]
	}
	return epoch, main, local
}

// check refuses a text whose parts are not what CEP 33 asks for.
func (v Version) check() fault {
	epoch, main, local := v.parts()
	mainAt := 0
	if i := strings.IndexByte(v.text, '!'); i >= 0 {
		mainAt = i + 1
		if epoch == "" || strings.Trim(epoch, digits) != "" {
			return fault{0, "the epoch before '!' is not a number"}
		}
		if j := strings.IndexByte(v.text[mainAt:], '!'); j >= 0 {
			return fault{mainAt + j, "a second '!'"}
		}
	}
	if main == "" {
		return fault{mainAt, "there is no version before the local part or after the epoch"}
	}
	if bad := checkSegments(main, true); bad.reason != "" {
		return fault{mainAt + bad.at, bad.reason}
	}
	localAt := mainAt + len(main) + 1
	if localAt > len(v.text) {
		return fault{}
	}
	if i := strings.IndexByte(local, '+'); i >= 0 {
		return fault{localAt + i, "a second '+'"}
	}
	if bad := checkSegments(local, false); bad.reason != "" {
		return fault{localAt + bad.at, bad.reason}
	}
	return fault{}
}

const digits = "0123456789"

func checkSegments(part string, main bool) fault {
	for rest, more, at := part, true, 0; more; {
		var seg string
		seg, rest, more = cutSegment(rest, main)
		if seg == "" {
			return fault{min(at, max(len(part)-1, 0)), "a segment is empty"}
		}
		at += len(seg) + 1
	}
	return fault{}
}

// cutSegment takes the first segment off a part. An underscore at the very end of the main
// part belongs to the last segment: "1.0.1_" sorts before "1.0.1a" (openssl's scheme).
func cutSegment(part string, main bool) (seg, rest string, more bool) {
	for i := range len(part) {
		if c := part[i]; c == '.' || c == '_' && (!main || i < len(part)-1) {
			return part[:i], part[i+1:], true
		}
	}
	return part, "", false
}

// String returns the literal in lower case, with dashes as underscores. Parsing it gives the
// same Version.
func (v Version) String() string { return v.text }

// IsZero tells whether v is the zero value, which is no version.
func (v Version) IsZero() bool { return v.key == "" }
