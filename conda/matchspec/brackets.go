package matchspec

import (
	"slices"
	"strings"
)

// splitBrackets takes "[...]" and conda's old "(optional)" out. Brackets come last, but conda
// takes them from anywhere, and people write "dask[complete]>=2024". What it returns for
// before has spaces in their place; inside is empty where there are none.
func (p *parser) splitBrackets(t part) (before, inside part) {
	if strings.HasSuffix(t.text, ")") {
		if i := strings.LastIndexByte(t.text, '('); i > 0 && oldParens(t.text[i+1:]) {
			p.spec.Optional = strings.HasPrefix(t.text[i+1:], "optional")
			t = t.to(i).trim()
		}
	}
	open := openingBracket(t.text)
	if open < 0 {
		return t, part{}
	}
	inside = t.from(open + 1)
	end := closingBracket(inside.text)
	if end < 0 {
		p.fail(t.at+open, "'[' without its partner")
		return t.to(open).trim(), part{}
	}
	after := inside.from(end + 1)
	if i := openingBracket(after.text); i >= 0 {
		p.fail(after.at+i, "a second '[': all keys go into one pair of brackets")
	}
	before = part{t.text[:open] + strings.Repeat(" ", end+2) + after.text, t.at}
	return before.trim(), inside.to(end).trim()
}

func oldParens(s string) bool {
	return strings.HasPrefix(s, "optional") || strings.HasPrefix(s, "target=")
}

// openingBracket finds the first "[" that is not in a regular expression.
func openingBracket(s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '[':
			return i
		case '^':
			if n := strings.IndexByte(s[i:], '$'); n > 0 {
				i += n
			}
		}
	}
	return -1
}

// closingBracket finds the "]" to an opening one, past quotes and lists.
func closingBracket(s string) int {
	depth := 0
	for i, c := range unquoted(s) {
		switch c {
		case '[':
			depth++
		case ']':
			if depth == 0 {
				return i
			}
			depth--
		}
	}
	return -1
}

// brackets reads "key=value, key='value'", parted by commas or spaces.
func (p *parser) brackets(t part) {
	var words []part
	var seen []string
	for p.err == nil {
		left := strings.TrimLeft(t.text, spaces+",")
		if t = t.from(len(t.text) - len(left)); t.text == "" {
			break
		}
		n := 0
		for n < len(t.text) && keyByte(t.text[n]) {
			n++
		}
		if n == 0 {
			p.fail(t.at, "want key=value in the brackets")
			return
		}
		key, keyAt, rest := t.text[:n], t.at, t.from(n)
		after := rest.trimLeft()
		isVersion := key == "version" && after.text != "" && strings.IndexByte("<>!~", after.text[0]) >= 0
		if !isVersion && !strings.HasPrefix(after.text, "=") {
			words, t = append(words, part{key, keyAt}), rest
			if rest.text != "" && strings.IndexByte(spaces+",", rest.text[0]) < 0 {
				p.fail(rest.at, "want key=value in the brackets")
			}
			continue
		}
		if !isVersion {
			after = after.from(1).trimLeft()
		}
		var v value
		v, t = p.value(key, after)
		if slices.Contains(seen, key) {
			p.warn("%s stands in the brackets more than once, the last one counts", key)
		}
		seen = append(seen, key)
		p.set(key, keyAt, v)
	}
	p.words(words)
}

func (t part) trimLeft() part {
	return t.from(len(t.text) - len(strings.TrimLeft(t.text, spaces)))
}

func keyByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// words are what stands in brackets without a value. conda ignores "[complete]", which
// people bring from pip, where it is an extra.
func (p *parser) words(words []part) {
	for _, w := range words {
		switch {
		case w.text == "optional":
			p.spec.Optional = true
		case p.inWhen:
			p.fail(w.at, "%q in brackets has no value", w.text)
		default:
			p.warn("[%s] has no value and is ignored, as conda does; a group of dependencies is asked for with [extras=[%s]]", w.text, w.text)
		}
	}
}

// A value is a text, or a list of them.
type value struct {
	part
	list   []part
	isList bool
}

// value reads one value and returns what follows it.
func (p *parser) value(key string, t part) (v value, rest part) {
	switch {
	case t.text == "":
		p.fail(t.at, "%s has no value", key)
		return value{}, t
	case t.text[0] == '"' || t.text[0] == '\'':
		v.part, rest = p.quoted(t)
	case t.text[0] == '[':
		n := closingBracket(t.text[1:])
		if n < 0 {
			p.fail(t.at, "'[' without its partner")
			return value{}, t
		}
		v.isList, v.part, rest = true, t.from(1).to(n), t.from(n+2)
		v.list = p.items(key, v.part)
	default:
		n := strings.IndexAny(t.text, spaces+",[]\"'")
		if n < 0 {
			n = len(t.text)
		}
		v.part, rest = t.to(n), t.from(n)
	}
	if v.text == "" {
		p.fail(t.at, "%s has no value", key)
	}
	if rest.text != "" && strings.IndexByte(spaces+",", rest.text[0]) < 0 {
		p.fail(rest.at, "want ',' after the value of %s; a value with brackets, quotes, spaces or commas goes in quotes", key)
	}
	return v, rest
}

// quoted reads a text in quotes, as Python writes it: a backslash keeps a quote or a backslash,
// and stands for itself before anything else.
func (p *parser) quoted(t part) (v, rest part) {
	quote := t.text[0]
	var b strings.Builder
	for i := 1; i < len(t.text); i++ {
		switch c := t.text[i]; {
		case c == '\\' && i+1 < len(t.text) && (t.text[i+1] == quote || t.text[i+1] == '\\'):
			i++
			b.WriteByte(t.text[i])
		case c == quote:
			return part{b.String(), t.at + 1}, t.from(i + 1)
		default:
			b.WriteByte(c)
		}
	}
	p.fail(t.at, "%c without its partner", quote)
	return part{}, part{"", t.at + len(t.text)}
}

// items are the texts of a list: [a, 'b'].
func (p *parser) items(key string, t part) (out []part) {
	for more := true; more && p.err == nil; {
		var item, rest part
		if t = t.trimLeft(); t.text != "" && (t.text[0] == '"' || t.text[0] == '\'') {
			item, rest = p.quoted(t)
		} else {
			n := strings.IndexByte(t.text, ',')
			if n < 0 {
				n = len(t.text)
			}
			item, rest = t.to(n).trim(), t.from(n)
		}
		if item.text == "" {
			p.fail(t.at, "an item of %s is empty", key)
		}
		out = append(out, item)
		rest = rest.trimLeft()
		if more = rest.text != ""; more {
			if rest.text[0] != ',' {
				p.fail(rest.at, "want ',' between the items of %s", key)
				return nil
			}
			rest = rest.from(1)
		}
		t = rest
	}
	return out
}
