package cache_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nasa-openscapes/corn/cache"
)

// putTree stores a folder with one file.
func putTree(t *testing.T, c *cache.Cache, k, data string) *cache.Tree {
	t.Helper()
	dir, err := c.TempDir()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte(data), 0o444); err != nil {
		t.Fatal(err)
	}
	tree, err := c.PutTree(key(k), dir, int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestTree(t *testing.T) {
	dir := t.TempDir()
	clock := &clock{now: time.Now()}
	c, err := cache.Open(dir, cache.Options{Now: clock.read})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Tree(key("a")); !cache.IsMiss(err) {
		t.Errorf("Tree of nothing = %v, want a miss", err)
	}
	first := putTree(t, c, "a", "one")
	second := putTree(t, c, "a", "two") // the first stays
	for _, tree := range []*cache.Tree{first, second} {
		if b, err := os.ReadFile(filepath.Join(tree.Dir, "f")); err != nil || string(b) != "one" || tree.SizeBytes != 3 {
			t.Errorf("tree has %q of %d bytes, %v, want one of 3", b, tree.SizeBytes, err)
		}
	}
	// The files of images inside may be set-uid: nobody else passes.
	if st, err := os.Stat(filepath.Dir(first.Dir)); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("folder of a tree: %v, %v, want mode 0700", st.Mode(), err)
	}
	stats, err := c.Stat(ctx)
	if err != nil || len(stats) != 1 || stats[0].Kind != "tree" || stats[0].Entries != 1 || stats[0].SizeBytes != 3 {
		t.Errorf("Stat = %+v, %v, want one tree of 3 bytes", stats, err)
	}

	clock.now = clock.now.Add(48 * time.Hour)
	trim := func(want int, why string) {
		t.Helper()
		rep, err := c.Trim(ctx, cache.TrimOptions{MaxAge: time.Hour})
		if err != nil || rep.Removed != want {
			t.Errorf("%s: Trim = %+v, %v, want %d removed", why, rep, err, want)
		}
	}
	trim(0, "two users")
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	trim(0, "one user")
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	trim(1, "no user")
	if _, err := c.Tree(key("a")); !cache.IsMiss(err) {
		t.Errorf("Tree after Trim = %v, want a miss", err)
	}
}

// A tree that was used a moment ago is young, however long ago it was made.
func TestTreeUseIsSeen(t *testing.T) {
	clock := &clock{now: time.Now()}
	c, err := cache.Open(t.TempDir(), cache.Options{Now: clock.read})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	putTree(t, c, "a", "one").Close()
	clock.now = clock.now.Add(48 * time.Hour)
	tree, err := c.Tree(key("a"))
	if err != nil {
		t.Fatal(err)
	}
	if err := tree.Close(); err != nil {
		t.Error(err)
	}
	clock.now = clock.now.Add(2 * time.Hour)
	if rep, err := c.Trim(ctx, cache.TrimOptions{MaxAge: 24 * time.Hour}); err != nil || rep.Removed != 0 {
		t.Errorf("Trim = %+v, %v, want none removed", rep, err)
	}
}
