package recipe

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

// cacheForTest is the demo's cache; what builds packages is asked for by naming one.
func cacheForTest(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("CORN_DEMO_CACHE")
	if dir == "" {
		t.Skip("needs CORN_DEMO_CACHE: a folder with room for 2 GB, filled from a Debian mirror and a Go module proxy")
	}
	return dir
}

func buildForTest(t *testing.T, cache string, ids []string) []channeltest.Package {
	t.Helper()
	pkgs, err := Build(context.Background(), cache, ids, 2)
	if err != nil {
		t.Fatal(err)
	}
	return pkgs
}

// The small set is enough for a Python kernel with numpy on a machine with glibc 2.36,
// and it runs.
func TestSmall(t *testing.T) {
	pkgs := buildForTest(t, cacheForTest(t), Small())
	if err := Check(pkgs); err != nil {
		t.Error(err)
	}
	chosen := solve(t, pkgs, []string{"python 3.11.*", "ipykernel", "numpy", "pip"}, "2.36")
	if len(chosen) != len(pkgs) {
		t.Errorf("%d packages serve, want all %d of the set", len(chosen), len(pkgs))
	}
	prefix := filepath.Join(t.TempDir(), "env")
	install(t, "/", prefix, chosen)
	run := func(name string, args ...string) string {
		cmd := exec.Command(filepath.Join(prefix, "bin", name), args...)
		cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=/usr/bin:/bin"}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s %q: %v\n%s", name, args, err, out)
		}
		return string(out)
	}
	if got := run("python", "-c", "import numpy, sys; print(sys.prefix, numpy.__version__, numpy.linalg.inv(numpy.eye(3)).sum())"); got != prefix+" 1.24.2 3.0\n" {
		t.Errorf("numpy says %q", got)
	}
	if got := run("jupyter", "kernelspec", "list"); !strings.Contains(got, prefix+"/share/jupyter/kernels/python3") {
		t.Errorf("kernelspecs are %q", got)
	}
	script, err := filepath.Abs("testdata/execute.py")
	if err != nil {
		t.Fatal(err)
	}
	if got := run("python", script, "python3", "import sys; print(sys.executable)"); !strings.Contains(got, "ok "+prefix+"/bin/python\n") {
		t.Errorf("the kernel says %q", got)
	}
	if got := run("pip", "check"); !strings.Contains(got, "No broken requirements found.") {
		t.Errorf("pip check says %q", got)
	}
}

// A second cache, and one job instead of two, give the same packages.
func TestSameBytes(t *testing.T) {
	cache, other := cacheForTest(t), t.TempDir()
	buildForTest(t, cache, Small()) // fetches
	if err := os.Symlink(filepath.Join(cache, "debs"), filepath.Join(other, "debs")); err != nil {
		t.Fatal(err)
	}
	var made [2][]channeltest.Package
	var err error
	made[0] = buildForTest(t, cache, Small())
	if made[1], err = Build(context.Background(), other, Small(), 1); err != nil {
		t.Fatal(err)
	}
	for i, p := range made[0] {
		q := made[1][i]
		if len(p.Files) != len(q.Files) {
			t.Errorf("%s has %d files and %d", p.Name, len(p.Files), len(q.Files))
			continue
		}
		for j := range p.Files {
			a, b := p.Files[j], q.Files[j]
			x, err := content(a)
			if err != nil {
				t.Fatal(err)
			}
			y, err := content(b)
			if err != nil {
				t.Fatal(err)
			}
			a.Src, b.Src = "", ""
			if !reflect.DeepEqual(a, b) || !bytes.Equal(x, y) {
				t.Errorf("%s: %s differs from cache to cache", p.Name, a.Path)
			}
		}
		p.Files, q.Files = nil, nil
		if !reflect.DeepEqual(p, q) {
			t.Errorf("descriptions differ:\n%+v\n%+v", p, q)
		}
	}
}

// Tables hold together without a deb being read.
func TestTables(t *testing.T) {
	all, err := lookup(append(Full(), Tools()...))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lookup(Small()); err != nil {
		t.Error(err)
	}
	names := map[string]bool{}
	for _, r := range all {
		names[r.Name] = true
	}
	for _, r := range all {
		for _, d := range r.Depends {
			name, _, _ := strings.Cut(strings.TrimPrefix(d, "+"), " ")
			if !names[name] && !strings.HasPrefix(name, "__") {
				t.Errorf("%s depends on %s, and no recipe makes it", r.ID, d)
			}
		}
		for _, pattern := range append(append([]string(nil), r.Drop...), needless...) {
			for _, part := range strings.Split(pattern, "**") {
				if _, err := path.Match(part, ""); err != nil {
					t.Errorf("%s: pattern %q: %v", r.ID, pattern, err)
				}
			}
		}
	}
	if _, err := lookup([]string{"trixie/nothing"}); err == nil {
		t.Error("an unknown ID is no error")
	}
	if len(Placeholder) != 255 {
		t.Errorf("the placeholder has %d bytes, want 255", len(Placeholder))
	}
}
