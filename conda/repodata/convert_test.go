package repodata_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/nasa-openscapes/corn/conda/repodata"
)

// realIndex decompresses a repodata.json of the shared data.
func realIndex(t testing.TB, subdir string) []byte {
	t.Helper()
	_, self, _, _ := runtime.Caller(0)
	name := filepath.Join(filepath.Dir(self), "../../../shared/data/index/conda-forge", subdir, "repodata.json.zst")
	f, err := os.Open(name)
	if err != nil {
		t.Skipf("needs the shared index: %v", err)
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		t.Fatalf("open zstd: %v", err)
	}
	defer z.Close()
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	return b
}

func noSpool() (repodata.Spool, error) { return nil, errors.New("asked for scratch space") }

func convert(t testing.TB, text string) (*repodata.Index, error) {
	t.Helper()
	c, err := repodata.Convert(context.Background(), strings.NewReader(text), noSpool)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if _, err := c.WriteTo(&out); err != nil {
		return nil, err
	}
	return repodata.OpenIndex(bytes.NewReader(out.Bytes()), int64(out.Len()))
}

func BenchmarkConvert(b *testing.B) {
	text := string(realIndex(b, "linux-64"))
	b.SetBytes(int64(len(text)))
	n := 0
	for b.Loop() {
		ix, err := convert(b, text)
		if err != nil {
			b.Fatal(err)
		}
		n = ix.Info().Records
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
	fmt.Fprintln(io.Discard)
}

func BenchmarkRecords(b *testing.B) {
	ix, err := convert(b, string(realIndex(b, "linux-64")))
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		n = 0
		for name := range ix.Names() {
			s, err := ix.Shard(name)
			if err != nil {
				b.Fatal(err)
			}
			recs, err := s.Records(repodata.Origin{Channel: "https://conda.anaconda.org/conda-forge", Subdir: "linux-64", BaseURL: "https://conda.anaconda.org/conda-forge/linux-64"})
			if err != nil {
				b.Fatal(err)
			}
			n += len(recs)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
