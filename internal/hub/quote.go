package hub

import (
	"regexp"
	"strconv"
	"strings"
)

// notText are the plain scalars that YAML 1.1 or 1.2 reads as something else than text: helm reads
// 1.1, other tools that see the same file 1.2. What strconv takes for a number comes on top.
var notText = regexp.MustCompile(`(?i)^(?:|~|null|true|false|yes|no|on|off|y|n|inf|infinity|nan` +
	`|[0-9][0-9_]*(?:\.[0-9_]*)?(?:e[-+]?[0-9_]+)?` + // 0123456, 12345e6, 1_000, 3.10
	`|0[xob][0-9a-f_]+` +
	`|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:t.*)?)$`) // a date

// plainText tells whether YAML reads a tag that is not quoted as the text that it is.
func plainText(tag string) bool {
	if notText.MatchString(tag) {
		return false
	}
	bare := strings.ReplaceAll(tag, "_", "")
	if _, err := strconv.ParseFloat(bare, 64); err == nil {
		return false
	}
	_, err := strconv.ParseInt(bare, 0, 64)
	return err != nil
}

// quoted is a text as a plain scalar where YAML allows it, else in double quotes. It is for tags,
// digests and references, which have no letters that would need more.
func quoted(s string) string {
	if plainText(s) {
		return s
	}
	return `"` + s + `"`
}
