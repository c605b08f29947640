package environment

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/nasa-openscapes/corn/conda/matchspec"
	"github.com/nasa-openscapes/corn/conda/record"
)

// Parse reads an environment.yml. file is its name for errors. The error is a *ParseError.
func Parse(file string, data []byte) (*Environment, error) {
	f, root, err := parseYAML(file, data)
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

// A reader fills an Environment from a file's values.
type reader struct {
	f   *yamlFile
	env *Environment
}

func (r *reader) warn(p Place, format string, args ...any) {
	r.env.Warnings = append(r.env.Warnings, Warning{Place: p, Text: fmt.Sprintf(format, args...)})
}

var keys = []string{"name", "channels", "dependencies", "variables", "platforms", "prefix", "category"}

func (r *reader) top(root *value) error {
	if root.kind == nothing {
		return nil
	}
	if root.kind != mapping {
		return r.f.fail(root, "the file is %s: want %s with name, channels and dependencies", root.kind, mapping)
	}
	for i, key := range root.keys {
		var err error
		v := root.vals[i]
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
			r.unknown(root.keyPlaces[i], key)
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

func (r *reader) name(v *value) (err error) {
	if v.kind == nothing {
		return nil
	}
	r.env.Name, err = r.f.text(v, "name")
	r.env.NamePlace = v.place
	return err
}

// each goes through a list; nothing is an empty one.
func (r *reader) each(v *value, what string, item func(*value) error) error {
	if v.kind == nothing {
		return nil
	}
	if v.kind != list {
		return r.f.fail(v, "%s is %s: want %s", what, v.kind, list)
	}
	for _, sub := range v.vals {
		if err := item(sub); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) channel(v *value) error {
	text, err := r.f.text(v, "an item of channels")
	if err != nil {
		return err
	}
	if text = strings.TrimSpace(text); text == "" {
		return r.f.fail(v, "the channel is empty")
	}
	if text == "nodefaults" {
		r.env.NoDefaults = true
		return nil
	}
	r.env.Channels = append(r.env.Channels, Channel{Text: text, Place: v.place, Selector: r.selector(v.place)})
	return nil
}

func (r *reader) platform(v *value) error {
	text, err := r.f.text(v, "an item of platforms")
	if err != nil {
		return err
	}
	subdir, err := record.ParseSubdir(strings.TrimSpace(text))
	if err != nil || subdir == record.Noarch {
		return r.f.fail(v, "%q is no platform: want one such as linux-64", text)
	}
	r.env.Platforms = append(r.env.Platforms, Platform{Subdir: subdir, Place: v.place, Selector: r.selector(v.place)})
	return nil
}

func (r *reader) dependency(v *value) error {
	switch v.kind {
	case scalar:
		return r.spec(v, r.selector(v.place))
	case mapping:
		for i, key := range v.keys {
			if err := r.section(key, v.keyPlaces[i], v.vals[i]); err != nil {
				return err
			}
		}
		return nil
	}
	return r.f.fail(v, "a dependency is %s: want %s or pip:", v.kind, scalar)
}

// section reads what stands below a key among the dependencies.
func (r *reader) section(key string, at Place, v *value) error {
	if key == "pip" {
		return r.each(v, "pip", r.requirement)
	}
	m := keySelector.FindStringSubmatch(key)
	if m == nil {
		return r.f.failAt(at, "dependencies of "+key+" are not known: want pip")
	}
	sel, err := ParseSelector(m[1])
	if err != nil {
		return r.f.failAt(at, err.Error())
	}
	if v.kind == scalar {
		return r.spec(v, sel)
	}
	return r.each(v, key, func(v *value) error { return r.spec(v, sel) })
}

func (r *reader) spec(v *value, sel *Selector) error {
	text, err := r.f.text(v, "a dependency")
	if err != nil {
		return err
	}
	s, err := matchspec.Parse(text)
	if err != nil {
		e := r.f.failAt(v.place, err.Error())
		if bad, ok := errors.AsType[*matchspec.ParseError](err); ok {
			e.Reason, e.Column = bad.Reason, r.column(v, bad)
		}
		e.Err = err
		return e
	}
	for _, w := range s.Warnings {
		r.warn(v.place, "%s", w)
	}
	r.env.Dependencies = append(r.env.Dependencies, Dependency{Text: strings.TrimSpace(text), Spec: s, Place: v.place, Selector: sel})
	return nil
}

// column is where in its line a spec goes wrong. A value that is written otherwise than it
// reads (escapes, several lines) is pointed at as a whole.
func (r *reader) column(v *value, bad *matchspec.ParseError) int {
	column := v.place.Column
	if v.quoted {
		column++
	}
	line := []rune(strings.TrimRight(r.f.line(v.place), "\r"))
	if column < 1 || column > len(line) || !strings.HasPrefix(string(line[column-1:]), v.text) || bad.Offset > len(v.text) {
		return v.place.Column
	}
	return column + utf8.RuneCountInString(v.text[:bad.Offset])
}

func (r *reader) requirement(v *value) error {
	text, err := r.f.text(v, "a requirement")
	if err != nil {
		return err
	}
	if text = strings.TrimSpace(text); text == "" {
		return r.f.fail(v, "the requirement is empty")
	}
	r.env.Pip = append(r.env.Pip, Requirement{Text: text, Place: v.place, Selector: r.selector(v.place)})
	return nil
}

// variableName is what every shell takes.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (r *reader) variables(v *value) error {
	if v.kind == nothing {
		return nil
	}
	if v.kind != mapping {
		return r.f.fail(v, "variables is %s: want %s", v.kind, mapping)
	}
	for i, name := range v.keys {
		text, err := r.f.text(v.vals[i], "variable "+name)
		if err != nil {
			return err
		}
		if !variableName.MatchString(name) {
			return r.f.failAt(v.keyPlaces[i], "variable "+name+": want letters, digits and underscores")
		}
		if strings.ContainsRune(text, 0) {
			return r.f.fail(v.vals[i], "variable %s holds a NUL byte", name)
		}
		at := v.keyPlaces[i]
		r.env.Variables = append(r.env.Variables, Variable{Name: name, Value: text, Place: at, Selector: r.selector(at)})
	}
	return nil
}

// selector reads the comment behind what stands at a place.
func (r *reader) selector(p Place) *Selector {
	line := r.f.line(p)
	if len(line) > maxLineBytes {
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
