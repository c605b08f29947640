package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// A MissError reports an entry that is not in the cache. errors.Is(err, fs.ErrNotExist)
// holds for it.
type MissError struct {
	Kind   string // "blob", "md5" or the kind of a keyed value
	Key    string // hexadecimal
	Reason string // why an entry that was there could not be used; empty: there was none
}

func (e *MissError) Error() string {
	if e.Reason != "" {
		return fmt.Sprintf("cache: %s %s was damaged and is removed: %s", e.Kind, e.Key, e.Reason)
	}
	return fmt.Sprintf("cache: no %s %s", e.Kind, e.Key)
}

// Unwrap returns fs.ErrNotExist.
func (e *MissError) Unwrap() error { return fs.ErrNotExist }

// IsMiss tells whether err says that the cache does not hold what was asked for.
func IsMiss(err error) bool {
	var miss *MissError
	return errors.As(err, &miss)
}

// A CorruptError reports an entry whose bytes are not the ones that were stored.
// The entry has been removed.
type CorruptError struct {
	Kind, Key string
	What      string // "size", "sha256", "trailer"
	Want, Got string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("cache: %s %s is damaged: %s: want %s, got %s", e.Kind, e.Key, e.What, e.Want, e.Got)
}

// A FullError reports that the disk, or the user's share of it, is full. What was being
// written is gone; everything stored before is intact.
type FullError struct {
	Dir string // the cache's folder
	Err error  // what the system said
}

func (e *FullError) Error() string {
	return fmt.Sprintf("cache: no space left in %s: %v", e.Dir, e.Err)
}

// Unwrap returns what the system said.
func (e *FullError) Unwrap() error { return e.Err }

// A KindError reports a kind that cannot name a folder.
type KindError struct{ Kind string }

func (e *KindError) Error() string {
	return fmt.Sprintf("cache: kind %q: want lower-case letters, digits and dashes", e.Kind)
}

// A VersionError reports a cache folder that cannot be used as one.
type VersionError struct{ Dir, Reason string }

func (e *VersionError) Error() string { return fmt.Sprintf("cache: %s: %s", e.Dir, e.Reason) }

// wrap turns the errors of a full disk into a *FullError.
func (c *Cache) wrap(act string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &FullError{Dir: c.dir, Err: err}
	}
	return fmt.Errorf("cache: %s: %w", act, err)
}

// remove takes a damaged file away. Another process may have put a good one in its
// place meanwhile; losing that costs work, never correctness.
func remove(path string) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		// A file that cannot be removed stays damaged and stays a miss.
		return
	}
}
