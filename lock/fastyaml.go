package lock

import (
	"bytes"
	"slices"
	"strings"
)

// maxKeys bounds a mapping, because its keys are compared one by one; a package with 200
// dependencies is the most that was seen.
const maxKeys = 4096

// maxDepth bounds the nesting of a lock; real ones use five levels.
const maxDepth = 64

// parseFast reads the YAML that writers of locks emit: block mappings and lists, one-line
// plain and quoted scalars, {} and []. It returns nil for anything else, errors included;
// parseYAML is asked then. A lock of 50,000 lines takes a tenth of the time that its
// syntax tree takes, and TestFastAgreesWithYAML keeps the two equal.
func parseFast(data []byte) *node {
	if slices.ContainsFunc(data, odd) || bytes.Contains(data, []byte("<<")) { // << merges mappings
		return nil
	}
	text := string(data)
	p := fastParser{lines: make([]fastLine, 0, strings.Count(text, "\n")+1)}
	for num := 1; text != ""; num++ {
		line, rest, _ := strings.Cut(text, "\n")
		text = rest
		body := strings.TrimLeft(line, " ")
		if body == "" || body[0] == '#' {
			continue
		}
		if strings.HasSuffix(body, " ") {
			return nil
		}
		if body == line && (strings.HasPrefix(line, "---") || strings.HasPrefix(line, "...")) {
			if line == "---" && len(p.lines) == 0 {
				continue
			}
			return nil
		}
		p.lines = append(p.lines, fastLine{num: num, indent: len(line) - len(body), text: body})
	}
	if len(p.lines) == 0 {
		return nil
	}
	root, ok := p.block(p.lines[0].indent, 0)
	if !ok || p.next != len(p.lines) {
		return nil
	}
	return root
}

// odd reports characters whose meaning needs the whole of YAML: tabs, carriage returns,
// control characters, and everything beyond ASCII, where columns are no longer bytes.
func odd(c byte) bool { return c < ' ' && c != '\n' || c >= 0x7f }

type fastLine struct {
	num, indent int
	text        string
}

type fastParser struct {
	lines []fastLine
	next  int
}

// peek returns the line to be read next.
func (p *fastParser) peek() (fastLine, bool) {
	if p.next >= len(p.lines) {
		return fastLine{}, false
	}
	return p.lines[p.next], true
}

func isItem(text string) bool { return text == "-" || strings.HasPrefix(text, "- ") }

// block reads the mapping or list whose lines start at the indent.
func (p *fastParser) block(indent, depth int) (*node, bool) {
	if depth > maxDepth {
		return nil, false
	}
	if l, _ := p.peek(); isItem(l.text) {
		return p.list(indent, depth)
	}
	return p.mapping(indent, depth)
}

func (p *fastParser) list(indent, depth int) (*node, bool) {
	first, _ := p.peek()
	n := &node{kind: listNode, line: first.num, col: indent + 1}
	for {
		l, more := p.peek()
		if !more || l.indent < indent || l.indent == indent && !isItem(l.text) {
			return n, true
		}
		if l.indent > indent {
			return nil, false
		}
		rest := strings.TrimLeft(l.text[1:], " ")
		inner := indent + len(l.text) - len(rest)
		var item *node
		var ok bool
		switch {
		case rest == "":
			return nil, false // the item stands in the next line, or is nothing
		case isItem(rest) || isPair(rest):
			// "- a: 1" is a block of its own, indented by the dash.
			p.lines[p.next] = fastLine{num: l.num, indent: inner, text: rest}
			item, ok = p.block(inner, depth+1)
		default:
			p.next++
			item, ok = p.scalar(rest, l.num, inner+1, indent)
		}
		if !ok {
			return nil, false
		}
		n.vals = append(n.vals, item)
	}
}

func (p *fastParser) mapping(indent, depth int) (*node, bool) {
	first, _ := p.peek()
	n := &node{kind: mapNode, line: first.num, col: indent + 1}
	for {
		l, more := p.peek()
		if !more || l.indent < indent {
			return n, true
		}
		if l.indent > indent || isItem(l.text) {
			return nil, false
		}
		name, rest, ok := cutPair(l.text)
		if !ok || n.get(name) != nil || len(n.keys) >= maxKeys {
			return nil, false
		}
		p.next++
		var value *node
		if rest == "" {
			value, ok = p.nested(l.num, indent+len(l.text), indent, depth)
		} else {
			value, ok = p.scalar(rest, l.num, indent+1+len(l.text)-len(rest), indent)
		}
		if !ok {
			return nil, false
		}
		n.keys = append(n.keys, key{name, l.num, indent + 1})
		n.vals = append(n.vals, value)
	}
}

// nested reads what stands below "key:": a deeper block, a list at the key's own indent,
// or nothing.
func (p *fastParser) nested(line, col, indent, depth int) (*node, bool) {
	l, more := p.peek()
	switch {
	case more && l.indent == indent && isItem(l.text):
		return p.list(indent, depth+1)
	case more && l.indent > indent:
		if !isItem(l.text) && !isPair(l.text) {
			return nil, false // a scalar on a line of its own
		}
		return p.block(l.indent, depth+1)
	}
	return &node{line: line, col: col}, true
}

// isPair tells whether the text starts a mapping.
func isPair(text string) bool {
	_, _, ok := cutPair(text)
	return ok
}

// cutPair cuts "key: value"; the value may be empty.
func cutPair(text string) (name, value string, ok bool) {
	if text[0] == '\'' || text[0] == '"' {
		name, rest, ok := cutQuoted(text)
		if !ok || rest != ":" && !strings.HasPrefix(rest, ": ") {
			return "", "", false
		}
		return name, strings.TrimLeft(rest[1:], " "), true
	}
	name, value, ok = strings.Cut(text, ": ")
	if !ok {
		if name, ok = strings.CutSuffix(text, ":"); !ok {
			return "", "", false
		}
	}
	if !isPlain(name) || isNull(name) {
		return "", "", false
	}
	return name, strings.TrimLeft(value, " "), true
}

// cutQuoted takes a one-line quoted scalar off the front.
func cutQuoted(text string) (value, rest string, ok bool) {
	quote := text[0]
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quote == '"':
			return "", "", false
		case text[i] != quote:
		case quote == '\'' && i+1 < len(text) && text[i+1] == quote:
			i++
		default:
			value = text[1:i]
			if quote == '\'' {
				value = strings.ReplaceAll(value, "''", "'")
			}
			return value, text[i+1:], true
		}
	}
	return "", "", false
}

// scalar reads a value that stands on its line and ends there.
func (p *fastParser) scalar(text string, line, col, indent int) (*node, bool) {
	if l, more := p.peek(); more && l.indent > indent {
		return nil, false // it goes on in the next line
	}
	n := &node{kind: scalarNode, line: line, col: col, text: text}
	switch {
	case text == "{}":
		n.kind, n.text = mapNode, ""
	case text == "[]":
		n.kind, n.text = listNode, ""
	case text[0] == '\'' || text[0] == '"':
		value, rest, ok := cutQuoted(text)
		if !ok || rest != "" {
			return nil, false
		}
		n.text = value
	case isNull(text):
		n.kind, n.text = nullNode, ""
	case !isPlain(text):
		return nil, false
	}
	return n, true
}

func isNull(text string) bool {
	return text == "~" || text == "null" || text == "Null" || text == "NULL"
}

// isPlain tells whether the text is a plain scalar that needs no further thought.
func isPlain(text string) bool {
	if text == "" || text[len(text)-1] == ' ' || strings.ContainsRune("&*!|>%@`'\"{}[],#?:-", rune(text[0])) && !dashed(text) {
		return false
	}
	return !strings.Contains(text, ": ") && !strings.HasSuffix(text, ":") && !strings.Contains(text, " #")
}

// dashed accepts "-1" and "-e": a dash that is no list item.
func dashed(text string) bool {
	return text[0] == '-' && len(text) > 1 && text[1] != ' ' && text[1] != '-'
}
