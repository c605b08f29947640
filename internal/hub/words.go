package hub

import (
	"regexp"
	"strings"
)

// Tags that stand in texts for people: names of profiles, descriptions.

var commitForm = regexp.MustCompile(`[0-9a-f]{7,40}`)

// staleTag is the commit that a text names where the image's tag is another commit: somebody changed
// the one and forgot the other. Two commits in a text are nobody's guess.
func staleTag(text, tag string) string {
	if commitForm.FindString(tag) != tag {
		return ""
	}
	found := ""
	for _, word := range commitForm.FindAllString(text, -1) {
		isWord := replaceWord(text, word, "") != text
		if !isWord || !strings.ContainsAny(word, "0123456789") || !strings.ContainsAny(word, "abcdef") || word == found { // a word, a date
			continue
		}
		if found != "" {
			return ""
		}
		found = word
	}
	return found
}

// replaceWord replaces a tag where it is no part of a longer word or version.
func replaceWord(text, old, with string) string {
	var b strings.Builder
	for rest := text; ; {
		i := strings.Index(rest, old)
		if i < 0 {
			return b.String() + rest
		}
		before := text[:len(text)-len(rest)+i]
		after := rest[i+len(old):]
		b.WriteString(rest[:i])
		if endsWord(before) && beginsWord(after) {
			b.WriteString(with)
		} else {
			b.WriteString(old)
		}
		rest = after
	}
}

func endsWord(before string) bool {
	return before == "" || !strings.ContainsRune(wordSigns+".", rune(before[len(before)-1]))
}

// beginsWord tells whether a word has ended before this text. A full stop may end a sentence.
func beginsWord(after string) bool {
	after = strings.TrimPrefix(after, ".")
	return after == "" || !strings.ContainsRune(wordSigns, rune(after[0]))
}

const wordSigns = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
