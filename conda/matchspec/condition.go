package matchspec

import "strings"

// A Condition is the value of when (CEP 43): a spec, or conditions joined by "and" or "or".
type Condition struct {
	Spec *Spec        // nil where Kids are joined
	And  bool         // all Kids must hold; otherwise any of them
	Kids []*Condition // two or more
}

// Holds evaluates the condition; holds tells of one spec whether a chosen package or a virtual
// package satisfies it.
func (c *Condition) Holds(holds func(*Spec) bool) bool {
	if c.Spec != nil {
		return holds(c.Spec)
	}
	for _, k := range c.Kids {
		if k.Holds(holds) != c.And {
			return !c.And
		}
	}
	return c.And
}

// String returns the condition in its normal form, with parentheses around "or" inside "and";
// nothing for nil.
func (c *Condition) String() string {
	if c == nil {
		return ""
	}
	if c.Spec != nil {
		return c.Spec.String()
	}
	word := " or "
	if c.And {
		word = " and "
	}
	var b strings.Builder
	for i, k := range c.Kids {
		if i > 0 {
			b.WriteString(word)
		}
		if c.And && k.Spec == nil {
			b.WriteString("(" + k.String() + ")")
		} else {
			b.WriteString(k.String())
		}
	}
	return b.String()
}

const maxDepth = 40

// when reads a condition. "and" binds tighter than "or", as in Python.
func (p *parser) when(t part) {
	if p.inWhen {
		p.fail(t.at, "a condition cannot hold another condition")
		return
	}
	w := whenParser{p: p, rest: t.trim()}
	p.spec.When = w.or(0)
	if w.rest.text != "" {
		p.fail(w.rest.at, "%q cannot stand here in a condition", w.rest.text)
	}
}

type whenParser struct {
	p    *parser
	rest part
}

// word tells whether "and" or "or" comes next, and steps over it.
func (w *whenParser) word(s string) bool {
	if w.p.err != nil || !startsWord(w.rest.text, s) {
		return false
	}
	w.rest = w.rest.from(len(s)).trimLeft()
	return true
}

func startsWord(s, word string) bool {
	after, ok := strings.CutPrefix(s, word)
	return ok && (after == "" || strings.ContainsAny(after[:1], spaces+"()"))
}

func (w *whenParser) or(depth int) *Condition {
	kids := []*Condition{w.and(depth)}
	for w.word("or") {
		kids = append(kids, w.and(depth))
	}
	return joined(false, kids)
}

func (w *whenParser) and(depth int) *Condition {
	kids := []*Condition{w.one(depth)}
	for w.word("and") {
		kids = append(kids, w.one(depth))
	}
	return joined(true, kids)
}

// joined makes one condition, taking kids of the same kind apart.
func joined(and bool, kids []*Condition) *Condition {
	if len(kids) == 1 {
		return kids[0]
	}
	c := &Condition{And: and}
	for _, k := range kids {
		if k.Spec == nil && k.And == and {
			c.Kids = append(c.Kids, k.Kids...)
		} else {
			c.Kids = append(c.Kids, k)
		}
	}
	return c
}

func (w *whenParser) one(depth int) *Condition {
	if strings.HasPrefix(w.rest.text, "(") {
		open := w.rest.at
		if depth == maxDepth {
			w.p.fail(open, "parentheses nested too deep")
			return &Condition{Spec: &Spec{}}
		}
		w.rest = w.rest.from(1).trimLeft()
		c := w.or(depth + 1)
		if !strings.HasPrefix(w.rest.text, ")") {
			w.p.fail(open, "'(' without its partner")
			return c
		}
		w.rest = w.rest.from(1).trimLeft()
		return c
	}
	n := specEnd(w.rest.text)
	t := w.rest.to(n).trim()
	w.rest = w.rest.from(n).trimLeft()
	inner := parser{input: w.p.input, spec: &Spec{}, inWhen: true}
	inner.parse(t)
	if inner.err != nil && w.p.err == nil {
		w.p.err = inner.err
	}
	return &Condition{Spec: inner.spec}
}

// specEnd finds where a spec inside a condition ends: before " and ", " or " or a ")" that it did
// not open, outside of quotes and brackets.
func specEnd(s string) int {
	depth := 0
	for i, c := range unquoted(s) {
		switch {
		case c == '[' || c == '(':
			depth++
		case (c == ']' || c == ')') && depth > 0:
			depth--
		case c == ')':
			return i
		case depth == 0 && c == ' ' && (startsWord(s[i+1:], "and") || startsWord(s[i+1:], "or")):
			return i
		}
	}
	return len(s)
}
