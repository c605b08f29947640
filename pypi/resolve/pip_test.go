package resolve

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"html"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/pypi/pep508"
)

var record = flag.String("pip", "", "a python 3.11 whose pip is asked for answers that testdata/pip.txt lacks")

// pipDiffers names worlds in which corn means to differ from pip; docs/design/pypi.md says more.
var pipDiffers = map[string]string{
	"a version that says it stops before this Python, where there is no other": "pip leaves it out",
	"a pre-release that only a dependency asks for":                            "pip takes it",
	"metadata of another project":                                              "pip installs that project",
	"random 27":                                                                "d 3.0 needs another version of itself; pip then takes an older d than it must",
}

// pipWorlds are worlds that pip can be asked about: those of testdata/worlds that need no conda and no settings, and
// random ones.
func pipWorlds(t *testing.T) []*world {
	var all []*world
	worlds(t, func(_ string, w *world) {
		own := w.req
		own.Requirements, own.Constraints = nil, nil
		env, _ := linux("3.12.1")
		plain := own.Provided == nil && own.Locked == nil && !own.Prereleases && !own.AllowSdists && !own.PreferBinary &&
			!own.RequireHashes && own.ExcludeNewer.IsZero() && own.NoBinary.Names == nil && !own.NoBinary.All &&
			own.OnlyBinary.Names == nil && !own.OnlyBinary.All && own.Env.PythonVersion == env.PythonVersion
		for _, list := range [][]Requirement{w.req.Requirements, w.req.Constraints} {
			for _, r := range list {
				plain = plain && r.URL == "" && len(r.Hashes) == 0
			}
		}
		for _, m := range w.index.metadata {
			for _, d := range m.RequiresDist {
				r, err := pep508.Parse(d)
				plain = plain && err == nil && r.URL == ""
			}
		}
		for _, err := range w.index.errors {
			plain = plain && err == nil
		}
		if plain {
			all = append(all, w)
		}
	})
	r := rand.New(rand.NewPCG(3, 5))
	for i := range 60 {
		all = append(all, parseWorld(t, randomWorld(r, i)))
	}
	for _, w := range all {
		w.req.Env, w.req.Tags = linux("3.11.7")
	}
	return all
}

func randomWorld(r *rand.Rand, i int) string {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	names := []string{"a", "b", "c", "d", "e", "f"}
	need := func() string {
		return pick(names...) + pick("", "", "", "[x]", "[y]") + pick("", "", "", ">=2", "<3", "!=2", "==2", "~=1.0", ">=1.1,<3")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "name: random %d\n", i)
	for _, n := range names {
		for _, v := range []string{"3.0", "2.0", "1.1", "1.0"} {
			if r.IntN(4) == 0 {
				continue
			}
			var deps []string
			for range r.IntN(3) {
				deps = append(deps, need()+pick("", "", "", "; extra == 'x'", "; extra == 'y'", "; os_name == 'nt'"))
			}
			fmt.Fprintf(&b, "%s %s [extras=x,y]: %s\n", n, v, strings.Join(deps, " | "))
		}
	}
	var roots []string
	for range 1 + r.IntN(3) {
		roots = append(roots, need())
	}
	b.WriteString("solve " + strings.Join(roots, " | "))
	if r.IntN(3) == 0 {
		b.WriteString("\nconstraint " + pick(names...) + pick("<3", "!=3.0", ">=2"))
	}
	return strings.ReplaceAll(b.String(), ": \n", "\n")
}

// TestPip compares with the recorded answers of pip.
func TestPip(t *testing.T) {
	const file = "testdata/pip.txt"
	all := pipWorlds(t)
	recorded := map[string]string{}
	b, err := os.ReadFile(file)
	if err != nil && *record == "" {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(b), "\n") {
		if name, answer, ok := strings.Cut(line, ": "); ok && !strings.HasPrefix(line, "#") {
			recorded[name] = answer
		}
	}
	if *record != "" {
		out := "# What " + pipVersion(t, *record) + " answers. What is not here is asked by: go test ./pypi/resolve -run TestPip -pip python3\n"
		for _, w := range all {
			if _, ok := recorded[w.name]; !ok {
				recorded[w.name] = askPip(t, *record, w)
			}
			out += w.name + ": " + recorded[w.name] + "\n"
		}
		if err := os.WriteFile(file, []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	same := 0
	for _, w := range all {
		want, ok := recorded[w.name]
		if !ok {
			continue // newer than the record
		}
		got := "refused"
		if lines := w.answer(t); strings.HasPrefix(lines[0], "want") {
			got = plainAnswer(lines[0])
		}
		reason, differs := pipDiffers[w.name]
		switch {
		case got == want && differs:
			t.Errorf("%q: pip says %s too: it need not be listed as different", w.name, want)
		case got == want:
			same++
		case !differs:
			t.Errorf("%q: %s, and pip says %s\n%s", w.name, got, want, strings.Join(w.input, "\n"))
		default:
			t.Logf("%q: %s, and pip says %s: %s", w.name, got, want, reason)
		}
	}
	if same < 80 {
		t.Errorf("%d answers are those of pip, want 80 at least", same)
	}
}

// plainAnswer drops what only this package shows: extras and file names.
func plainAnswer(line string) string {
	var parts []string
	for _, p := range strings.Split(strings.TrimSpace(strings.TrimPrefix(line, "want")), ", ") {
		name, version, _ := strings.Cut(p, " ")
		name, _, _ = strings.Cut(name, "[")
		version, _, _ = strings.Cut(version, " ")
		parts = append(parts, name+" "+version)
	}
	return strings.Join(parts, ", ")
}

func pipVersion(t *testing.T, python string) string {
	out, err := exec.CommandContext(t.Context(), python, "-I", "-m", "pip", "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	version, _, _ := strings.Cut(string(out), " from ")
	return version
}

// askPip builds an index of folders and lets pip resolve against it.
func askPip(t *testing.T, python string, w *world) string {
	dir := t.TempDir()
	for _, project := range slices.Sorted(maps.Keys(w.index.projects)) {
		var page strings.Builder
		page.WriteString("<!DOCTYPE html><html><body>\n")
		for _, f := range w.index.projects[project] {
			attrs := ""
			if f.RequiresPython != "" {
				attrs += ` data-requires-python="` + html.EscapeString(f.RequiresPython) + `"`
			}
			if f.Yanked {
				attrs += ` data-yanked="` + html.EscapeString(f.YankedReason) + `"`
			}
			fmt.Fprintf(&page, "<a href=\"%s\"%s>%s</a>\n", strings.ReplaceAll(f.Name, "+", "%2B"), attrs, f.Name)
			write(t, filepath.Join(dir, project, f.Name), wheelOf(t, &f, w.index.metadata[f.URL]))
		}
		page.WriteString("</body></html>\n")
		write(t, filepath.Join(dir, project, "index.html"), []byte(page.String()))
	}
	args := []string{"-I", "-m", "pip", "--isolated", "--disable-pip-version-check", "install", "--dry-run", "--ignore-installed", "--no-cache-dir",
		"--quiet", "--only-binary", ":all:", "--report", filepath.Join(dir, "report.json"), "--index-url", "file://" + dir}
	for option, list := range map[string][]Requirement{"-r": w.req.Requirements, "-c": w.req.Constraints} {
		var lines strings.Builder
		for _, r := range list {
			lines.WriteString(r.String() + "\n")
		}
		write(t, filepath.Join(dir, "lines"+option), []byte(lines.String()))
		args = append(args, option, filepath.Join(dir, "lines"+option))
	}
	if out, err := exec.CommandContext(t.Context(), python, args...).CombinedOutput(); err != nil {
		t.Logf("%q: %s", w.name, out)
		return "refused"
	}
	b, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Install []struct {
			Metadata struct{ Name, Version string }
		}
	}
	if err := json.Unmarshal(b, &report); err != nil {
		t.Fatal(err)
	}
	var parts []string
	for _, i := range report.Install {
		parts = append(parts, pep508.NormalizeName(i.Metadata.Name)+" "+i.Metadata.Version)
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

func write(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// wheelOf is the least that pip reads as a wheel.
func wheelOf(t *testing.T, f *File, m *Metadata) []byte {
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	parts := strings.Split(f.Name, "-")
	info := parts[0] + "-" + parts[1] + ".dist-info/"
	text := "Metadata-Version: 2.1\nName: " + m.Name + "\nVersion: " + m.Version + "\n"
	if m.RequiresPython != "" {
		text += "Requires-Python: " + m.RequiresPython + "\n"
	}
	extras := slices.Clone(m.ProvidesExtra)
	for _, d := range m.RequiresDist {
		text += "Requires-Dist: " + d + "\n"
		extras = append(extras, pep508.MustParse(d).Marker.Extras()...)
	}
	slices.Sort(extras)
	for _, e := range slices.Compact(extras) { // pip knows no others
		text += "Provides-Extra: " + e + "\n"
	}
	for name, data := range map[string]string{"METADATA": text, "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n", "RECORD": ""} {
		p, err := z.Create(info + name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Write([]byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}
