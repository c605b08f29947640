package kernel

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/store"
)

var update = flag.Bool("update", false, "rewrite golden files")

const (
	ipykernelSpec = `{
 "argv": ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
 "display_name": "Python 3 (ipykernel)",
 "language": "python",
 "metadata": {"debugger": true},
 "kernel_protocol_version": "5.5"
}`
	irSpec = `{"argv": ["/placehold_placehold/bin/R", "--slave", "-e", "IRkernel::main()", "--args", "{connection_file}"],
 "display_name": "R", "language": "R", "interrupt_mode": "message", "env": {"R_LIBS_SITE": "<none & 'more'>", "A": "${HOME}"}}`
	xpythonSpec = `{"argv": ["{prefix}/bin/xpython", "-f", "{connection_file}", "{resource_dir}"], "display_name": "XPython", "language": "python"}`
	bashSpec    = `{"argv": ["/usr/bin/bash_kernel", "{connection_file}"], "language": "bash"}`
)

func pythonEnv(slug, name string) Env {
	return Env{
		Slug: slug, DisplayName: name, Prefix: "srv/conda/envs/" + slug, UID: 1000, GID: 100,
		Files: []string{
			"bin/python", "bin/python3", "share/jupyter/kernels/python3/kernel.json",
			"share/jupyter/kernels/python3/logo-64x64.png", "share/jupyter/kernels/python3/logo-svg.svg",
			"share/jupyter/kernels/python3/assets/a/b.js", "share/jupyter/kernels/python3/assets/c.js",
		},
		Data: map[string][]byte{"share/jupyter/kernels/python3/kernel.json": []byte(ipykernelSpec)},
	}
}

func (e Env) with(spec, name string, data string, files ...string) Env {
	e.Data["share/jupyter/kernels/"+spec+"/"+name] = []byte(data)
	e.Files = append(append(e.Files, "share/jupyter/kernels/"+spec+"/"+name), files...)
	return e
}

// dump writes a result for people: entries in order, then the files' bytes.
func dump(r *Result) string {
	var b strings.Builder
	for _, k := range r.Kernels {
		fmt.Fprintf(&b, "kernel %s | %s | %s | env %s at %s\n", k.Name, k.DisplayName, k.Language, k.Env, k.Prefix)
	}
	for _, n := range r.Notices {
		fmt.Fprintf(&b, "notice %s\n", n)
	}
	for _, e := range r.Entries {
		fmt.Fprintf(&b, "%s %04o %d:%d %s", e.Type, e.Mode, e.UID, e.GID, e.Path)
		if e.Link != "" {
			fmt.Fprintf(&b, " -> %s", e.Link)
		}
		if e.Type == filetree.File {
			fmt.Fprintf(&b, " %d bytes", e.SizeBytes)
		}
		b.WriteByte('\n')
	}
	for _, e := range r.Entries {
		if data, ok := r.Data[e.Path]; ok && strings.HasSuffix(e.Path, ".json") {
			fmt.Fprintf(&b, "== %s\n%s", e.Path, data)
		}
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", name, d)
	}
}

func TestRegister(t *testing.T) {
	envs := []Env{
		pythonEnv("team-a", "Team A"),
		// Python is the main one though "ir" sorts first; a second Python kernel has no
		// language of its own to be called by.
		pythonEnv("mixed", `Mixed "env"`).
			with("ir", "kernel.json", strings.ReplaceAll(irSpec, "/placehold_placehold", "/srv/conda/envs/mixed"), "bin/R", "share/jupyter/kernels/ir/kernel.js", "share/jupyter/kernels/ir/logo-64x64.png").
			with("xpython", "kernel.json", xpythonSpec, "bin/xpython").
			with("bash", "kernel.json", bashSpec),
		// The name "mixed-r" is an env's own: its R kernel gives way.
		{Slug: "mixed-r", DisplayName: "R only", Prefix: "srv/conda/envs/mixed-r", UID: 1000, GID: 100,
			Files: []string{"bin/R"}, Data: map[string][]byte{"share/jupyter/kernels/ir/kernel.json": []byte(strings.ReplaceAll(irSpec, "/placehold_placehold", "/build/machine"))}},
	}
	r, err := Register(envs, Options{Dir: "srv/conda/envs/notebook/share/jupyter/kernels", DirUID: 1000, DirGID: 100, Taken: []string{"python3"}, NBCondaKernels: true})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "register.txt", dump(r))

	seen := map[string]bool{"srv/conda/envs/notebook/share/jupyter/kernels": true}
	for _, e := range envs {
		seen[e.Prefix] = true
	}
	for _, e := range r.Entries {
		if err := filetree.CheckPath(e.Path); err != nil {
			t.Error(err)
		}
		if dir := e.Path[:strings.LastIndexByte(e.Path, '/')]; !seen[dir] {
			t.Errorf("%s comes before its directory", e.Path)
		}
		if seen[e.Path] {
			t.Errorf("%s is there twice", e.Path)
		}
		seen[e.Path] = true
		if e.Type == filetree.File && int64(len(r.Data[e.Path])) != e.SizeBytes {
			t.Errorf("%s has %d bytes of data, its entry says %d", e.Path, len(r.Data[e.Path]), e.SizeBytes)
		}
	}
}

func TestLauncherGolden(t *testing.T) {
	e := Env{Slug: "team-a", DisplayName: "Team A", Prefix: "srv/conda/envs/team-a", Variables: []Variable{{"Z", "it's"}, {"A", ""}}}
	script, _, err := Launcher(&e)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "activate.golden", string(script))
}

func TestSharedFolder(t *testing.T) {
	r, err := Register([]Env{pythonEnv("a", "A")}, Options{Dir: "usr/local/share/jupyter/kernels"})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range r.Entries {
		if e.Path == "usr/local/share/jupyter/kernels/a/logo-64x64.png" {
			want := "../../../../../../srv/conda/envs/a/share/jupyter/kernels/python3/logo-64x64.png"
			if e.Link != want {
				t.Errorf("logo leads to %q, want %q", e.Link, want)
			}
			return
		}
	}
	t.Error("the logo is missing")
}

func TestEnvsThatCannotBeKernels(t *testing.T) {
	spec := func(data string) Env { return Env{Slug: "a", DisplayName: "A"}.init().with("x", "kernel.json", data) }
	for _, tt := range []struct {
		name string
		env  Env
		want string
	}{
		{"python without ipykernel", Env{Slug: "a", DisplayName: "Team A", Files: []string{"bin/python3.11", "bin/python"}}, `environment "Team A" has Python but no Jupyter kernel: add ipykernel to its dependencies`},
		{"R without IRkernel", Env{Slug: "a", DisplayName: "A", Files: []string{"bin/R"}}, `environment "A" has R but no Jupyter kernel: add r-irkernel to its dependencies`},
		{"tools only", Env{Slug: "a", DisplayName: "A", Files: []string{"bin/gdalinfo"}}, `environment "A" has no Jupyter kernel: none of its packages brings a kernelspec, and no language was recognised that one could be named for`},
		{"no JSON", spec(`nope`), `environment "A": share/jupyter/kernels/x/kernel.json is no JSON object: `},
		{"null", spec(`null`), `environment "A": share/jupyter/kernels/x/kernel.json is no JSON object: `},
		{"no argv", spec(`{"display_name": "x"}`), `environment "A": share/jupyter/kernels/x/kernel.json has no argv, which is the command that starts the kernel`},
		{"argv is text", spec(`{"argv": "python"}`), `environment "A": share/jupyter/kernels/x/kernel.json has no argv`},
		{"empty argv", spec(`{"argv": []}`), `environment "A": share/jupyter/kernels/x/kernel.json has no argv`},
		{"NUL", spec(`{"argv": ["a\u0000b"]}`), `environment "A": share/jupyter/kernels/x/kernel.json has a NUL byte in its argv`},
		{"too large", spec(`{"argv": ["a"], "x": "` + strings.Repeat("x", maxSpecBytes) + `"}`), `environment "A": share/jupyter/kernels/x/kernel.json has 1048`},
	} {
		_, err := Register([]Env{tt.env}, Options{Dir: "k"})
		var none *NoKernelError
		var bad *SpecError
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) || !errors.As(err, &none) && !errors.As(err, &bad) {
			t.Errorf("%s: error %v, want %s", tt.name, err, tt.want)
		}
	}
}

func (e Env) init() Env { e.Data = map[string][]byte{}; return e }

func TestNamesAreUnique(t *testing.T) {
	var n *NameError
	if _, err := Register([]Env{pythonEnv("a", "A")}, Options{Dir: "k", Taken: []string{"A"}}); !errors.As(err, &n) {
		t.Errorf("a name that is taken: error %v, want a *NameError", err)
	}
	if _, err := Register([]Env{pythonEnv("a", "A"), pythonEnv("a", "B")}, Options{Dir: "k"}); !errors.As(err, &n) || n.Env != "B" {
		t.Errorf("two envs of one slug: error %v, want a *NameError for B", err)
	}
}

func TestUnreadableSpecIsNoticed(t *testing.T) {
	e := pythonEnv("a", "A")
	e.Files = append(e.Files, "share/jupyter/kernels/linked/kernel.json")
	r, err := Register([]Env{e}, Options{Dir: "k"})
	if err != nil || len(r.Kernels) != 1 || len(r.Notices) != 1 || !strings.Contains(r.Notices[0], "linked") {
		t.Errorf("a kernelspec without bytes: error %v, kernels %v, notices %q; want one kernel and a notice", err, r.Kernels, r.Notices)
	}
}

func TestKept(t *testing.T) {
	f := &artifact.Facts{Kept: map[string][]byte{
		"share/jupyter/kernels/ir/kernel.json":       []byte(irSpec),
		"data/share/jupyter/kernels/py/kernel.json":  []byte(ipykernelSpec),
		"etc/conda/env_vars.d/x.json":                []byte(`{}`),
		"share/jupyter/kernels/ir/deep/kernel.json":  []byte(`{}`),
		"share/jupyter/kernels/linked/kernel.json":   []byte(`{}`),
		"share/jupyter/kernels/lostitem/kernel.json": []byte(`{}`),
	}}
	items := []store.Item{
		{Path: "share/jupyter/kernels/ir/kernel.json", Type: filetree.File, Member: "share/jupyter/kernels/ir/kernel.json", Prefix: &artifact.PrefixUse{Placeholder: "/placehold_placehold", Mode: artifact.Text}},
		{Path: "share/jupyter/kernels/py/kernel.json", Type: filetree.File, Member: "data/share/jupyter/kernels/py/kernel.json"},
		{Path: "share/jupyter/kernels/ir/deep/kernel.json", Type: filetree.File, Member: "share/jupyter/kernels/ir/deep/kernel.json"},
		{Path: "share/jupyter/kernels/linked/kernel.json", Type: filetree.Symlink, Link: "../x"},
		{Path: "etc/conda/env_vars.d/x.json", Type: filetree.File, Member: "etc/conda/env_vars.d/x.json"},
		{Path: "share/jupyter/kernels/made/kernel.json", Type: filetree.File, Generated: true, Data: []byte(bashSpec)},
	}
	want := map[string][]byte{
		"share/jupyter/kernels/ir/kernel.json":   []byte(strings.ReplaceAll(irSpec, "/placehold_placehold", "/srv/x")),
		"share/jupyter/kernels/py/kernel.json":   []byte(ipykernelSpec),
		"etc/conda/env_vars.d/x.json":            []byte(`{}`),
		"share/jupyter/kernels/made/kernel.json": []byte(bashSpec),
	}
	if d := cmp.Diff(want, Kept(f, items, "srv/x")); d != "" {
		t.Errorf("Kept (-want +got):\n%s", d)
	}
}
