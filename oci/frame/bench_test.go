package frame

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/nasa-openscapes/corn/filetree"
)

// benchBytes is how much of a tree is compressed.
const benchBytes = 160 << 20

// sink keeps the raw stream.
type sink struct{ bytes.Buffer }

func (s *sink) Reset(io.Writer) {}
func (s *sink) Close() error    { return nil }

// tree returns the tar stream of files of $CORN_BENCH_TREE (an unpacked env is what to
// give), or of Go's own sources.
func tree(tb testing.TB) []byte {
	root := os.Getenv("CORN_BENCH_TREE")
	if root == "" {
		out, err := exec.Command("go", "env", "GOROOT").Output()
		if err != nil {
			tb.Skipf("no CORN_BENCH_TREE, and no go to ask for its sources: %v", err)
		}
		root = strings.TrimSpace(string(out)) + "/src"
	}
	var out sink
	w := &Writer{enc: &out, raw: discardHash{}, buf: make([]byte, 0, chunkBytes), seen: map[string]seen{}}
	fsys := os.DirFS(root)
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || out.Len() > benchBytes {
			return err
		}
		b, err := fs.ReadFile(fsys, p)
		if err != nil {
			return err
		}
		e := filetree.Entry{Path: "opt/corn/store/bench/" + p, Type: filetree.File, Mode: 0o644, ModTime: 1700000000, SizeBytes: int64(len(b))}
		return w.Add(e, bytes.NewReader(b))
	})
	if err == nil {
		err = w.flush()
	}
	if err != nil {
		tb.Skipf("cannot read %s: %v", root, err)
	}
	return out.Bytes()
}

type discardHash struct{}

func (discardHash) Write(p []byte) (int, error) { return len(p), nil }
func (discardHash) Sum(b []byte) []byte         { return b }
func (discardHash) Reset()                      {}
func (discardHash) Size() int                   { return 0 }
func (discardHash) BlockSize() int              { return 1 }

// BenchmarkLevels compares the levels that were to choose from: docs/formats/frame.md
// has the result. ratio is raw over compressed bytes.
func BenchmarkLevels(b *testing.B) {
	raw := tree(b)
	zs := func(l zstd.EncoderLevel, o ...zstd.EOption) func() (encoder, error) {
		return func() (encoder, error) {
			return zstd.NewWriter(nil, append(o, zstd.WithEncoderLevel(l), zstd.WithEncoderConcurrency(1))...)
		}
	}
	gz := func(l int) func() (encoder, error) {
		return func() (encoder, error) { return gzip.NewWriterLevel(nil, l) }
	}
	for _, lv := range []struct {
		name string
		make func() (encoder, error)
	}{
		{"zstd-fastest", zs(zstd.SpeedFastest)},
		{"zstd-default", zs(zstd.SpeedDefault)},
		{"zstd-default-nocrc", zs(zstd.SpeedDefault, zstd.WithEncoderCRC(false))},
		{"zstd-better", zs(zstd.SpeedBetterCompression)},
		{"gzip-5", gz(5)},
		{"gzip-6", gz(6)},
	} {
		b.Run(lv.name, func(b *testing.B) {
			enc, err := lv.make()
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(raw)))
			var n counting
			for b.Loop() {
				n = 0
				enc.Reset(&n)
				for in := raw; len(in) > 0; {
					k := min(chunkBytes, len(in))
					if _, err := enc.Write(in[:k]); err != nil {
						b.Fatal(err)
					}
					in = in[k:]
				}
				if err := enc.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(raw))/float64(n), "ratio")
		})
	}
}

type counting int64

func (c *counting) Write(p []byte) (int, error) {
	*c += counting(len(p))
	return len(p), nil
}

// BenchmarkWriter is the whole way of a frame: headers, two hashes, compression.
func BenchmarkWriter(b *testing.B) {
	data := tree(b)
	data = data[:min(len(data), 32<<20)]
	var pool Pool
	for _, c := range []Compression{Zstd, ZstdBetter, Gzip} {
		b.Run(c.String(), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				w, err := NewWriter(io.Discard, c, Options{Pool: &pool})
				if err != nil {
					b.Fatal(err)
				}
				e := filetree.Entry{Path: "f", Type: filetree.File, SizeBytes: int64(len(data))}
				if err := w.Add(e, bytes.NewReader(data)); err != nil {
					b.Fatal(err)
				}
				if _, err := w.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSmallFiles is what the headers cost: 2 KiB files, as in a Python env.
func BenchmarkSmallFiles(b *testing.B) {
	var pool Pool
	body := bytes.Repeat([]byte("x = 1\n"), 341)
	names := make([]string, 1000)
	for i := range names {
		names[i] = "opt/corn/store/numpy-1.26.4-0123456789abcdef/lib/python3.11/site-packages/numpy/f" + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676))
	}
	b.SetBytes(int64(len(names) * 2560))
	b.ReportAllocs()
	for b.Loop() {
		w, err := NewWriter(io.Discard, Zstd, Options{Pool: &pool})
		if err != nil {
			b.Fatal(err)
		}
		for _, n := range names {
			e := filetree.Entry{Path: n, Type: filetree.File, Mode: 0o644, ModTime: 1700000000, SizeBytes: int64(len(body))}
			if err := w.Add(e, bytes.NewReader(body)); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
