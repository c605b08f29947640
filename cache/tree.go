package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"

	"github.com/nasa-openscapes/corn/digest"
)

// treeLock is the file in a tree's folder that users of the tree hold a shared lock of, and
// treeTop the folder beside it that has the tree. The lock keeps Trim away: unlike a file
// that is open, a folder that is removed is gone for who reads it.
const (
	treeLock = "lock"
	treeTop  = "fs"
)

// A Tree is an unpacked folder of the cache in use. Trim leaves it alone until Close.
type Tree struct {
	Dir       string // whole, and never to be changed
	SizeBytes int64  // as PutTree was told

	lock *flock.Flock
}

// Close ends the use.
func (t *Tree) Close() error { return t.lock.Close() }

// Tree finds the tree of a key. One that is not there is a *MissError.
func (c *Cache) Tree(key digest.SHA256) (*Tree, error) {
	hex := key.String()
	miss := &MissError{Kind: "tree", Key: hex}
	parent := filepath.Dir(c.fan(hex, "tree"))
	names, err := os.ReadDir(parent)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, miss
	}
	if err != nil {
		return nil, c.wrap("look for tree", err)
	}
	for _, e := range names {
		size, ok := strings.CutPrefix(e.Name(), hex+"-")
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(size, 10, 64)
		if err != nil {
			continue
		}
		top := filepath.Join(parent, e.Name())
		l := flock.New(filepath.Join(top, treeLock), flock.SetFlag(os.O_RDONLY))
		ok, err = l.TryRLock()
		if err != nil || !ok || !sameFile(l) { // being removed
			l.Close()
			continue
		}
		if st, err := os.Stat(top); err == nil {
			c.touch(top, st.ModTime())
		}
		return &Tree{Dir: filepath.Join(top, treeTop), SizeBytes: n, lock: l}, nil
	}
	return nil, miss
}

// PutTree takes over dir, a folder that TempDir made, with all that is in it, and returns it
// under its new name. A tree of that key that is there already stays, and is returned.
// sizeBytes is what Stat and Trim count for it.
func (c *Cache) PutTree(key digest.SHA256, dir string, sizeBytes int64) (*Tree, error) {
	top, err := c.TempDir()
	if err != nil {
		return nil, err
	}
	// TempDir's folders are for their owner alone, and this one must stay so: trees hold
	// the set-uid files of images, which nobody else may ever reach.
	if err := os.WriteFile(filepath.Join(top, treeLock), nil, 0o644); err != nil {
		return nil, c.wrap("store tree", err)
	}
	if err := os.Rename(dir, filepath.Join(top, treeTop)); err != nil {
		return nil, c.wrap("store tree", err)
	}
	name := c.fan(key.String(), "tree") + "-" + strconv.FormatInt(sizeBytes, 10)
	err = c.publish(top, name)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, c.wrap("store tree", err)
	}
	t, err := c.Tree(key)
	if err != nil {
		return nil, fmt.Errorf("store tree: %w", err)
	}
	return t, nil
}

// removeTree takes a tree away that nobody uses. removed is false where somebody does.
func (c *Cache) removeTree(top string) (removed bool, err error) {
	l := flock.New(filepath.Join(top, treeLock), flock.SetFlag(os.O_RDONLY))
	defer l.Close()
	if ok, err := l.TryLock(); err != nil || !ok {
		return false, skipGone(err)
	}
	tmp, err := c.TempDir()
	if err != nil {
		return false, err
	}
	// The name goes first, so that nobody ever sees half a tree. What is left of it when
	// this process is killed goes with its temporary folder.
	gone := filepath.Join(tmp, "tree")
	if err := os.Rename(top, gone); err != nil {
		return false, skipGone(err)
	}
	return true, c.opts.RemoveAll(gone)
}
