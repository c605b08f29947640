package dockerfile

import (
	"fmt"
	"strings"
	"unicode"
)

// flagsOf reads the words at the front that begin with "--", and returns where they end.
func flagsOf(s string, escape byte) (flags []Flag, end int) {
	for {
		rest := strings.TrimLeftFunc(s[end:], unicode.IsSpace)
		start := len(s) - len(rest)
		if !strings.HasPrefix(rest, "--") {
			return flags, start
		}
		n := wordEnd(rest, escape)
		end = start + n
		word := unquote(rest[:n], escape, nil)
		if word == "--" {
			return flags, end
		}
		name, value, _ := strings.Cut(word[2:], "=")
		flags = append(flags, Flag{name, value})
	}
}

// splitWords cuts a text where blanks stand outside of quotes. Quotes and escapes stay.
func splitWords(s string, escape byte) []string {
	var words []string
	for {
		s = strings.TrimLeftFunc(s, unicode.IsSpace)
		if s == "" {
			return words
		}
		n := wordEnd(s, escape)
		words = append(words, s[:n])
		s = s[n:]
	}
}

// wordEnd is where the word at the front ends.
func wordEnd(s string, escape byte) int {
	quote := byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == escape && quote != '\'':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r' || c == '\n':
			return i
		}
	}
	return len(s)
}

// unquote takes the quotes and escapes off a word and fills in variables as Docker does:
// $NAME, ${NAME}, ${NAME:-word}, ${NAME:+word}. Where vars is nil or does not know a
// variable, it stays as it was written.
func unquote(s string, escape byte, vars func(string) (string, bool)) string {
	var b strings.Builder
	quote := byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == escape && quote != '\'' && i+1 < len(s):
			i++
			if quote == '"' && s[i] != '"' && s[i] != '$' && s[i] != escape {
				b.WriteByte(escape)
			}
			b.WriteByte(s[i])
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == '$' && quote != '\'' && vars != nil:
			value, n := variable(s[i:], vars)
			b.WriteString(value)
			i += n - 1
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// variable fills in the variable at the front of a text and returns how long it was.
func variable(s string, vars func(string) (string, bool)) (value string, n int) {
	end := 1
	braces := strings.HasPrefix(s, "${")
	if braces {
		end = 2
	}
	start := end
	for end < len(s) && (s[end] == '_' || s[end] >= 'a' && s[end] <= 'z' || s[end] >= 'A' && s[end] <= 'Z' || end > start && s[end] >= '0' && s[end] <= '9') {
		end++
	}
	name := s[start:end]
	if name == "" {
		return "$", 1
	}
	known, ok := vars(name)
	if !braces {
		if !ok {
			return s[:end], end
		}
		return known, end
	}
	closing := strings.IndexByte(s[end:], '}')
	if closing < 0 {
		return s, len(s)
	}
	rest, whole := s[end:end+closing], end+closing+1
	word := strings.TrimLeft(rest, ":-+")
	switch {
	case rest == "" && ok:
		return known, whole
	case strings.HasPrefix(rest, ":-") && ok && known != "", strings.HasPrefix(rest, "-") && ok:
		return known, whole
	case strings.HasPrefix(rest, ":-") && ok, strings.HasPrefix(rest, ":+") && ok && known != "", strings.HasPrefix(rest, "+") && ok:
		return word, whole
	case strings.HasPrefix(rest, ":+") && ok:
		return "", whole
	}
	return s[:whole], whole // unknown, or another operator
}

// A Pair is NAME=VALUE of ENV, LABEL and ARG.
type Pair struct {
	Name, Value string
	Set         bool // ARG NAME sets nothing
}

// pairs reads the arguments of ENV, LABEL and ARG. Values are as written, quotes included.
func (in *Instruction) pairs() ([]Pair, error) {
	words := splitWords(in.Args, in.escape)
	if in.Keyword != "ARG" && !strings.Contains(words[0], "=") { // ENV NAME the rest of the line
		name, value, ok := strings.Cut(in.Args, " ")
		if i := strings.IndexFunc(in.Args, unicode.IsSpace); i > 0 {
			name, value, ok = in.Args[:i], strings.TrimSpace(in.Args[i:]), true
		}
		if !ok {
			return nil, fmt.Errorf("%s %s: want NAME=VALUE", in.Keyword, shorten(in.Args))
		}
		return []Pair{{name, value, true}}, nil
	}
	var out []Pair
	for _, w := range words {
		name, value, ok := strings.Cut(w, "=")
		if !ok && in.Keyword != "ARG" {
			return nil, fmt.Errorf("%s: want NAME=VALUE, not %q", in.Keyword, shorten(w))
		}
		out = append(out, Pair{unquote(name, in.escape, nil), value, ok})
	}
	return out, nil
}
