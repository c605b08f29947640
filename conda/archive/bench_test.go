package archive_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/nasa-openscapes/corn/conda/archive"
)

// benchMembers are 64 MiB of files like those of a Python package: words that compress about 3:1.
func benchMembers() (members []tm, sizeBytes int64) {
	rng := rand.New(rand.NewPCG(5, 5))
	words := make([][]byte, 4096)
	for i := range words {
		words[i] = make([]byte, 3+rng.IntN(12))
		for j := range words[i] {
			words[i][j] = byte(rng.Uint32())
		}
	}
	for i := range 2000 {
		var b []byte
		for n := 1000 + rng.IntN(64<<10); len(b) < n; {
			b = append(b, words[rng.IntN(1+rng.IntN(len(words)))]...)
		}
		members = append(members, tm{name: fmt.Sprintf("lib/python3.13/site-packages/pkg/mod%d.py", i), data: string(b)})
		sizeBytes += int64(len(b))
	}
	return members, sizeBytes
}

func BenchmarkArchive(b *testing.B) {
	members, sizeBytes := benchMembers()
	tars := makeTar(b, members)
	files := map[string][]byte{
		condaName: makeZip(b, zipFile{"info-p-1-0.tar.zst", zst(b, makeTar(b, listing(members...)))},
			zipFile{"pkg-p-1-0.tar.zst", zst(b, tars, zstd.WithEncoderLevel(zstd.SpeedBetterCompression))}),
		bz2Name: bz2(b, makeTar(b, append(listing(members...), members...))),
	}
	for _, name := range []string{condaName, bz2Name} {
		a := open(b, files[name], name, archive.Options{})
		b.Run("Walk/"+a.Dist().Format.String(), func(b *testing.B) {
			b.SetBytes(sizeBytes)
			b.ReportAllocs()
			for b.Loop() {
				if err := a.Walk(b.Context(), func(_ archive.Header, r io.Reader) error { _, err := io.Copy(io.Discard, r); return err }); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("Facts/"+a.Dist().Format.String(), func(b *testing.B) {
			b.SetBytes(sizeBytes)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.Facts(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestMemory: an archive far larger than what reading it may take.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("compresses 64 MiB")
	}
	members, sizeBytes := benchMembers()
	b := condaOf(t, listing(members...), members)
	a := open(t, b, condaName, archive.Options{})
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	var peak uint64
	err := a.Walk(t.Context(), func(_ archive.Header, r io.Reader) error {
		_, err := io.Copy(io.Discard, r)
		runtime.ReadMemStats(&now)
		peak = max(peak, now.HeapAlloc)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if used := int64(peak) - int64(before.HeapAlloc); used > sizeBytes/2 {
		t.Errorf("Walk of %d MiB held %d MiB", sizeBytes>>20, used>>20)
	}
}
