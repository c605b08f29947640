package pep508

import "strings"

// NormalizeName puts the name of a project or an extra into the form in which names are compared: lower
// case, with one dash for each run of dashes, underscores and dots (PEP 503, PEP 685).
func NormalizeName(name string) string {
	if isNormalized(name) {
		return name
	}
	var b strings.Builder
	between := false
	for _, r := range name {
		if r == '-' || r == '_' || r == '.' {
			if !between {
				b.WriteByte('-')
			}
			between = true
			continue
		}
		between = false
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}

// isNormalized spares most names a copy.
func isNormalized(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case c == '-' && (i == 0 || name[i-1] != '-'):
		default:
			return false
		}
	}
	return true
}

// ParseName checks that name is a name and returns it normalised. Errors are *ParseError.
func ParseName(name string) (string, error) {
	if n := nameLength(name); n < len(name) || n == 0 {
		return "", &ParseError{What: "name", Input: name, Offset: n,
			Reason: "a name has letters, digits, and between them dots, dashes and underscores"}
	}
	return NormalizeName(name), nil
}

// nameLength returns how many bytes at the front of s are a name.
func nameLength(s string) int {
	n := 0
	for i := range len(s) {
		switch {
		case isWord(s[i]) && s[i] != '_':
			n = i + 1
		case i == 0 || strings.IndexByte("._-", s[i]) < 0:
			return n
		}
	}
	return n
}

func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
