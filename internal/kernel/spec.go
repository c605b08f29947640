package kernel

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
)

const maxSpecBytes = 1 << 20

// A spec is a kernelspec that an env's packages bring.
type spec struct {
	dir      string                     // "share/jupyter/kernels/ir"
	fields   map[string]json.RawMessage // of kernel.json, all of them
	argv     []string
	display  string
	language string

	name  string // as registered
	title string
}

// readSpecs returns an env's kernelspecs, the main one first: python3, else the first
// Python one, else the first by folder name; then the others by folder name.
//
// A kernel.json that stands in the env but whose bytes are not known (it is a link, or
// larger than what is kept) is left out with a notice.
func readSpecs(e *Env) (specs []*spec, notices []string, err error) {
	for _, f := range e.Files {
		if _, ok := e.Data[f]; isSpec(f) && !ok {
			notices = append(notices, fmt.Sprintf("environment %q: %s is not registered: it is a link, or too large", e.DisplayName, f))
		}
	}
	slices.Sort(notices)
	for p, data := range e.Data {
		if !isSpec(p) {
			continue
		}
		s, reason := parseSpec(p, data)
		if reason != "" {
			return nil, nil, &SpecError{e.DisplayName, p, reason}
		}
		specs = append(specs, s)
	}
	rank := func(s *spec) int {
		switch {
		case path.Base(s.dir) == "python3":
			return 0
		case strings.EqualFold(s.language, "python"):
			return 1
		}
		return 2
	}
	slices.SortFunc(specs, func(a, b *spec) int { return strings.Compare(a.dir, b.dir) })
	if len(specs) > 1 {
		main := slices.IndexFunc(specs, func(s *spec) bool {
			return !slices.ContainsFunc(specs, func(o *spec) bool { return rank(o) < rank(s) })
		})
		m := specs[main]
		specs = slices.Insert(slices.Delete(specs, main, main+1), 0, m)
	}
	return specs, notices, nil
}

func parseSpec(p string, data []byte) (*spec, string) {
	s := &spec{dir: path.Dir(p)}
	if len(data) > maxSpecBytes {
		return nil, fmt.Sprintf("has %d bytes, at most %d are read", len(data), maxSpecBytes)
	}
	if err := json.Unmarshal(data, &s.fields); err != nil || s.fields == nil {
		return nil, fmt.Sprintf("is no JSON object: %v", err)
	}
	if err := json.Unmarshal(s.fields["argv"], &s.argv); err != nil || len(s.argv) == 0 || s.argv[0] == "" {
		return nil, "has no argv, which is the command that starts the kernel"
	}
	for _, a := range s.argv {
		if strings.ContainsRune(a, 0) {
			return nil, "has a NUL byte in its argv"
		}
	}
	// Both may be missing: Jupyter takes the folder's name and no language.
	_ = json.Unmarshal(s.fields["display_name"], &s.display)
	_ = json.Unmarshal(s.fields["language"], &s.language)
	return s, ""
}

// languageLabel is a language as people write it.
func languageLabel(language string) string {
	switch strings.ToLower(language) {
	case "python":
		return "Python"
	case "r":
		return "R"
	case "julia":
		return "Julia"
	case "bash":
		return "Bash"
	case "javascript":
		return "JavaScript"
	case "typescript":
		return "TypeScript"
	case "sql":
		return "SQL"
	}
	return language
}

// nameSpecs gives every spec its name and title. names has what is taken, and gets more.
func nameSpecs(e *Env, specs []*spec, names map[string]bool) []*spec {
	titles := map[string]bool{}
	for i, s := range specs {
		if i == 0 {
			s.name, s.title = e.Slug, e.DisplayName
			titles[s.title] = true
			titles[e.DisplayName+" ("+languageLabel(s.language)+")"] = true
			continue
		}
		folder := slugify(path.Base(s.dir))
		language := slugify(s.language)
		candidates := []string{e.Slug + "-" + language, e.Slug + "-" + folder}
		if language == "" || strings.EqualFold(s.language, specs[0].language) {
			candidates = candidates[1:] // "climate-python" beside a Python kernel says nothing
		}
		for n := 2; ; n++ {
			if names[candidates[0]] {
				candidates = append(candidates[1:], fmt.Sprintf("%s-%s-%d", e.Slug, folder, n))
				continue
			}
			s.name = candidates[0]
			break
		}
		names[s.name] = true
		for _, t := range []string{languageLabel(s.language), s.display, path.Base(s.dir), s.name} {
			s.title = e.DisplayName + " (" + t + ")"
			if t != "" && !titles[s.title] {
				break
			}
		}
		titles[s.title] = true
	}
	return specs
}

// slugify makes a part of a kernel's name. Jupyter allows [a-z0-9._-] without case.
func slugify(s string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r == '+':
			return 'p' // c++ is cpp to xeus, too
		}
		return '-'
	}, s), "-.")
}

// rewrite makes the registered kernel.json: the env's own with another argv and title.
func (s *spec) rewrite(e *Env, o Options) (k Kernel, data []byte, notice string, err error) {
	argv := make([]string, 0, len(s.argv)+1)
	argv = append(argv, "/"+e.Prefix+"/"+LauncherPath)
	for i, a := range s.argv {
		// jupyter_client puts its own prefix there, which is the notebook env's.
		a = strings.ReplaceAll(a, "{prefix}", "/"+e.Prefix)
		if i == 0 {
			a, notice = s.program(e, a)
		}
		argv = append(argv, a)
	}
	fields := map[string]any{}
	for name, v := range s.fields {
		fields[name] = v
	}
	fields["argv"], fields["display_name"] = argv, s.title
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(fields); err != nil {
		return k, nil, "", &SpecError{e.DisplayName, s.dir + "/kernel.json", "cannot be written: " + err.Error()}
	}
	k = Kernel{
		Name: s.name, DisplayName: s.title, Language: s.language, Env: e.Slug, Prefix: e.Prefix,
		Dir: o.Dir + "/" + s.name, Argv: argv,
	}
	return k, b.Bytes(), notice, nil
}

// program finds the file that argv[0] means: a bare name, or a path of the machine that
// built the package, is the env's own program of that name if there is one.
func (s *spec) program(e *Env, a string) (string, string) {
	prefix := "/" + e.Prefix + "/"
	if strings.HasPrefix(a, prefix) || strings.HasPrefix(a, "{") {
		return a, ""
	}
	own := "bin/" + path.Base(a)
	if slices.Contains(e.Files, own) {
		return prefix + own, ""
	}
	return a, fmt.Sprintf("kernel %q starts %s, which is not in its environment %q: the base image has to have it", s.title, a, e.DisplayName)
}

// resources are the other files of a kernelspec's folder, sorted: logos, kernel.js.
func (s *spec) resources(e *Env) []string {
	var out []string
	seen := map[string]bool{}
	for _, f := range e.Files {
		rest, ok := strings.CutPrefix(f, s.dir+"/")
		if !ok || rest == "kernel.json" || rest == "" {
			continue
		}
		rest, _, _ = strings.Cut(rest, "/") // a folder is one link
		if !seen[rest] {
			seen[rest] = true
			out = append(out, rest)
		}
	}
	slices.Sort(out)
	return out
}
