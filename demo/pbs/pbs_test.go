package pbs

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestReleases(t *testing.T) {
	for python, release := range releases {
		if !strings.Contains(release, "-"+python+"-") {
			t.Errorf("Python %s comes from %s", python, release)
		}
		if _, err := day(release); err != nil {
			t.Error(err)
		}
	}
	if when, err := day("v0.0.0-3.11.11-20241219-1"); err != nil || when != 1734566400 {
		t.Errorf("day = %d, %v, want 2024-12-19 in UTC", when, err)
	}
	if _, err := day("v1.0.0"); err == nil {
		t.Error("a release without a date is no error")
	}
	if _, err := Python(context.Background(), "2.7.18", t.TempDir()); err == nil {
		t.Error("a Python that no release has is no error")
	}
}

// An interpreter runs from where its files are put, and pip with it.
func TestPythonRuns(t *testing.T) {
	if os.Getenv("CORN_DEMO_CACHE") == "" {
		t.Skip("needs CORN_DEMO_CACHE, and a Go module proxy")
	}
	ctx, dir, prefix := context.Background(), t.TempDir(), t.TempDir()
	files, err := Python(ctx, "3.11.11", dir)
	if err != nil {
		t.Fatal(err)
	}
	pip, err := Pip(ctx, "3.11.11", dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range pip {
		f.Path = "lib/python3.11/site-packages/" + f.Path
		files = append(files, f)
	}
	for _, f := range files {
		to := filepath.Join(prefix, f.Path)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if f.Link != "" {
			if err := os.Symlink(f.Link, to); err != nil {
				t.Fatal(err)
			}
			continue
		}
		data, err := os.ReadFile(f.Src)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, data, os.FileMode(f.Mode)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(filepath.Join(prefix, "bin/python3"), "-c",
		"import sys, ssl, sqlite3, ctypes, lzma, pip; print(sys.version_info[:3], sys.prefix, pip.__version__)")
	cmd.Env = []string{"HOME=" + dir}
	out, err := cmd.CombinedOutput()
	if want := "(3, 11, 11) " + prefix + " 24.3.1\n"; err != nil || string(out) != want {
		t.Errorf("Python says %q (%v), want %q", out, err, want)
	}
}
