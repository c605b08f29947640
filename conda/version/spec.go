package version

import (
	"regexp"
	"strings"
)

// A Spec says which versions are wanted. The zero value wants any. It is immutable and safe for
// concurrent use.
type Spec struct {
	root *node // nil: any
}

// op is what a node of a Spec does.
type op uint8

const (
	opAny       op = iota // "*"
	opEqual               // ==1.2
	opNotEqual            // !=1.2
	opLess                // <1.2
	opLessEq              // <=1.2
	opMore                // >1.2
	opMoreEq              // >=1.2
	opPrefix              // 1.2.*, =1.2
	opNotPrefix           // !=1.2.*
	opCompat              // ~=1.2.3
	opGlob                // 1.*.3
	opNotGlob             // !=1.*.3
	opRegexp              // ^1\.[23]$
	opAnd                 // all of kids
	opOr                  // any of kids
)

// A node is one clause, or joins others. It is not changed once made.
type node struct {
	op      op
	version Version        // what a clause compares with
	prefix  Version        // opCompat: version without its last segment; zero where there is but one
	text    string         // opGlob and opRegexp: the pattern, as written but in lower case for a glob
	re      *regexp.Regexp // opRegexp
	kids    []*node        // opAnd and opOr: two or more, none of them with the same op
}

// Any wants every version, as the zero Spec does.
func Any() Spec { return Spec{} }

// Exactly wants the versions of v's rank: "==1.2".
func Exactly(v Version) Spec { return Spec{&node{op: opEqual, version: v}} }

// StartingWith wants the versions that begin with v: "1.2.*".
func StartingWith(v Version) Spec { return Spec{&node{op: opPrefix, version: v}} }

// All wants what every one of specs wants. Specs that want any are left out, and so are
// repeated ones.
func All(specs ...Spec) Spec {
	var kids []*node
	seen := map[string]bool{}
	for _, s := range specs {
		if text := s.String(); s.root != nil && !seen[text] {
			seen[text] = true
			kids = append(kids, s.root)
		}
	}
	return Spec{join(opAnd, kids)}
}

// join makes one node of kids, taking those of the same op apart.
func join(o op, kids []*node) *node {
	switch len(kids) {
	case 0:
		return nil
	case 1:
		return kids[0]
	}
	n := &node{op: o, kids: make([]*node, 0, len(kids))}
	for _, k := range kids {
		if k.op == o {
			n.kids = append(n.kids, k.kids...)
		} else {
			n.kids = append(n.kids, k)
		}
	}
	return n
}

// IsAny tells whether s is "*" and wants every version.
func (s Spec) IsAny() bool { return s.root == nil }

// Exact returns the version of "==1.2"; ok is false for every other spec.
func (s Spec) Exact() (v Version, ok bool) {
	if s.root == nil || s.root.op != opEqual {
		return Version{}, false
	}
	return s.root.version, true
}

// Prefix returns the version of "1.2.*"; ok is false for every other spec.
func (s Spec) Prefix() (v Version, ok bool) {
	if s.root == nil || s.root.op != opPrefix {
		return Version{}, false
	}
	return s.root.version, true
}

// Match tells whether s wants v.
func (s Spec) Match(v Version) bool { return s.root == nil || s.root.match(v) }

func (n *node) match(v Version) bool {
	switch n.op {
	case opEqual:
		return v.key == n.version.key
	case opNotEqual:
		return v.key != n.version.key
	case opLess:
		return v.key < n.version.key
	case opLessEq:
		return v.key <= n.version.key
	case opMore:
		return v.key > n.version.key
	case opMoreEq:
		return v.key >= n.version.key
	case opPrefix:
		return v.HasPrefix(n.version)
	case opNotPrefix:
		return !v.HasPrefix(n.version)
	case opCompat:
		return v.key >= n.version.key && (n.prefix.IsZero() || v.HasPrefix(n.prefix))
	case opGlob:
		return Glob(n.text, v.text)
	case opNotGlob:
		return !Glob(n.text, v.text)
	case opRegexp:
		return n.re.MatchString(v.text)
	case opAnd:
		for _, k := range n.kids {
			if !k.match(v) {
				return false
			}
		}
		return true
	case opOr:
		for _, k := range n.kids {
			if k.match(v) {
				return true
			}
		}
		return false
	}
	return true // opAny
}

// Glob tells whether text is like pattern, in which "*" stands for any text and all else
// for itself. Time is at most the product of the lengths.
func Glob(pattern, text string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == text
	}
	if !strings.HasPrefix(text, first) {
		return false
	}
	text = text[len(first):]
	for {
		piece, more, star := strings.Cut(rest, "*")
		if !star {
			return strings.HasSuffix(text, piece)
		}
		i := strings.Index(text, piece) // the first place leaves most to the rest
		if i < 0 {
			return false
		}
		text, rest = text[i+len(piece):], more
	}
}
