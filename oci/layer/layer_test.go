package layer_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/klauspost/compress/zstd"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/oci/frame"
	"github.com/nasa-openscapes/corn/oci/layer"
)

var all = []frame.Compression{frame.Zstd, frame.ZstdBetter, frame.Gzip}

func open(t testing.TB) *cache.Cache {
	t.Helper()
	c, err := cache.Open(t.TempDir(), cache.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func dir(p string) filetree.Entry {
	return filetree.Entry{Path: p, Type: filetree.Dir, Mode: 0o755, ModTime: filetree.Epoch1980}
}

var prelude = []filetree.Entry{dir("opt"), dir("opt/corn"), dir("opt/corn/store")}

func rawPrelude(t testing.TB, c frame.Compression) []byte {
	t.Helper()
	s, err := frame.Prelude(prelude, c)
	if err != nil {
		t.Fatal(err)
	}
	return s.Raw
}

// store makes frame number n, with one directory and some files, in the cache.
func store(t testing.TB, c *cache.Cache, comp frame.Compression, n int, before []byte) layer.Frame {
	t.Helper()
	key := digest.NewKey("test").Str("format", frame.Format(comp)).Int("n", int64(n)).Key()
	w, err := layer.CreateFrame(c, key, comp, frame.Options{Before: before})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	root := fmt.Sprintf("opt/corn/store/pkg%d", n)
	if err := w.Add(dir(root), nil); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		data := strings.Repeat(fmt.Sprintf("line %d of frame %d\n", i, n), 1+i*n*300)
		e := filetree.Entry{Path: fmt.Sprintf("%s/f%d", root, i), Type: filetree.File, Mode: 0o644, ModTime: 1700000000, SizeBytes: int64(len(data))}
		if err := w.Add(e, strings.NewReader(data)); err != nil {
			t.Fatal(err)
		}
	}
	f, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func spec(t testing.TB, c *cache.Cache, comp frame.Compression, frames int, before []byte) layer.Spec {
	t.Helper()
	s := layer.Spec{ID: "test", Kind: "content-shared", Compression: comp, Prelude: prelude}
	for n := range frames {
		s.Frames = append(s.Frames, store(t, c, comp, n, before))
	}
	return s
}

func assemble(t testing.TB, c *cache.Cache, s layer.Spec) *layer.Layer {
	t.Helper()
	l, err := layer.Assemble(context.Background(), c, s)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func read(t testing.TB, open func() (io.ReadCloser, error)) []byte {
	t.Helper()
	r, err := open()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDigests(t *testing.T) {
	for _, comp := range all {
		for _, frames := range []int{0, 1, 2, 5} {
			for _, bare := range []bool{false, true} {
				c := open(t)
				s := spec(t, c, comp, frames, nil)
				if bare {
					s.Prelude = nil
				}
				l := assemble(t, c, s)
				blob, raw := read(t, l.Compressed), read(t, l.Uncompressed)
				if digest.Sum(blob) != l.SHA256() || digest.Sum(raw) != l.DiffSHA256() || int64(len(blob)) != l.SizeBytes() || int64(len(raw)) != l.RawBytes() {
					t.Errorf("%s, %d frames: digests or sizes are not those of the bytes", comp, frames)
				}
				// The library's own check knows no zstd.
				if comp == frame.Gzip {
					if err := validate.Layer(l); err != nil {
						t.Errorf("%s, %d frames: %v", comp, frames, err)
					}
				}
				checkSpans(t, comp, s, l, blob, raw)
			}
		}
	}
}

// checkSpans cuts every frame out of the blob, as one would by byte range from a registry.
func checkSpans(t *testing.T, comp frame.Compression, s layer.Spec, l *layer.Layer, blob, raw []byte) {
	t.Helper()
	spans := l.Spans()
	if len(spans) != len(s.Frames) {
		t.Fatalf("%d spans, want %d", len(spans), len(s.Frames))
	}
	for i, sp := range spans {
		part := blob[sp.Offset : sp.Offset+sp.Bytes]
		if digest.Sum(part) != s.Frames[i].Info.SHA256 || sp.SHA256 != s.Frames[i].Info.SHA256 || sp.Key != s.Frames[i].Key {
			t.Errorf("%s: span %d is not frame %d", comp, i, i)
		}
		z, err := frame.Decompress(bytes.NewReader(part), comp)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(z)
		if err != nil || !bytes.Equal(got, raw[sp.RawOffset:sp.RawOffset+sp.RawBytes]) {
			t.Errorf("%s: span %d decodes to other bytes than its raw range: %v", comp, i, err)
		}
		z.Close()
	}
}

// list prints a tar stream.
func list(t *testing.T, r io.Reader) string {
	t.Helper()
	var b strings.Builder
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%c %s %d %.12s\n", h.Typeflag, h.Name, h.Size, digest.Sum(data))
	}
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Errorf("%d bytes after the archive, %v", len(rest), err)
	}
	return b.String()
}

func TestLibrariesReadAlike(t *testing.T) {
	for _, comp := range all {
		c := open(t)
		blob := read(t, assemble(t, c, spec(t, c, comp, 4, nil)).Compressed)
		var r io.Reader
		var err error
		if comp == frame.Gzip {
			r, err = gzip.NewReader(bytes.NewReader(blob)) // the standard library's
		} else {
			r, err = zstd.NewReader(bytes.NewReader(blob), zstd.WithDecoderConcurrency(2))
		}
		if err != nil {
			t.Fatal(err)
		}
		got := list(t, r)
		if want := 3 + 4*6; strings.Count(got, "\n") != want {
			t.Errorf("%s: %d entries, want %d:\n%s", comp, strings.Count(got, "\n"), want, got)
		}
	}
}

func TestToolsReadAlike(t *testing.T) {
	for _, comp := range all {
		c := open(t)
		l := assemble(t, c, spec(t, c, comp, 4, nil))
		name := path.Join(t.TempDir(), "blob")
		if err := os.WriteFile(name, read(t, l.Compressed), 0o644); err != nil {
			t.Fatal(err)
		}
		want := read(t, l.Uncompressed)
		tool := "zstd"
		if comp == frame.Gzip {
			tool = "gzip"
		}
		for _, tool := range []string{tool, "pigz"} {
			if _, err := exec.LookPath(tool); err != nil || tool == "pigz" && comp != frame.Gzip {
				t.Logf("%s is not here or not for %s", tool, comp)
				continue
			}
			in, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(tool, "-dc")
			cmd.Stdin = in
			got, err := cmd.Output()
			in.Close()
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s reads %d bytes of a %s layer, want %d: %v", tool, len(got), comp, len(want), err)
			}
		}
		if _, err := exec.LookPath("tar"); err != nil {
			t.Skip("no tar here")
		}
		dst := t.TempDir()
		cmd := exec.Command("tar", "-x", "-C", dst)
		cmd.Stdin = bytes.NewReader(want)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("tar: %v %s", err, out)
		}
		b, err := os.ReadFile(path.Join(dst, "opt/corn/store/pkg3/f4"))
		if err != nil || !strings.HasPrefix(string(b), "line 4 of frame 3\n") {
			t.Errorf("tar unpacked %d bytes, %v", len(b), err)
		}
	}
}

func TestKnown(t *testing.T) {
	c := open(t)
	s := spec(t, c, frame.Zstd, 3, nil)
	if _, err := layer.Known(c, s); !cache.IsMiss(err) {
		t.Errorf("Known before = %v, want a miss", err)
	}
	want := assemble(t, c, s)

	// Only keys, and the frames are gone: what a build does that takes a layer over.
	bare := layer.Spec{ID: "other", Compression: s.Compression, Prelude: []filetree.Entry{prelude[2], prelude[0], prelude[1]}}
	for _, f := range s.Frames {
		bare.Frames = append(bare.Frames, layer.Frame{Key: f.Key})
		if err := c.Remove(layer.KindFrame, f.Key); err != nil {
			t.Fatal(err)
		}
	}
	got, err := layer.Known(c, bare)
	if err != nil {
		t.Fatal(err)
	}
	if got.Key() != want.Key() || got.SHA256() != want.SHA256() || got.DiffSHA256() != want.DiffSHA256() || got.SizeBytes() != want.SizeBytes() || got.RawBytes() != want.RawBytes() {
		t.Errorf("Known = %s %s, want %s %s", got.SHA256(), got.DiffSHA256(), want.SHA256(), want.DiffSHA256())
	}
	if d := cmp.Diff(want.Spans(), got.Spans()); d != "" {
		t.Errorf("spans (-want +got)\n%s", d)
	}
	if _, err := got.Compressed(); !errors.Is(err, layer.ErrNoBytes) {
		t.Errorf("Compressed without bytes = %v, want ErrNoBytes", err)
	}
	r, err := want.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); !cache.IsMiss(err) {
		t.Errorf("reading frames that are gone = %v, want a miss", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	// A record that cannot be read is made again.
	if err := c.PutBytes(layer.KindLayer, want.Key(), []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if _, err := layer.Known(c, s); !cache.IsMiss(err) {
		t.Errorf("Known with a damaged record = %v, want a miss", err)
	}
}

func TestKey(t *testing.T) {
	c := open(t)
	s := spec(t, c, frame.Zstd, 3, nil)
	base, err := s.Key()
	if err != nil {
		t.Fatal(err)
	}
	for why, change := range map[string]func(*layer.Spec){
		"order":       func(s *layer.Spec) { s.Frames = []layer.Frame{s.Frames[1], s.Frames[0], s.Frames[2]} },
		"fewer":       func(s *layer.Spec) { s.Frames = s.Frames[:2] },
		"compression": func(s *layer.Spec) { s.Compression = frame.ZstdBetter },
		"prelude":     func(s *layer.Spec) { s.Prelude = prelude[:2] },
		"no prelude":  func(s *layer.Spec) { s.Prelude = nil },
	} {
		other := s
		change(&other)
		if k, err := other.Key(); err != nil || k == base {
			t.Errorf("%s does not change the key (%v)", why, err)
		}
	}
	s.ID, s.Kind = "x", "y"
	if k, err := s.Key(); err != nil || k != base {
		t.Errorf("ID or Kind change the key (%v)", err)
	}
}

// TestResume: a frame that saved its hash state gives the same diff ID as one that is decoded.
func TestResume(t *testing.T) {
	for _, comp := range all {
		var want *layer.Layer
		for why, before := range map[string][]byte{
			"no state for this prelude": nil,
			"the state continues it":    rawPrelude(t, comp),
			"the state of another":      []byte("another"),
			"another of equal length":   bytes.Repeat([]byte{1}, len(rawPrelude(t, comp))),
		} {
			for _, frames := range []int{1, 3} {
				c := open(t)
				s := spec(t, c, comp, frames, before)
				l := assemble(t, c, s)
				if got := digest.Sum(read(t, l.Uncompressed)); got != l.DiffSHA256() {
					t.Errorf("%s, %s: diff ID %s, want %s", comp, why, l.DiffSHA256(), got)
				}
				if frames == 1 && want == nil {
					want = l
				}
				if frames == 1 && (l.SHA256() != want.SHA256() || l.DiffSHA256() != want.DiffSHA256() || l.Key() != want.Key()) {
					t.Errorf("%s, %s: another layer", comp, why)
				}
				checkSpans(t, comp, s, l, read(t, l.Compressed), read(t, l.Uncompressed))
			}
		}
	}
	// That the state is used at all shows when it is wrong.
	c := open(t)
	s := spec(t, c, frame.Zstd, 1, rawPrelude(t, frame.Zstd))
	other := store(t, c, frame.Zstd, 7, rawPrelude(t, frame.Zstd))
	s.Frames[0].Info.RawState = other.Info.RawState
	l := assemble(t, c, s)
	if digest.Sum(read(t, l.Uncompressed)) == l.DiffSHA256() {
		t.Error("the saved state is not used")
	}
	// One that cannot be read is not needed.
	c = open(t)
	s = spec(t, c, frame.Zstd, 1, rawPrelude(t, frame.Zstd))
	s.Frames[0].Info.RawState = []byte("sha\x02?")
	l = assemble(t, c, s)
	if digest.Sum(read(t, l.Uncompressed)) != l.DiffSHA256() {
		t.Error("an unreadable state gives a wrong diff ID")
	}
}

func TestSameBytesOnAnyCores(t *testing.T) {
	for _, comp := range all {
		var want v1.Hash
		for _, procs := range []int{1, 8} {
			func() {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
				c := open(t)
				got, err := assemble(t, c, spec(t, c, comp, 6, nil)).Digest()
				if err != nil {
					t.Fatal(err)
				}
				if want.Hex == "" {
					want = got
				}
				if got != want {
					t.Errorf("%s: GOMAXPROCS=%d gives %s, want %s", comp, procs, got, want)
				}
			}()
		}
	}
}

// TestDamagedFrame changes a byte of a cached frame on disk.
func TestDamagedFrame(t *testing.T) {
	for _, before := range [][]byte{nil, rawPrelude(t, frame.Zstd)} {
		c := open(t)
		s := spec(t, c, frame.Zstd, 2, before)
		flip(t, c, s.Frames[0].Key)
		_, err := layer.Assemble(context.Background(), c, s)
		var bad *layer.FrameError
		if !errors.As(err, &bad) || bad.Key != s.Frames[0].Key {
			t.Errorf("Assemble = %v, want a *FrameError for the first frame", err)
		}
		if c.Has(layer.KindFrame, s.Frames[0].Key) {
			t.Error("the damaged frame is still in the cache")
		}
		s.Frames[0] = store(t, c, frame.Zstd, 0, before)
		l := assemble(t, c, s)
		flip(t, c, s.Frames[1].Key)
		r, err := l.Compressed()
		if err != nil {
			t.Fatal(err)
		}
		var mismatch *digest.MismatchError
		if _, err := io.Copy(io.Discard, r); !errors.As(err, &mismatch) {
			t.Errorf("Compressed of a layer whose frame was damaged since = %v, want a *digest.MismatchError", err)
		}
		r.Close()
	}
}

func flip(t *testing.T, c *cache.Cache, key digest.SHA256) {
	t.Helper()
	hex := key.String()
	name := path.Join(c.Dir(), cache.Version, "value", layer.KindFrame, hex[:2], hex)
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[30] ^= 1
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestAssembleRefuses(t *testing.T) {
	c := open(t)
	s := spec(t, c, frame.Zstd, 2, nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := layer.Assemble(ctx, c, s); !errors.Is(err, context.Canceled) {
		t.Errorf("Assemble of a cancelled build = %v", err)
	}
	mixed := s
	mixed.Frames = append([]layer.Frame{store(t, c, frame.Gzip, 1, nil)}, s.Frames...)
	if _, err := layer.Assemble(context.Background(), c, mixed); err == nil {
		t.Error("Assemble put gzip into a zstd layer")
	}
	bare := s
	bare.Frames = []layer.Frame{{Key: s.Frames[0].Key}}
	if _, err := layer.Assemble(context.Background(), c, bare); !errors.Is(err, layer.ErrNoBytes) {
		t.Errorf("Assemble without bytes = %v, want ErrNoBytes", err)
	}
	lying := s
	lying.Frames = append([]layer.Frame(nil), s.Frames...)
	lying.Frames[1].Info.RawBytes++
	if _, err := layer.Assemble(context.Background(), c, lying); err == nil {
		t.Error("Assemble took a frame of another raw size")
	}
}

func TestCachedFrame(t *testing.T) {
	c := open(t)
	want := store(t, c, frame.Gzip, 3, []byte("x"))
	got, err := layer.CachedFrame(c, want.Key)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want.Info, got.Info); d != "" || got.Key != want.Key {
		t.Errorf("(-want +got)\n%s", d)
	}
	if !bytes.Equal(read(t, got.Open), read(t, want.Open)) {
		t.Error("other bytes")
	}
	if _, err := layer.CachedFrame(c, digest.Sum(nil)); !cache.IsMiss(err) {
		t.Errorf("CachedFrame of none = %v, want a miss", err)
	}
	if err := c.PutBytes(layer.KindFrame, want.Key, []byte("no description")); err != nil {
		t.Fatal(err)
	}
	if _, err := layer.CachedFrame(c, want.Key); !cache.IsMiss(err) {
		t.Errorf("CachedFrame without a description = %v, want a miss", err)
	}
}
