package pep508

import (
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/pypi/pep440"
)

// Eval tells whether m holds in env. The error is an *EvalError.
func (m Marker) Eval(env Environment) (bool, error) {
	if m.expr == nil {
		return true, nil
	}
	return m.expr.eval(&env)
}

func (a And) eval(env *Environment) (bool, error) {
	all := true
	for _, e := range a { // each is looked at, so that an error does not depend on the values before it
		ok, err := e.eval(env)
		if err != nil {
			return false, err
		}
		all = all && ok
	}
	return all, nil
}

func (o Or) eval(env *Environment) (bool, error) {
	some := false
	for _, e := range o {
		ok, err := e.eval(env)
		if err != nil {
			return false, err
		}
		some = some || ok
	}
	return some, nil
}

func (g Group) eval(env *Environment) (bool, error) { return g.Expr.eval(env) }

func (c Compare) eval(env *Environment) (bool, error) {
	if c.Left.isSet() || c.Right.isSet() && c.Op != "in" && c.Op != "not in" {
		return false, &EvalError{Op: c.Op, Left: c.Left.String(), Right: c.Right.String(), Set: true}
	}
	left := c.Left.value(env)
	if c.Right.isSet() {
		in := slices.ContainsFunc(env.set(c.Right.Variable), func(s string) bool { return NormalizeName(s) == NormalizeName(left) })
		return in == (c.Op == "in"), nil
	}
	right := c.Right.value(env)
	key := c.Left.Variable
	if key == "" {
		key = c.Right.Variable
	}
	if isVersion(key) {
		if s, err := pep440.ParseSpecifier(c.Op + right); err == nil {
			return pep440.Of(s).MatchText(left), nil
		}
	}
	switch c.Op {
	case "in":
		return strings.Contains(right, left), nil
	case "not in":
		return !strings.Contains(right, left), nil
	case "==", "<=", ">=": // texts have no order, but equal ones are not less or greater
		return left == right, nil
	case "!=":
		return left != right, nil
	case "<", ">":
		return false, nil
	}
	return false, &EvalError{Op: c.Op, Left: left, Right: right}
}

func (o Operand) value(env *Environment) string {
	if o.Variable != "" {
		return env.text(o.Variable)
	}
	return o.Text
}

// isVersion tells whether a variable is compared as a version, where the other side is one.
func isVersion(variable string) bool {
	switch variable {
	case "python_version", "python_full_version", "implementation_version", "platform_release":
		return true
	}
	return false
}
