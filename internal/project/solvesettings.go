package project

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nasa-openscapes/corn/yamltree"
)

// SolveSettings are what corn.yaml says of solving and locking.
type SolveSettings struct {
	// Channels of environments that name none; empty: conda-forge.
	Channels []string
	Priority string // "strict" (the default), "flexible", "disabled" or empty
	Sharing  string // "builds" (the default), "prefer", "off" or empty
	// IndexURL is the package index of Python of environments that name none; empty: PyPI.
	IndexURL string
	// IndexUntil leaves out what was uploaded to an index later; zero: nothing.
	IndexUntil time.Time
	// Virtual are virtual packages of the target beyond what the base image says, by name.
	Virtual []VirtualPackage
	Forbid  Forbid
}

// A VirtualPackage is a fact of the target that corn.yaml gives.
type VirtualPackage struct {
	Name    string // "__cuda"
	Version string // empty: the target does not have it
	Build   string
	Line    int
}

// Forbid is the policy of a project: globs without regard to case. What they match is in no
// lock.
type Forbid struct {
	Channels []Rule // names or URLs of channels
	Licenses []Rule // as packages write them: "AGPL-*"
}

// A Rule is one glob of corn.yaml.
type Rule struct {
	Glob string
	Line int
}

// Match tells whether the rule is about a text.
func (r Rule) Match(text string) bool {
	ok, err := path.Match(strings.ToLower(strings.ReplaceAll(r.Glob, "/", "\x00")), strings.ToLower(strings.ReplaceAll(text, "/", "\x00")))
	return ok && err == nil // the decoder has tried the pattern; no "/", so that "*" is any text
}

// filledTexts is a list of texts, none of them empty.
func filledTexts(f *yamltree.File, v *yamltree.Value, what string) ([]string, error) {
	texts, err := f.Texts(v, what)
	if i := slices.Index(texts, ""); err == nil && i >= 0 {
		return nil, f.Fail(v.Values[i], "%s: an empty text", what)
	}
	return texts, err
}

// decodeUntil reads a day, all of which counts, or a time.
func decodeUntil(f *yamltree.File, v *yamltree.Value, s *Settings) error {
	text, err := f.Text(v, "index_until")
	if err != nil {
		return err
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		s.Solve.IndexUntil = day.AddDate(0, 0, 1).Add(-time.Nanosecond)
		return nil
	}
	if s.Solve.IndexUntil, err = time.Parse(time.RFC3339, text); err != nil {
		return f.Fail(v, "index_until is %q: want a day (2025-03-31) or a time (2025-03-31T12:00:00Z)", text)
	}
	return nil
}

var (
	virtualName  = regexp.MustCompile(`^__[a-z0-9_]+$`)
	virtualValue = regexp.MustCompile(`^(?:[A-Za-z0-9_.!+]+(?: [A-Za-z0-9_.+]+)?)?$`)
)

// decodeVirtual reads a mapping of names to "VERSION" or "VERSION BUILD".
func decodeVirtual(f *yamltree.File, v *yamltree.Value, s *Settings) error {
	if v.Kind != yamltree.Mapping {
		return f.Fail(v, "virtual_packages is %s: want %s of names to versions", v.Kind, yamltree.Mapping)
	}
	for i, name := range v.Keys {
		if !virtualName.MatchString(name) {
			return f.FailAt(v.KeyPlaces[i].WholeLine(), "virtual package "+name+": want a name such as __cuda")
		}
		p := VirtualPackage{Name: name, Line: v.KeyPlaces[i].Line}
		if v.Values[i].Kind != yamltree.Nothing {
			text, err := f.Text(v.Values[i], name)
			if err != nil {
				return err
			}
			if !virtualValue.MatchString(text) {
				return f.Fail(v.Values[i], "virtual package %s: %q is no version, nor a version and a build", name, text)
			}
			p.Version, p.Build, _ = strings.Cut(text, " ")
		}
		s.Solve.Virtual = append(s.Solve.Virtual, p)
	}
	return nil
}

func decodeForbid(f *yamltree.File, v *yamltree.Value, s *Settings) error {
	if v.Kind != yamltree.Mapping {
		return f.Fail(v, "forbid is %s: want %s of channels and licenses", v.Kind, yamltree.Mapping)
	}
	for i, key := range v.Keys {
		var to *[]Rule
		switch key {
		case "channels":
			to = &s.Solve.Forbid.Channels
		case "licenses":
			to = &s.Solve.Forbid.Licenses
		default:
			return f.FailAt(v.KeyPlaces[i].WholeLine(), unknownKey(key, []string{"channels", "licenses"}))
		}
		globs, err := filledTexts(f, v.Values[i], key)
		if err != nil {
			return err
		}
		for j, g := range globs {
			if _, err := path.Match(g, ""); err != nil {
				return f.Fail(v.Values[i].Values[j], "%s: %q is no glob", key, g)
			}
			*to = append(*to, Rule{Glob: g, Line: v.Values[i].Values[j].Place.Line})
		}
	}
	return nil
}
