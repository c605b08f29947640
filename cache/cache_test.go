package cache_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/digest"
)

var ctx = context.Background()

func open(t testing.TB, dir string) *cache.Cache {
	t.Helper()
	c, err := cache.Open(dir, cache.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func key(s string) digest.SHA256 { return digest.Sum([]byte(s)) }

func want(s string) digest.Want { return digest.Want{SHA256: key(s)} }

func content(t testing.TB, b cache.Blob) string {
	t.Helper()
	data, err := os.ReadFile(b.Path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// files lists what is below a folder of the cache, folders left out.
func files(t testing.TB, c *cache.Cache, part string) []string {
	t.Helper()
	var out []string
	root := filepath.Join(c.Dir(), cache.Version, part)
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(root, p)
			out = append(out, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestBlob(t *testing.T) {
	for _, sync := range []bool{false, true} {
		c, err := cache.Open(t.TempDir(), cache.Options{Sync: sync})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Find(want("hello")); !cache.IsMiss(err) || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Find before Put = %v, want a miss", err)
		}
		put, err := c.Put(ctx, strings.NewReader("hello"), want("hello"))
		if err != nil {
			t.Fatal(err)
		}
		if put.SizeBytes != 5 || put.SHA256 != key("hello") || put.MD5 != digest.SumMD5([]byte("hello")) {
			t.Errorf("Put = %+v", put)
		}
		for why, w := range map[string]digest.Want{
			"sha256": want("hello"),
			"md5":    {MD5: digest.SumMD5([]byte("hello"))},
			"size":   {SHA256: key("hello"), SizeBytes: 5},
		} {
			b, err := c.Find(w)
			if err != nil || content(t, b) != "hello" || b.SizeBytes != 5 || b.SHA256 != key("hello") {
				t.Errorf("Find by %s = %+v, %v", why, b, err)
			}
		}
		var bad *digest.MismatchError
		if _, err := c.Find(digest.Want{SHA256: key("hello"), SizeBytes: 6}); !errors.As(err, &bad) {
			t.Errorf("Find with another size = %v, want a *digest.MismatchError", err)
		}
		if _, err := c.Find(digest.Want{MD5: digest.SumMD5([]byte("x"))}); !cache.IsMiss(err) {
			t.Errorf("Find by an unknown md5 = %v, want a miss", err)
		}
		if _, err := c.Put(ctx, strings.NewReader("hello"), want("hello")); err != nil {
			t.Errorf("Put of what is there: %v", err)
		}
		if err := c.VerifyBlob(ctx, put); err != nil {
			t.Error(err)
		}
		if st, err := os.Stat(put.Path); err != nil || st.Mode().Perm() != 0o444 {
			t.Errorf("a blob has mode %v, want 0444 (%v)", st.Mode(), err)
		}
	}
}

func TestPutRefuses(t *testing.T) {
	c := open(t, t.TempDir())
	boom := errors.New("boom")
	var bad *digest.MismatchError
	for why, tt := range map[string]struct {
		r io.Reader
		w digest.Want
	}{
		"other bytes": {strings.NewReader("hello"), want("hallo")},
		"other md5":   {strings.NewReader("hello"), digest.Want{MD5: digest.SumMD5([]byte("x"))}},
		"cut short":   {strings.NewReader("hell"), digest.Want{SHA256: key("hello"), SizeBytes: 5}},
		"too long":    {strings.NewReader("hello!"), digest.Want{SHA256: key("hello"), SizeBytes: 5}},
	} {
		if _, err := c.Put(ctx, tt.r, tt.w); !errors.As(err, &bad) {
			t.Errorf("%s: Put = %v, want a *digest.MismatchError", why, err)
		}
	}
	if _, err := c.Put(ctx, io.MultiReader(strings.NewReader("he"), iotest.ErrReader(boom)), want("hello")); !errors.Is(err, boom) {
		t.Errorf("Put from a broken reader = %v, want boom", err)
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := c.Put(done, strings.NewReader("hello"), want("hello")); !errors.Is(err, context.Canceled) {
		t.Errorf("Put after cancel = %v", err)
	}
	if got := append(files(t, c, "blob"), files(t, c, "md5")...); len(got) > 0 {
		t.Errorf("a Put that failed left %v", got)
	}
	if got := files(t, c, "tmp"); len(got) != 1 { // the session's lock
		t.Errorf("a Put that failed left %v", got)
	}
}

// damage replaces a read-only file of the cache.
func damage(t testing.TB, path string, change func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(b), 0o644); err != nil {
		t.Fatal(err)
	}
}

func cut(b []byte) []byte  { return b[:len(b)-1] }
func grow(b []byte) []byte { return append(b, 0) }
func flipFirst(b []byte) []byte {
	b = bytes.Clone(b)
	b[0] ^= 1
	return b
}

func TestDamagedBlob(t *testing.T) {
	c := open(t, t.TempDir())
	for why, change := range map[string]func([]byte) []byte{"cut": cut, "grown": grow, "emptied": func([]byte) []byte { return nil }} {
		b, err := c.Put(ctx, strings.NewReader("hello"), want("hello"))
		if err != nil {
			t.Fatal(err)
		}
		damage(t, b.Path, change)
		var miss *cache.MissError
		if _, err := c.Blob(b.SHA256); !errors.As(err, &miss) || miss.Reason == "" {
			t.Errorf("%s: Blob = %v, want a miss with a reason", why, err)
		}
		if got := files(t, c, "blob"); len(got) > 0 {
			t.Errorf("%s: the damaged blob is still there", why)
		}
	}
	b, err := c.Put(ctx, strings.NewReader("hello"), want("hello"))
	if err != nil {
		t.Fatal(err)
	}
	damage(t, b.Path, flipFirst)
	if _, err := c.Blob(b.SHA256); err != nil {
		t.Errorf("a flipped bit is seen without hashing: %v", err)
	}
	var bad *cache.CorruptError
	if err := c.VerifyBlob(ctx, b); !errors.As(err, &bad) {
		t.Errorf("VerifyBlob = %v, want a *CorruptError", err)
	}
	if _, err := c.Blob(b.SHA256); !cache.IsMiss(err) {
		t.Errorf("Blob after VerifyBlob = %v, want a miss", err)
	}
	// An index entry that is no digest.
	damage(t, filepath.Join(c.Dir(), cache.Version, "md5", files(t, c, "md5")[0]), cut)
	damage(t, filepath.Join(c.Dir(), cache.Version, "md5", files(t, c, "md5")[0]), cut)
	if _, err := c.ByMD5(digest.SumMD5([]byte("hello"))); !cache.IsMiss(err) {
		t.Errorf("ByMD5 with a damaged entry = %v, want a miss", err)
	}
}

func put(t testing.TB, c *cache.Cache, kind, k, data, meta string) {
	t.Helper()
	w, err := c.Create(kind, key(k))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if _, err := io.WriteString(w, data); err != nil {
		t.Fatal(err)
	}
	if err := w.SetMeta([]byte(meta)); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

func TestValue(t *testing.T) {
	c := open(t, t.TempDir())
	for _, data := range []string{"", "payload", strings.Repeat("long ", 100000)} {
		for _, meta := range []string{"", `{"a":1}`} {
			put(t, c, "frame", "k", data, meta)
			v, err := c.Get("frame", key("k"))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(v)
			if err != nil || string(got) != data || string(v.Meta) != meta || v.SizeBytes != int64(len(data)) || v.SHA256 != key(data) {
				t.Errorf("Get = %d bytes, meta %q, %v; want %d bytes, meta %q", len(got), v.Meta, err, len(data), meta)
			}
			if err := v.Verify(); err != nil {
				t.Error(err)
			}
			if err := v.Close(); err != nil {
				t.Error(err)
			}
			if b, err := c.GetBytes("frame", key("k")); err != nil || string(b) != data {
				t.Errorf("GetBytes = %d bytes, %v", len(b), err)
			}
		}
	}
	if c.Has("frame", key("other")) || c.Has("layer", key("k")) || !c.Has("frame", key("k")) {
		t.Error("Has mixes up keys or kinds")
	}
	if err := c.Remove("frame", key("k")); err != nil {
		t.Error(err)
	}
	if err := c.Remove("frame", key("k")); err != nil {
		t.Errorf("Remove of what is gone: %v", err)
	}
	if _, err := c.Get("frame", key("k")); !cache.IsMiss(err) {
		t.Errorf("Get after Remove = %v", err)
	}
	var bad *cache.KindError
	for _, kind := range []string{"", "..", "a/b", "Frame", strings.Repeat("a", 65)} {
		if _, err := c.Create(kind, key("k")); !errors.As(err, &bad) {
			t.Errorf("Create of kind %q = %v, want a *KindError", kind, err)
		}
		if _, err := c.Get(kind, key("k")); !errors.As(err, &bad) {
			t.Errorf("Get of kind %q = %v, want a *KindError", kind, err)
		}
	}
}

func TestWriterStates(t *testing.T) {
	c := open(t, t.TempDir())
	w, err := c.Create("frame", key("k"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Has("frame", key("k")) {
		t.Error("a value is visible before Commit")
	}
	w.Abort()
	w.Abort()
	if _, err := w.Write([]byte("x")); err == nil {
		t.Error("Write after Abort succeeded")
	}
	if err := w.Commit(); err == nil {
		t.Error("Commit after Abort succeeded")
	}
	if c.Has("frame", key("k")) || len(files(t, c, "tmp")) != 1 {
		t.Error("Abort left something")
	}
	if w, err = c.Create("frame", key("k")); err != nil {
		t.Fatal(err)
	}
	if err := w.SetMeta(make([]byte, cache.MaxMeta+1)); err == nil {
		t.Error("SetMeta takes more than MaxMeta")
	}
	if err := w.SetMeta(make([]byte, cache.MaxMeta)); err != nil {
		t.Error(err)
	}
	if err := w.Commit(); err != nil {
		t.Error(err)
	}
	w.Abort()
	if !c.Has("frame", key("k")) {
		t.Error("Abort after Commit took the value away")
	}
}

// TestDamagedValue changes every part of the file: cheap checks see all but the payload.
func TestDamagedValue(t *testing.T) {
	c := open(t, t.TempDir())
	const data, meta = "the payload", "the meta"
	path := func() string { return filepath.Join(c.Dir(), cache.Version, "value", files(t, c, "value")[0]) }
	put(t, c, "frame", "k", data, meta)
	st, err := os.Stat(path())
	if err != nil {
		t.Fatal(err)
	}
	size := int(st.Size())
	if wantSize := len(data) + len(meta) + 128; size != wantSize {
		t.Errorf("a value takes %d bytes, want %d", size, wantSize)
	}
	for at := range size {
		put(t, c, "frame", "k", data, meta)
		damage(t, path(), func(b []byte) []byte { b[at] ^= 0x10; return b })
		v, err := c.Get("frame", key("k"))
		if at >= len(data) {
			if !cache.IsMiss(err) {
				t.Fatalf("byte %d changed: Get = %v, want a miss", at, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("byte %d changed: Get = %v", at, err)
		}
		if _, err := c.GetBytes("frame", key("k")); !cache.IsMiss(err) {
			t.Errorf("byte %d changed: GetBytes = %v, want a miss", at, err)
		}
		var bad *cache.CorruptError
		if err := v.Verify(); !errors.As(err, &bad) {
			t.Errorf("byte %d changed: Verify = %v, want a *CorruptError", at, err)
		}
		v.Close()
		if c.Has("frame", key("k")) {
			t.Errorf("byte %d changed: the value is still there", at)
		}
	}
	for n := range size {
		put(t, c, "frame", "k", data, meta)
		damage(t, path(), func(b []byte) []byte { return b[:n] })
		if _, err := c.Get("frame", key("k")); !cache.IsMiss(err) {
			t.Fatalf("cut to %d bytes: Get = %v, want a miss", n, err)
		}
	}
	put(t, c, "frame", "k", data, meta)
	damage(t, path(), grow)
	if _, err := c.Get("frame", key("k")); !cache.IsMiss(err) {
		t.Errorf("grown by a byte: Get = %v, want a miss", err)
	}
	// The file of another key.
	put(t, c, "frame", "k", data, meta)
	other := key("other").String()
	name := filepath.Join(c.Dir(), cache.Version, "value", "frame", other[:2], other)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path(), name); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get("frame", key("other")); !cache.IsMiss(err) {
		t.Errorf("the file of another key: Get = %v, want a miss", err)
	}
}

func TestPartial(t *testing.T) {
	c := open(t, t.TempDir())
	data := strings.Repeat("0123456789", 1000)
	for why, w := range map[string]digest.Want{
		"sha256":          want(data),
		"sha256 and size": {SHA256: key(data), SizeBytes: 10000},
		"md5":             {MD5: digest.SumMD5([]byte(data))},
	} {
		for at := 0; ; at += 4000 {
			p, err := c.Partial(ctx, w)
			if err != nil {
				t.Fatal(err)
			}
			if p.Offset() != int64(at) {
				t.Fatalf("%s: Offset = %d, want %d", why, p.Offset(), at)
			}
			end := min(at+4000, len(data))
			if _, err := io.WriteString(p, data[at:end]); err != nil {
				t.Fatal(err)
			}
			if end < len(data) {
				if err := p.Close(); err != nil {
					t.Fatal(err)
				}
				continue
			}
			b, err := p.Commit()
			if err != nil {
				t.Fatal(err)
			}
			if content(t, b) != data || b.SHA256 != key(data) {
				t.Errorf("%s: other bytes", why)
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
			break
		}
		if _, err := c.Find(w); err != nil {
			t.Errorf("%s: Find = %v", why, err)
		}
		if left := files(t, c, "partial"); len(left) > 0 {
			t.Errorf("%s: Commit left %v", why, left)
		}
	}
	if _, err := c.Partial(ctx, digest.Want{SizeBytes: 5}); !errors.Is(err, cache.ErrNoDigest) {
		t.Errorf("Partial without a digest = %v", err)
	}
}

func TestPartialWrongBytes(t *testing.T) {
	c := open(t, t.TempDir())
	var bad *digest.MismatchError
	start := func(w digest.Want, data string) *cache.Partial {
		p, err := c.Partial(ctx, w)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(p, data); err != nil {
			t.Fatal(err)
		}
		return p
	}
	w := digest.Want{SHA256: key("hello"), SizeBytes: 5}
	p := start(w, "he")
	if _, err := p.Commit(); !errors.As(err, &bad) || bad.What != "size" || p.Offset() != 2 {
		t.Errorf("Commit of too few = %v at %d, want a size mismatch at 2", err, p.Offset())
	}
	if _, err := io.WriteString(p, "xxx"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Commit(); !errors.As(err, &bad) || bad.What != "sha256" || p.Offset() != 0 {
		t.Errorf("Commit of other bytes = %v at %d, want a sha256 mismatch at 0", err, p.Offset())
	}
	if _, err := io.WriteString(p, "hello!"); !errors.As(err, &bad) {
		t.Errorf("Write of too many = %v, want a mismatch", err)
	}
	if err := p.Reset(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(p, "hello"); err != nil {
		t.Fatal(err)
	}
	if b, err := p.Commit(); err != nil || content(t, b) != "hello" {
		t.Errorf("Commit = %v", err)
	}
	if _, err := p.Write([]byte("x")); err == nil {
		t.Error("Write after Commit succeeded")
	}

	p = start(digest.Want{MD5: digest.SumMD5([]byte("a"))}, "b")
	if _, err := p.Commit(); !errors.As(err, &bad) || bad.What != "md5" {
		t.Errorf("Commit with another md5 = %v", err)
	}
	if err := p.Discard(); err != nil {
		t.Error(err)
	}
	if left := files(t, c, "partial"); len(left) > 0 {
		t.Errorf("Discard left %v", left)
	}
	// What is there is longer than what is wanted now.
	p = start(want("abc"), "abcdef")
	p.Close()
	if left := files(t, c, "partial"); len(left) != 1 {
		t.Errorf("Close kept %v, want one download", left)
	}
	if p, err := c.Partial(ctx, digest.Want{SHA256: key("abc"), SizeBytes: 3}); err != nil || p.Offset() != 0 {
		t.Errorf("Partial over too many bytes: %v, offset %d", err, p.Offset())
	} else {
		p.Close()
	}
	if left := files(t, c, "partial"); len(left) > 0 {
		t.Errorf("Close of a download without a byte left %v", left)
	}
}

func TestPartialIsExclusive(t *testing.T) {
	c := open(t, t.TempDir())
	p, err := c.Partial(ctx, want("hello"))
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if _, err := c.Partial(short, want("hello")); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a second Partial = %v, want it to wait", err)
	}
	second := make(chan error)
	go func() {
		q, err := c.Partial(ctx, want("hello"))
		if err == nil {
			if q.Offset() != 0 {
				err = errors.New("the second one sees the bytes of a blob that is finished")
			}
			q.Discard()
		}
		second <- err
	}()
	time.Sleep(20 * time.Millisecond)
	if _, err := io.WriteString(p, "hello"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-second; err != nil {
		t.Error(err)
	}
	if b, err := c.Find(want("hello")); err != nil || content(t, b) != "hello" {
		t.Errorf("the blob is gone: %v", err)
	}
}

func TestLock(t *testing.T) {
	c := open(t, t.TempDir())
	l, err := c.Lock(ctx, "frame", key("k"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := c.Lock(ctx, "frame", key("other"))
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if _, err := c.Lock(short, "frame", key("k")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second Lock = %v, want it to wait", err)
	}
	if err := l.Unlock(); err != nil {
		t.Error(err)
	}
	if err := l.Unlock(); err != nil {
		t.Error(err)
	}
	again, err := c.Lock(ctx, "frame", key("k"))
	if err != nil {
		t.Fatal(err)
	}
	again.Unlock()
	other.Unlock()
}

// clock is a time that tests set.
type clock struct{ now time.Time }

func (c *clock) read() time.Time { return c.now }

func TestTrim(t *testing.T) {
	clk := &clock{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	c, err := cache.Open(t.TempDir(), cache.Options{Now: clk.read})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	blob := func(s string) {
		if _, err := c.Put(ctx, strings.NewReader(s), want(s)); err != nil {
			t.Fatal(err)
		}
	}
	blob("old")
	put(t, c, "frame", "used", "value that is used", "")
	put(t, c, "frame", "unused", "value that is not", "")
	clk.now = clk.now.Add(48 * time.Hour)
	blob("new")
	if !c.Has("frame", key("used")) { // records the use
		t.Fatal("a value is gone")
	}
	clk.now = clk.now.Add(3 * time.Hour)
	if rep, err := c.Trim(ctx, cache.TrimOptions{}); err != nil || rep.Removed != 0 || rep.Entries != 4 {
		t.Errorf("Trim without limits = %+v, %v", rep, err)
	}
	if rep, err := c.Trim(ctx, cache.TrimOptions{MaxAge: 24 * time.Hour}); err != nil || rep.Removed != 2 {
		t.Errorf("Trim by age = %+v, %v; want 2 removed", rep, err)
	}
	if !c.Has("frame", key("used")) || c.Has("frame", key("unused")) {
		t.Error("Trim by age took the wrong value")
	}
	if _, err := c.Find(want("new")); err != nil {
		t.Errorf("Trim by age took a new blob: %v", err)
	}
	blob("newest")
	clk.now = clk.now.Add(time.Minute)
	if rep, err := c.Trim(ctx, cache.TrimOptions{MaxBytes: 1}); err != nil || rep.Removed != 0 {
		t.Errorf("Trim by size right after use = %+v, %v; want nothing removed", rep, err)
	}
	clk.now = clk.now.Add(3 * time.Hour)
	if _, err := c.Find(want("newest")); err != nil {
		t.Fatal(err)
	}
	if rep, err := c.Trim(ctx, cache.TrimOptions{MaxBytes: 10}); err != nil || rep.Removed != 2 || rep.SizeBytes-rep.FreedBytes != 6 {
		t.Errorf("Trim by size = %+v, %v; want all but the newest removed", rep, err)
	}
	if _, err := c.Find(want("newest")); err != nil {
		t.Errorf("Trim by size took what was just used: %v", err)
	}
}

func TestTrimLeftovers(t *testing.T) {
	clk := &clock{time.Now()}
	c, err := cache.Open(t.TempDir(), cache.Options{Now: clk.read})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	held, err := c.Partial(ctx, want("held"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	left, err := c.Partial(ctx, want("left"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := left.Write([]byte("l")); err != nil {
		t.Fatal(err)
	}
	left.Close()
	kept, err := c.Lock(ctx, "frame", key("kept"))
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Unlock()
	free, err := c.Lock(ctx, "frame", key("free"))
	if err != nil {
		t.Fatal(err)
	}
	free.Unlock()
	clk.now = clk.now.Add(30 * 24 * time.Hour)
	rep, err := c.Trim(ctx, cache.TrimOptions{})
	if err != nil || rep.Removed != 1 || rep.RemovedLocks != 1 {
		t.Errorf("Trim = %+v, %v; want one download and one lock removed", rep, err)
	}
	if p := files(t, c, "partial"); len(p) != 1 || p[0] != key("held").String() {
		t.Errorf("downloads left: %v", p)
	}
	if l := files(t, c, "lock"); len(l) != 1 || filepath.Base(l[0]) != key("kept").String() {
		t.Errorf("locks left: %v", l)
	}
}

func TestTemp(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir)
	f, err := c.TempFile()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d, err := c.TempDir()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d, "x"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	open(t, dir) // another one sweeps, but not what is in use
	for _, p := range []string{f.Name(), d} {
		if _, err := os.Stat(p); err != nil {
			t.Errorf("a second Open removed what is in use: %v", err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if left := files(t, c, "tmp"); len(left) > 0 {
		t.Errorf("Close left %v", left)
	}
	if _, err := c.TempFile(); err == nil {
		t.Error("TempFile after Close succeeded")
	}
	// A folder whose lock file is gone already.
	orphan := filepath.Join(dir, cache.Version, "tmp", "0123456789abcdef")
	if err := os.MkdirAll(filepath.Join(orphan, "d"), 0o700); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
	if _, err := os.Stat(orphan); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open left the folder of a session that is gone: %v", err)
	}
}

func TestDefaultDir(t *testing.T) {
	for _, tt := range []struct {
		why, goos string
		env       map[string]string
		want      string
	}{
		{"our own variable wins", "linux", map[string]string{"CORN_CACHE_DIR": "/c", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/c"},
		{"XDG", "linux", map[string]string{"XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/corn"},
		{"XDG says that relative paths are ignored", "linux", map[string]string{"XDG_CACHE_HOME": "x", "HOME": "/h"}, "/h/.cache/corn"},
		{"home", "linux", map[string]string{"HOME": "/h"}, "/h/.cache/corn"},
		{"macOS", "darwin", map[string]string{"HOME": "/h"}, "/h/Library/Caches/corn"},
		{"nothing", "linux", nil, ""},
	} {
		got, err := cache.DefaultDir(func(k string) string { return tt.env[k] }, tt.goos)
		if got != filepath.FromSlash(tt.want) || (err != nil) != (tt.want == "") {
			t.Errorf("%s: DefaultDir = %q, %v; want %q", tt.why, got, err, tt.want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	if _, err := cache.Open("", cache.Options{}); err == nil {
		t.Error("Open of no folder succeeded")
	}
	f := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(f, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := cache.Open(f, cache.Options{}); err == nil {
		t.Error("Open of a file succeeded")
	}
}

func BenchmarkPut(b *testing.B) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 4<<20/16)
	for name, sync := range map[string]bool{"nosync": false, "sync": true} {
		b.Run(name, func(b *testing.B) {
			c, err := cache.Open(b.TempDir(), cache.Options{Sync: sync})
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if err := c.PutBytes("frame", key("k"), data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkGet(b *testing.B) {
	c := open(b, b.TempDir())
	put(b, c, "frame", "k", "payload", "meta")
	for b.Loop() {
		v, err := c.Get("frame", key("k"))
		if err != nil {
			b.Fatal(err)
		}
		v.Close()
	}
}
