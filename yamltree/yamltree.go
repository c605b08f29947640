// Package yamltree reads a YAML document as a tree of texts, each with its Place: what a person
// wrote, and where, for messages that point at it.
//
// It follows YAML 1.2 as goccy/go-yaml reads it, with less: one document, keys that are plain words
// and stand once, anchors and aliases followed, tags ignored. What YAML would call a number or a
// boolean is the text that stands in the file: python: 3.10 is no 3.1. Depth, values and brackets
// are bounded, so that a hostile file ends in an error.
package yamltree

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// A Kind says what a Value is.
type Kind uint8

// The kinds.
const (
	Nothing Kind = iota // an empty file, null, or a key without a value
	Scalar
	Mapping
	List
)

func (k Kind) String() string {
	return [...]string{"nothing", "a single value", "a mapping", "a list"}[k]
}

// A Place is where something stands. Both count from 1; a column of 0 is not known, a line of 0 says
// that no line is to blame.
type Place struct{ Line, Column int }

// WholeLine is the place without its column.
func (p Place) WholeLine() Place { return Place{Line: p.Line} }

// A Value is one value of a file with its place. Values that an alias repeats are shared: read only.
type Value struct {
	Kind      Kind
	Place     Place
	Quoted    bool // the text begins one character behind the place
	Text      string
	Keys      []string // of a Mapping, in the order of the file
	KeyPlaces []Place
	Values    []*Value // of a Mapping by key, or of a List
}

// Get returns a key's value; nil: there is none.
func (v *Value) Get(key string) *Value {
	for i, k := range v.Keys {
		if k == key {
			return v.Values[i]
		}
	}
	return nil
}

// A File is a document that was read, for messages about its values.
type File struct {
	name    string
	lines   []string
	anchors map[string]*Value
	nodes   int
}

const (
	// MaxLineBytes is how long a line is looked into again, for a column or by callers.
	MaxLineBytes = 4096
	maxDepth     = 50
	maxNodes     = 100_000 // after aliases are followed: aliases of aliases grow fast
)

// Fail is an error about a value.
func (f *File) Fail(v *Value, format string, args ...any) error {
	return f.FailAt(v.Place, fmt.Sprintf(format, args...))
}

// FailAt is an error about a place.
func (f *File) FailAt(p Place, reason string) *ParseError {
	return &ParseError{File: f.name, Line: p.Line, Column: p.Column, Reason: reason, Text: Shown(f.Line(p))}
}

// Line returns the line of a place; "" where there is none.
func (f *File) Line(p Place) string {
	if p.Line < 1 || p.Line > len(f.lines) {
		return ""
	}
	return f.lines[p.Line-1]
}

// Parse reads one document; an empty file gives Nothing. name is the file's for errors, which are
// *ParseError. Callers bound the size of data.
func Parse(name string, data []byte) (*File, *Value, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")) // goccy/go-yaml counts some of these twice
	f := &File{name: name, lines: strings.Split(string(data), "\n"), anchors: map[string]*Value{}}
	dashes := strings.Repeat("- ", maxDepth)
	for i, line := range f.lines {
		here := Place{Line: i + 1}
		if strings.HasPrefix(strings.TrimLeft(line, " "), dashes) {
			return nil, nil, f.FailAt(here, "lists nested too deep")
		}
		for _, mark := range []string{"<<<<<<< ", ">>>>>>> ", "||||||| "} {
			if strings.HasPrefix(line, mark) {
				return nil, nil, f.FailAt(here, "git conflict markers: finish the merge")
			}
		}
	}
	if depth := strings.Count(string(data), "[") + strings.Count(string(data), "{"); depth > 10_000 {
		return nil, nil, f.FailAt(Place{}, "more than 10000 brackets")
	}
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		if e, ok := errors.AsType[yaml.Error](err); ok {
			if tk := e.GetToken(); tk != nil && tk.Position != nil {
				return nil, nil, f.FailAt(Place{tk.Position.Line, tk.Position.Column}, "not valid YAML: "+e.GetMessage())
			}
		}
		return nil, nil, f.FailAt(Place{}, "not valid YAML: "+err.Error())
	}
	root := &Value{Place: Place{1, 1}}
	seen := false
	for _, doc := range tree.Docs {
		if doc.Body == nil {
			continue
		}
		if seen {
			return nil, nil, f.FailAt(placeOf(doc.Body), "a second YAML document: want one")
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

func (f *File) convert(in ast.Node, depth int) (*Value, error) {
	v := &Value{Place: placeOf(in)}
	if depth > maxDepth {
		return nil, f.Fail(v, "nested too deep")
	}
	if f.nodes++; f.nodes > maxNodes {
		return nil, f.Fail(v, "more than %d values", maxNodes)
	}
	switch in := in.(type) {
	case *ast.NullNode:
	case *ast.MappingNode:
		v.Kind = Mapping
		for _, pair := range in.Values {
			if err := f.addPair(v, pair, depth); err != nil {
				return nil, err
			}
		}
	case *ast.MappingValueNode:
		v.Kind = Mapping
		return v, f.addPair(v, in, depth)
	case *ast.SequenceNode:
		v.Kind = List
		for _, item := range in.Values {
			sub, err := f.convert(item, depth+1)
			if err != nil {
				return nil, err
			}
			v.Values = append(v.Values, sub)
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
			return nil, f.Fail(v, "the alias %q has no anchor before it", name)
		}
		f.nodes += size(sub)
		return sub, nil
	case *ast.TagNode:
		return f.convert(in.Value, depth+1)
	case *ast.LiteralNode:
		v.Kind, v.Text = Scalar, in.Value.Value
	case *ast.StringNode:
		v.Kind, v.Text = Scalar, in.Value
		v.Quoted = in.Token.Type == token.SingleQuoteType || in.Token.Type == token.DoubleQuoteType
		if !v.Quoted {
			v.Place.Column = f.columnOf(v)
		}
	case ast.ScalarNode:
		v.Kind, v.Text = Scalar, in.GetToken().Value
	default:
		return nil, f.Fail(v, "YAML %s cannot be used here", strings.ToLower(in.Type().String()))
	}
	return v, nil
}

// columnOf is where a plain text begins. goccy/go-yaml counts the spaces behind a text into its
// column.
func (f *File) columnOf(v *Value) int {
	if len(f.Line(v.Place)) > MaxLineBytes {
		return v.Place.Column
	}
	line := []rune(f.Line(v.Place))
	for c := min(v.Place.Column, len(line)); c > 0; c-- {
		if strings.HasPrefix(string(line[c-1:]), v.Text) {
			return c
		}
	}
	return v.Place.Column
}

// size counts the values below v.
func size(v *Value) int {
	n := 1
	for _, sub := range v.Values {
		n += size(sub)
	}
	return n
}

func (f *File) addPair(v *Value, pair *ast.MappingValueNode, depth int) error {
	at := placeOf(pair.Key)
	var key string
	switch k := pair.Key.(type) {
	case *ast.StringNode:
		key = k.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		key = k.GetToken().Value
	default:
		return f.FailAt(at, "a key has to be a plain word")
	}
	if v.Get(key) != nil {
		return f.FailAt(at, fmt.Sprintf("key %q stands here a second time", key))
	}
	sub, err := f.convert(pair.Value, depth+1)
	if err != nil {
		return err
	}
	v.Keys, v.KeyPlaces, v.Values = append(v.Keys, key), append(v.KeyPlaces, at), append(v.Values, sub)
	return nil
}

// Text returns a single value's text. what names the value in the error.
func (f *File) Text(v *Value, what string) (string, error) {
	if v.Kind != Scalar {
		return "", f.Fail(v, "%s is %s: want %s", what, v.Kind, Scalar)
	}
	return v.Text, nil
}

// Texts returns a list of single values; Nothing is an empty list.
func (f *File) Texts(v *Value, what string) ([]string, error) {
	if v.Kind == Nothing {
		return nil, nil
	}
	if v.Kind != List {
		return nil, f.Fail(v, "%s is %s: want %s", what, v.Kind, List)
	}
	var out []string
	for _, item := range v.Values {
		s, err := f.Text(item, "an item of "+what)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}
