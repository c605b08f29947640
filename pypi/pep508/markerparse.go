package pep508

import "strings"

// maxDepth bounds parentheses within parentheses.
const maxDepth = 100

// ParseMarker reads a marker without the semicolon before it. Errors are *ParseError.
func ParseMarker(text string) (Marker, error) {
	c := cursor{text: text, what: "marker"}
	e, err := c.or(0)
	if err == nil {
		err = c.end()
	}
	if err != nil {
		return Marker{}, err
	}
	return Marker{e}, nil
}

// MustParseMarker is ParseMarker for markers known to be right; it panics where they are not.
func MustParseMarker(text string) Marker {
	m, err := ParseMarker(text)
	if err != nil {
		panic(err)
	}
	return m
}

// or reads "a or b and c". An expression that is all in parentheses loses them.
func (c *cursor) or(depth int) (Expr, *ParseError) {
	list, err := c.list("or", func() (Expr, *ParseError) {
		all, err := c.list("and", func() (Expr, *ParseError) { return c.atom(depth) })
		if err != nil || len(all) == 1 {
			return first(all), err
		}
		return And(all), nil
	})
	if err != nil {
		return nil, err
	}
	if len(list) > 1 {
		return Or(list), nil
	}
	if g, ok := list[0].(Group); ok {
		return g.Expr, nil
	}
	return list[0], nil
}

func first(list []Expr) Expr {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

func (c *cursor) list(word string, item func() (Expr, *ParseError)) ([]Expr, *ParseError) {
	var list []Expr
	for {
		e, err := item()
		if err != nil {
			return nil, err
		}
		list = append(list, e)
		if c.space(); !c.keyword(word) {
			return list, nil
		}
	}
}

// atom reads a comparison, or an expression in parentheses.
func (c *cursor) atom(depth int) (Expr, *ParseError) {
	c.space()
	if !c.word("(") {
		return c.compare()
	}
	if depth == maxDepth {
		return nil, c.fail(c.at, "too many parentheses within parentheses")
	}
	e, err := c.or(depth + 1)
	if err != nil {
		return nil, err
	}
	if c.space(); !c.word(")") {
		return nil, c.fail(c.at, "want )")
	}
	if _, ok := e.(Compare); ok {
		return e, nil
	}
	return Group{e}, nil
}

func (c *cursor) compare() (Expr, *ParseError) {
	var k Compare
	var err *ParseError
	if k.Left, err = c.operand(); err != nil {
		return nil, err
	}
	c.space()
	if k.Op, err = c.operator(); err != nil {
		return nil, err
	}
	c.space()
	if k.Right, err = c.operand(); err != nil {
		return nil, err
	}
	switch {
	case k.Left.namesExtra() && k.Right.Variable == "":
		k.Right.Text = NormalizeName(k.Right.Text)
	case k.Right.namesExtra() && k.Left.Variable == "":
		k.Left.Text = NormalizeName(k.Left.Text)
	}
	return k, nil
}

// operators in the order in which they are tried: none is the beginning of a later one.
var operators = []string{"===", "==", "~=", "!=", "<=", ">=", "<", ">"}

func (c *cursor) operator() (string, *ParseError) {
	for _, op := range operators {
		if c.word(op) {
			return op, nil
		}
	}
	if c.keyword("in") {
		return "in", nil
	}
	if c.keyword("not") {
		before := c.at
		if c.space(); c.at > before && c.keyword("in") {
			return "not in", nil
		}
		return "", c.fail(c.at, "want \"in\" after \"not\"")
	}
	return "", c.fail(c.at, "want one of == != < <= > >= ~= ===, \"in\", \"not in\"")
}

// operand reads a variable or a text in quotes.
func (c *cursor) operand() (Operand, *ParseError) {
	rest := c.rest()
	if rest != "" && (rest[0] == '"' || rest[0] == '\'') {
		n := strings.IndexByte(rest[1:], rest[0])
		if n < 0 {
			return Operand{}, c.fail(c.at, "the text has no closing quote")
		}
		text, at, reason := unquote(rest[1 : n+1])
		if reason != "" {
			return Operand{}, c.fail(c.at+1+at, reason)
		}
		c.at += n + 2
		return Operand{Text: text}, nil
	}
	n := 0
	for n < len(rest) && (isWord(rest[n]) || rest[n] == '.') {
		n++
	}
	if name, ok := variables[rest[:n]]; ok {
		c.at += n
		return Operand{Variable: name}, nil
	}
	if n == 0 {
		return Operand{}, c.fail(c.at, "want a variable such as python_version, or a text in quotes")
	}
	return Operand{}, c.fail(c.at, rest[:n]+" is no variable of markers")
}

// variables and their older spellings (PEP 345).
var variables = map[string]string{
	"os_name": "os_name", "os.name": "os_name",
	"sys_platform": "sys_platform", "sys.platform": "sys_platform",
	"platform_machine": "platform_machine", "platform.machine": "platform_machine",
	"platform_version": "platform_version", "platform.version": "platform_version",
	"platform_python_implementation": "platform_python_implementation",
	"platform.python_implementation": "platform_python_implementation",
	"python_implementation":          "platform_python_implementation",
	"platform_release":               "platform_release",
	"platform_system":                "platform_system",
	"python_version":                 "python_version",
	"python_full_version":            "python_full_version",
	"implementation_name":            "implementation_name",
	"implementation_version":         "implementation_version",
	"extra":                          "extra",
	"extras":                         "extras",
	"dependency_groups":              "dependency_groups",
}
