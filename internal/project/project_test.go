package project

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/nasa-openscapes/corn/internal/target"
	"github.com/nasa-openscapes/corn/lock"
	"github.com/nasa-openscapes/corn/pypi/requirements"
)

// explicitLock and friends stand for the words LOCK, PIPLOCK and ARMLOCK in test projects.
const (
	explicitLock = "# platform: linux-64\n@EXPLICIT\nhttps://h/c/linux-64/python-3.13.5-h0_0.conda#00000000000000000000000000000001\nhttps://h/c/noarch/six-1.16.0-py_0.conda#00000000000000000000000000000002\n"
	pipLock      = explicitLock + "# pip xq @ https://h/xq-1.0-py3-none-any.whl#sha256=0000000000000000000000000000000000000000000000000000000000000003\n"
	armLock      = "# platform: linux-aarch64\n@EXPLICIT\nhttps://h/c/linux-aarch64/python-3.13.5-h0_0.conda#00000000000000000000000000000001\n"
)

// write makes a project of a txtar text and returns its folder.
func write(t testing.TB, text string) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range txtar.Parse([]byte(text)).Files {
		data := f.Data
		switch strings.TrimSpace(string(data)) {
		case "LOCK":
			data = []byte(explicitLock)
		case "PIPLOCK":
			data = []byte(pipLock)
		case "ARMLOCK":
			data = []byte(armLock)
		}
		p := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

var linux64 = Options{Platform: mustParse("linux-64")}

func mustParse(s string) target.Platform {
	p, err := target.Parse(s)
	if err != nil {
		panic(err)
	}
	return p
}

// describe prints what a test compares; paths are relative to the project.
func describe(p *Project) string {
	var b strings.Builder
	rel := func(s string) string {
		return strings.TrimPrefix(strings.ReplaceAll(s, filepath.ToSlash(p.Dir)+"/", ""), "./")
	}
	fmt.Fprintf(&b, "config %s\n", p.Config)
	all := p.Kernels
	if p.Notebook != nil {
		all = append([]Environment{*p.Notebook}, all...)
	}
	for _, e := range all {
		fmt.Fprintf(&b, "%s %q dir=%s lock=%s\n", e.Slug, e.DisplayName, e.Dir, rel(e.Lock.Path))
	}
	for _, n := range p.Notices {
		fmt.Fprintf(&b, "notice %s: %s\n", rel(n.File), rel(n.Text))
	}
	return b.String()
}

func TestLoad(t *testing.T) {
	for _, c := range []struct{ name, project, want string }{
		{"folders of the example", `
-- environments/team-a/environment.yml --
name: ignored
-- environments/team-a/name.txt --
Team A (xarray 2025.03)
-- environments/team-a/conda-linux-64.lock --
LOCK
-- environments/b/environment.yml --
name: Team_B
-- environments/b/conda-linux-64.lock --
LOCK
-- environments/zed/conda-linux-64.lock --
LOCK
-- environments/README.md --
text
-- environments/.hidden/x --
-- environment.yml --
name: notebook
-- conda-linux-64.lock --
LOCK
-- Dockerfile --
FROM x
`, `config .
notebook "notebook" dir=. lock=conda-linux-64.lock
team-a-xarray-2025.03 "Team A (xarray 2025.03)" dir=environments/team-a lock=environments/team-a/conda-linux-64.lock
team_b "Team_B" dir=environments/b lock=environments/b/conda-linux-64.lock
zed "zed" dir=environments/zed lock=environments/zed/conda-linux-64.lock
notice Dockerfile: not run; corn check explains it
notice environments/README.md: ignored: only folders in environments are kernels
`},
		{"binder wins over ci, and says so", `
-- ci/environments/a/conda-linux-64.lock --
LOCK
-- binder/environments/b/conda-linux-64.lock --
LOCK
-- environment.yml --
name: dev
`, `config binder
b "b" dir=binder/environments/b lock=binder/environments/b/conda-linux-64.lock
notice ci/environments: ignored: the environments are taken from binder/environments
notice .: environment files ignored: the configuration is taken from binder
`},
		{"a folder with environments wins over one without", `
-- binder/environment.yml --
name: x
-- ci/environments/a/conda-linux-64.lock --
LOCK
-- ci/conda-linux-64.lock --
LOCK
`, `config ci
notebook "notebook" dir=ci lock=ci/conda-linux-64.lock
a "a" dir=ci/environments/a lock=ci/environments/a/conda-linux-64.lock
notice binder: environment files ignored: the configuration is taken from ci
`},
		{"a notebook alone", `
-- .binder/conda-linux-64.lock --
LOCK
`, `config .binder
notebook "notebook" dir=.binder lock=.binder/conda-linux-64.lock
`},
		{"locks in order of preference", `
-- environments/a/pixi.lock --
not read
-- environments/a/conda-linux-64.lock --
not read either
-- environments/a/conda-linux-aarch64.lock --
-- environments/a/conda-lock.yml --
version: 1
metadata:
  platforms: [linux-64]
package:
- {name: a, version: '1', manager: conda, platform: linux-64, url: 'https://h/c/noarch/a-1-0.conda', hash: {md5: 00000000000000000000000000000001}}
`, `config .
a "a" dir=environments/a lock=environments/a/conda-lock.yml
notice environments/a/conda-linux-64.lock: ignored: conda-lock.yml is the lock of this environment
notice environments/a/pixi.lock: ignored: conda-lock.yml is the lock of this environment
`},
		{"an apt.txt of comments", `
-- apt.txt --
# nothing yet

-- environments/a/conda-linux-64.lock --
LOCK
-- environments/a/environment.yaml --
name: other
-- environments/a/environment.yml --
name: one
`, `config .
one "one" dir=environments/a lock=environments/a/conda-linux-64.lock
notice apt.txt: ignored: it names no package
notice environments/a/environment.yaml: ignored: environment.yml stands beside it
`},
		{"requirements that the lock has", `
-- environments/a/requirements.txt --
xq>=1 # from PyPI
-- environments/a/conda-linux-64.lock --
PIPLOCK
-- environments/b/requirements.txt --
Six==1.16.0
other ; sys_platform == "win32"
--extra-index-url https://h/simple
-- environments/b/conda-linux-64.lock --
LOCK
`, `config .
a "a" dir=environments/a lock=environments/a/conda-linux-64.lock
b "b" dir=environments/b lock=environments/b/conda-linux-64.lock
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := Load(write(t, c.project), linux64)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, strings.ReplaceAll(describe(p), p.Dir, ".")); diff != "" {
				t.Errorf("project (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadErrors(t *testing.T) {
	env := func(files string) string { return files + "\n-- environments/a/conda-linux-64.lock --\nLOCK\n" }
	for _, c := range []struct {
		name, project string
		file          string // that the message has to name
		want          string
		typed         func(error) bool
	}{
		{"nothing", "-- README.md --\n", "", "nothing to build", is[*EmptyError]},
		{"an empty environments folder", "-- environments/.keep --\n", "", "nothing to build", is[*EmptyError]},
		{"no lock", "-- environments/a/environment.yml --\nname: a\n", "environments/a", "want conda-lock.yml, conda-linux-64.lock or pixi.lock", is[*LockError]},
		{"an empty folder", "-- environments/a/notes.txt --\n", "environments/a", "no lock", is[*LockError]},
		{"no lock at the top", "-- environment.yml --\nname: a\n", "", "no lock", is[*LockError]},
		{"a lock for another machine", "-- environments/a/conda-linux-aarch64.lock --\nARMLOCK\n", "environments/a", "no lock for linux-64: there is conda-linux-aarch64.lock", is[*LockError]},
		{"a lock that names another platform", "-- environments/a/conda-linux-64.lock --\nARMLOCK\n", "environments/a/conda-linux-64.lock", "no packages for linux-64: the lock is for linux-aarch64", is[*lock.PlatformError]},
		{"a broken lock", "-- environments/a/conda-lock.yml --\nversion: 1\nmetadata: {}\npackage:\n- name: a\n", "environments/a/conda-lock.yml:4", "missing", is[*lock.ParseError]},
		{"requirements without wheels", env("-- environments/a/requirements.txt --\n# c\nxq\n"), "environments/a/conda-linux-64.lock", "environments/a/requirements.txt:2", is[*PipError]},
		{"pip list without wheels", env("-- environments/a/environment.yml --\ndependencies:\n- python\n- pip:\n  - six\n  - xq[extra]>=1\n"), "environments/a/conda-linux-64.lock", "environments/a/environment.yml:5", is[*PipError]},
		{"git requirement without wheels", env("-- environments/a/requirements.txt --\ngit+https://h/x.git\n"), "environments/a/conda-linux-64.lock", "git+https://h/x.git", is[*PipError]},

		{"apt.txt with shell syntax", env("-- apt.txt --\n# graphics\nlibgl1 && id\n"), "apt.txt:2", "\"&&\" is no package name", is[*ParseError]},
		{"postBuild of Windows", env("-- postBuild --\n#!/bin/sh\r\necho\r\n"), "postBuild:1", "save the file with LF", is[*ParseError]},
		{"start without an interpreter", env("-- start --\nexec \"$@\"\n"), "start:1", "want a first line like #!/bin/bash", is[*ParseError]},
		{"start with Windows' line ends", env("-- start --\n#!/bin/bash\r\nexec \"$@\"\r\n"), "start:1", "CR and LF", is[*ParseError]},
		{"an empty start", env("-- start --\n"), "start:1", "want a first line", is[*ParseError]},
		{"start in an env", env("-- environments/a/start --\n"), "environments/a/start", "does not belong to one environment", is[*MisplacedError]},
		{"apt.txt in an env", env("-- environments/a/apt.txt --\nx\n"), "environments/a/apt.txt", "does not belong to one environment", is[*MisplacedError]},
		{"postBuild in an env", env("-- environments/a/postBuild --\n"), "environments/a/postBuild", "does not belong to one environment", is[*MisplacedError]},
		{"image.txt", env("-- environments/a/image.txt --\nghcr.io/x\n"), "environments/a/image.txt", "another image", is[*UnsupportedError]},

		{"empty name", env("-- environments/a/name.txt --\n\n"), "environments/a/name.txt", "is empty", is[*NameError]},
		{"name of two lines", env("-- environments/a/name.txt --\nTeam A\nTeam B\n"), "environments/a/name.txt", "line break", is[*NameError]},
		{"long name", env("-- environments/a/name.txt --\n" + strings.Repeat("n", 300) + "\n"), "environments/a/name.txt", "has 300 characters", is[*NameError]},
		{"path in the name", env("-- environments/a/name.txt --\n../../etc\n"), "environments/a/name.txt", "parts of a path", is[*NameError]},
		{"backslash", env("-- environments/a/name.txt --\na\\b\n"), "environments/a/name.txt", "parts of a path", is[*NameError]},
		{"dots", env("-- environments/a/name.txt --\n..\n"), "environments/a/name.txt", "only dots", is[*NameError]},
		{"escape", env("-- environments/a/name.txt --\na\x1b[31mred\n"), "environments/a/name.txt", "cannot be printed", is[*NameError]},
		{"NUL", env("-- environments/a/name.txt --\na\x00b\n"), "environments/a/name.txt", "cannot be printed", is[*NameError]},
		{"right to left", env("-- environments/a/name.txt --\na\u202eb\n"), "environments/a/name.txt", "cannot be printed", is[*NameError]},
		{"no UTF-8", env("-- environments/a/name.txt --\na\xff\n"), "environments/a/name.txt", "no UTF-8", is[*NameError]},
		{"reserved", env("-- environments/a/name.txt --\nBase\n"), "environments/a/name.txt", "is reserved", is[*NameError]},
		{"reserved by its slug", env("-- environments/a/name.txt --\n(Python3)\n"), "environments/a/name.txt", "is reserved", is[*NameError]},
		{"reserved in environment.yml", env("-- environments/a/environment.yml --\nname: notebook\n"), "environments/a/environment.yml", "is reserved", is[*NameError]},
		{"reserved folder", "-- environments/base/conda-linux-64.lock --\nLOCK\n", "environments/base", "is reserved", is[*NameError]},
		{"no letters", "-- environments/研究/conda-linux-64.lock --\nLOCK\n", "environments/研究", "no letter a-z", is[*NameError]},
		{"two slugs meet", env("-- environments/a/name.txt --\nTeam A\n-- environments/b/name.txt --\nteam-a\n"), "environments/a/name.txt", "environments/b/name.txt give two kernels the name \"team-a\"", is[*SlugError]},

		{"environment.yml is no YAML", env("-- environments/a/environment.yml --\nname: [\n"), "environments/a/environment.yml:1", "not valid YAML", is[*ParseError]},
		{"environment.yml is a list", env("-- environments/a/environment.yml --\n- a\n"), "environments/a/environment.yml:1", "is a list", is[*ParseError]},
		{"lists in lists", env("-- environments/a/environment.yml --\n" + strings.Repeat("- ", 100_000) + "\n"), "environments/a/environment.yml:1", "nested too deep", is[*ParseError]},
		{"brackets", env("-- environments/a/environment.yml --\n" + strings.Repeat("[", 100_000) + "\n"), "environments/a/environment.yml", "brackets", is[*ParseError]},
		{"conflict in environment.yml", env("-- environments/a/environment.yml --\n<<<<<<< HEAD\nname: a\n"), "environments/a/environment.yml:1", "conflict", is[*ParseError]},
		{"channels is a word", env("-- environments/a/environment.yml --\nchannels: conda-forge\n"), "environments/a/environment.yml:1", "want a list", is[*ParseError]},
		{"conda list in dependencies", env("-- environments/a/environment.yml --\ndependencies:\n- npm:\n  - x\n"), "environments/a/environment.yml:2", "want pip", is[*ParseError]},
		{"bad variable", env("-- environments/a/environment.yml --\nvariables:\n  A-B: 1\n"), "environments/a/environment.yml:2", "letters, digits", is[*ParseError]},
		{"variable without value", env("-- environments/a/environment.yml --\nvariables:\n  A:\n"), "environments/a/environment.yml:2", "want a single value", is[*ParseError]},
		{"corn.yaml", env("-- corn.yaml --\nbase: x\nbse: y\n"), "corn.yaml:2", "unknown key bse", is[*ParseError]},
		{"corn.yaml names no environment", env("-- corn.yaml --\nenvironments:\n  b: {layout: copies}\n"), "corn.yaml:2", "no environment is called b: the project has a", is[*ParseError]},
		{"a folder as name.txt", env("-- environments/a/name.txt/x --\n"), "environments/a/name.txt", "no regular file", is[*ParseError]},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := write(t, c.project)
			p, err := Load(dir, linux64)
			if err == nil {
				t.Fatalf("Load = %s, want an error with %q", describe(p), c.want)
			}
			if !c.typed(err) {
				t.Errorf("Load: error of type %T: %v", err, err)
			}
			if got := err.Error(); !strings.Contains(got, filepath.ToSlash(filepath.Join(dir, c.file))) || !strings.Contains(got, c.want) {
				t.Errorf("Load: error %q, want the file %s and %q", got, c.file, c.want)
			}
			if strings.ContainsAny(err.Error(), "\x00\x1b\n") {
				t.Errorf("Load: error %q has control characters", err)
			}
			if h, ok := err.(interface{ Hint() string }); ok && h.Hint() == "" {
				t.Errorf("%T has an empty hint", err)
			}
		})
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none"), linux64); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Load of no folder = %v", err)
	}
}

func is[T error](err error) bool { _, ok := errors.AsType[T](err); return ok }

func TestTaken(t *testing.T) {
	dir := write(t, "-- environments/team-a/conda-linux-64.lock --\nLOCK\n")
	_, err := Load(dir, Options{Platform: linux64.Platform, Taken: []string{"x", "Team-A"}})
	if e, ok := errors.AsType[*NameError](err); !ok || !strings.HasSuffix(e.File, "environments/team-a") || !strings.Contains(err.Error(), "in use") {
		t.Errorf("Load = %v", err)
	}
	p, err := Load(dir, linux64)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.CheckTaken([]string{"other"}); err != nil {
		t.Errorf("CheckTaken(other) = %v", err)
	}
	if err := p.CheckTaken([]string{"team-a"}); !is[*NameError](err) {
		t.Errorf("CheckTaken(team-a) = %v", err)
	}
}

func TestLinks(t *testing.T) {
	dir := write(t, "-- shared/conda-linux-64.lock --\nLOCK\n-- environments/a/name.txt --\nA\n")
	outside := write(t, "-- conda-linux-64.lock --\nLOCK\n")
	if err := os.Symlink("../../shared/conda-linux-64.lock", filepath.Join(dir, "environments/a/conda-linux-64.lock")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../shared", filepath.Join(dir, "environments/b")); err != nil {
		t.Fatal(err)
	}
	p, err := Load(dir, linux64)
	if err != nil || len(p.Kernels) != 2 {
		t.Fatalf("links inside the project: %v, %v", p, err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "environments/c")); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir, linux64); !is[*ParseError](err) || !strings.Contains(err.Error(), "environments/c") {
		t.Errorf("a folder outside the project: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "environments/c")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/hostname", filepath.Join(dir, "environments/b/name.txt")); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir, linux64); !is[*ParseError](err) || !strings.Contains(err.Error(), "environments/b/name.txt") {
		t.Errorf("a name.txt outside the project: %v", err)
	}
}

func TestSpec(t *testing.T) {
	p, err := Load(write(t, `
-- environments/a/environment.yml --
name: &n A
channels:
- conda-forge
- nodefaults
dependencies:
- python=3.13   # comment
- numpy >=2
- pip
- pip:
  - -r requirements.txt
  - "xq==1.0"
variables:
  B: 1.10
  A: "yes"
  NAME: *n
  EMPTY: ''
  MULTI: |
    two
    lines
prefix: /nowhere
-- environments/a/requirements.txt --
# comment
six ; python_version > "3" # tail

zarr \
  >=2
-- environments/a/conda-linux-64.lock --
PIPLOCK
`), linux64)
	if err != nil {
		t.Fatal(err)
	}
	e := p.Kernels[0]
	yml, txt := filepath.Join(p.Dir, "environments/a/environment.yml"), filepath.Join(p.Dir, "environments/a/requirements.txt")
	for what, diff := range map[string]string{
		"channels":     cmp.Diff([]string{"conda-forge", "nodefaults"}, e.Channels),
		"dependencies": cmp.Diff([]Requirement{{"python=3.13", yml, 6, ""}, {"numpy >=2", yml, 7, ""}, {"pip", yml, 8, ""}}, e.Dependencies),
		"pip": cmp.Diff([]Requirement{
			{`six ; python_version > "3"`, txt, 2, "six"}, {"zarr   >=2", txt, 4, "zarr"}, {"xq==1.0", yml, 11, "xq"},
		}, e.Pip),
		"variables": cmp.Diff([]Variable{{"B", "1.10", 13}, {"A", "yes", 14}, {"NAME", "A", 15}, {"EMPTY", "", 16}, {"MULTI", "two\nlines\n", 17}}, e.Variables),
	} {
		if diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}

func TestPlatform(t *testing.T) {
	dir := write(t, "-- corn.yaml --\nplatforms: [linux/arm64, linux-64]\n-- environments/a/conda-linux-aarch64.lock --\nARMLOCK\n")
	p, err := Load(dir, Options{})
	if err != nil || p.Platform.Subdir != "linux-aarch64" {
		t.Errorf("the platform of corn.yaml: %v, %v", p, err)
	}
	if _, err := Load(dir, linux64); !is[*LockError](err) {
		t.Errorf("a platform that was asked for: %v", err)
	}
}

func TestEnvironmentSettings(t *testing.T) {
	p, err := Load(write(t, `
-- corn.yaml --
layout: copies
copy: ["*.html"]
environments:
  a:
    layout: links
    copy: [share/**]
  notebook:
    copy: [x]
-- conda-linux-64.lock --
LOCK
-- environments/a/conda-linux-64.lock --
LOCK
-- environments/b/conda-linux-64.lock --
LOCK
`), linux64)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, e := range []Environment{*p.Notebook, p.Kernels[0], p.Kernels[1]} {
		got += fmt.Sprintf("%s %s %s\n", e.Slug, e.Layout, e.Copy)
	}
	want := "notebook copies [*.html x]\na links [*.html share/**]\nb copies [*.html]\n"
	if got != want {
		t.Errorf("settings\n%swant\n%s", got, want)
	}
}

func TestSlug(t *testing.T) {
	for _, c := range []struct{ name, folder, want string }{
		{"Team A", "x", "team-a"},
		{"Python 3.11 + GDAL (old)", "x", "python-3.11-gdal-old"},
		{"_private_", "x", "private"},
		{"a__b..c", "x", "a__b..c"},
		{"..a..", "x", "a"},
		{"Équipe A", "equipe", "equipe"}, // letters beyond ASCII: the folder's name
		{"ﬁve", "Folder 5", "folder-5"},
		{"研究", "研究", ""},
		{"— dash —", "x", "dash"}, // punctuation beyond ASCII is only a dash
		{"!!!", "team", "team"},
		{"\u212a", "kelvin", "k"}, // the Kelvin sign is a K to strings.ToLower
		{"", "", ""},
	} {
		if got := Slug(c.name, c.folder); got != c.want {
			t.Errorf("Slug(%q, %q) = %q, want %q", c.name, c.folder, got, c.want)
		}
	}
}

func FuzzSlug(f *testing.F) {
	f.Add("Team A", "a")
	f.Add("..", "../x")
	f.Fuzz(func(t *testing.T, name, folder string) {
		s := Slug(name, folder)
		if s != "" && !slugForm.MatchString(s) {
			t.Errorf("Slug(%q, %q) = %q", name, folder, s)
		}
		if s != "" && Slug(s, "other") != s {
			t.Errorf("Slug(%q) = %q: not stable", s, Slug(s, "other"))
		}
	})
}

func FuzzSpec(f *testing.F) {
	f.Add([]byte("name: a\nchannels: [x]\ndependencies:\n- a\n- pip:\n  - b\nvariables:\n  A: 1\n"))
	f.Add([]byte("a: &a [1]\nb: *a\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<14 {
			return
		}
		var e Environment
		if _, _, err := e.parseSpec("f", data, "linux-64", pipReader{fstest.MapFS{}, "f", path.Clean}); err != nil && !is[*ParseError](err) && !is[*requirements.ParseError](err) {
			t.Errorf("parse environment.yml %q: error of type %T: %v", data, err, err)
		}
	})
}
