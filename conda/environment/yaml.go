package environment

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// A value is one value of a YAML file with its place. Scalars keep their text: what YAML
// would call a number or a boolean is as it stands in the file.
type value struct {
	kind      kind
	place     Place
	quoted    bool // the text begins one character behind the place
	text      string
	keys      []string
	keyPlaces []Place
	vals      []*value
}

type kind uint8

const (
	nothing kind = iota
	scalar
	mapping
	list
)

func (k kind) String() string {
	return [...]string{"nothing", "a single value", "a mapping", "a list"}[k]
}

func (v *value) get(key string) *value {
	for i, k := range v.keys {
		if k == key {
			return v.vals[i]
		}
	}
	return nil
}

// A yamlFile is a file while it is read.
type yamlFile struct {
	name    string
	lines   []string
	anchors map[string]*value
	nodes   int
}

const (
	maxFileBytes = 1 << 20 // real ones have 5 KB
	maxLineBytes = 4096    // in longer ones nobody looks for a selector, or for a place again
	maxYAMLDepth = 50
	maxYAMLNodes = 100_000 // after aliases are followed: aliases of aliases grow fast
)

func (f *yamlFile) fail(v *value, format string, args ...any) error {
	return f.failAt(v.place, fmt.Sprintf(format, args...))
}

func (f *yamlFile) failAt(p Place, reason string) *ParseError {
	return &ParseError{File: f.name, Line: p.Line, Column: p.Column, Reason: reason, Text: shown(f.line(p))}
}

func (f *yamlFile) line(p Place) string {
	if p.Line < 1 || p.Line > len(f.lines) {
		return ""
	}
	return f.lines[p.Line-1]
}

// parseYAML reads one document; an empty file gives nothing.
func parseYAML(name string, data []byte) (*yamlFile, *value, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")) // goccy/go-yaml counts some of these twice
	f := &yamlFile{name: name, lines: strings.Split(string(data), "\n"), anchors: map[string]*value{}}
	if len(data) > maxFileBytes {
		return nil, nil, f.failAt(Place{}, fmt.Sprintf("the file has %d bytes, want at most %d", len(data), maxFileBytes))
	}
	dashes := strings.Repeat("- ", maxYAMLDepth)
	for i, line := range f.lines {
		here := Place{Line: i + 1}
		if !utf8.ValidString(line) {
			return nil, nil, f.failAt(here, "the line is not UTF-8")
		}
		if strings.HasPrefix(strings.TrimLeft(line, " "), dashes) {
			return nil, nil, f.failAt(here, "lists nested too deep")
		}
		for _, mark := range []string{"<<<<<<< ", ">>>>>>> ", "||||||| "} {
			if strings.HasPrefix(line, mark) {
				return nil, nil, f.failAt(here, "git conflict markers: finish the merge")
			}
		}
	}
	if depth := strings.Count(string(data), "[") + strings.Count(string(data), "{"); depth > 10_000 {
		return nil, nil, f.failAt(Place{}, "more than 10000 brackets")
	}
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		if e, ok := errors.AsType[yaml.Error](err); ok {
			if tk := e.GetToken(); tk != nil && tk.Position != nil {
				return nil, nil, f.failAt(Place{tk.Position.Line, tk.Position.Column}, "not valid YAML: "+e.GetMessage())
			}
		}
		return nil, nil, f.failAt(Place{}, "not valid YAML: "+err.Error())
	}
	root := &value{place: Place{1, 1}}
	seen := false
	for _, doc := range tree.Docs {
		if doc.Body == nil {
			continue
		}
		if seen {
			return nil, nil, f.failAt(placeOf(doc.Body), "a second YAML document: want one")
		}
		seen = true
		if root, err = f.convert(doc.Body, 0); err != nil {
			return nil, nil, err
		}
	}
	return f, root, nil
}

func placeOf(n ast.Node) Place {
	switch n := n.(type) {
	case *ast.MappingNode:
		if len(n.Values) > 0 {
			return placeOf(n.Values[0])
		}
	case *ast.MappingValueNode:
		return placeOf(n.Key)
	}
	if tk := n.GetToken(); tk != nil && tk.Position != nil {
		return Place{tk.Position.Line, tk.Position.Column}
	}
	return Place{}
}

func (f *yamlFile) convert(in ast.Node, depth int) (*value, error) {
	v := &value{place: placeOf(in)}
	if depth > maxYAMLDepth {
		return nil, f.fail(v, "nested too deep")
	}
	if f.nodes++; f.nodes > maxYAMLNodes {
		return nil, f.fail(v, "more than %d values", maxYAMLNodes)
	}
	switch in := in.(type) {
	case *ast.NullNode:
	case *ast.MappingNode:
		v.kind = mapping
		for _, pair := range in.Values {
			if err := f.addPair(v, pair, depth); err != nil {
				return nil, err
			}
		}
	case *ast.MappingValueNode:
		v.kind = mapping
		return v, f.addPair(v, in, depth)
	case *ast.SequenceNode:
		v.kind = list
		for _, item := range in.Values {
			sub, err := f.convert(item, depth+1)
			if err != nil {
				return nil, err
			}
			v.vals = append(v.vals, sub)
		}
	case *ast.AnchorNode:
		sub, err := f.convert(in.Value, depth+1)
		if err != nil {
			return nil, err
		}
		f.anchors[in.Name.GetToken().Value] = sub
		return sub, nil
	case *ast.AliasNode:
		name := in.Value.GetToken().Value
		sub, ok := f.anchors[name]
		if !ok {
			return nil, f.fail(v, "the alias %q has no anchor before it", name)
		}
		f.nodes += size(sub)
		return sub, nil
	case *ast.TagNode:
		return f.convert(in.Value, depth+1)
	case *ast.LiteralNode:
		v.kind, v.text = scalar, in.Value.Value
	case *ast.StringNode:
		v.kind, v.text = scalar, in.Value
		v.quoted = in.Token.Type == token.SingleQuoteType || in.Token.Type == token.DoubleQuoteType
		if !v.quoted {
			v.place.Column = f.columnOf(v)
		}
	case ast.ScalarNode:
		v.kind, v.text = scalar, in.GetToken().Value
	default:
		return nil, f.fail(v, "YAML %s cannot be used here", strings.ToLower(in.Type().String()))
	}
	return v, nil
}

// columnOf is where a plain text begins. goccy/go-yaml counts the spaces behind a text into its
// column.
func (f *yamlFile) columnOf(v *value) int {
	if len(f.line(v.place)) > maxLineBytes {
		return v.place.Column
	}
	line := []rune(f.line(v.place))
	for c := min(v.place.Column, len(line)); c > 0; c-- {
		if strings.HasPrefix(string(line[c-1:]), v.text) {
			return c
		}
	}
	return v.place.Column
}

// size counts the values below v.
func size(v *value) int {
	n := 1
	for _, sub := range v.vals {
		n += size(sub)
	}
	return n
}

func (f *yamlFile) addPair(v *value, pair *ast.MappingValueNode, depth int) error {
	at := placeOf(pair.Key)
	var key string
	switch k := pair.Key.(type) {
	case *ast.StringNode:
		key = k.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		key = k.GetToken().Value
	default:
		return f.failAt(at, "a key has to be a plain word")
	}
	if v.get(key) != nil {
		return f.failAt(at, fmt.Sprintf("key %q stands here a second time", key))
	}
	sub, err := f.convert(pair.Value, depth+1)
	if err != nil {
		return err
	}
	v.keys, v.keyPlaces, v.vals = append(v.keys, key), append(v.keyPlaces, at), append(v.vals, sub)
	return nil
}

// text returns a single value's text.
func (f *yamlFile) text(v *value, what string) (string, error) {
	if v.kind != scalar {
		return "", f.fail(v, "%s is %s: want %s", what, v.kind, scalar)
	}
	return v.text, nil
}
