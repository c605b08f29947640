package pep508

import (
	"slices"
	"strings"
)

// Marker is a condition on an Environment. The zero value always holds. Markers are immutable.
type Marker struct{ expr Expr }

// Expr is a node of a marker's tree: And, Or, Group or Compare.
type Expr interface {
	write(b *strings.Builder)
	eval(env *Environment) (bool, error)
}

// And holds where all of its nodes do; there are two at least.
type And []Expr

// Or holds where one of its nodes does; there are two at least.
type Or []Expr

// Group is an And or Or that was written in parentheses, inside another.
type Group struct{ Expr Expr }

// Compare compares two operands. Op is one of < <= == != >= > ~= ===, "in" and "not in".
type Compare struct {
	Left  Operand
	Op    string
	Right Operand
}

// Operand is a variable or a text.
type Operand struct {
	Variable string // "python_version"; empty where Text counts
	Text     string
}

// Expr returns the root of the tree; nil where m always holds.
func (m Marker) Expr() Expr { return m.expr }

// IsAny tells whether there is no condition.
func (m Marker) IsAny() bool { return m.expr == nil }

// String writes m in one way: single spaces, double quotes, names of extras normalised. Parse reads it back.
func (m Marker) String() string {
	if m.expr == nil {
		return ""
	}
	var b strings.Builder
	m.expr.write(&b)
	return b.String()
}

// Uses tells whether m looks at the variable.
func (m Marker) Uses(variable string) bool { return m.expr != nil && uses(m.expr, variable) }

func uses(e Expr, variable string) bool {
	switch e := e.(type) {
	case And:
		return slices.ContainsFunc(e, func(k Expr) bool { return uses(k, variable) })
	case Or:
		return slices.ContainsFunc(e, func(k Expr) bool { return uses(k, variable) })
	case Group:
		return uses(e.Expr, variable)
	case Compare:
		return e.Left.Variable == variable || e.Right.Variable == variable
	}
	return false
}

// Extras returns the names that m compares with the extra, normalised, each once, in order of appearance.
func (m Marker) Extras() []string {
	var names []string
	var walk func(Expr)
	walk = func(e Expr) {
		switch e := e.(type) {
		case And:
			for _, k := range e {
				walk(k)
			}
		case Or:
			for _, k := range e {
				walk(k)
			}
		case Group:
			walk(e.Expr)
		case Compare:
			for _, o := range [][2]Operand{{e.Left, e.Right}, {e.Right, e.Left}} {
				if o[0].Variable == "extra" && o[1].Variable == "" && !slices.Contains(names, o[1].Text) {
					names = append(names, o[1].Text)
				}
			}
		}
	}
	if m.expr != nil {
		walk(m.expr)
	}
	return names
}

func (a And) write(b *strings.Builder) { join(b, a, " and ") }
func (o Or) write(b *strings.Builder)  { join(b, o, " or ") }

func join(b *strings.Builder, list []Expr, word string) {
	for i, e := range list {
		if i > 0 {
			b.WriteString(word)
		}
		e.write(b)
	}
}

func (g Group) write(b *strings.Builder) {
	b.WriteByte('(')
	g.Expr.write(b)
	b.WriteByte(')')
}

func (c Compare) write(b *strings.Builder) {
	b.WriteString(c.Left.String() + " " + c.Op + " " + c.Right.String())
}

// String writes the variable, or the text in quotes.
func (o Operand) String() string {
	if o.Variable != "" {
		return o.Variable
	}
	return quote(o.Text)
}

// isSet tells whether the variable is a set of names rather than a text.
func (o Operand) isSet() bool { return o.Variable == "extras" || o.Variable == "dependency_groups" }

// namesExtra tells whether a text compared with o is the name of an extra or of a group.
func (o Operand) namesExtra() bool { return o.Variable == "extra" || o.isSet() }
