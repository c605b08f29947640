package cache

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// TrimOptions say what may go. The zero value removes nothing but leftovers.
type TrimOptions struct {
	// MaxAge removes entries that were not used for so long; zero means no limit. Times
	// of use are exact to an hour.
	MaxAge time.Duration
	// MaxBytes removes the entries used longest ago until the rest fits; zero means no limit.
	MaxBytes int64
	// KeepNewer protects entries used within this time from MaxBytes: a build that is
	// running needs them. Zero means two hours.
	KeepNewer time.Duration
}

// A TrimReport says what a Trim did.
type TrimReport struct {
	Entries, Removed      int   // blobs, values and unfinished downloads
	SizeBytes, FreedBytes int64 // before; removed
	RemovedLocks          int   // lock files that nobody used
}

// partialAge is how long an unfinished download and an unused lock file are kept.
const partialAge = 7 * 24 * time.Hour

// Trim removes entries that were not used for long. It may run beside builds: who has an
// entry open goes on reading it, who looks for it later gets a miss.
func (c *Cache) Trim(ctx context.Context, o TrimOptions) (TrimReport, error) {
	all, err := c.list(ctx)
	if err != nil {
		return TrimReport{}, err
	}
	var rep TrimReport
	for _, e := range all {
		rep.Entries++
		rep.SizeBytes += e.size
	}
	slices.SortFunc(all, func(a, b entry) int {
		return cmp.Or(a.used.Compare(b.used), strings.Compare(a.path, b.path))
	})
	keep := o.KeepNewer
	if keep == 0 {
		keep = 2 * touchAfter
	}
	now := c.opts.Now()
	left := rep.SizeBytes
	for _, e := range all {
		age := now.Sub(e.used)
		old := o.MaxAge > 0 && age > o.MaxAge || e.short && age > partialAge
		over := o.MaxBytes > 0 && left > o.MaxBytes && age > keep
		if !old && !over || e.short && held(e.path) {
			continue
		}
		if e.tree {
			gone, err := c.removeTree(e.path)
			if err != nil {
				return rep, c.wrap("remove tree", err)
			}
			if !gone { // in use
				continue
			}
		} else if err := os.Remove(e.path); skipGone(err) != nil {
			return rep, c.wrap("remove entry", err)
		}
		left -= e.size
		rep.Removed++
		rep.FreedBytes += e.size
	}
	n, err := c.trimLocks(ctx, now)
	rep.RemovedLocks = n
	return rep, err
}

func skipGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// held tells whether some process has the file locked.
func held(path string) bool {
	l := flock.New(path, flock.SetFlag(os.O_RDWR))
	defer l.Close()
	ok, err := l.TryLock()
	return err == nil && !ok
}

// trimLocks removes lock files that nobody took for a week. The name is removed while
// the lock is held, and Lock checks afterwards that its file still has the name.
func (c *Cache) trimLocks(ctx context.Context, now time.Time) (int, error) {
	n := 0
	err := filepath.WalkDir(filepath.Join(c.root, "lock"), func(p string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || d.IsDir() {
			return skipGone(err)
		}
		st, err := d.Info()
		if err != nil || now.Sub(st.ModTime()) < partialAge {
			return skipGone(err)
		}
		l := flock.New(p)
		defer l.Close()
		if ok, err := l.TryLock(); err != nil || !ok || !sameFile(l) {
			return nil
		}
		if err := os.Remove(p); err != nil {
			return skipGone(err)
		}
		n++
		return nil
	})
	return n, c.wrap("remove locks", err)
}
