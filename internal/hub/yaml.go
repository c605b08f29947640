package hub

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

const (
	maxFileBytes = 16 << 20
	maxVisits    = 200_000 // values of a file, those counted again that aliases repeat
)

// A source is a YAML file: its bytes, where its lines begin, and its documents.
type source struct {
	name  string
	data  []byte
	lines []int // offset of each line's first byte
	docs  []*yaml.Node
}

var (
	templated = regexp.MustCompile(`\{\{|\{%`)
	yamlLine  = regexp.MustCompile(`line ([0-9]+): `)
)

func readYAML(name string, data []byte) (*source, error) {
	s := &source{name: name, data: data, lines: lineStarts(data)}
	switch {
	case len(data) > maxFileBytes:
		return nil, s.fail(0, "larger than 16 MiB: no values file", "")
	case !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0:
		return nil, s.fail(0, "not UTF-8 text", "save the file as UTF-8")
	}
	for dec := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, s.notYAML(err)
		}
		s.docs = append(s.docs, &doc)
	}
	for _, doc := range s.docs {
		if n, ok := encrypted(doc); ok {
			return nil, s.fail(n.Line, "encrypted with sops, which signs all of its values", "edit it with: sops edit "+name)
		}
	}
	return s, nil
}

func (s *source) fail(line int, reason, advice string) *FileError {
	return &FileError{File: s.name, Line: line, Reason: reason, Advice: advice}
}

// notYAML says what is wrong, in the words of the reader of YAML.
func (s *source) notYAML(err error) error {
	reason, line := strings.TrimPrefix(err.Error(), "yaml: "), 1 // the reader names no line for the first
	if m := yamlLine.FindStringSubmatchIndex(reason); m != nil {
		line, _ = strconv.Atoi(reason[m[2]:m[3]]) // digits; too many are no line
		reason = reason[:m[0]] + reason[m[1]:]
	}
	e := s.fail(line, "not valid YAML: "+reason, "corn edits YAML, JSON and Dockerfiles (named so)")
	if at := templated.FindIndex(s.data); at != nil {
		e.Advice = "line " + strconv.Itoa(s.lineAt(at[0])) + " looks like a template ({{ or {%): edit what it is rendered from by hand, or give corn what it renders to"
	}
	e.Err = err
	return e
}

// encrypted finds what sops leaves in a file that it encrypted.
func encrypted(doc *yaml.Node) (*yaml.Node, bool) {
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, false
	}
	root := doc.Content[0]
	for i := 0; i+1 < len(root.Content); i += 2 {
		if v := root.Content[i+1]; root.Content[i].Value == "sops" && v.Kind == yaml.MappingNode {
			for j := 0; j+1 < len(v.Content); j += 2 {
				if v.Content[j].Value == "mac" {
					return root.Content[i], true
				}
			}
		}
	}
	return nil, false
}

// lineStarts are the offsets at which YAML 1.1 sees lines begin: beside CR and LF it counts three
// signs of Unicode.
func lineStarts(data []byte) []int {
	starts := []int{0}
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		i += n
		switch r {
		case '\r':
			if i < len(data) && data[i] == '\n' {
				i++
			}
			starts = append(starts, i)
		case '\n', '\u0085', '\u2028', '\u2029':
			starts = append(starts, i)
		}
	}
	return starts
}

func (s *source) lineAt(offset int) int {
	line := 0
	for line < len(s.lines) && s.lines[line] <= offset {
		line++
	}
	return line
}

// offset is where a value begins. The reader counts letters, and does not count a byte order mark.
func (s *source) offset(n *yaml.Node) (int, bool) {
	if n.Line < 1 || n.Line > len(s.lines) {
		return 0, false
	}
	at := s.lines[n.Line-1]
	if at == 0 && bytes.HasPrefix(s.data, []byte("\ufeff")) {
		at = len("\ufeff")
	}
	for range n.Column - 1 {
		_, size := utf8.DecodeRune(s.data[at:])
		if size == 0 {
			return 0, false
		}
		at += size
	}
	return at, true
}

// A span is where the text of a value stands, without the quotes around it.
type span struct {
	start, end int
	plain      bool // no quotes: what is put there must not read as a number
}

// locate finds the text of a value of one line. Any other way to write it gives false.
func (s *source) locate(n *yaml.Node) (span, bool) {
	at, ok := s.offset(n)
	if !ok || n.Kind != yaml.ScalarNode {
		return span{}, false
	}
	for at < len(s.data) && (s.data[at] == '&' || s.data[at] == '!') { // an anchor, a tag
		for at < len(s.data) && !isSpace(s.data[at]) {
			at++
		}
		for at < len(s.data) && (s.data[at] == ' ' || s.data[at] == '\t') {
			at++
		}
	}
	if at >= len(s.data) {
		return span{}, false
	}
	text := n.Value
	switch n.Style & (yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle) {
	case yaml.SingleQuotedStyle, yaml.DoubleQuotedStyle:
		quote := byte('"')
		if n.Style&yaml.SingleQuotedStyle != 0 {
			quote = '\''
		}
		end := at + 1 + len(text)
		if s.data[at] != quote || end >= len(s.data) || s.data[end] != quote {
			return span{}, false
		}
		at++
	case yaml.LiteralStyle, yaml.FoldedStyle:
		line := s.lineAt(at)
		text = strings.TrimRight(text, "\n")
		if s.data[at] != '|' && s.data[at] != '>' || line >= len(s.lines) || strings.ContainsAny(text, "\r\n") {
			return span{}, false
		}
		for at = s.lines[line]; at < len(s.data) && s.data[at] == ' '; at++ { //nolint:revive // the indentation
		}
		return span{at, at + len(text), false}, text != "" && bytes.HasPrefix(s.data[at:], []byte(text))
	default:
		if text == "" || n.Value == "null" && n.Tag == "!!null" && !bytes.HasPrefix(s.data[at:], []byte("null")) {
			return span{}, false
		}
		sp := span{at, at + len(text), true}
		return sp, bytes.HasPrefix(s.data[at:], []byte(text))
	}
	return span{at, at + len(text), false}, bytes.HasPrefix(s.data[at:], []byte(text))
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
