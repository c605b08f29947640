package version

import "strings"

// Compare gives -1, 0 or 1 as a sorts before, with or after b.
func Compare(a, b Version) int { return strings.Compare(a.key, b.key) }

// Equal tells whether v and w have the same rank: "1.1" and "1.1.0" do.
func (v Version) Equal(w Version) bool { return v.key == w.key }

// Key returns bytes that are equal for versions of equal rank, and whose order is that of
// versions. It is empty for the zero value alone. Keys are not for storing: their form
// may change.
func (v Version) Key() string { return v.key }

// HasPrefix tells whether v is "p.*": every segment of p but the last equals that of v, and the
// last one is how v's begins. "1.2.3", "1.2" and "1.2a" begin with 1.2, as "1" does
// with 1.0; "1.20" does not. If p has a local part, the main parts must be equal and
// the local parts are looked at.
func (v Version) HasPrefix(p Version) bool {
	ve, vm, vl := v.parts()
	pe, pm, pl := p.parts()
	if strings.TrimLeft(ve, "0") != strings.TrimLeft(pe, "0") {
		return false
	}
	if pl != "" {
		return equalSegments(vm, pm, true) && prefixSegments(vl, pl, false)
	}
	return prefixSegments(vm, pm, true)
}

func equalSegments(v, p string, main bool) bool {
	for vMore, pMore := true, true; vMore || pMore; {
		var vs, ps string
		vs, v, vMore = cutSegment(v, main)
		ps, p, pMore = cutSegment(p, main)
		if !equalAtoms(vs, ps) {
			return false
		}
	}
	return true
}

func prefixSegments(v, p string, main bool) bool {
	for {
		var vs, ps string
		var more bool
		vs, v, _ = cutSegment(v, main)
		ps, p, more = cutSegment(p, main)
		if !more {
			return prefixAtoms(vs, ps)
		}
		if !equalAtoms(vs, ps) {
			return false
		}
	}
}

// atoms goes through a segment; after its end come zeros. A zero is the empty string.
type atoms struct {
	rest string
	fill bool // the 0 before a first letter is still to come
}

func atomsOf(seg string) atoms { return atoms{rest: seg, fill: seg != "" && !isDigit(seg[0])} }

func (a *atoms) done() bool { return a.rest == "" && !a.fill }

func (a *atoms) next() (atom string) {
	if a.fill || a.rest == "" {
		a.fill = false
		return ""
	}
	atom, a.rest = cutAtom(a.rest)
	return atom
}

func equalAtoms(v, p string) bool {
	for va, pa := atomsOf(v), atomsOf(p); !va.done() || !pa.done(); {
		if va.next() != pa.next() {
			return false
		}
	}
	return true
}

func prefixAtoms(v, p string) bool {
	va, pa := atomsOf(v), atomsOf(p)
	for {
		a, b := va.next(), pa.next()
		if !pa.done() {
			if a != b {
				return false
			}
			continue
		}
		if a == b {
			return true
		}
		// Text may go on: "1a" begins "1alpha". "dev" and "post" are words of their own.
		return isText(a) && isText(b) && strings.HasPrefix(a, b)
	}
}

func isText(atom string) bool {
	return atom != "" && !isDigit(atom[0]) && atom != "dev" && atom != "post"
}
