package channel_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/nasa-openscapes/corn/conda/channel"
	"github.com/nasa-openscapes/corn/internal/testkit/bigindex"
)

// millionIndex makes a folder with a repodata.json.zst of about a million records for linux-64, and
// the shared noarch beside it. CORN_MILLION names a folder to keep it in between runs.
func millionIndex(t testing.TB) string {
	t.Helper()
	keep := os.Getenv("CORN_MILLION")
	if keep == "" {
		t.Skip("set CORN_MILLION to a folder for an index of a million records (it takes a minute to make)")
	}
	name := filepath.Join(keep, "linux-64", "repodata.json.zst")
	if _, err := os.Stat(name); err == nil {
		return keep
	}
	z, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, sub := range linux {
		packed, err := os.ReadFile(filepath.Join(sharedIndex(t), string(sub), "repodata.json.zst"))
		if err != nil {
			t.Skipf("needs the shared index: %v", err)
		}
		small, err := z.DecodeAll(packed, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(keep, string(sub)), 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(filepath.Join(keep, string(sub), "repodata.json.zst"))
		if err != nil {
			t.Fatal(err)
		}
		w, err := zstd.NewWriter(f)
		if err != nil {
			t.Fatal(err)
		}
		n, err := bigindex.Write(w, small, 24)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d records", sub, n)
	}
	return keep
}

// peakRSS is the most memory that this process had, in MB.
func peakRSS() int {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.Atoi(strings.Fields(rest)[0])
			return n / 1024
		}
	}
	return 0
}

func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestMillionRecords measures; run it alone: CORN_MILLION=/tmp/million go test -run Million -v
func TestMillionRecords(t *testing.T) {
	dir := millionIndex(t)
	runtime.GC()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // forget the peak of before
	c := openCache(t)
	names := []string{"python", "xarray", "dask", "geopandas", "jupyterlab", "r-base", "r-tidyverse", "pangeo-notebook", "gdal", "pytorch", "tensorflow"}
	for i, what := range []string{"first conversion", "warm", "warm"} {
		start, used := time.Now(), cpu()
		s, err := channel.Open(context.Background(), c, []string{dir}, linux, channel.Options{})
		if err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprintf("%s: open %v (cpu %v, peak %d MB)", what, time.Since(start), cpu()-used, peakRSS())
		if i == 0 && peakRSS() > 500 {
			t.Errorf("%s: peak of %d MB, want at most 500", what, peakRSS())
		}
		start, used = time.Now(), cpu()
		if err := s.Closure(context.Background(), names...); err != nil {
			t.Fatal(err)
		}
		line += fmt.Sprintf(", closure %v (cpu %v)", time.Since(start), cpu()-used)
		start, used = time.Now(), cpu()
		n, seen, todo := 0, map[string]bool{}, append([]string(nil), names...)
		for len(todo) > 0 {
			name := todo[0]
			todo = todo[1:]
			if seen[name] {
				continue
			}
			seen[name] = true
			for _, r := range s.Records(name) {
				n++
				for _, d := range r.Depends {
					name, _, _ := strings.Cut(d, " ")
					if !seen[name] {
						todo = append(todo, name)
					}
				}
			}
		}
		t.Logf("%s, decode %d records of %d names %v (cpu %v)", line, n, len(seen), time.Since(start), cpu()-used)
		start = time.Now()
		t.Logf("names: %d, %v; nearest: %v", len(s.Names()), time.Since(start), s.Nearest("xaray", 2))
		s.Close()
	}
}
