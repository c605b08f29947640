package cache

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/nasa-openscapes/corn/digest"
)

// lockPoll is how often a waiting process looks again: flock(2) has no wait that a
// context can end. Asking costs a microsecond.
const lockPoll = 10 * time.Millisecond

// A Lock is held until Unlock, or until the process dies.
type Lock struct {
	once sync.Once
	l    *flock.Flock
	err  error
}

// Lock waits until no other process or goroutine holds the lock of kind and key. It
// serves to do work once, not to protect entries: reading and writing need no lock.
// Locks are not reentrant. It returns ctx's error if ctx ends first.
func (c *Cache) Lock(ctx context.Context, kind string, key digest.SHA256) (*Lock, error) {
	if err := checkKind(kind); err != nil {
		return nil, err
	}
	name := c.fan(key.String(), "lock", kind)
	for {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return nil, c.wrap("make folder", err)
		}
		l := flock.New(name)
		if _, err := l.TryLockContext(ctx, lockPoll); err != nil {
			l.Close()
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, c.wrap("lock "+kind+" "+key.String(), err)
		}
		if sameFile(l) { // else Trim took the name away while this waited
			return &Lock{l: l}, nil
		}
		l.Close()
	}
}

// Unlock lets the next one in. Further calls do nothing.
func (l *Lock) Unlock() error {
	l.once.Do(func() { l.err = l.l.Close() })
	return l.err
}
