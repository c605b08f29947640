package pep440

import (
	"slices"
	"strings"
)

// Version is a version of a Python package. Two versions that are equal in PEP 440's eyes may be
// written differently ("1.0" and "1.0.0"): compare with Compare, and use Key as the key of a map.
// The zero Version is no version and sorts before all.
type Version struct {
	text string // as written, without spaces around it
	norm string
	key  string
	pre  bool
}

// Compare returns -1, 0 or +1 as a is before b, equal to it, or after it.
func Compare(a, b Version) int { return strings.Compare(a.key, b.key) }

// Key returns a string that equal versions share. Keys compare as versions do.
func (v Version) Key() string { return v.key }

// IsZero tells whether v is no version at all.
func (v Version) IsZero() bool { return v.key == "" }

// String returns the normal form: "1.0rc1.post2" for "v1.0-c.1-2".
func (v Version) String() string { return v.norm }

// Text returns the version as it was written, without spaces around it. Only "===" looks at it.
func (v Version) Text() string { return v.text }

// IsPrerelease tells whether v is an alpha, beta, candidate or development release.
func (v Version) IsPrerelease() bool { return v.pre }

// Parts returns the fields of v. The caller owns them.
func (v Version) Parts() Parts {
	if v.IsZero() {
		return Parts{}
	}
	p, err := scan(v.norm)
	if err != nil {
		panic("pep440: own normal form " + v.norm + ": " + err.Error())
	}
	return p
}

// Public returns v without its local part.
func (v Version) Public() Version {
	if !strings.Contains(v.norm, "+") {
		return v
	}
	p := v.Parts()
	p.Local = ""
	return p.Version()
}

// Base returns the epoch and release of v: "1!1.2" of "1!1.2rc3.dev4+local".
func (v Version) Base() Version {
	p := v.Parts()
	return Parts{Epoch: p.Epoch, Release: p.Release}.Version()
}

// Parts are the fields of a version. Numbers are decimal digits without leading zeros, because
// dates make them larger than a machine word; what is absent is empty.
type Parts struct {
	Epoch   string   // "0" where none is written
	Release []string // at least one
	Pre     string   // "a", "b", "rc"
	PreNum  string   // with Pre: "0" where none is written
	Post    string
	Dev     string
	Local   string // lower case, segments separated by dots
}

// Version returns the version that has these fields, which are as Parts says.
func (p Parts) Version() Version {
	s := p.String()
	return Version{text: s, norm: s, key: makeKey(&p), pre: p.isPrerelease()}
}

func (p *Parts) isPrerelease() bool { return p.Pre != "" || p.Dev != "" }

// String returns the normal form.
func (p Parts) String() string {
	var b strings.Builder
	if p.Epoch != "0" {
		b.WriteString(p.Epoch + "!")
	}
	b.WriteString(strings.Join(p.Release, "."))
	if p.Pre != "" {
		b.WriteString(p.Pre + p.PreNum)
	}
	if p.Post != "" {
		b.WriteString(".post" + p.Post)
	}
	if p.Dev != "" {
		b.WriteString(".dev" + p.Dev)
	}
	if p.Local != "" {
		b.WriteString("+" + p.Local)
	}
	return b.String()
}

// Canonical returns the normal form without trailing zeros of the release: equal versions have
// equal canonical forms.
func (v Version) Canonical() string {
	p := v.Parts()
	p.Release = trimmed(p.Release)
	return p.String()
}

// trimmed drops trailing zeros, not the first segment.
func trimmed(release []string) []string {
	n := len(release)
	for n > 1 && release[n-1] == "0" {
		n--
	}
	return release[:n]
}

// next adds one to a number.
func next(digits string) string {
	b := []byte(digits)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] != '9' {
			b[i]++
			return string(b)
		}
		b[i] = '0'
	}
	return "1" + string(b)
}

// Sort puts versions in ascending order; equal ones by their normal form, so that the result does not
// depend on the order before.
func Sort(vs []Version) {
	slices.SortFunc(vs, func(a, b Version) int {
		if c := Compare(a, b); c != 0 {
			return c
		}
		return strings.Compare(a.norm, b.norm)
	})
}
