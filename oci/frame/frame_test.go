package frame_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/oci/frame"
)

var update = flag.Bool("update", false, "rewrite golden files")

var all = []frame.Compression{frame.Zstd, frame.ZstdBetter, frame.Gzip}

type file struct {
	filetree.Entry
	data string
}

const mtime = 1700000000

func dir(p string) file {
	return file{Entry: filetree.Entry{Path: p, Type: filetree.Dir, Mode: 0o755, ModTime: filetree.Epoch1980}}
}

func reg(p, data string) file {
	return file{filetree.Entry{Path: p, Type: filetree.File, Mode: 0o644, UID: 1000, GID: 100, ModTime: mtime, SizeBytes: int64(len(data))}, data}
}

func link(p, to string) file {
	return file{Entry: filetree.Entry{Path: p, Type: filetree.Symlink, Mode: 0o777, ModTime: filetree.Epoch1980, Link: to}}
}

// with changes a copy of an entry.
func (f file) with(change func(*filetree.Entry)) file {
	change(&f.Entry)
	return f
}

func text(n int, seed uint64) string {
	r := rand.New(rand.NewPCG(seed, 1))
	words := strings.Fields("import def return self numpy array shape dtype for in range None True class raise ValueError the of and to a is")
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(words[r.IntN(len(words))])
		b.WriteByte(" \n\t("[r.IntN(4)])
	}
	return b.String()[:n]
}

// sample has one of everything that decides how a header is written.
func sample() []file {
	long := strings.Repeat("d", 60)
	return []file{
		dir("opt"),
		dir("opt/corn").with(func(e *filetree.Entry) { e.Xattrs = map[string]string{"user.a": "1", "security.x": "\x00\x01\n="} }),
		reg("opt/corn/empty", ""),
		reg("opt/corn/a.py", "print('hello')\n"),
		reg("opt/corn/big", text(700<<10, 7)),
		reg("opt/corn/block", text(512, 8)),
		reg("opt/corn/setuid", "x").with(func(e *filetree.Entry) { e.Mode = 0o4755 }),
		reg("opt/corn/"+long+"/"+long+"/"+long, "splits over prefix and name"),
		reg("opt/corn/"+strings.Repeat("n", 101), "no slash to split at"),
		reg("opt/corn/"+strings.Repeat("p/", 130)+"deep", "longer than 256"),
		reg("opt/corn/grüße.txt", "not ascii"),
		reg("opt/corn/bad-\xff-utf8", "no text at all"),
		link("opt/corn/l", "a.py"),
		link("opt/corn/l2", "../"+strings.Repeat("t", 120)),
		link("opt/corn/l3", "ünï"),
		reg("opt/corn/ids", "").with(func(e *filetree.Entry) { e.UID, e.GID = 1<<21, 1<<21-1 }),
		reg("opt/corn/old", "").with(func(e *filetree.Entry) { e.ModTime = -5 }),
		reg("opt/corn/late", "").with(func(e *filetree.Entry) { e.ModTime = 1 << 33 }),
	}
}

func build(t testing.TB, c frame.Compression, o frame.Options, files []file) ([]byte, frame.Info) {
	t.Helper()
	var out bytes.Buffer
	w, err := frame.NewWriter(&out, c, o)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	for _, f := range files {
		if err := w.Add(f.Entry, strings.NewReader(f.data)); err != nil {
			t.Fatal(err)
		}
	}
	info, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	if info.Bytes != int64(out.Len()) || info.SHA256 != digest.Sum(out.Bytes()) {
		t.Errorf("%s: Info has %d bytes %s, want %d %s", c, info.Bytes, info.SHA256, out.Len(), digest.Sum(out.Bytes()))
	}
	return out.Bytes(), info
}

func raw(t testing.TB, c frame.Compression, b []byte) []byte {
	t.Helper()
	z, err := frame.Decompress(bytes.NewReader(b), c)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	out, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRoundTrip(t *testing.T) {
	files := sample()
	for _, c := range all {
		b, info := build(t, c, frame.Options{}, files)
		if got := raw(t, c, b); int64(len(got)) != info.RawBytes || digest.Sum(got) != info.RawSHA256 {
			t.Errorf("%s: raw stream has %d bytes, Info says %d", c, len(got), info.RawBytes)
		}
		r, err := frame.NewReader(bytes.NewReader(b), c, frame.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range files {
			got, err := r.Next()
			if err != nil {
				t.Fatalf("%s: %q: %v", c, want.Path, err)
			}
			if d := cmp.Diff(want.Entry, got); d != "" {
				t.Errorf("%s: (-want +got)\n%s", c, d)
			}
			if data, err := io.ReadAll(r); err != nil || string(data) != want.data {
				t.Errorf("%s: %q: %d bytes, %v; want %d", c, want.Path, len(data), err, len(want.data))
			}
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("%s: after the last entry: %v, want io.EOF", c, err)
		}
		r.Close()
	}
}

// TestHeadersAsArchiveTar compares the raw stream with what archive/tar writes, where both
// have the same choice: nothing that needs pax.
func TestHeadersAsArchiveTar(t *testing.T) {
	var want bytes.Buffer
	w := tar.NewWriter(&want)
	var files []file
	for _, f := range sample() {
		h := &tar.Header{Name: f.Path, Mode: int64(f.Mode), Uid: f.UID, Gid: f.GID, Size: f.SizeBytes, Linkname: f.Link,
			Typeflag: tar.TypeReg, Format: tar.FormatUSTAR}
		h.ModTime = unix(f.ModTime)
		switch f.Type {
		case filetree.Dir:
			h.Typeflag, h.Name = tar.TypeDir, f.Path+"/"
		case filetree.Symlink:
			h.Typeflag = tar.TypeSymlink
		}
		if f.Xattrs != nil {
			continue
		}
		if err := w.WriteHeader(h); err != nil {
			continue // needs pax
		}
		if _, err := io.WriteString(w, f.data); err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if len(files) < 8 {
		t.Fatalf("only %d entries fit ustar, want 8 or more", len(files))
	}
	b, _ := build(t, frame.Zstd, frame.Options{}, files)
	if got := raw(t, frame.Zstd, b); !bytes.Equal(got, want.Bytes()) {
		t.Errorf("raw stream differs from archive/tar's:\n%s", firstDifference(got, want.Bytes()))
	}
}

func firstDifference(a, b []byte) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("at byte %d (block %d + %d): got %q, want %q", i, i/512, i%512, a[i:min(i+16, len(a))], b[i:min(i+16, len(b))])
		}
	}
	return fmt.Sprintf("lengths: got %d, want %d", len(a), len(b))
}

// TestGolden holds the text that a person can review, and the digests that show any
// change of bytes: raise frame.FormatVersion when they change.
func TestGolden(t *testing.T) {
	var out strings.Builder
	for _, c := range all {
		b, info := build(t, c, frame.Options{}, sample())
		fmt.Fprintf(&out, "%s\n%d bytes %s\nraw %d bytes %s\n", frame.Format(c), info.Bytes, info.SHA256, info.RawBytes, info.RawSHA256)
		tr, err := frame.Trailer(c)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "trailer %d bytes %s\n", tr.Info.Bytes, tr.Info.SHA256)
		if c != frame.Zstd {
			continue
		}
		r := tar.NewReader(bytes.NewReader(raw(t, c, b)))
		for {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&out, "%c %04o %d:%d %d %d %.16s %q %q %q\n", h.Typeflag, h.Mode, h.Uid, h.Gid, h.ModTime.Unix(), h.Size,
				digest.Sum(data), h.Name, h.Linkname, h.PAXRecords)
		}
	}
	golden := path.Join("testdata", "sample.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), out.String()); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// TestSameBytes writes the same entries in other ways: the bytes must not change.
func TestSameBytes(t *testing.T) {
	files := append(sample(), reg("opt/corn/huge", text(3<<19, 9)))
	var pool frame.Pool
	for _, c := range all {
		want, info := build(t, c, frame.Options{}, files) // before any pool, on the cores there are
		ways := map[string]func(s string) io.Reader{
			"one byte reads": func(s string) io.Reader {
				if len(s) > 100<<10 {
					return strings.NewReader(s)
				}
				return iotest.OneByteReader(strings.NewReader(s))
			},
			"half reads":    func(s string) io.Reader { return iotest.HalfReader(strings.NewReader(s)) },
			"eof with data": func(s string) io.Reader { return iotest.DataErrReader(strings.NewReader(s)) },
		}
		for name, way := range ways {
			for _, procs := range []int{1, 8} {
				func() {
					defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
					var out bytes.Buffer
					w, err := frame.NewWriter(&out, c, frame.Options{Pool: &pool, Before: []byte("before")})
					if err != nil {
						t.Fatal(err)
					}
					defer w.Abort()
					for _, f := range files {
						if err := w.Add(f.Entry, way(f.data)); err != nil {
							t.Fatal(err)
						}
					}
					got, err := w.Close()
					if err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(out.Bytes(), want) || got.SHA256 != info.SHA256 || got.RawBytes != info.RawBytes {
						t.Errorf("%s, %s, GOMAXPROCS=%d: other bytes", c, name, procs)
					}
				}()
			}
		}
	}
}

func TestPoolAfterAbort(t *testing.T) {
	var pool frame.Pool
	for _, c := range all {
		want, _ := build(t, c, frame.Options{}, sample())
		w, err := frame.NewWriter(io.Discard, c, frame.Options{Pool: &pool})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Add(reg("x", text(1<<20, 1)).Entry, strings.NewReader(text(1<<20, 1))); err != nil {
			t.Fatal(err)
		}
		w.Abort()
		if got, _ := build(t, c, frame.Options{Pool: &pool}, sample()); !bytes.Equal(got, want) {
			t.Errorf("%s: an encoder that was aborted writes other bytes", c)
		}
	}
}

func TestAddRefuses(t *testing.T) {
	boom := errors.New("boom")
	for _, tt := range []struct {
		why   string
		files []file
		want  string
	}{
		{"a path twice", []file{reg("a", ""), reg("a", "")}, `frame: entry "a" is written twice`},
		{"a link over a file", []file{reg("a", ""), link("a", "b")}, `frame: entry "a" is written twice, as file and as symlink`},
		{"below a file", []file{reg("a", ""), reg("a/b/c", "")}, `frame: entry "a/b/c" is below "a", which is a file`},
		{"below a link: it would be written somewhere else", []file{link("a", "/etc"), reg("a/b", "")}, `frame: entry "a/b" is below "a", which is a symlink`},
		{"a file over an implied dir", []file{reg("a/b", ""), reg("a", "")}, `frame: entry "a" is written twice, as dir and as file`},
		{"a dir after its children", []file{reg("a/b", ""), dir("a")}, `frame: entry "a" is a dir that comes after what is in it`},
		{"a dir with another mode", []file{dir("a"), dir("a").with(func(e *filetree.Entry) { e.Mode = 0o700 })}, `frame: entry "a" is written twice, with different attributes`},
		{"a dir with another attribute", []file{dir("a"), dir("a").with(func(e *filetree.Entry) { e.Xattrs = map[string]string{"user.x": ""} })}, `frame: entry "a" is written twice, with different attributes`},
		{"absolute", []file{reg("/a", "")}, `frame: path "/a" is absolute`},
		{"climbs out", []file{reg("a/../../b", "")}, `frame: path "a/../../b" leaves its folder`},
		{"no type", []file{{Entry: filetree.Entry{Path: "a"}}}, `frame: entry "a" is a type(0): want a file, dir, symlink or hard link`},
		{"mode beyond 07777", []file{reg("a", "").with(func(e *filetree.Entry) { e.Mode = 0o100644 })}, `frame: entry "a" has mode 0100644: want at most 07777`},
		{"negative owner", []file{reg("a", "").with(func(e *filetree.Entry) { e.UID = -1 })}, `frame: entry "a" belongs to -1:100: want no negative number`},
		{"an empty link", []file{link("a", "")}, `frame: entry "a" links to ""`},
		{"a file with a target", []file{reg("a", "").with(func(e *filetree.Entry) { e.Link = "b" })}, `frame: entry "a" is a file that links to "b"`},
		{"a dir with bytes", []file{dir("a").with(func(e *filetree.Entry) { e.SizeBytes = 1 })}, `frame: entry "a" is a dir of 1 bytes`},
		{"too few bytes", []file{reg("a", "abc").with(func(e *filetree.Entry) { e.SizeBytes = 4 })}, `frame: entry "a": want 4 bytes, got 3`},
		{"too many bytes", []file{reg("a", "abc").with(func(e *filetree.Entry) { e.SizeBytes = 2 })}, `frame: entry "a": want 2 bytes, got 3 or more`},
		{"bytes in an empty file", []file{reg("a", "abc").with(func(e *filetree.Entry) { e.SizeBytes = 0 })}, `frame: entry "a": want 0 bytes, got 1 or more`},
	} {
		w, err := frame.NewWriter(io.Discard, frame.Zstd, frame.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range tt.files {
			err = w.Add(f.Entry, strings.NewReader(f.data))
		}
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: Add = %v, want %s", tt.why, err, tt.want)
		}
		if _, err2 := w.Close(); !errors.Is(err2, err) {
			t.Errorf("%s: Close after it = %v, want the same error", tt.why, err2)
		}
		w.Abort()
	}
	w, err := frame.NewWriter(io.Discard, frame.Zstd, frame.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if err := w.Add(reg("a", "abc").Entry, iotest.ErrReader(boom)); !errors.Is(err, boom) {
		t.Errorf("Add from a broken reader = %v, want boom", err)
	}
	if err := w.Add(reg("b", "").Entry, nil); !errors.Is(err, boom) {
		t.Errorf("Add after an error = %v, want the same", err)
	}
	if _, err := frame.NewWriter(io.Discard, 9, frame.Options{}); err == nil {
		t.Error("NewWriter with compression 9 succeeded")
	}
}

// A reader that verifies tells at the end of the file that its bytes were wrong.
func TestAddReadsToTheEnd(t *testing.T) {
	w, err := frame.NewWriter(io.Discard, frame.Zstd, frame.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	r := digest.NewReader(strings.NewReader("abc"), digest.Want{SHA256: digest.Sum([]byte("abd"))})
	var bad *digest.MismatchError
	if err := w.Add(reg("a", "abc").Entry, r); !errors.As(err, &bad) {
		t.Errorf("Add = %v, want a *digest.MismatchError", err)
	}
}

func TestRepeatedDir(t *testing.T) {
	once, _ := build(t, frame.Zstd, frame.Options{}, []file{dir("a"), reg("a/b", "1"), reg("a/c", "2")})
	twice, info := build(t, frame.Zstd, frame.Options{}, []file{dir("a"), reg("a/b", "1"), dir("a"), reg("a/c", "2")})
	if !bytes.Equal(once, twice) || info.Entries != 3 {
		t.Errorf("a repeated dir is written: %d entries, want 3", info.Entries)
	}
}

func TestSmall(t *testing.T) {
	for _, c := range all {
		a, err := frame.Prelude([]filetree.Entry{dir("opt").Entry, dir("opt/corn").Entry}, c)
		if err != nil {
			t.Fatal(err)
		}
		b, err := frame.Prelude([]filetree.Entry{dir("opt/corn").Entry, dir("opt").Entry}, c)
		if err != nil {
			t.Fatal(err)
		}
		if a.Key != b.Key || !bytes.Equal(a.Bytes, b.Bytes) {
			t.Errorf("%s: the order of a prelude's directories matters", c)
		}
		tr, err := frame.Trailer(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []frame.Small{a, tr} {
			if got := raw(t, c, s.Bytes); !bytes.Equal(got, s.Raw) {
				t.Errorf("%s: Raw is not what Bytes decode to", c)
			}
		}
		if len(tr.Raw) != 1024 {
			t.Errorf("trailer has %d raw bytes, want 1024", len(tr.Raw))
		}
	}
	if _, err := frame.Prelude([]filetree.Entry{reg("a", "").Entry}, frame.Zstd); err == nil {
		t.Error("a prelude took a file")
	}
}

func TestInfoJSON(t *testing.T) {
	_, want := build(t, frame.Gzip, frame.Options{Before: []byte("x")}, sample())
	if !want.RawSHA256.IsZero() || want.BeforeSHA256 != digest.Sum([]byte("x")) || want.BeforeBytes != 1 {
		t.Errorf("Info with Before: %+v", want)
	}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got frame.Info
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// The version of the compressor is in every frame's key; a new one is a new format.
func TestCompressorVersion(t *testing.T) {
	mod, err := os.ReadFile(path.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(mod), "\t"+frame.Compressor+"\n") {
		t.Errorf("go.mod does not require %s: look at the golden test, then change Compressor", frame.Compressor)
	}
	for _, c := range all {
		got, err := frame.ParseCompression(c.String())
		if err != nil || got != c {
			t.Errorf("ParseCompression(%s) = %v, %v", c, got, err)
		}
		if !strings.Contains(frame.Format(c), frame.Compressor) {
			t.Errorf("Format(%s) = %s: no compressor", c, frame.Format(c))
		}
	}
	if _, err := frame.ParseCompression("bzip2"); err == nil {
		t.Error("ParseCompression(bzip2) succeeded")
	}
}

func TestLimits(t *testing.T) {
	b, info := build(t, frame.Zstd, frame.Options{}, sample())
	read := func(l frame.Limits) error {
		r, err := frame.NewReader(bytes.NewReader(b), frame.Zstd, l)
		if err != nil {
			return err
		}
		defer r.Close()
		for {
			if _, err := r.Next(); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			if _, err := io.Copy(io.Discard, r); err != nil {
				return err
			}
		}
	}
	if err := read(frame.Limits{RawBytes: info.RawBytes, Entries: info.Entries}); err != nil {
		t.Errorf("limits that fit: %v", err)
	}
	var limit *frame.LimitError
	if err := read(frame.Limits{RawBytes: info.RawBytes - 1}); !errors.As(err, &limit) || limit.What != "bytes" {
		t.Errorf("one byte too many: %v, want a *LimitError", err)
	}
	if err := read(frame.Limits{Entries: info.Entries - 1}); !errors.As(err, &limit) || limit.What != "entries" {
		t.Errorf("one entry too many: %v, want a *LimitError", err)
	}
}

// A frame with one byte changed is never read to the end as something else.
func TestDamagedFrames(t *testing.T) {
	for _, c := range all {
		b, info := build(t, c, frame.Options{}, []file{reg("a", text(700, 1)), reg("b", text(300, 2))})
		for i := range b {
			if c == frame.Gzip && i >= 3 && i < 10 {
				continue // flags, time and system of the gzip header are not protected
			}
			bad := bytes.Clone(b)
			bad[i] ^= 0x55
			z, err := frame.Decompress(bytes.NewReader(bad), c)
			if err != nil {
				continue
			}
			got, err := io.ReadAll(z)
			z.Close()
			if err == nil && digest.Sum(got) != info.RawSHA256 {
				t.Errorf("%s: byte %d changed: read %d other bytes without an error", c, i, len(got))
			}
		}
		for _, n := range []int{0, 1, 10, len(b) / 2, len(b) - 1} {
			z, err := frame.Decompress(bytes.NewReader(b[:n]), c)
			if err != nil {
				continue
			}
			if got, err := io.ReadAll(z); err == nil && n > 0 {
				t.Errorf("%s: %d of %d bytes: read %d bytes without an error", c, n, len(b), len(got))
			}
			z.Close()
		}
	}
}
