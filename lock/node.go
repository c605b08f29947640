package lock

import "fmt"

// A node is one value of a YAML document with its place. Scalars keep their text as
// written, whatever type YAML would give them: a version 1.10 stays "1.10".
type node struct {
	kind      nodeKind
	line, col int
	text      string // of a scalar
	keys      []key  // of a mapping, in the order of the file
	vals      []*node
}

type key struct {
	text      string
	line, col int
}

type nodeKind uint8

const (
	nullNode nodeKind = iota
	scalarNode
	mapNode
	listNode
)

func (k nodeKind) String() string {
	return [...]string{"nothing", "a single value", "a mapping", "a list"}[k]
}

// get returns the value of a key, or nil.
func (n *node) get(name string) *node {
	if n == nil || n.kind != mapNode {
		return nil
	}
	for i, k := range n.keys {
		if k.text == name {
			return n.vals[i]
		}
	}
	return nil
}

// A source is a lock file while it is read.
type source struct {
	path  string
	lines []string
}

// fail returns a *ParseError at the node.
func (s *source) fail(n *node, format string, args ...any) error {
	return s.failAt(n.line, n.col, fmt.Sprintf(format, args...))
}

func (s *source) failAt(line, column int, reason string) error {
	e := &ParseError{Path: s.path, Line: line, Column: column, Reason: reason}
	if line > 0 && line <= len(s.lines) {
		e.Text = excerpt(s.lines[line-1])
	}
	return e
}

// want checks the kind of a value that has to be there.
func (s *source) want(parent, n *node, name string, kind nodeKind) error {
	switch {
	case n == nil:
		return s.fail(parent, "%q is missing", name)
	case n.kind != kind:
		return s.fail(n, "%q is %s: want %s", name, n.kind, kind)
	}
	return nil
}

// str returns the text of a key; an absent or null one is "" unless it is needed.
func (s *source) str(n *node, name string, needed bool) (string, error) {
	v := n.get(name)
	if v == nil || v.kind == nullNode {
		if needed {
			return "", s.fail(n, "%q is missing", name)
		}
		return "", nil
	}
	if v.kind != scalarNode {
		return "", s.fail(v, "%q is %s: want %s", name, v.kind, scalarNode)
	}
	if needed && v.text == "" {
		return "", s.fail(v, "%q is empty", name)
	}
	return v.text, nil
}

// strs returns a list of texts; an absent or null one is empty.
func (s *source) strs(n *node, name string) ([]string, error) {
	v := n.get(name)
	if v == nil || v.kind == nullNode {
		return nil, nil
	}
	if v.kind != listNode {
		return nil, s.fail(v, "%q is %s: want %s", name, v.kind, listNode)
	}
	var out []string
	for _, item := range v.vals {
		if item.kind != scalarNode {
			return nil, s.fail(item, "%q holds %s: want %s", name, item.kind, scalarNode)
		}
		out = append(out, item.text)
	}
	return out, nil
}

// flag returns a boolean; an absent one is false.
func (s *source) flag(n *node, name string) (bool, error) {
	text, err := s.str(n, name, false)
	if err != nil {
		return false, err
	}
	switch text {
	case "true", "True", "TRUE":
		return true, nil
	case "", "false", "False", "FALSE":
		return false, nil
	}
	return false, s.fail(n.get(name), "%q is %q: want true or false", name, text)
}
