package frame_test

import (
	"bytes"
	"errors"
	"io"
	"path"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/oci/frame"
)

func unix(s int64) time.Time { return time.Unix(s, 0).UTC() }

// FuzzReader reads anything as a frame: no panic, no more than the limits, and only
// entries that a Writer would take.
func FuzzReader(f *testing.F) {
	for _, c := range all {
		b, _ := build(f, c, frame.Options{}, sample()[:4])
		f.Add(b, uint8(c))
		f.Add(raw(f, c, b), uint8(0))
	}
	f.Fuzz(func(t *testing.T, b []byte, n uint8) {
		c := frame.Compression(n)
		if n == 0 { // the bytes are a tar stream
			c = frame.Zstd
			b = compressed(t, b)
		}
		r, err := frame.NewReader(bytes.NewReader(b), c, frame.Limits{RawBytes: 1 << 20, Entries: 100})
		if err != nil {
			return
		}
		defer r.Close()
		var total int64
		for range 101 {
			e, err := r.Next()
			if err != nil {
				return
			}
			if err := filetree.CheckPath(e.Path); err != nil {
				t.Fatalf("Next returned %q: %v", e.Path, err)
			}
			w, err := frame.NewWriter(io.Discard, frame.Zstd, frame.Options{})
			if err != nil {
				t.Fatal(err)
			}
			var size *frame.SizeError
			if err := w.Add(e, nil); err != nil && !errors.As(err, &size) {
				t.Fatalf("Next returned what Add refuses: %v", err)
			}
			w.Abort()
			k, err := io.Copy(io.Discard, r)
			if total += k; total > 1<<20 {
				t.Fatalf("read %d bytes, limit 1 MiB", total)
			}
			if err != nil {
				return
			}
		}
		t.Fatal("more than 100 entries")
	})
}

// TestAnyEntries: what is written is read back, whatever the entries are.
func TestAnyEntries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.StringMatching(`[a-zA-Z0-9._-]{1,130}`), rapid.StringN(1, 60, 120))
		var files []file
		used := map[string]bool{}
		for range rapid.IntRange(0, 8).Draw(t, "entries") {
			p := "r"
			for range rapid.IntRange(1, 4).Draw(t, "depth") {
				p += "/" + rapid.StringMatching(`[a-z]{1,90}`).Draw(t, "dir")
			}
			p = path.Join(p, name.Draw(t, "name"))
			if filetree.CheckPath(p) != nil || used[p] {
				continue
			}
			used[p] = true
			e := filetree.Entry{Path: p, UID: rapid.IntRange(0, 1<<31).Draw(t, "uid"), GID: rapid.IntRange(0, 1<<22).Draw(t, "gid"),
				ModTime: rapid.Int64Range(-1<<40, 1<<40).Draw(t, "time"), Mode: 0o777}
			data := ""
			switch e.Type = filetree.Type(rapid.IntRange(1, 3).Draw(t, "type")); e.Type {
			case filetree.File:
				data = string(rapid.SliceOfN(rapid.Byte(), 0, 1100).Draw(t, "data"))
				e.SizeBytes, e.Mode = int64(len(data)), rapid.Uint32Range(0, 0o7777).Draw(t, "mode")
			case filetree.Symlink:
				e.Link = rapid.StringMatching(`[a-zé/.]{1,140}`).Draw(t, "link")
			}
			files = append(files, file{e, data})
		}
		var out bytes.Buffer
		w, err := frame.NewWriter(&out, frame.Zstd, frame.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Abort()
		for _, f := range files {
			if err := w.Add(f.Entry, bytes.NewReader([]byte(f.data))); err != nil {
				var clash *frame.EntryError
				if errors.As(err, &clash) {
					t.Skip(err)
				}
				t.Fatal(err)
			}
		}
		if _, err := w.Close(); err != nil {
			t.Fatal(err)
		}
		r, err := frame.NewReader(&out, frame.Zstd, frame.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for _, f := range files {
			got, err := r.Next()
			if err != nil {
				t.Fatalf("%q: %v", f.Path, err)
			}
			if got.Path != f.Path || got.Type != f.Type || got.Mode != f.Mode || got.UID != f.UID || got.GID != f.GID ||
				got.ModTime != f.ModTime || got.Link != f.Link || got.SizeBytes != f.SizeBytes {
				t.Fatalf("got %+v, want %+v", got, f.Entry)
			}
			if b, err := io.ReadAll(r); err != nil || string(b) != f.data {
				t.Fatalf("%q: %d bytes, %v; want %d", f.Path, len(b), err, len(f.data))
			}
		}
	})
}

func compressed(t *testing.T, b []byte) []byte {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	return z.EncodeAll(b, nil)
}
