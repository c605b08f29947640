package layer_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/oci/frame"
	"github.com/nasa-openscapes/corn/oci/layer"
)

// BenchmarkAssemble counts uncompressed bytes: decode is a bucket whose frames are all
// decoded, resume a stand-alone frame with a saved hash state, known a layer that is
// remembered, stream the reading of a blob for a push.
func BenchmarkAssemble(b *testing.B) {
	c := open(b)
	rnd := rand.New(rand.NewPCG(1, 2))
	body := make([]byte, 24<<20) // compresses about 3 to 1, as packages do
	words := make([][]byte, 4096)
	for i := range words {
		words[i] = make([]byte, 3+rnd.IntN(12))
		for j := range words[i] {
			words[i][j] = byte(rnd.IntN(256))
		}
	}
	for at := 0; at < len(body); {
		at += copy(body[at:], words[rnd.IntN(len(words))])
	}
	make := func(name string, before []byte) layer.Frame {
		w, err := layer.CreateFrame(c, digest.Sum([]byte(name)), frame.Zstd, frame.Options{Before: before})
		if err != nil {
			b.Fatal(err)
		}
		defer w.Abort()
		if err := w.Add(filetree.Entry{Path: name, Type: filetree.File, SizeBytes: int64(len(body))}, bytes.NewReader(body)); err != nil {
			b.Fatal(err)
		}
		f, err := w.Commit()
		if err != nil {
			b.Fatal(err)
		}
		return f
	}
	plain := layer.Spec{Compression: frame.Zstd, Prelude: prelude, Frames: []layer.Frame{make("plain", nil)}}
	state := layer.Spec{Compression: frame.Zstd, Prelude: prelude, Frames: []layer.Frame{make("state", rawPrelude(b, frame.Zstd))}}
	b.Logf("%d bytes compress to %d", len(body), plain.Frames[0].Info.Bytes)
	for name, s := range map[string]layer.Spec{"decode": plain, "resume": state} {
		b.Run(name, func(b *testing.B) {
			key, err := s.Key()
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if err := c.Remove(layer.KindLayer, key); err != nil {
					b.Fatal(err)
				}
				if _, err := layer.Assemble(context.Background(), c, s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	l := assemble(b, c, plain)
	b.Run("known", func(b *testing.B) {
		for b.Loop() {
			if _, err := layer.Known(c, plain); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("stream", func(b *testing.B) {
		b.SetBytes(l.SizeBytes())
		for b.Loop() {
			r, err := l.Compressed()
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, r); err != nil {
				b.Fatal(err)
			}
			r.Close()
		}
	})
}
