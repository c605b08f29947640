package channel_test

import (
	"context"
	"path/filepath"
	"runtime"
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
	for i := range 3 {
		start := time.Now()
		s, err := channel.Open(context.Background(), c, []string{dir}, linux, channel.Options{})
		if err != nil {
			t.Fatalf("Open: %v", err)
		}
		opened := time.Since(start)
		if err := s.Closure(context.Background(), "python >=3.9", "xarray", "dask", "geopandas", "jupyterlab", "r-base"); err != nil {
			t.Fatalf("Closure: %v", err)
		}
		closed := time.Since(start)
		n := 0
		for _, name := range s.Names() {
			n += len(s.Records(name))
		}
		t.Logf("%d: open %v closure %v all %v, %d records, %d names, near %v", i, opened, closed-opened, time.Since(start)-closed, n, len(s.Names()), s.Nearest("nunpy", 3))
		if n < 42000 || s.Err() != nil {
			t.Errorf("%d records, %v", n, s.Err())
		}
		t.Logf("%+v", s.Snapshot())
		s.Close()
	}
}
