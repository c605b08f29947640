package pep440

import (
	"slices"
	"strings"
)

// An Op is the operator of a specifier, as it is written.
type Op string

// The operators of PEP 440.
const (
	Compatible   Op = "~="
	Equal        Op = "=="
	NotEqual     Op = "!="
	LessEqual    Op = "<="
	GreaterEqual Op = ">="
	Less         Op = "<"
	Greater      Op = ">"
	Arbitrary    Op = "===" // the same text, without regard to case
)

// Specifier is one clause of Specifiers.
type Specifier struct {
	Op     Op
	Text   string  // the version as written, with ".*" where Prefix
	Prefix bool    // "==1.2.*" or "!=1.2.*"
	Is     Version // the version, without ".*"; zero where Op is Arbitrary and Text is no version
	ranges Ranges
}

// String writes the clause without spaces, the version as its author wrote it.
func (s Specifier) String() string { return string(s.Op) + s.Text }

// canonical is equal for clauses that say the same in the same way: "==1.0" and "==1.0.0".
func (s Specifier) canonical() string {
	switch {
	case s.Op == Arbitrary || s.Prefix:
		return s.String()
	case s.Op == Compatible: // ~=1.0 and ~=1.0.0 differ
		return string(s.Op) + s.Is.String()
	}
	return string(s.Op) + s.Is.Canonical()
}

// admitsPrereleases tells whether the clause names a pre-release, which asks for pre-releases.
func (s Specifier) admitsPrereleases() bool {
	return s.Op != NotEqual && !s.Prefix && s.Is.IsPrerelease()
}

// rangesOf are the versions that the clause matches; all of them for Arbitrary, which looks at text.
func rangesOf(s Specifier) Ranges {
	v := s.Is
	switch {
	case s.Op == Arbitrary:
		return All()
	case s.Prefix:
		p := v.Parts()
		p.Dev = "0"
		from := before(p.Version())
		p.Release[len(p.Release)-1] = next(p.Release[len(p.Release)-1])
		r := between(from, before(p.Version()))
		if s.Op == NotEqual {
			return r.Complement()
		}
		return r
	}
	switch s.Op {
	case GreaterEqual:
		return between(before(v), cut{key: infinity})
	case LessEqual:
		return between(cut{}, afterLocals(v))
	case Greater:
		return between(afterPublic(v), cut{key: infinity})
	case Less:
		if !v.pre { // nor a pre-release of v
			p := v.Parts()
			p.Dev = "0"
			v = p.Version()
		}
		return between(cut{}, before(v))
	case Compatible:
		p := v.Parts()
		p = Parts{Epoch: p.Epoch, Release: p.Release[:len(p.Release)-1], Dev: "0"}
		p.Release[len(p.Release)-1] = next(p.Release[len(p.Release)-1])
		return between(before(v), before(p.Version()))
	case NotEqual:
		return between(before(v), afterExactly(v)).Complement()
	}
	return between(before(v), afterExactly(v))
}

// Specifiers are clauses that a version must satisfy, all of them. The zero value has none and
// admits every version. The value is immutable.
type Specifiers struct {
	list      []Specifier // sorted by text, each once
	ranges    Ranges
	arbitrary bool
}

// Of returns the set of these clauses.
func Of(clauses ...Specifier) Specifiers {
	list := slices.Clone(clauses)
	slices.SortFunc(list, func(a, b Specifier) int { return strings.Compare(a.String(), b.String()) })
	s := Specifiers{list: slices.CompactFunc(list, func(a, b Specifier) bool { return a.String() == b.String() })}
	for i, c := range s.list {
		if s.arbitrary = s.arbitrary || c.Op == Arbitrary; i == 0 {
			s.ranges = c.ranges
		} else {
			s.ranges = s.ranges.Intersect(c.ranges)
		}
	}
	return s
}

// IsAny tells whether there is no clause.
func (s Specifiers) IsAny() bool { return len(s.list) == 0 }

// List returns the clauses in order of their text.
func (s Specifiers) List() []Specifier { return slices.Clone(s.list) }

// String writes the clauses in order of their text, separated by commas.
func (s Specifiers) String() string {
	parts := make([]string, len(s.list))
	for i, c := range s.list {
		parts[i] = c.String()
	}
	return strings.Join(parts, ",")
}

// Canonical is equal for specifiers that differ only in the spelling of versions.
func (s Specifiers) Canonical() string {
	parts := make([]string, len(s.list))
	for i, c := range s.list {
		parts[i] = c.canonical()
	}
	slices.Sort(parts)
	return strings.Join(slices.Compact(parts), ",")
}

// And returns the clauses of both.
func (s Specifiers) And(o Specifiers) Specifiers {
	if s.IsAny() || o.IsAny() {
		if s.IsAny() {
			return o
		}
		return s
	}
	return Of(slices.Concat(s.list, o.list)...)
}

// Ranges returns the versions that satisfy s. Clauses with "===" are left out: they look at text.
func (s Specifiers) Ranges() Ranges {
	if s.IsAny() {
		return All()
	}
	return s.ranges
}

// Match tells whether v satisfies every clause. Pre-releases are treated as other versions: which of
// them are wanted is Filter's question.
func (s Specifiers) Match(v Version) bool {
	if s.IsAny() {
		return true
	}
	if !s.ranges.Contains(v) {
		return false
	}
	return !s.arbitrary || s.matchText(v.text)
}

// matchText tells whether text satisfies every clause with "===".
func (s Specifiers) matchText(text string) bool {
	for _, c := range s.list {
		if c.Op == Arbitrary && !strings.EqualFold(c.Text, text) {
			return false
		}
	}
	return true
}

// MatchText is Match for text that may be no version: then only "===" can match it.
func (s Specifiers) MatchText(text string) bool {
	if v, err := Parse(text); err == nil {
		v.text = text
		return s.Match(v)
	}
	for _, c := range s.list {
		if c.Op != Arbitrary {
			return false
		}
	}
	return s.matchText(text)
}

// AdmitPrereleases tells whether a clause names a pre-release (">=2.0rc1"), which asks for pre-releases.
func (s Specifiers) AdmitPrereleases() bool {
	return slices.ContainsFunc(s.list, Specifier.admitsPrereleases)
}

// IsPinned tells whether a clause asks for one version: "==1.0" or "===1.0".
func (s Specifiers) IsPinned() bool {
	return slices.ContainsFunc(s.list, func(c Specifier) bool { return c.Op == Arbitrary || c.Op == Equal && !c.Prefix })
}

// IsUnsatisfiable tells whether no version can match, whichever there are.
func (s Specifiers) IsUnsatisfiable(pre Prereleases) bool {
	if s.IsAny() {
		return false
	}
	var exact *Specifier
	for i, c := range s.list {
		if c.Op == Arbitrary {
			if exact != nil && !strings.EqualFold(exact.Text, c.Text) {
				return true
			}
			exact = &s.list[i]
		}
	}
	if exact != nil {
		return !s.MatchText(exact.Text) || pre == RefusePrereleases && exact.Is.IsPrerelease()
	}
	return s.ranges.IsEmpty() || pre == RefusePrereleases && s.ranges.OnlyPrereleases()
}
