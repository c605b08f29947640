package resolve

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nasa-openscapes/corn/pypi/pep508"
	"github.com/nasa-openscapes/corn/pypi/tags"
)

var update = flag.Bool("update", false, "rewrite the answers in testdata/worlds")

// A world is a small index and a request in a few lines of text (docs/design/pypi.md):
//
//	name: a pin on b holds a back
//	a 2: b>=2
//	a 1: b
//	b 2, 1
//	solve a | b<2
//	want a 1, b 1
//
// Files: "PROJECT VERSION, ... [key=value ...]: DEPENDENCY | DEPENDENCY ...". Without keys there is one wheel for all.
type world struct {
	name  string
	index *memIndex
	req   Request
	input []string // the lines that are no answer
	want  []string
}

// memIndex is an index in memory. It refuses to be asked twice.
type memIndex struct {
	t        testing.TB
	projects map[string][]File
	metadata map[string]*Metadata // by URL
	errors   map[string]error     // by URL, or by project
	asked    map[string]bool
}

func newMemIndex(t testing.TB) *memIndex {
	return &memIndex{t: t, projects: map[string][]File{}, metadata: map[string]*Metadata{}, errors: map[string]error{}, asked: map[string]bool{}}
}

// fresh is the same index, which nobody has asked yet, with its files in another order.
func (m *memIndex) fresh(r *rand.Rand) *memIndex {
	c := *m
	c.asked = map[string]bool{}
	c.projects = map[string][]File{}
	for n, files := range m.projects {
		files = slices.Clone(files)
		r.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
		c.projects[n] = files
	}
	return &c
}

func (m *memIndex) once(what string) {
	if m.asked[what] {
		m.t.Errorf("the index is asked twice for %s", what)
	}
	m.asked[what] = true
}

func (m *memIndex) Files(_ context.Context, project string) ([]File, error) {
	m.once("files of " + project)
	if err := m.errors[project]; err != nil {
		return nil, err
	}
	files, ok := m.projects[project]
	if !ok {
		return nil, fmt.Errorf("%s: %w", project, ErrNoProject)
	}
	return files, nil
}

func (m *memIndex) Metadata(_ context.Context, _ string, f *File) (*Metadata, error) {
	m.once("metadata of " + f.URL)
	if err := m.errors[f.URL]; err != nil {
		return nil, err
	}
	d := m.metadata[f.URL]
	if d == nil {
		return nil, &UnusableError{errors.New("there is nothing at " + f.URL)}
	}
	return d, nil
}

// linux is CPython 3.12.1 on a Linux of today.
func linux(python string) (pep508.Environment, *tags.Set) {
	env := pep508.CPython(python, "Linux", "x86_64")
	var r tags.Release
	if _, err := fmt.Sscanf(python, "%d.%d", &r.Major, &r.Minor); err != nil {
		panic(err)
	}
	return env, tags.For(tags.Target{Python: r, Platform: tags.Platform{Arch: "x86_64", Glibc: tags.Release{Major: 2, Minor: 28}}})
}

func parseWorld(t testing.TB, block string) *world {
	w := &world{index: newMemIndex(t)}
	w.req.Env, w.req.Tags = linux("3.12.1")
	for _, line := range strings.Split(strings.TrimSpace(block), "\n") {
		verb, rest, _ := strings.Cut(line, " ")
		rest = strings.TrimSpace(rest)
		answer := false
		switch verb {
		case "name:":
			w.name = rest
		case "python":
			w.req.Env, w.req.Tags = linux(rest)
		case "option":
			w.option(t, rest)
		case "conda": // conda NAME VERSION (PACKAGE): DEPENDENCY | ...
			head, deps, _ := strings.Cut(rest, ": ")
			var d Provided
			var pkg string
			d.Name, pkg, _ = strings.Cut(head, " ")
			d.Version, d.Package, _ = strings.Cut(pkg, " (")
			d.Package = strings.TrimSuffix(d.Package, ")")
			if deps != "" {
				d.RequiresDist = strings.Split(deps, " | ")
			}
			w.req.Provided = append(w.req.Provided, d)
		case "locked":
			name, v, _ := strings.Cut(rest, " ")
			w.req.Locked = append(w.req.Locked, Pin{name, v})
		case "constraint":
			w.req.Constraints = append(w.req.Constraints, parseLines(t, rest, "constraints.txt")...)
		case "solve":
			w.req.Requirements = append(w.req.Requirements, parseLines(t, rest, "requirements.txt")...)
		case "want", "fail", "|", "hint", "warn", "used":
			answer = true
			w.want = append(w.want, line)
		default:
			w.addFiles(t, line)
		}
		if !answer {
			w.input = append(w.input, line)
		}
	}
	return w
}

// parseLines reads requirements, each on a line of its own; " --hash=..." as in requirements.txt.
func parseLines(t testing.TB, text, file string) []Requirement {
	var out []Requirement
	for i, line := range strings.Split(text, " | ") {
		r := Requirement{Origin: Origin{File: file, Line: i + 1}}
		fields := strings.Split(line, " --hash=")
		r.Hashes = fields[1:]
		if strings.HasPrefix(fields[0], "https://") {
			r.Requirement = &pep508.Requirement{URL: fields[0]}
		} else {
			p, err := pep508.Parse(fields[0])
			if err != nil {
				t.Fatal(err)
			}
			r.Requirement = p
		}
		out = append(out, r)
	}
	return out
}

func (w *world) option(t testing.TB, text string) {
	for _, o := range strings.Fields(text) {
		key, val, _ := strings.Cut(o, "=")
		switch key {
		case "pre":
			w.req.Prereleases = true
		case "sdists":
			w.req.AllowSdists = true
		case "prefer-binary":
			w.req.PreferBinary = true
		case "no-binary":
			w.req.NoBinary = formats(val)
		case "only-binary":
			w.req.OnlyBinary = formats(val)
		case "newer":
			w.req.ExcludeNewer = parseDay(t, val)
		case "hashes":
			w.req.RequireHashes = true
		default:
			t.Fatalf("world %q: no option %q", w.name, o)
		}
	}
}

func formats(val string) Formats {
	if val == ":all:" {
		return Formats{All: true}
	}
	return Formats{Names: strings.Split(val, ",")}
}

func parseDay(t testing.TB, s string) time.Time {
	d, err := time.Parse(time.DateOnly, s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// addFiles reads a line of files.
func (w *world) addFiles(t testing.TB, line string) {
	head, depends, _ := strings.Cut(line, ": ")
	head = strings.TrimSuffix(head, ":")
	head, keys, _ := strings.Cut(strings.TrimSuffix(head, "]"), " [")
	name, versions, _ := strings.Cut(head, " ")
	var deps []string
	if depends != "" {
		deps = strings.Split(depends, " | ")
	}
	for _, v := range strings.Split(versions, ", ") {
		w.index.add(t, name, v, keys, deps)
	}
}

// add makes the files of a version.
func (m *memIndex) add(t testing.TB, name, version, keys string, deps []string) {
	escaped := strings.ReplaceAll(name, "-", "_")
	project := pep508.NormalizeName(name)
	meta := &Metadata{Name: name, Version: version, RequiresDist: deps}
	base := File{Index: "https://index.example"}
	var names []string
	url := ""
	var bad error
	for _, kv := range strings.Fields(keys) {
		k, val, _ := strings.Cut(kv, "=")
		switch k {
		case "wheel":
			names = append(names, escaped+"-"+version+"-"+val+".whl")
		case "sdist":
			names = append(names, escaped+"-"+version+".tar.gz")
		case "file":
			names = append(names, val)
		case "python":
			base.RequiresPython = val
		case "late-python":
			meta.RequiresPython = val
		case "yanked":
			base.Yanked, base.YankedReason = true, val
		case "day":
			base.Uploaded = parseDay(t, val)
		case "sha256":
			base.Hashes = map[string]string{"sha256": val}
		case "extras":
			meta.ProvidesExtra = strings.Split(val, ",")
		case "is":
			meta.Version = val
		case "of":
			meta.Name = val
		case "url":
			url = val
		case "broken":
			bad = &UnusableError{errors.New(val)}
		case "down":
			bad = errors.New("503 from the index")
		default:
			t.Fatalf("no key %q", k)
		}
	}
	if url != "" {
		m.metadata[url], m.errors[url] = meta, bad
		return
	}
	if len(names) == 0 {
		names = []string{escaped + "-" + version + "-py3-none-any.whl"}
	}
	for _, n := range names {
		f := base
		f.Name, f.URL = n, "https://index.example/"+n
		m.projects[project] = append(m.projects[project], f)
		m.metadata[f.URL], m.errors[f.URL] = meta, bad
	}
}

// answer resolves the world and puts the result into lines.
func (w *world) answer(t testing.TB) []string {
	res, err := Solve(context.Background(), w.index, w.req)
	if u, ok := errors.AsType[*Unsolvable](err); ok {
		lines := []string{"fail " + strings.Split(u.Error(), "\n")[0]}
		for _, l := range strings.Split(u.Error(), "\n")[1:] {
			lines = append(lines, "| "+l)
		}
		if h := u.Hint(); h != "" {
			lines = append(lines, "hint "+strings.ReplaceAll(h, "\n", " "))
		}
		return lines
	}
	if err != nil {
		return []string{"fail " + err.Error()}
	}
	var show []string
	for _, c := range res.Chosen {
		s := c.Name
		if len(c.Extras) > 0 {
			s += "[" + strings.Join(c.Extras, ",") + "]"
		}
		s += " " + c.Version
		if c.Direct {
			s += " (direct)"
		}
		if v := c.File.Name; strings.Count(fmt.Sprint(w.index.projects[c.Name]), "-"+c.Version) > 2 {
			s += " (" + v + ")" // more than one file: which
		}
		if c.Sdist {
			s += " (sdist)"
		}
		show = append(show, s)
	}
	lines := []string{strings.TrimSpace("want " + strings.Join(show, ", "))}
	for _, u := range res.Used {
		lines = append(lines, "used "+u.Name+" "+u.Version+" ("+u.Package+")")
	}
	for _, warning := range res.Warnings {
		lines = append(lines, "warn "+warning.String())
	}
	return lines
}

func worlds(t *testing.T, do func(file string, w *world)) {
	t.Helper()
	files, err := filepath.Glob("testdata/worlds/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no worlds: %v", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range strings.Split(strings.TrimSpace(string(b)), "\n\n") {
			do(file, parseWorld(t, block))
		}
	}
}

func TestWorlds(t *testing.T) {
	out := map[string][]string{}
	worlds(t, func(file string, w *world) {
		t.Run(strings.ReplaceAll(w.name, " ", "_"), func(t *testing.T) {
			w.index.t = t
			got := w.answer(t)
			out[file] = append(out[file], strings.Join(append(w.input, got...), "\n"))
			if !*update && !slices.Equal(got, w.want) {
				t.Errorf("%s, %q:\n got %s\nwant %s", file, w.name, strings.Join(got, "\n     "), strings.Join(w.want, "\n     "))
			}
		})
	})
	if *update {
		for file, blocks := range out {
			if err := os.WriteFile(file, []byte(strings.Join(blocks, "\n\n")+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestOrderDoesNotMatter solves each world with everything in another order.
func TestOrderDoesNotMatter(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	worlds(t, func(file string, w *world) {
		for range 3 {
			other := *w
			other.index = w.index.fresh(r)
			other.req.Requirements = slices.Clone(w.req.Requirements)
			r.Shuffle(len(other.req.Requirements), func(i, j int) {
				q := other.req.Requirements
				q[i], q[j] = q[j], q[i]
			})
			other.req.Provided = slices.Clone(w.req.Provided)
			slices.Reverse(other.req.Provided)
			if got := other.answer(t); !slices.Equal(got, w.want) {
				t.Errorf("%s, %q in another order:\n got %s\nwant %s", file, w.name, strings.Join(got, "\n     "), strings.Join(w.want, "\n     "))
			}
		}
	})
}
