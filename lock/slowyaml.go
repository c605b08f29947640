package lock

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

// parseYAML reads any YAML document without anchors, aliases and tags.
func (s *source) parseYAML(data []byte) (*node, error) {
	if err := s.checkNesting(data); err != nil {
		return nil, err
	}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, s.yamlError(err)
	}
	var body ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if body != nil {
			line, col := place(doc.Body)
			return nil, s.failAt(line, col, "a second YAML document: want one")
		}
		body = doc.Body
	}
	if body == nil {
		return nil, s.failAt(0, 0, "the file is empty")
	}
	return s.convert(body, 0)
}

// checkNesting keeps brackets from exhausting the parser's stack, and lists in lists on
// one line ("- - - -"), for which it needs quadratic time, from keeping it busy.
func (s *source) checkNesting(data []byte) error {
	dashes := []byte(strings.Repeat("- ", maxDepth))
	for i, line := range bytes.Split(data, []byte("\n")) {
		if bytes.HasPrefix(bytes.TrimLeft(line, " "), dashes) {
			return s.failAt(i+1, 0, "lists nested too deep")
		}
	}
	depth, line := 0, 1
	for _, c := range data {
		switch c {
		case '\n':
			line++
		case '[', '{':
			if depth++; depth > 16*maxDepth {
				return s.failAt(line, 0, "brackets nested too deep")
			}
		case ']', '}':
			depth = max(0, depth-1)
		}
	}
	return nil
}

func (s *source) yamlError(err error) error {
	if e, ok := errors.AsType[yaml.Error](err); ok {
		if tk := e.GetToken(); tk != nil && tk.Position != nil {
			return s.failAt(tk.Position.Line, tk.Position.Column, "not valid YAML: "+e.GetMessage())
		}
		return s.failAt(0, 0, "not valid YAML: "+e.GetMessage())
	}
	return s.failAt(0, 0, "not valid YAML: "+err.Error())
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

func (s *source) convert(in ast.Node, depth int) (*node, error) {
	n := &node{}
	n.line, n.col = place(in)
	if depth > maxDepth {
		return nil, s.fail(n, "nested too deep")
	}
	switch in := in.(type) {
	case *ast.NullNode:
	case *ast.MappingNode:
		n.kind = mapNode
		for _, pair := range in.Values {
			if err := s.addPair(n, pair, depth); err != nil {
				return nil, err
			}
		}
	case *ast.MappingValueNode:
		n.kind = mapNode
		if err := s.addPair(n, in, depth); err != nil {
			return nil, err
		}
	case *ast.SequenceNode:
		n.kind = listNode
		for _, item := range in.Values {
			v, err := s.convert(item, depth+1)
			if err != nil {
				return nil, err
			}
			n.vals = append(n.vals, v)
		}
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		return nil, s.fail(n, "YAML %s is not used in locks", describe(in))
	case *ast.LiteralNode:
		n.kind, n.text = scalarNode, in.Value.Value
	case *ast.StringNode:
		n.kind, n.text = scalarNode, in.Value
	case ast.ScalarNode:
		// Numbers and booleans keep the text that stands in the file.
		n.kind, n.text = scalarNode, in.GetToken().Value
	default:
		return nil, s.fail(n, "YAML %s is not used in locks", describe(in))
	}
	return n, nil
}

func (s *source) addPair(n *node, pair *ast.MappingValueNode, depth int) error {
	k := key{}
	k.line, k.col = place(pair.Key)
	text, ok := keyText(pair.Key)
	if !ok {
		return s.failAt(k.line, k.col, fmt.Sprintf("YAML %s is not used in locks", describe(pair.Key)))
	}
	k.text = text
	if len(n.keys) >= maxKeys {
		return s.failAt(k.line, k.col, fmt.Sprintf("more than %d keys", maxKeys))
	}
	if n.get(k.text) != nil {
		return s.failAt(k.line, k.col, fmt.Sprintf("key %q stands here a second time", k.text))
	}
	v, err := s.convert(pair.Value, depth+1)
	if err != nil {
		return err
	}
	n.keys, n.vals = append(n.keys, k), append(n.vals, v)
	return nil
}

func keyText(k ast.MapKeyNode) (string, bool) {
	switch k := k.(type) {
	case *ast.StringNode:
		return k.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return k.GetToken().Value, true
	}
	return "", false
}

func describe(n ast.Node) string {
	switch n.(type) {
	case *ast.AliasNode:
		return "alias"
	case *ast.AnchorNode:
		return "anchor"
	case *ast.TagNode:
		return "tag"
	case *ast.MergeKeyNode:
		return "merge key"
	case *ast.NullNode:
		return "null key"
	}
	if tk := n.GetToken(); tk != nil && tk.Type == token.MappingKeyType {
		return "complex key"
	}
	return n.Type().String()
}
