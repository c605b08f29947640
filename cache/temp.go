package cache

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
)

// A session is the temporary folder of one open Cache: tmp/<random>/, whose owner holds
// the lock of tmp/<random>.lock. The system drops the lock when the process dies, however
// it dies, so whoever gets the lock of another's session may remove it at once: no guessing
// by age or by process number.
type session struct {
	dir       string
	lock      *flock.Flock
	removeAll func(dir string) error
}

const lockSuffix = ".lock"

func newSession(tmp string, removeAll func(string) error) (*session, error) {
	for {
		var b [8]byte
		rand.Read(b[:]) // never fails since Go 1.24
		dir := filepath.Join(tmp, hex.EncodeToString(b[:]))
		l := flock.New(dir + lockSuffix)
		ok, err := l.TryLock()
		if err != nil {
			return nil, err
		}
		// A sweeper may have come between making the file and locking it.
		if !ok || !sameFile(l) {
			l.Close()
			continue
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			l.Close()
			return nil, err
		}
		return &session{dir, l, removeAll}, nil
	}
}

func (s *session) end() error {
	err := s.removeAll(s.dir)
	// The name goes while the lock is held, so that nobody can hold a lock on a name
	// that somebody else is about to take away.
	if e := os.Remove(s.lock.Path()); err == nil && !errors.Is(e, fs.ErrNotExist) {
		err = e
	}
	if e := s.lock.Close(); err == nil {
		err = e
	}
	return err
}

// sameFile tells whether the locked file still has its name.
func sameFile(l *flock.Flock) bool {
	held, err := l.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(l.Path())
	return err == nil && os.SameFile(held, named)
}

// sweep removes the sessions of processes that are gone.
func (c *Cache) sweep() {
	tmp := filepath.Join(c.root, "tmp")
	entries, err := os.ReadDir(tmp)
	if err != nil {
		return // a cache whose leftovers cannot be listed works all the same
	}
	for _, e := range entries {
		name := e.Name()
		if !strings.HasSuffix(name, lockSuffix) {
			// A folder without its lock file: its owner was killed between the
			// two removals of end.
			if _, err := os.Stat(filepath.Join(tmp, name+lockSuffix)); errors.Is(err, fs.ErrNotExist) {
				_ = c.opts.RemoveAll(filepath.Join(tmp, name))
			}
			continue
		}
		l := flock.New(filepath.Join(tmp, name))
		if ok, err := l.TryLock(); err != nil || !ok || !sameFile(l) {
			l.Close()
			continue
		}
		s := &session{filepath.Join(tmp, strings.TrimSuffix(name, lockSuffix)), l, c.opts.RemoveAll}
		_ = s.end()
	}
}

func (c *Cache) tmpDir() (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return "", &VersionError{Dir: c.dir, Reason: "the cache is closed"}
	}
	if c.session == nil {
		s, err := newSession(filepath.Join(c.root, "tmp"), c.opts.RemoveAll)
		if err != nil {
			return "", c.wrap("make temporary folder", err)
		}
		c.session = s
	}
	return c.session.dir, nil
}

// TempFile makes an empty file on the cache's file system. The caller closes and removes
// it; what is left goes with Close, or with the next Open of anybody if this process is killed.
func (c *Cache) TempFile() (*os.File, error) {
	dir, err := c.tmpDir()
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, "f-")
	return f, c.wrap("make temporary file", err)
}

// TempDir makes an empty folder, under the same terms as TempFile.
func (c *Cache) TempDir() (string, error) {
	dir, err := c.tmpDir()
	if err != nil {
		return "", err
	}
	d, err := os.MkdirTemp(dir, "d-")
	return d, c.wrap("make temporary folder", err)
}
