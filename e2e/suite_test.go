package e2e

import (
	"context"
	_ "embed"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nasa-openscapes/corn/conda/archive"
	"github.com/nasa-openscapes/corn/internal/testkit/jupytertest"
)

//go:embed testdata/kernel_suite.py
var kernelSuite string

// The Python kernels pass a suite that others wrote for kernels, run by the image's own
// Jupyter. The suite comes out of the channel (it is Debian's python3-jupyter-kernel-test)
// and is no part of the image.
func TestJupyterKernelTest(t *testing.T) {
	s := need(t)
	img := must[*image](t)(s.hackweek())
	dir := filepath.Join(t.TempDir(), "suite")
	unpack(t, s, "jupyter_kernel_test-0.7", "site-packages/jupyter_kernel_test/", dir)
	var names []string
	for _, k := range img.Kernels {
		if k.Language == "python" {
			names = append(names, k.Name)
		}
	}
	if len(names) < 2 {
		t.Fatalf("the example has %d Python kernels, want team A's and team B's", len(names))
	}
	flags := append(jupytertest.HubFlags(), "--volume", dir+":/opt/suite:ro", "--env", "PYTHONPATH=/opt/suite", "--env", "PYTHONDONTWRITEBYTECODE=1")
	c := must[*jupytertest.Container](t)(jupytertest.Run(within(t, time.Minute), img.Tag, flags, "sleep", "infinity"))
	t.Cleanup(func() {
		if err := c.Remove(); err != nil {
			t.Error(err)
		}
	})
	out, err := c.ExecInput(within(t, 3*time.Minute), nil, kernelSuite, append([]string{"python3", "-"}, names...)...)
	if err != nil {
		t.Fatal(err)
	}
	var results map[string]struct {
		Ran     int
		Skipped []string
		Failed  map[string]string
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &results); err != nil {
		t.Fatalf("read results: %v\n%s", err, out)
	}
	for _, name := range names {
		r := results[name]
		for id, text := range r.Failed {
			t.Errorf("kernel %s: %s\n%s", name, id, text)
		}
		// What is not asked for above is skipped: the suite must have asked for most.
		if did := r.Ran - len(r.Skipped); did < 10 {
			t.Errorf("kernel %s: %d tests did anything, want at least 10; skipped: %v", name, did, r.Skipped)
		}
		t.Logf("kernel %s: %d tests, %d of them skipped: %v", name, r.Ran, len(r.Skipped), r.Skipped)
	}
}

// unpack writes the files of a package of the channel that stand below a folder into dir, that
// folder's name kept.
func unpack(t *testing.T, s *stage, pkg, below, dir string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(s.dir, "channel", "corn-demo", "*", pkg+"*.conda"))
	if err != nil || len(found) == 0 {
		t.Fatalf("the channel has no %s*.conda: %v", pkg, err)
	}
	slices.Sort(found)
	f := must[*os.File](t)(os.Open(found[len(found)-1]))
	defer f.Close()
	st := must[os.FileInfo](t)(f.Stat())
	a := must[*archive.Archive](t)(archive.Open(f, st.Size(), filepath.Base(f.Name())))
	n := 0
	err = a.Walk(context.Background(), func(h archive.Header, r io.Reader) error {
		if !strings.HasPrefix(h.Path, below) {
			return nil
		}
		n++
		name := filepath.Join(dir, filepath.Base(strings.TrimSuffix(below, "/")), filepath.FromSlash(strings.TrimPrefix(h.Path, below)))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		return os.WriteFile(name, data, 0o644)
	})
	if err != nil || n == 0 {
		t.Fatalf("unpack %s: %d files, %v", f.Name(), n, err)
	}
	// Another user reads it.
	for p := dir; p != filepath.Dir(os.TempDir()) && p != os.TempDir() && p != "/"; p = filepath.Dir(p) {
		if err := os.Chmod(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}
