package lock

import (
	"regexp"
	"strconv"
	"strings"
)

// scalar writes a text so that every YAML reader takes it for that text: plain where
// YAML 1.1 and 1.2 both read a string, quoted otherwise. Plain and quoted fall as in files of
// conda-lock, so that a lock that changes its writer does not change every line.
func scalar(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f }) {
		return strconv.QuoteToASCII(s) // YAML's double quotes know Go's escapes \n \t \x \u \U
	}
	if isPlain(s) && !strings.HasPrefix(s, " ") && !strings.Contains(s, "<<") && !otherThanText(s) { // some readers merge at any <<
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// notText is what YAML 1.1 or 1.2 reads as an integer (of any base), a float, minutes of
// base 60 ("12:30"), or a date, once underscores are gone. goccy/go-yaml takes any number of signs.
var notText = regexp.MustCompile(`^(?i:[-+]*(?:0x[0-9a-f]+|0o[0-7]+|0b[01]+|[0-9]*\.?[0-9]*(?:e[-+]?[0-9]+)?|[0-9]+(?::[0-5]?[0-9])+(?:\.[0-9]*)?|\.inf|\.nan)|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*)$`)

// otherThanText tells whether a plain scalar would be a number, a boolean, a date or
// nothing to some YAML reader.
func otherThanText(s string) bool {
	switch strings.ToLower(s) {
	case "", "~", "null", "y", "n", "yes", "no", "on", "off", "true", "false", "=", "<<":
		return true
	}
	return notText.MatchString(strings.ReplaceAll(s, "_", ""))
}
