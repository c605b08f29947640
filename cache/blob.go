package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/nasa-openscapes/corn/digest"
)

// A Blob is a file whose bytes were verified when it was stored.
type Blob struct {
	SHA256    digest.SHA256
	MD5       digest.MD5 // only from Put and Commit, where it was learnt
	SizeBytes int64
	Path      string // read-only file; may go away while a Trim runs
}

// Open opens the file.
func (b Blob) Open() (*os.File, error) { return os.Open(b.Path) }

// blobPath names the file: its size is in the name, so that a file that was cut short is
// seen without a second file that holds its length.
func (c *Cache) blobPath(sum digest.SHA256, sizeBytes int64) string {
	return c.fan(sum.String(), "blob") + "-" + strconv.FormatInt(sizeBytes, 10)
}

// Blob finds a blob and checks its size; VerifyBlob checks its bytes. A blob that is not
// there, or has a wrong size, is a *MissError.
func (c *Cache) Blob(sum digest.SHA256) (Blob, error) {
	hex := sum.String()
	miss := &MissError{Kind: "blob", Key: hex}
	dir := filepath.Dir(c.fan(hex, "blob"))
	names, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return Blob{}, miss
	}
	if err != nil {
		return Blob{}, c.wrap("look for blob", err)
	}
	for _, e := range names {
		size, ok := strings.CutPrefix(e.Name(), hex+"-")
		if !ok {
			continue
		}
		name := filepath.Join(dir, e.Name())
		st, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // trimmed a moment ago
		}
		if err != nil {
			return Blob{}, c.wrap("look at blob", err)
		}
		if strconv.FormatInt(st.Size(), 10) != size {
			remove(name)
			miss.Reason = fmt.Sprintf("size: want %s bytes, got %d", size, st.Size())
			continue
		}
		c.touch(name, st.ModTime())
		return Blob{SHA256: sum, SizeBytes: st.Size(), Path: name}, nil
	}
	return Blob{}, miss
}

// Find returns the blob that want names by SHA-256, else by MD5, and compares the size if
// want has one.
func (c *Cache) Find(want digest.Want) (Blob, error) {
	sum := want.SHA256
	if sum.IsZero() {
		var err error
		if sum, err = c.ByMD5(want.MD5); err != nil {
			return Blob{}, err
		}
	}
	b, err := c.Blob(sum)
	if err == nil && want.SizeBytes > 0 && want.SizeBytes != b.SizeBytes {
		return Blob{}, &digest.MismatchError{What: "size", Want: fmt.Sprint(want.SizeBytes),
			Got: fmt.Sprint(b.SizeBytes), ReadBytes: b.SizeBytes}
	}
	return b, err
}

// VerifyBlob hashes the whole blob. Damage is a *CorruptError, and the blob is removed.
func (c *Cache) VerifyBlob(ctx context.Context, b Blob) error {
	f, err := b.Open()
	if err != nil {
		return c.wrap("open blob", err)
	}
	defer f.Close()
	r := digest.NewReader(withContext(ctx, f), digest.Want{})
	if _, err := io.Copy(io.Discard, r); err != nil {
		return c.wrap("read blob", err)
	}
	if r.SHA256() != b.SHA256 {
		remove(b.Path)
		return &CorruptError{Kind: "blob", Key: b.SHA256.String(), What: "sha256", Want: b.SHA256.String(), Got: r.SHA256().String()}
	}
	return nil
}

// Put stores what r gives, after checking it against want. A want without any digest
// stores whatever comes. MD5 and SHA-256 are both learnt, and ByMD5 finds the blob later.
func (c *Cache) Put(ctx context.Context, r io.Reader, want digest.Want) (Blob, error) {
	f, err := c.TempFile()
	if err != nil {
		return Blob{}, err
	}
	name := f.Name()
	defer os.Remove(name) // gone after the rename
	v := digest.NewBothReader(withContext(ctx, r), want)
	if err := copyTo(c, f, v); err != nil {
		f.Close()
		return Blob{}, err
	}
	if err := c.finish(f); err != nil {
		return Blob{}, c.wrap("write blob", err)
	}
	return c.storeBlob(name, v.SHA256(), v.MD5(), v.SizeBytes())
}

// copyTo keeps errors of the source as they are and names those of the disk.
func copyTo(c *Cache, dst io.Writer, src io.Reader) error {
	_, err := io.Copy(diskWriter{c, dst}, src)
	return err
}

type diskWriter struct {
	c *Cache
	w io.Writer
}

func (d diskWriter) Write(p []byte) (int, error) {
	n, err := d.w.Write(p)
	return n, d.c.wrap("write blob", err)
}

func (c *Cache) storeBlob(tmp string, sum digest.SHA256, md5 digest.MD5, sizeBytes int64) (Blob, error) {
	name := c.blobPath(sum, sizeBytes)
	if err := c.publish(tmp, name); err != nil {
		return Blob{}, c.wrap("store blob", err)
	}
	if err := c.putMD5(md5, sum); err != nil {
		return Blob{}, err
	}
	return Blob{SHA256: sum, MD5: md5, SizeBytes: sizeBytes, Path: name}, nil
}

// ByMD5 returns the SHA-256 of a blob that was stored once, whether or not it still is.
func (c *Cache) ByMD5(sum digest.MD5) (digest.SHA256, error) {
	hex := sum.String()
	b, err := os.ReadFile(c.fan(hex, "md5"))
	if errors.Is(err, fs.ErrNotExist) {
		return digest.SHA256{}, &MissError{Kind: "md5", Key: hex}
	}
	if err != nil {
		return digest.SHA256{}, c.wrap("read md5 index", err)
	}
	s, err := digest.Parse(strings.TrimSuffix(string(b), "\n"))
	if err != nil {
		remove(c.fan(hex, "md5"))
		return digest.SHA256{}, &MissError{Kind: "md5", Key: hex, Reason: err.Error()}
	}
	return s, nil
}

func (c *Cache) putMD5(md5 digest.MD5, sum digest.SHA256) error {
	if md5.IsZero() {
		return nil
	}
	if old, err := c.ByMD5(md5); err == nil && old == sum {
		return nil
	}
	f, err := c.TempFile()
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.WriteString(sum.String() + "\n"); err != nil {
		f.Close()
		return c.wrap("write md5 index", err)
	}
	if err := c.finish(f); err != nil {
		return c.wrap("write md5 index", err)
	}
	return c.wrap("store md5 index", c.publish(f.Name(), c.fan(md5.String(), "md5")))
}

type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

// withContext ends a stream when ctx ends: io.Copy does not look at contexts.
func withContext(ctx context.Context, r io.Reader) io.Reader { return ctxReader{ctx, r} }

func (r ctxReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
