package pipeline

import (
	"context"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

// benchStage is the folder of `make demo`: channel/, base/. The benchmarks build the
// example project from it and skip without it.
//
//	CORN_BENCH_STAGE=.demo go test ./internal/pipeline -run '^$' -bench Build -benchtime 2x -cpuprofile cpu.out
func benchStage(b *testing.B) (dir, project, url string) {
	b.Helper()
	dir = os.Getenv("CORN_BENCH_STAGE")
	if dir == "" {
		dir = "../../.demo"
	}
	if _, err := os.Stat(filepath.Join(dir, "channel")); err != nil {
		b.Skipf("no demo channel: run make demo, or name its folder in CORN_BENCH_STAGE: %v", err)
	}
	project = os.Getenv("CORN_BENCH_PROJECT")
	if project == "" {
		project = "../../examples/hackweek"
	}
	srv := httptest.NewServer(channeltest.NewHandler(filepath.Join(dir, "channel"), channeltest.Options{}))
	b.Cleanup(srv.Close)
	return dir, project, srv.URL
}

// BenchmarkBuild builds the example from archives that are in the cache: without anything
// that corn derives from them, with their facts, and with everything.
func BenchmarkBuild(b *testing.B) {
	dir, project, url := benchStage(b)
	cacheDir := filepath.Join(b.TempDir(), "cache")
	build := func(b *testing.B, output string) {
		b.Helper()
		req := BuildRequest{
			Project: project, Base: "oci:" + filepath.Join(dir, "base"), Outputs: []string{output},
			ChannelAlias: url, CacheDir: cacheDir,
		}
		if _, err := Build(context.Background(), req, report.New(io.Discard, io.Discard, report.Options{Quiet: true})); err != nil {
			b.Fatal(err)
		}
	}
	build(b, "oci:"+filepath.Join(b.TempDir(), "image")) // fetches
	for _, c := range []struct {
		name, output string
		drop         []string // kinds of cached values; "" drops all
	}{
		{"archives/oci", "oci:", []string{""}},
		{"archives/docker-archive", "docker-archive:", []string{""}},
		{"facts/oci", "oci:", []string{"frame", "layer", "nopyc"}},
		{"unchanged/oci", "oci:", nil},
		{"unchanged/docker-archive", "docker-archive:", nil},
	} {
		b.Run(c.name, func(b *testing.B) {
			same := c.output + filepath.Join(b.TempDir(), "image")
			if c.drop == nil {
				build(b, same)
			}
			for b.Loop() {
				b.StopTimer()
				output := same
				if c.drop != nil {
					output = c.output + filepath.Join(b.TempDir(), "image")
				}
				for _, kind := range c.drop {
					if err := os.RemoveAll(filepath.Join(cacheDir, "v1", "value", kind)); err != nil {
						b.Fatal(err)
					}
				}
				b.StartTimer()
				build(b, output)
			}
		})
	}
}
