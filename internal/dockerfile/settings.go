package dockerfile

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// settings are lines of corn.yaml.
type settings struct {
	base      string
	platforms []string
	env       []Pair
	labels    []Pair
	strip     []string
	run       []runStep
}

// A runStep is one program of corn.yaml's run: a text for a shell.
type runStep struct {
	name string
	root bool // else the image's user
	text string
}

func (s *settings) add(o settings) {
	if o.base != "" {
		s.base = o.base
	}
	for _, p := range o.platforms {
		if !slices.Contains(s.platforms, p) {
			s.platforms = append(s.platforms, p)
		}
	}
	s.env = append(s.env, o.env...)
	s.labels = append(s.labels, o.labels...)
	for _, g := range o.strip {
		if !slices.Contains(s.strip, g) {
			s.strip = append(s.strip, g)
		}
	}
	s.run = append(s.run, o.run...)
}

// yaml writes the lines, without a newline at the end.
func (s *settings) yaml() string {
	var b strings.Builder
	line := func(words ...string) { b.WriteString(strings.Join(words, "") + "\n") }
	if s.base != "" {
		line("base: ", scalar(s.base))
	}
	list := func(key string, values []string) {
		if len(values) == 0 {
			return
		}
		quoted := make([]string, len(values))
		for i, v := range values {
			quoted[i] = scalar(v)
		}
		line(key, ": [", strings.Join(quoted, ", "), "]")
	}
	list("platforms", s.platforms)
	list("strip", s.strip)
	mapping := func(key string, pairs []Pair) {
		if len(pairs) == 0 {
			return
		}
		line(key, ":")
		for i, p := range pairs {
			if !setLater(pairs[i+1:], p.Name) { // the last one counts
				line("  ", scalar(p.Name), ": ", scalar(p.Value))
			}
		}
	}
	mapping("env", s.env)
	mapping("labels", s.labels)
	if len(s.run) > 0 {
		line("run:")
	}
	for _, r := range s.run {
		line("  - name: ", scalar(r.name))
		if r.root {
			line("    user: root")
		}
		line("    run: |")
		for text := range strings.Lines(r.text) {
			line("      ", strings.TrimRight(text, "\n"))
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func setLater(pairs []Pair, name string) bool {
	for _, p := range pairs {
		if p.Name == name {
			return true
		}
	}
	return false
}

// plain are texts that YAML reads as texts, as they stand.
var plain = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9_./@+-]*(:[A-Za-z0-9_./@+-]+)*$`)

// scalar writes a text as YAML: as it stands where that is safe, else in JSON's quotes.
func scalar(s string) string {
	switch strings.ToLower(s) {
	case "true", "false", "yes", "no", "on", "off", "null", "y", "n":
	default:
		if plain.MatchString(s) {
			return s
		}
	}
	quoted, _ := json.Marshal(s) // a text can be encoded
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(quoted))
}
