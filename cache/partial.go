package cache

import (
	"context"
	"crypto/md5" //nolint:gosec // see package digest
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"github.com/nasa-openscapes/corn/digest"
)

// A Partial is a download that survives its process: what has been written is there when
// the same blob is asked for again. One process at a time holds it. It is for one goroutine.
type Partial struct {
	c    *Cache
	want digest.Want
	f    *os.File // nil after Commit, Discard or Close
	lock *flock.Flock
	n    int64
	sha  hash.Hash
	md5  hash.Hash
	done bool // it is a blob
	err  error
}

// ErrNoDigest says that a partial download needs a SHA-256 or an MD5 to be known by.
var ErrNoDigest = errors.New("cache: a download that can be resumed needs a digest to be known by")

// Partial opens the unfinished download of the blob that want names, waiting while
// another process has it. After waiting the blob may well be there: look with Find again
// once this returns.
// Bytes of before are hashed again, so that Commit can tell whether they are right.
func (c *Cache) Partial(ctx context.Context, want digest.Want) (*Partial, error) {
	name := want.SHA256.String()
	if want.SHA256.IsZero() {
		if want.MD5.IsZero() {
			return nil, ErrNoDigest
		}
		name = "md5-" + want.MD5.String()
	}
	name = filepath.Join(c.root, "partial", name)
	for {
		// The data file is its own lock: no second name to keep in step.
		l := flock.New(name, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
		if _, err := l.TryLockContext(ctx, lockPoll); err != nil {
			l.Close()
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, c.wrap("lock download", err)
		}
		if !sameFile(l) { // its holder finished it while this waited
			l.Close()
			continue
		}
		p := &Partial{c: c, want: want, lock: l, sha: sha256.New(), md5: md5.New()}
		if err := p.open(ctx, name); err != nil {
			p.Close()
			return nil, err
		}
		return p, nil
	}
}

func (p *Partial) open(ctx context.Context, name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return p.c.wrap("open download", err)
	}
	p.f = f
	p.n, err = io.Copy(io.MultiWriter(p.sha, p.md5), withContext(ctx, f))
	if err != nil {
		return p.c.wrap("read download", err)
	}
	if p.want.SizeBytes > 0 && p.n > p.want.SizeBytes {
		return p.Reset()
	}
	return nil
}

// Offset returns how many bytes are there: where an HTTP range has to start.
func (p *Partial) Offset() int64 { return p.n }

// Reset drops what is there: the server did not honour the range.
func (p *Partial) Reset() error {
	if p.f == nil {
		return errDone
	}
	p.n, p.err = 0, nil
	p.sha.Reset()
	p.md5.Reset()
	if err := p.f.Truncate(0); err != nil {
		return p.c.wrap("truncate download", err)
	}
	_, err := p.f.Seek(0, io.SeekStart)
	return p.c.wrap("rewind download", err)
}

// Write appends. More bytes than want allows are a *digest.MismatchError.
func (p *Partial) Write(b []byte) (int, error) {
	if p.f == nil {
		return 0, errDone
	}
	if p.err != nil {
		return 0, p.err
	}
	if p.want.SizeBytes > 0 && p.n+int64(len(b)) > p.want.SizeBytes {
		p.err = &digest.MismatchError{What: "size", Want: fmt.Sprint(p.want.SizeBytes), Got: "more", ReadBytes: p.n + int64(len(b))}
		return 0, p.err
	}
	n, err := p.f.Write(b)
	p.sha.Write(b[:n])
	p.md5.Write(b[:n])
	p.n += int64(n)
	p.err = p.c.wrap("write download", err)
	return n, p.err
}

// Commit verifies the bytes and makes them a blob. If they are wrong it returns a
// *digest.MismatchError and drops them; if there are too few, it keeps them for the next try.
func (p *Partial) Commit() (Blob, error) {
	if p.f == nil {
		return Blob{}, errDone
	}
	if p.err != nil {
		return Blob{}, p.err
	}
	sum, sumMD5 := digest.SHA256(p.sha.Sum(nil)), digest.MD5(p.md5.Sum(nil))
	miss := func(what, want, got string) *digest.MismatchError {
		return &digest.MismatchError{What: what, Want: want, Got: got, ReadBytes: p.n}
	}
	if w := p.want; w.SizeBytes > 0 && p.n < w.SizeBytes {
		return Blob{}, miss("size", fmt.Sprint(w.SizeBytes), fmt.Sprint(p.n))
	} else if !w.SHA256.IsZero() && w.SHA256 != sum {
		return Blob{}, errors.Join(miss("sha256", w.SHA256.String(), sum.String()), p.Reset())
	} else if !w.MD5.IsZero() && w.MD5 != sumMD5 {
		return Blob{}, errors.Join(miss("md5", w.MD5.String(), sumMD5.String()), p.Reset())
	}
	name := p.f.Name()
	defer p.Close() // after the rename: who waits sees that the name is gone
	if p.c.opts.Sync {
		if err := p.f.Sync(); err != nil {
			return Blob{}, p.c.wrap("write download", err)
		}
	}
	b, err := p.c.storeBlob(name, sum, sumMD5, p.n)
	if err != nil {
		return Blob{}, err
	}
	p.done = true
	// Only now read-only: a newcomer that opens it under its old name has to be able to.
	return b, p.c.wrap("write download", p.f.Chmod(0o444))
}

// Discard removes what is there and closes the download.
func (p *Partial) Discard() error {
	if p.f == nil {
		return nil
	}
	err := os.Remove(p.f.Name())
	return errors.Join(p.c.wrap("remove download", err), p.Close())
}

// Close keeps what is there for the next try; a download without a byte leaves no file.
// After Commit it does nothing.
func (p *Partial) Close() error {
	var err error
	if p.f != nil {
		if p.n == 0 && !p.done {
			_ = os.Remove(p.f.Name()) // an empty file does no harm; Trim takes it
		}
		err = p.f.Close()
		p.f = nil
	}
	return errors.Join(err, p.lock.Close())
}
