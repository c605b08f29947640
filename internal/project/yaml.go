package project

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// A value is one value of a YAML file with its place. Scalars keep their text: what YAML
// would call a number or a boolean is as it stands in the file.
type value struct {
	kind      kind
	line, col int
	text      string
	keys      []string
	keyLines  []int
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
	maxYAMLDepth = 50
	maxYAMLNodes = 100_000 // after aliases are followed: aliases of aliases grow fast
)

func (f *yamlFile) fail(v *value, format string, args ...any) error {
	return f.failAt(v.line, v.col, fmt.Sprintf(format, args...))
}

func (f *yamlFile) failAt(line, col int, reason string) error {
	e := &ParseError{File: f.name, Line: line, Column: col, Reason: reason}
	if line > 0 && line <= len(f.lines) {
		e.Text = shorten(strings.TrimSpace(f.lines[line-1]))
	}
	return e
}

func shorten(s string) string {
	const most = 160
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

// parseYAML reads one document; an empty file gives nothing.
func parseYAML(name string, data []byte) (*yamlFile, *value, error) {
	f := &yamlFile{name: name, lines: strings.Split(string(data), "\n"), anchors: map[string]*value{}}
	dashes := strings.Repeat("- ", maxYAMLDepth)
	for i, line := range f.lines {
		if strings.HasPrefix(strings.TrimLeft(line, " "), dashes) {
			return nil, nil, f.failAt(i+1, 0, "lists nested too deep")
		}
		for _, mark := range []string{"<<<<<<< ", ">>>>>>> ", "||||||| "} {
			if strings.HasPrefix(line, mark) {
				return nil, nil, f.failAt(i+1, 0, "git conflict markers: finish the merge")
			}
		}
	}
	if depth := strings.Count(string(data), "[") + strings.Count(string(data), "{"); depth > 10_000 {
		return nil, nil, f.failAt(0, 0, "more than 10000 brackets")
	}
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		if e, ok := errors.AsType[yaml.Error](err); ok {
			if tk := e.GetToken(); tk != nil && tk.Position != nil {
				return nil, nil, f.failAt(tk.Position.Line, tk.Position.Column, "not valid YAML: "+e.GetMessage())
			}
		}
		return nil, nil, f.failAt(0, 0, "not valid YAML: "+err.Error())
	}
	root := &value{line: 1, col: 1}
	seen := false
	for _, doc := range tree.Docs {
		if doc.Body == nil {
			continue
		}
		if seen {
			line, col := place(doc.Body)
			return nil, nil, f.failAt(line, col, "a second YAML document: want one")
		}
		seen = true
		if root, err = f.convert(doc.Body, 0); err != nil {
			return nil, nil, err
		}
	}
	return f, root, nil
}

func place(n ast.Node) (line, col int) {
	switch n := n.(type) {
	case *ast.MappingNode:
		if len(n.Values) > 0 {
			return place(n.Values[0])
		}
	case *ast.MappingValueNode:
		return place(n.Key)
	}
	if tk := n.GetToken(); tk != nil && tk.Position != nil {
		return tk.Position.Line, tk.Position.Column
	}
	return 0, 0
}

func (f *yamlFile) convert(in ast.Node, depth int) (*value, error) {
	v := &value{}
	v.line, v.col = place(in)
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
	case ast.ScalarNode:
		v.kind, v.text = scalar, in.GetToken().Value
	default:
		return nil, f.fail(v, "YAML %s cannot be used here", strings.ToLower(in.Type().String()))
	}
	return v, nil
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
	line, col := place(pair.Key)
	var key string
	switch k := pair.Key.(type) {
	case *ast.StringNode:
		key = k.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		key = k.GetToken().Value
	default:
		return f.failAt(line, col, "a key has to be a plain word")
	}
	if v.get(key) != nil {
		return f.failAt(line, col, fmt.Sprintf("key %q stands here a second time", key))
	}
	sub, err := f.convert(pair.Value, depth+1)
	if err != nil {
		return err
	}
	v.keys, v.keyLines, v.vals = append(v.keys, key), append(v.keyLines, line), append(v.vals, sub)
	return nil
}

// text returns a single value's text.
func (f *yamlFile) text(v *value, what string) (string, error) {
	if v.kind != scalar {
		return "", f.fail(v, "%s is %s: want %s", what, v.kind, scalar)
	}
	return v.text, nil
}

// texts returns a list of single values; nothing is an empty list.
func (f *yamlFile) texts(v *value, what string) ([]string, error) {
	if v.kind == nothing {
		return nil, nil
	}
	if v.kind != list {
		return nil, f.fail(v, "%s is %s: want %s", what, v.kind, list)
	}
	var out []string
	for _, item := range v.vals {
		s, err := f.text(item, "an item of "+what)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}
