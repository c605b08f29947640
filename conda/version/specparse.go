package version

import (
	"fmt"
	"regexp"
	"strings"
)

const (
	maxSpecBytes = 4096 // a spec of real channels has at most a few hundred
	maxSpecDepth = 40   // of parentheses
)

// ParseSpec reads a version spec (CEP 29, "Version matching"): clauses joined by "," (and, which
// binds tighter) and "|" (or), with parentheses. Empty text and "*" want any version. Spaces
// around operators and versions do not count. The error is a *ParseError.
func ParseSpec(s string) (Spec, error) {
	if len(s) > maxSpecBytes {
		return Spec{}, &ParseError{Input: s[:64] + "...", Offset: 64, Reason: fmt.Sprintf("the spec has %d bytes, want at most %d", len(s), maxSpecBytes)}
	}
	if strings.TrimSpace(s) == "" {
		return Spec{}, nil
	}
	p := specParser{text: s}
	n := p.or(0)
	if p.bad.reason == "" && p.at < len(s) {
		p.fail(p.at, fmt.Sprintf("%s cannot stand here", quoteAt(s, p.at)))
	}
	if p.bad.reason != "" {
		return Spec{}, &ParseError{Input: s, Offset: min(p.bad.at, len(s)), Reason: p.bad.reason}
	}
	if n.op == opAny {
		n = nil
	}
	return Spec{n}, nil
}

// MustParseSpec is ParseSpec for specs in programs; it panics on an error.
func MustParseSpec(s string) Spec {
	spec, err := ParseSpec(s)
	if err != nil {
		panic(err)
	}
	return spec
}

// A specParser goes through a spec from left to right. The first fault ends it: after that
// every step gives any.
type specParser struct {
	text string
	at   int
	bad  fault
}

var anyNode = &node{op: opAny}

func (p *specParser) fail(at int, reason string) *node {
	if p.bad.reason == "" {
		p.bad = fault{at, reason}
	}
	return anyNode
}

func (p *specParser) spaces() {
	for p.at < len(p.text) && isSpace(p.text[p.at]) {
		p.at++
	}
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// next tells whether c comes next, and steps over it.
func (p *specParser) next(c byte) bool {
	p.spaces()
	if p.bad.reason != "" || p.at >= len(p.text) || p.text[p.at] != c {
		return false
	}
	p.at++
	return true
}

func (p *specParser) or(depth int) *node {
	first := p.and(depth)
	if !p.next('|') {
		return first
	}
	kids := []*node{first, p.and(depth)}
	for p.next('|') {
		kids = append(kids, p.and(depth))
	}
	for _, k := range kids {
		if k.op == opAny {
			return anyNode
		}
	}
	return join(opOr, kids)
}

func (p *specParser) and(depth int) *node {
	first := p.clause(depth)
	if !p.next(',') {
		return first
	}
	kids := []*node{first, p.clause(depth)}
	for p.next(',') {
		kids = append(kids, p.clause(depth))
	}
	some := kids[:0]
	for _, k := range kids {
		if k.op != opAny {
			some = append(some, k)
		}
	}
	if len(some) == 0 {
		return anyNode
	}
	return join(opAnd, some)
}

func (p *specParser) clause(depth int) *node {
	if p.bad.reason != "" {
		return anyNode
	}
	p.spaces()
	start := p.at
	if p.next('(') {
		if depth == maxSpecDepth {
			return p.fail(start, "parentheses nested too deep")
		}
		n := p.or(depth + 1)
		if p.bad.reason == "" && !p.next(')') {
			return p.fail(start, "'(' without its partner")
		}
		return n
	}
	if p.at < len(p.text) && p.text[p.at] == '^' {
		return p.regexp()
	}
	for p.at < len(p.text) && strings.IndexByte("()|,", p.text[p.at]) < 0 {
		p.at++
	}
	text := strings.TrimRight(p.text[start:p.at], " \t\r\n\v\f")
	if text == "" {
		return p.fail(start, "want a version or an operator with one")
	}
	return p.simple(start, text)
}

// regexp reads "^...$". All up to the next "$" belongs to it, as in conda.
func (p *specParser) regexp() *node {
	start := p.at
	n := strings.IndexByte(p.text[start:], '$')
	if n < 0 {
		return p.fail(start, "a regular expression from '^' on has no '$' at its end")
	}
	p.at += n + 1
	text := p.text[start:p.at]
	re, err := regexp.Compile("(?i)" + text)
	if err != nil {
		return p.fail(start, "not a regular expression (RE2): "+strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return &node{op: opRegexp, text: text, re: re}
}

// operators in an order in which none hides a longer one.
var operators = []struct {
	text string
	op   op
}{
	{"==", opEqual}, {"!=", opNotEqual}, {"<=", opLessEq}, {">=", opMoreEq}, {"~=", opCompat},
	{"=", opPrefix}, {"<", opLess}, {">", opMore},
}

// simple reads one clause without parentheses: text at p.text[at:].
func (p *specParser) simple(at int, text string) *node {
	o, lit := opAny, text
	for _, candidate := range operators {
		if rest, ok := strings.CutPrefix(text, candidate.text); ok {
			o, lit = candidate.op, strings.TrimLeft(rest, " \t\r\n\v\f")
			break
		}
	}
	litAt := at + len(text) - len(lit)
	if o != opAny {
		if lit == "" {
			return p.fail(litAt, "an operator without a version")
		}
		if strings.IndexByte("=<>!~", lit[0]) >= 0 {
			return p.fail(litAt, fmt.Sprintf("%q is no operator", text[:len(text)-len(lit)+1]))
		}
	}
	bare, starred := trimStars(lit)
	if bare == "" {
		switch o {
		case opNotEqual, opLess, opMore:
			return p.fail(litAt, "'*' is every version, there is none beyond it")
		}
		return anyNode
	}
	switch {
	case o == opAny && starred:
		o = opPrefix
	case o == opAny:
		o = opEqual
	}
	if o == opEqual && starred {
		o = opPrefix
	}
	if o == opNotEqual && starred {
		o = opNotPrefix
	}
	equality := o == opPrefix || o == opEqual || o == opNotEqual || o == opNotPrefix
	if strings.Contains(bare, "*") && equality {
		return p.glob(litAt, lit, o == opNotEqual || o == opNotPrefix)
	}
	if o == opCompat && strings.HasPrefix(lit[len(bare):], ".") {
		return p.fail(litAt+len(bare), "'~=' takes a version without '*'")
	}
	if !equality && starred && !strings.HasPrefix(lit[len(bare):], ".") {
		bare = lit // ">1.0*": conda compares with the literal "1.0*"
	}
	return p.compare(o, litAt, bare)
}

// trimStars takes ".*" and "*" off the end, more than once if need be, but leaves "*." of "*.*",
// which is not "*": it wants a dot.
func trimStars(lit string) (bare string, starred bool) {
	bare = strings.TrimRight(lit, "*")
	for len(bare) < len(lit) && strings.HasSuffix(bare, ".") && strings.Trim(bare, ".*") != "" {
		starred = true
		lit = bare[:len(bare)-1]
		bare = strings.TrimRight(lit, "*")
	}
	return bare, starred || len(bare) < len(lit)
}

func (p *specParser) glob(at int, lit string, not bool) *node {
	text, bad := normalize(lit)
	if bad.reason != "" {
		return p.fail(at+bad.at, bad.reason)
	}
	if not {
		return &node{op: opNotGlob, text: text}
	}
	return &node{op: opGlob, text: text}
}

func (p *specParser) compare(o op, at int, lit string) *node {
	v, bad := parse(lit)
	if bad.reason != "" {
		return p.fail(at+bad.at, bad.reason)
	}
	n := &node{op: o, version: v}
	if o == opCompat {
		n.prefix = v.withoutLast()
	}
	return n
}

// withoutLast returns v without its last segment and local part, or the zero Version if it
// has but one segment.
func (v Version) withoutLast() Version {
	epoch, main, _ := v.parts()
	last := 0
	for rest, more := main, true; more; {
		if _, rest, more = cutSegment(rest, true); more {
			last = len(main) - len(rest) - 1
		}
	}
	if last == 0 {
		return Version{}
	}
	if epoch != "" {
		main, last = epoch+"!"+main, last+len(epoch)+1
	}
	return MustParse(main[:last])
}
