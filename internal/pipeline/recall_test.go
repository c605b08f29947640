package pipeline_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/internal/pipeline"
)

// values lists the files of the cache that hold values of a kind.
func values(t *testing.T, cacheDir, kind string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(filepath.Join(cacheDir, "v1", kind), func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestPlansAreRecalled: a build that has nothing to make plans nothing, and whatever part of
// the cache is gone or damaged, the image is the same.
func TestPlansAreRecalled(t *testing.T) {
	f := newFixture(t)
	dir := t.TempDir()
	want, _ := f.build(t, pipeline.BuildRequest{CacheDir: dir})
	if n := len(values(t, dir, "value/plan")); n != 3 {
		t.Fatalf("the cache has the plans of %d environments, want 3", n)
	}
	drop := func(kinds ...string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			for _, k := range kinds {
				for _, name := range values(t, dir, k) {
					if err := os.Remove(name); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	damage := func(change func([]byte) []byte) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			for _, name := range values(t, dir, "value/plan") {
				data, err := os.ReadFile(name)
				if err == nil {
					err = os.Remove(name)
				}
				if err == nil {
					err = os.WriteFile(name, change(data), 0o444)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, c := range []struct {
		why    string
		to     func(*testing.T, string)
		learns bool // facts have to be read
	}{
		{"nothing changes", drop(), false},
		{"no plans", drop("value/plan"), true},
		{"no frames: every plan is made after all", drop("value/frame", "value/layer"), true},
		{"no frames, no lists of bytecode", drop("value/frame", "value/nopyc"), true},
		{"one layer is not known, its frames are there", func(t *testing.T, dir string) {
			if err := os.Remove(slices.Min(values(t, dir, "value/layer"))); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"plans without facts and frames", drop("value/facts", "value/frame"), true},
		{"plans alone", drop("value/facts", "value/frame", "value/layer", "blob"), true},
		{"damaged plans", damage(func(b []byte) []byte { b[len(b)/2-64] ^= 1; return b }), true},
		{"plans cut short", damage(func(b []byte) []byte { return b[:len(b)/2] }), true},
	} {
		t.Run(c.why, func(t *testing.T) {
			own := filepath.Join(t.TempDir(), "cache")
			if err := os.CopyFS(own, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			c.to(t, own)
			got, _ := f.build(t, pipeline.BuildRequest{CacheDir: own})
			if got.Digest != want.Digest {
				t.Errorf("digest %s, want %s", got.Digest, want.Digest)
			}
			for _, d := range []string{cmp.Diff(want.Clobbers, got.Clobbers), cmp.Diff(want.Warnings, got.Warnings), cmp.Diff(want.Layers, got.Layers), cmp.Diff(want.Kernels, got.Kernels)} {
				if d != "" {
					t.Errorf("result (-want +got)\n%s", d)
				}
			}
			if _, learns := got.Timings["facts"]; learns != c.learns {
				t.Errorf("facts are read: %v, want %v (stages: %v)", learns, c.learns, slices.Sorted(maps.Keys(got.Timings)))
			}
			if n := len(values(t, own, "value/plan")); n != 3 {
				t.Errorf("the cache has the plans of %d environments after it, want 3", n)
			}
		})
	}
}
