package project

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/nasa-openscapes/corn/pypi/requirements"
)

// writeProject writes the files of a txtar archive into a folder.
func writeProject(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range txtar.Parse([]byte(text)).Files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const pipProject = `
-- environments/a/environment.yml --
dependencies:
- python
- pip:
  - xq
  - appnope  # [osx]
  - -r ../../shared.txt
  - --extra-index-url https://extra.example/simple
-- environments/a/requirements.txt --
# of the same environment
-c limits.txt
certifi==2023.11.17 \\
  --hash=sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824
-- environments/a/limits.txt --
numpy<2
-- shared.txt --
cftime==1.6.3
`

// The pip: list, requirements.txt and the files that they name are one list, with the place
// of every line, for every platform.
func TestPipListAndRequirements(t *testing.T) {
	dir := writeProject(t, strings.ReplaceAll(pipProject, "\\\\", "\\"))
	p, err := Load(dir, Options{LocksOptional: true})
	if err != nil {
		t.Fatal(err)
	}
	e := &p.Kernels[0]
	at := func(name string) string { return filepath.ToSlash(filepath.Join(dir, name)) }
	want := []Requirement{
		{"xq", at("environments/a/environment.yml"), 4, "xq"},
		{"cftime==1.6.3", at("shared.txt"), 1, "cftime"},
		{"certifi==2023.11.17", at("environments/a/requirements.txt"), 3, "certifi"},
	}
	if diff := cmp.Diff(want, e.Pip); diff != "" {
		t.Errorf("Pip (-want +got):\n%s", diff)
	}
	o := e.Requirements.Options
	if len(e.Requirements.Constraints) != 1 || len(o.ExtraIndexes) != 1 || !o.RequireHashes || len(e.Requirements.HashesOf("certifi")) != 1 {
		t.Errorf("Requirements = %+v", e.Requirements)
	}
	if mac := e.On("osx-arm64"); len(mac.Pip) != 4 || mac.Pip[1].Text != "appnope" || len(e.Pip) != 3 {
		t.Errorf("on osx: %v; here: %v", mac.Pip, e.Pip)
	}
}

// What leads out of the project, and links that do, are refused with the line that names them.
func TestRequirementsStayInTheProject(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret.txt")
	if err := os.WriteFile(secret, []byte("numpy\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ project, link, want string }{
		{"-- environments/a/requirements.txt --\n-r ../../../../../../etc/passwd\n", "", "requirements.txt:1: -r ../../../../../../etc/passwd: the path leads out of the project's folder"},
		{"-- environments/a/requirements.txt --\nxq\n-r more.txt\n", "environments/a/more.txt", "requirements.txt:2: -r more.txt:"},
		{"-- environments/a/environment.yml --\ndependencies: [python, pip: [-e .]]\n", "", "environment.yml:1: -e .: editable"},
		{"-- environments/a/name.txt --\na\n", "environments/a/requirements.txt", "requirements.txt"},
	} {
		dir := writeProject(t, c.project)
		if c.link != "" {
			if err := os.Symlink(secret, filepath.Join(dir, c.link)); err != nil {
				t.Fatal(err)
			}
		}
		_, err := Load(dir, Options{LocksOptional: true})
		if !is[*requirements.ParseError](err) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want a *requirements.ParseError with %q", c.project, err, c.want)
		}
	}
}
