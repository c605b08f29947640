package version

import "strings"

// String returns the spec in its normal form: "==" before an exact version, ".*" after a
// prefix, no spaces, and parentheses only where "," joins what holds "|". Parsing it gives
// the same spec.
func (s Spec) String() string {
	if s.root == nil {
		return "*"
	}
	var b strings.Builder
	s.root.print(&b)
	return b.String()
}

var opPrefixText = [...]string{
	opEqual: "==", opNotEqual: "!=", opLess: "<", opLessEq: "<=", opMore: ">", opMoreEq: ">=",
	opCompat: "~=", opNotPrefix: "!=", opNotGlob: "!=", opOr: "",
}

func (n *node) print(b *strings.Builder) {
	b.WriteString(opPrefixText[n.op])
	switch n.op {
	case opAnd, opOr:
		for i, k := range n.kids {
			if i > 0 {
				b.WriteByte(map[op]byte{opAnd: ',', opOr: '|'}[n.op])
			}
			if n.op == opAnd && k.op == opOr {
				b.WriteByte('(')
				k.print(b)
				b.WriteByte(')')
				continue
			}
			k.print(b)
		}
	case opGlob, opNotGlob, opRegexp:
		b.WriteString(n.text)
	case opPrefix, opNotPrefix:
		b.WriteString(n.version.text)
		b.WriteString(".*")
	default:
		b.WriteString(n.version.text)
	}
}
