package channel_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/conda/channel"
	"github.com/nasa-openscapes/corn/conda/record"
)

var _ channel.Cache = (*cache.Cache)(nil)

var linux = []record.Subdir{record.Linux64, record.Noarch}

func openCache(t testing.TB) *cache.Cache {
	t.Helper()
	c, err := cache.Open(t.TempDir(), cache.Options{})
	if err != nil {
		t.Fatalf("cache.Open: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func sharedIndex(t testing.TB) string {
	t.Helper()
	_, self, _, _ := runtime.Caller(0)
	dir := filepath.Join(filepath.Dir(self), "../../../shared/data/index/conda-forge")
	if _, err := filepath.Glob(filepath.Join(dir, "noarch", "*")); err != nil {
		t.Skip("needs the shared index")
	}
	return dir
}

func TestSharedIndexAsFolder(t *testing.T) {
	dir := sharedIndex(t)
	c := openCache(t)
	for _, what := range []string{"cold", "warm"} {
		start := time.Now()
		s, err := channel.Open(context.Background(), c, []string{dir}, linux, channel.Options{})
		if err != nil {
			t.Fatalf("Open: %v", err)
		}
		opened := time.Since(start)
		if err := s.Closure(context.Background(), large...); err != nil {
			t.Fatalf("Closure: %v", err)
		}
		closed := time.Since(start)
		n := 0
		for _, name := range s.Names() {
			n += len(s.Records(name))
		}
		t.Logf("%s: open %v, closure %v, all records %v", what, opened, closed-opened, time.Since(start)-closed)
		if n != 42199 || len(s.Names()) != 3729 || s.Err() != nil { // of 42,374, 175 are there in both formats
			t.Errorf("%s: %d records of %d names, %v", what, n, len(s.Names()), s.Err())
		}
		if near := s.Nearest("nunpy", 3); len(near) != 1 || near[0] != "numpy" {
			t.Errorf("Nearest(nunpy) = %v, want numpy", near)
		}
		for _, src := range s.Snapshot() {
			if src.Form != "repodata.json.zst" || src.SHA256.IsZero() || !src.Time.IsZero() {
				t.Errorf("Snapshot() has %+v", src)
			}
		}
		s.Close()
	}
}

// The channels of other tools' tests, made to be difficult, open without a record lost.
func TestConformanceChannels(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(sharedIndex(t), "../../conformance/solve/channels/*"))
	if err != nil || len(dirs) == 0 {
		t.Skipf("needs the shared conformance channels (%v)", err)
	}
	c := openCache(t)
	for _, dir := range dirs {
		s, err := channel.Open(context.Background(), c, []string{dir}, linux, channel.Options{})
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(dir), err)
			continue
		}
		n := 0
		for _, name := range s.Names() {
			n += len(s.Records(name))
		}
		if want := countFiles(t, dir); n != want || s.Err() != nil {
			t.Errorf("%s: %d records, %v, want %d", filepath.Base(dir), n, s.Err(), want)
		}
		s.Close()
	}
}

// countFiles counts the dists of a folder's repodata.json files.
func countFiles(t *testing.T, dir string) int {
	t.Helper()
	n := 0
	for _, sub := range linux {
		b, err := os.ReadFile(filepath.Join(dir, string(sub), "repodata.json"))
		if err != nil {
			continue
		}
		var doc struct {
			Packages map[string]any `json:"packages"`
			Conda    map[string]any `json:"packages.conda"`
		}
		if err := json.Unmarshal(b, &doc); err != nil {
			t.Fatal(err)
		}
		dists := map[string]bool{}
		for _, section := range []map[string]any{doc.Packages, doc.Conda} {
			for fn := range section { // rattler's channel has files in the wrong section
				dists[strings.TrimSuffix(strings.TrimSuffix(fn, ".tar.bz2"), ".conda")] = true
			}
		}
		n += len(dists)
	}
	return n
}
