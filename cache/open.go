package cache

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Version is the version of the layout on disk. It is the name of a folder, so that
// versions of corn that disagree can share one cache folder without harm.
const Version = "v1"

// tag marks the folder as a cache for backup programs (bford.info/cachedir, CACHEDIR.TAG).
const tag = "Signature: 8a477f597d28d172789f06886806bc55\n# Downloads and computed values of corn. May be deleted at any time.\n"

// touchAfter is how old the recorded time of use must be before it is renewed: a write
// to the inode for every read would cost more than the precision is worth.
const touchAfter = time.Hour

// Options of a cache. The zero value is the default.
type Options struct {
	// Sync flushes every entry to the disk before it appears. Without it an entry may be
	// cut short by a power cut (never by a crash of corn); its size is checked at every
	// use, its bytes by Verify. It halves the rate of writing.
	Sync bool
	// Now gives the time of use that Trim looks at. Nil means time.Now.
	Now func() time.Time
	// RemoveAll removes a folder with all that is in it. Nil means os.RemoveAll, which fails for
	// trees that have folders nobody may write to, or files of other ids.
	RemoveAll func(dir string) error
}

// A Cache is an open cache folder.
type Cache struct {
	dir  string // as given to Open
	root string // dir/v1
	opts Options

	mu      sync.Mutex
	session *session // temporary files of this process; made when first needed
	closed  bool
}

// Open makes dir a cache if it is none, removes what killed processes left in its
// temporary folder, and returns it. Close it when done.
func Open(dir string, opts Options) (*Cache, error) {
	if dir == "" {
		return nil, &VersionError{Dir: dir, Reason: "no folder is given"}
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("cache: find %s: %w", dir, err)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.RemoveAll == nil {
		opts.RemoveAll = os.RemoveAll
	}
	c := &Cache{dir: abs, root: filepath.Join(abs, Version), opts: opts}
	for _, d := range []string{"blob", "md5", "value", "tree", "partial", "lock", "tmp"} {
		if err := os.MkdirAll(filepath.Join(c.root, d), 0o755); err != nil {
			return nil, c.wrap("make folder", err)
		}
	}
	mark := filepath.Join(abs, "CACHEDIR.TAG")
	if _, err := os.Stat(mark); err != nil {
		// The tag is a courtesy to backup programs: a cache works without it.
		_ = os.WriteFile(mark, []byte(tag), 0o644)
	}
	c.sweep()
	return c, nil
}

// Dir returns the folder that Open was given, as an absolute path.
func (c *Cache) Dir() string { return c.dir }

// Close removes this process's temporary files. Entries, open values and locks stay valid.
func (c *Cache) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.session == nil {
		return nil
	}
	err := c.session.end()
	c.session = nil
	return c.wrap("remove temporary files", err)
}

// DefaultDir returns where the cache is when nobody says: $CORN_CACHE_DIR, else
// $XDG_CACHE_HOME/corn, else ~/.cache/corn, on macOS ~/Library/Caches/corn. goos is
// runtime.GOOS and getenv os.Getenv in programs. XDG says that relative paths
// in its variables are to be ignored.
func DefaultDir(getenv func(string) string, goos string) (string, error) {
	if d := getenv("CORN_CACHE_DIR"); d != "" {
		return d, nil
	}
	if d := getenv("XDG_CACHE_HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, "corn"), nil
	}
	home := getenv("HOME")
	if home == "" {
		return "", &VersionError{Dir: "cache folder", Reason: "neither CORN_CACHE_DIR, XDG_CACHE_HOME nor HOME is set"}
	}
	if goos == "darwin" {
		return filepath.Join(home, "Library", "Caches", "corn"), nil
	}
	return filepath.Join(home, ".cache", "corn"), nil
}

// touch records that an entry was used, at most once per touchAfter. Failing to is
// harmless: the entry looks older to Trim than it is.
func (c *Cache) touch(path string, modTime time.Time) {
	now := c.opts.Now()
	if d := now.Sub(modTime); d < touchAfter && d > -touchAfter {
		return
	}
	_ = os.Chtimes(path, now, now)
}

func checkKind(kind string) error {
	if kind == "" || len(kind) > 64 || strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return &KindError{Kind: kind}
	}
	return nil
}

// fan returns root/parts.../xx/hex, the folder xx being the first byte of hex.
func (c *Cache) fan(hex string, parts ...string) string {
	return filepath.Join(append(append([]string{c.root}, parts...), hex[:2], hex)...)
}

// publish gives a finished temporary file its name.
func (c *Cache) publish(tmp, name string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	now := c.opts.Now()
	if err := os.Chtimes(tmp, now, now); err != nil {
		return err
	}
	if err := os.Rename(tmp, name); err != nil {
		return err
	}
	if c.opts.Sync {
		return syncDir(filepath.Dir(name))
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// finish syncs when asked to, makes the file read-only and closes it.
func (c *Cache) finish(f *os.File) error {
	if c.opts.Sync {
		if err := f.Sync(); err != nil {
			f.Close()
			return err
		}
	}
	// Entries never change. Read-only keeps a stray editor or `cp` from trying.
	if err := f.Chmod(0o444); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
