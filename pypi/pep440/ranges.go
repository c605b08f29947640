package pep440

import (
	"sort"
	"strings"
)

// Ranges is a set of versions: intervals of their order. The zero value is the empty set. Two
// Ranges of the same versions are the same intervals.
type Ranges struct {
	spans []span // ascending, none empty, none touching the next
}

// A span has the versions v with lo <= v < hi.
type span struct{ lo, hi cut }

// A cut is a place between two versions: just before the version with this key, or, where
// the key is longer than a version's, after it.
type cut struct {
	key string  // "" is below all versions, infinity above
	at  Version // what key was made of
}

// lowest is the first of all versions.
var lowest = MustParse("0.dev0")

// before is the place just before v.
func before(v Version) cut {
	if v.key == lowest.key {
		return cut{}
	}
	return cut{v.key, v}
}

// afterLocals is the place after v, which has no local part, and all its local versions.
// It is just before the next version that is none of them, so a place has one name.
func afterLocals(v Version) cut {
	p := v.Parts()
	switch {
	case p.Dev != "":
		p.Dev = next(p.Dev)
	case p.Post != "":
		p.Post, p.Dev = next(p.Post), "0"
	default:
		p.Post, p.Dev = "0", "0"
	}
	return before(p.Version())
}

// afterPublic is where ">v" begins: after v, its local versions and, where v is no post-release
// itself, its post-releases.
func afterPublic(v Version) cut {
	p := v.Parts()
	switch {
	case p.Dev != "" || p.Post != "":
		return afterLocals(v)
	case p.Pre != "":
		p.PreNum, p.Dev = next(p.PreNum), "0"
		return before(p.Version())
	}
	return cut{afterPosts(&p), v}
}

// afterExactly is the place after v, before what is above it.
func afterExactly(v Version) cut {
	if !strings.Contains(v.norm, "+") {
		return afterLocals(v)
	}
	return cut{v.key + string(rune(afterKey)), v}
}

// All is the set of all versions.
func All() Ranges { return between(cut{}, cut{key: infinity}) }

func between(lo, hi cut) Ranges {
	if lo.key >= hi.key {
		return Ranges{}
	}
	return Ranges{[]span{{lo, hi}}}
}

// IsEmpty tells whether r holds no version.
func (r Ranges) IsEmpty() bool { return len(r.spans) == 0 }

// IsAll tells whether r holds every version.
func (r Ranges) IsAll() bool {
	return len(r.spans) == 1 && r.spans[0].lo.key == "" && r.spans[0].hi.key == infinity
}

// Contains tells whether v is in r.
func (r Ranges) Contains(v Version) bool {
	key := before(v).key
	i := sort.Search(len(r.spans), func(i int) bool { return key < r.spans[i].hi.key })
	return i < len(r.spans) && r.spans[i].lo.key <= key
}

// Intersect returns what is in r and in o.
func (r Ranges) Intersect(o Ranges) Ranges {
	var out Ranges
	for i, j := 0, 0; i < len(r.spans) && j < len(o.spans); {
		a, b := r.spans[i], o.spans[j]
		s := a
		if s.lo.key < b.lo.key {
			s.lo = b.lo
		}
		if s.hi.key > b.hi.key {
			s.hi = b.hi
		}
		if s.lo.key < s.hi.key {
			out.spans = append(out.spans, s)
		}
		if a.hi.key < b.hi.key {
			i++
		} else {
			j++
		}
	}
	return out
}

// Complement returns what is not in r.
func (r Ranges) Complement() Ranges {
	var out Ranges
	from := cut{}
	for _, s := range r.spans {
		if from.key < s.lo.key {
			out.spans = append(out.spans, span{from, s.lo})
		}
		from = s.hi
	}
	if from.key < infinity {
		out.spans = append(out.spans, span{from, cut{key: infinity}})
	}
	return out
}

// Union returns what is in r or in o.
func (r Ranges) Union(o Ranges) Ranges {
	return r.Complement().Intersect(o.Complement()).Complement()
}

// SubsetOf tells whether all of r is in o.
func (r Ranges) SubsetOf(o Ranges) bool { return r.Intersect(o.Complement()).IsEmpty() }

// Disjoint tells whether nothing of r is in o.
func (r Ranges) Disjoint(o Ranges) bool { return r.Intersect(o).IsEmpty() }

// Equal tells whether r and o have the same versions.
func (r Ranges) Equal(o Ranges) bool {
	if len(r.spans) != len(o.spans) {
		return false
	}
	for i, s := range r.spans {
		if s.lo.key != o.spans[i].lo.key || s.hi.key != o.spans[i].hi.key {
			return false
		}
	}
	return true
}

// OnlyPrereleases tells whether every version of r is a pre-release; so of the empty set.
func (r Ranges) OnlyPrereleases() bool {
	for _, s := range r.spans {
		final := s.lo.at
		switch {
		case final.IsZero():
			final = MustParse("0")
		case !final.pre && s.lo.key != final.key:
			return false // after a final: whatever follows, some final is before it
		case final.pre:
			p := final.Parts()
			if p.Local = ""; p.Pre != "" {
				p.Pre, p.PreNum, p.Post = "", "", ""
			}
			p.Dev = ""
			final = p.Version()
		}
		if final.key < s.hi.key {
			return false
		}
	}
	return true
}
