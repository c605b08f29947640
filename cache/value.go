package cache

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"

	"github.com/nasa-openscapes/corn/digest"
)

// MaxMeta is the greatest size of a value's meta bytes. They are read whenever a
// value is opened.
const MaxMeta = 1 << 16

func (c *Cache) valuePath(kind string, key digest.SHA256) string {
	return c.fan(key.String(), "value", kind)
}

// A Value is an open keyed value. It stays readable when the entry is removed or
// replaced. Reading follows io.SectionReader: ReadAt is safe for concurrent use, Read is not.
type Value struct {
	*io.SectionReader               // the payload
	SizeBytes         int64         // of the payload
	SHA256            digest.SHA256 // of the payload, as it was written
	Meta              []byte        // what Writer.SetMeta was given; verified

	c    *Cache
	kind string
	key  digest.SHA256
	f    *os.File
}

// Close closes the file.
func (v *Value) Close() error { return v.f.Close() }

// Get opens a keyed value after checking its length and trailer; Verify checks the bytes.
// A value that is not there, or damaged as far as that tells, is a *MissError.
func (c *Cache) Get(kind string, key digest.SHA256) (*Value, error) {
	if err := checkKind(kind); err != nil {
		return nil, err
	}
	name := c.valuePath(kind, key)
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &MissError{Kind: kind, Key: key.String()}
	}
	if err != nil {
		return nil, c.wrap("open "+kind, err)
	}
	v, modTime, err := c.check(f, kind, key)
	var bad *CorruptError
	if errors.As(err, &bad) {
		f.Close()
		remove(name)
		return nil, &MissError{Kind: kind, Key: key.String(), Reason: bad.What + ": want " + bad.Want + ", got " + bad.Got}
	}
	if err != nil {
		f.Close()
		return nil, c.wrap("read "+kind, err)
	}
	c.touch(name, modTime)
	return v, nil
}

// Has tells whether Get would find the value.
func (c *Cache) Has(kind string, key digest.SHA256) bool {
	v, err := c.Get(kind, key)
	if err != nil {
		return false
	}
	v.Close()
	return true
}

// Verify hashes the whole payload. Damage is a *CorruptError, and the entry is removed.
// It does not move the position of Read.
func (v *Value) Verify() error {
	h := sha256.New()
	n, err := io.Copy(h, io.NewSectionReader(v.f, 0, v.SizeBytes))
	if err != nil {
		return v.c.wrap("read "+v.kind, err)
	}
	if got := digest.SHA256(h.Sum(nil)); got != v.SHA256 || n != v.SizeBytes {
		remove(v.c.valuePath(v.kind, v.key))
		return &CorruptError{Kind: v.kind, Key: v.key.String(), What: "sha256", Want: v.SHA256.String(), Got: got.String()}
	}
	return nil
}

// GetBytes returns a small value whole, its bytes verified. Like Get, it reports damage
// as a *MissError.
func (c *Cache) GetBytes(kind string, key digest.SHA256) ([]byte, error) {
	v, err := c.Get(kind, key)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	b := make([]byte, v.SizeBytes)
	if _, err := io.ReadFull(v, b); err != nil {
		return nil, c.wrap("read "+kind, err)
	}
	if got := digest.Sum(b); got != v.SHA256 {
		remove(c.valuePath(kind, key))
		return nil, &MissError{Kind: kind, Key: key.String(), Reason: "sha256: want " + v.SHA256.String() + ", got " + got.String()}
	}
	return b, nil
}

// PutBytes stores a small value whole.
func (c *Cache) PutBytes(kind string, key digest.SHA256, b []byte) error {
	w, err := c.Create(kind, key)
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := w.Write(b); err != nil {
		return err
	}
	return w.Commit()
}

// A Writer receives a new value. Nothing is visible before Commit. It is for one goroutine.
type Writer struct {
	c    *Cache
	kind string
	key  digest.SHA256
	f    *os.File // nil after Commit or Abort
	h    hash.Hash
	n    int64
	meta []byte
	err  error
}

// Create starts a value. Call Commit or Abort; Abort after Commit does nothing, so
// that it can be deferred. Two writers of one key do no harm: the last Commit wins.
func (c *Cache) Create(kind string, key digest.SHA256) (*Writer, error) {
	if err := checkKind(kind); err != nil {
		return nil, err
	}
	f, err := c.TempFile()
	if err != nil {
		return nil, err
	}
	return &Writer{c: c, kind: kind, key: key, f: f, h: sha256.New()}, nil
}

var errDone = errors.New("cache: write to a value after Commit or Abort")

func (w *Writer) Write(p []byte) (int, error) {
	if w.f == nil {
		return 0, errDone
	}
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.f.Write(p)
	w.h.Write(p[:n])
	w.n += int64(n)
	w.err = w.c.wrap("write "+w.kind, err)
	return n, w.err
}

// SetMeta attaches bytes that every Get returns beside the payload: what is known about
// it. The slice is kept until Commit.
func (w *Writer) SetMeta(meta []byte) error {
	if len(meta) > MaxMeta {
		return fmt.Errorf("cache: meta of %s has %d bytes, want at most %d", w.kind, len(meta), MaxMeta)
	}
	w.meta = meta
	return nil
}

// Commit makes the value visible. After a failed write it fails with that error and
// stores nothing.
func (w *Writer) Commit() error {
	if w.f == nil {
		return errDone
	}
	if w.err != nil {
		err := w.err
		w.Abort()
		return err
	}
	name := w.f.Name()
	t := trailer{payloadBytes: w.n, metaBytes: int64(len(w.meta)), key: w.key,
		payload: digest.SHA256(w.h.Sum(nil)), meta: digest.Sum(w.meta)}
	_, err := w.f.Write(append(append([]byte(nil), w.meta...), t.marshal()...))
	if err == nil {
		err = w.c.finish(w.f)
	} else {
		w.f.Close()
	}
	w.f = nil
	if err == nil {
		err = w.c.publish(name, w.c.valuePath(w.kind, w.key))
	}
	if err != nil {
		_ = os.Remove(name)
		return w.c.wrap("store "+w.kind, err)
	}
	return nil
}

// Abort drops what was written.
func (w *Writer) Abort() {
	if w.f == nil {
		return
	}
	name := w.f.Name()
	w.f.Close()
	w.f = nil
	_ = os.Remove(name) // what stays goes with the session
}

// Remove takes a value away. One that is not there is no error.
func (c *Cache) Remove(kind string, key digest.SHA256) error {
	if err := checkKind(kind); err != nil {
		return err
	}
	if err := os.Remove(c.valuePath(kind, key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return c.wrap("remove "+kind, err)
	}
	return nil
}
