package environment

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/nasa-openscapes/corn/conda/matchspec"
	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/yamltree"
)

// Parse reads an environment.yml. file is its name for errors. The error is a *ParseError.
func Parse(file string, data []byte) (*Environment, error) {
	if err := readable(file, data); err != nil {
		return nil, err
	}
	f, root, err := yamltree.Parse(file, data)
	if err != nil {
		return nil, err
	}
	r := reader{f: f, env: &Environment{File: file}}
	if err := r.top(root); err != nil {
		return nil, err
	}
	slices.SortStableFunc(r.env.Warnings, func(a, b Warning) int { return a.Line - b.Line })
	return r.env, nil
}

const maxFileBytes = 1 << 20 // real ones have 5 KB

// readable refuses what nobody writes as an environment.yml.
func readable(file string, data []byte) error {
	if len(data) > maxFileBytes {
		return &ParseError{File: file, Reason: fmt.Sprintf("the file has %d bytes, want at most %d", len(data), maxFileBytes)}
	}
	if utf8.Valid(data) {
		return nil
	}
	n := 0
	for line := range bytes.Lines(data) {
		if n++; !utf8.Valid(line) {
			return &ParseError{File: file, Line: n, Reason: "the line is not UTF-8", Text: yamltree.Shown(string(line))}
		}
	}
	return nil
}

// A reader fills an Environment from a file's values.
type reader struct {
	f   *yamltree.File
	env *Environment
}

func (r *reader) warn(p Place, format string, args ...any) {
	r.env.Warnings = append(r.env.Warnings, Warning{Place: p, Text: fmt.Sprintf(format, args...)})
}

var keys = []string{"name", "channels", "dependencies", "variables", "platforms", "prefix", "category"}

func (r *reader) top(root *yamltree.Value) error {
	if root.Kind == yamltree.Nothing {
		return nil
	}
	if root.Kind != yamltree.Mapping {
		return r.f.Fail(root, "the file is %s: want %s with name, channels and dependencies", root.Kind, yamltree.Mapping)
	}
	for i, key := range root.Keys {
		var err error
		v := root.Values[i]
		switch key {
		case "name":
			err = r.name(v)
		case "channels":
			err = r.each(v, "channels", r.channel)
		case "dependencies":
			err = r.each(v, "dependencies", r.dependency)
		case "variables":
			err = r.variables(v)
		case "platforms":
			err = r.each(v, "platforms", r.platform)
		case "prefix", "category": // where conda would put it, and what conda-lock would call it
		default:
			r.unknown(root.KeyPlaces[i], key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) unknown(p Place, key string) {
	for _, k := range keys {
		if near(strings.ToLower(key), k) {
			r.warn(p, "the key %q is not known and is ignored: did you mean %s?", key, k)
			return
		}
	}
	r.warn(p, "the key %q is not known and is ignored", key)
}

// near tells whether two words differ by one or two letters, as typing errors do.
func near(a, b string) bool {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)] <= 2
}

func (r *reader) name(v *yamltree.Value) (err error) {
	if v.Kind == yamltree.Nothing {
		return nil
	}
	r.env.Name, err = r.f.Text(v, "name")
	r.env.NamePlace = v.Place
	return err
}

// each goes through a list; nothing is an empty one.
func (r *reader) each(v *yamltree.Value, what string, item func(*yamltree.Value) error) error {
	if v.Kind == yamltree.Nothing {
		return nil
	}
	if v.Kind != yamltree.List {
		return r.f.Fail(v, "%s is %s: want %s", what, v.Kind, yamltree.List)
	}
	for _, sub := range v.Values {
		if err := item(sub); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) channel(v *yamltree.Value) error {
	text, err := r.f.Text(v, "an item of channels")
	if err != nil {
		return err
	}
	if text = strings.TrimSpace(text); text == "" {
		return r.f.Fail(v, "the channel is empty")
	}
	if text == "nodefaults" {
		r.env.NoDefaults = true
		return nil
	}
	r.env.Channels = append(r.env.Channels, Channel{Text: text, Place: v.Place, Selector: r.selector(v.Place)})
	return nil
}

func (r *reader) platform(v *yamltree.Value) error {
	text, err := r.f.Text(v, "an item of platforms")
	if err != nil {
		return err
	}
	subdir, err := record.ParseSubdir(strings.TrimSpace(text))
	if err != nil || subdir == record.Noarch {
		return r.f.Fail(v, "%q is no platform: want one such as linux-64", text)
	}
	r.env.Platforms = append(r.env.Platforms, Platform{Subdir: subdir, Place: v.Place, Selector: r.selector(v.Place)})
	return nil
}

func (r *reader) dependency(v *yamltree.Value) error {
	switch v.Kind {
	case yamltree.Scalar:
		return r.spec(v, r.selector(v.Place))
	case yamltree.Mapping:
		for i, key := range v.Keys {
			if err := r.section(key, v.KeyPlaces[i], v.Values[i]); err != nil {
				return err
			}
		}
		return nil
	}
	return r.f.Fail(v, "a dependency is %s: want %s or pip:", v.Kind, yamltree.Scalar)
}

// section reads what stands below a key among the dependencies.
func (r *reader) section(key string, at Place, v *yamltree.Value) error {
	if key == "pip" {
		return r.each(v, "pip", r.requirement)
	}
	m := keySelector.FindStringSubmatch(key)
	if m == nil {
		return r.f.FailAt(at, "dependencies of "+key+" are not known: want pip")
	}
	sel, err := ParseSelector(m[1])
	if err != nil {
		return r.f.FailAt(at, err.Error())
	}
	if v.Kind == yamltree.Scalar {
		return r.spec(v, sel)
	}
	return r.each(v, key, func(v *yamltree.Value) error { return r.spec(v, sel) })
}

func (r *reader) spec(v *yamltree.Value, sel *Selector) error {
	text, err := r.f.Text(v, "a dependency")
	if err != nil {
		return err
	}
	s, err := matchspec.Parse(text)
	if err != nil {
		e := r.f.FailAt(v.Place, err.Error())
		if bad, ok := errors.AsType[*matchspec.ParseError](err); ok {
			e.Reason, e.Column = bad.Reason, r.column(v, bad)
		}
		e.Err = err
		return e
	}
	for _, w := range s.Warnings {
		r.warn(v.Place, "%s", w)
	}
	r.env.Dependencies = append(r.env.Dependencies, Dependency{Text: strings.TrimSpace(text), Spec: s, Place: v.Place, Selector: sel})
	return nil
}

// column is where in its line a spec goes wrong. A value that is written otherwise than it
// reads (escapes, several lines) is pointed at as a whole.
func (r *reader) column(v *yamltree.Value, bad *matchspec.ParseError) int {
	column := v.Place.Column
	if v.Quoted {
		column++
	}
	line := []rune(strings.TrimRight(r.f.Line(v.Place), "\r"))
	if column < 1 || column > len(line) || !strings.HasPrefix(string(line[column-1:]), v.Text) || bad.Offset > len(v.Text) {
		return v.Place.Column
	}
	return column + utf8.RuneCountInString(v.Text[:bad.Offset])
}

func (r *reader) requirement(v *yamltree.Value) error {
	text, err := r.f.Text(v, "a requirement")
	if err != nil {
		return err
	}
	if text = strings.TrimSpace(text); text == "" {
		return r.f.Fail(v, "the requirement is empty")
	}
	r.env.Pip = append(r.env.Pip, Requirement{Text: text, Place: v.Place, Selector: r.selector(v.Place)})
	return nil
}

// variableName is what every shell takes.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (r *reader) variables(v *yamltree.Value) error {
	if v.Kind == yamltree.Nothing {
		return nil
	}
	if v.Kind != yamltree.Mapping {
		return r.f.Fail(v, "variables is %s: want %s", v.Kind, yamltree.Mapping)
	}
	for i, name := range v.Keys {
		text, err := r.f.Text(v.Values[i], "variable "+name)
		if err != nil {
			return err
		}
		if !variableName.MatchString(name) {
			return r.f.FailAt(v.KeyPlaces[i], "variable "+name+": want letters, digits and underscores")
		}
		if strings.ContainsRune(text, 0) {
			return r.f.Fail(v.Values[i], "variable %s holds a NUL byte", name)
		}
		at := v.KeyPlaces[i]
		r.env.Variables = append(r.env.Variables, Variable{Name: name, Value: text, Place: at, Selector: r.selector(at)})
	}
	return nil
}

// selector reads the comment behind what stands at a place.
func (r *reader) selector(p Place) *Selector {
	line := r.f.Line(p)
	if len(line) > yamltree.MaxLineBytes {
		return nil
	}
	m := commentSelector.FindStringSubmatch(line)
	if m == nil {
		return nil
	}
	s, err := ParseSelector(m[1])
	if err != nil {
		r.warn(p, "the comment looks like a selector, but is none, and the line counts on every platform: %s", err)
		return nil
	}
	return s
}
