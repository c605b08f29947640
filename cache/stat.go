package cache

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An entry is one file of the cache.
type entry struct {
	path  string
	kind  string // "blob", "partial", "tree", or the kind of a keyed value
	size  int64
	used  time.Time
	short bool // an unfinished download
	tree  bool // a folder
}

// list walks over all entries, in no order that counts.
func (c *Cache) list(ctx context.Context) ([]entry, error) {
	var all []entry
	for _, part := range []string{"blob", "value", "partial"} {
		top := filepath.Join(c.root, part)
		err := filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil || d.IsDir() {
				return skipGone(err)
			}
			st, err := d.Info()
			if err != nil {
				return skipGone(err)
			}
			kind := part
			if rel, err := filepath.Rel(top, p); err == nil && part == "value" {
				kind, _, _ = strings.Cut(filepath.ToSlash(rel), "/")
			}
			all = append(all, entry{path: p, kind: kind, size: st.Size(), used: st.ModTime(), short: part == "partial"})
			return nil
		})
		if err != nil {
			return nil, c.wrap("list "+part, err)
		}
	}
	trees, err := c.listTrees(ctx)
	return append(all, trees...), err
}

// listTrees lists the folders; their size is in their name.
func (c *Cache) listTrees(ctx context.Context) ([]entry, error) {
	tops, err := filepath.Glob(filepath.Join(c.root, "tree", "??", "*-*"))
	if err != nil {
		return nil, c.wrap("list tree", err)
	}
	var all []entry
	for _, top := range tops {
		if err := ctx.Err(); err != nil {
			return nil, c.wrap("list tree", err)
		}
		st, err := os.Stat(top)
		if skipGone(err) != nil {
			return nil, c.wrap("list tree", err)
		}
		_, size, _ := strings.Cut(filepath.Base(top), "-")
		n, bad := strconv.ParseInt(size, 10, 64)
		if err != nil || bad != nil {
			continue
		}
		all = append(all, entry{path: top, kind: "tree", size: n, used: st.ModTime(), tree: true})
	}
	return all, nil
}

// KindStat sums up the entries of one kind.
type KindStat struct {
	Kind      string // "blob", "partial", or the kind of a keyed value
	Entries   int
	SizeBytes int64
	Oldest    time.Time // last use of the entry that was used longest ago, exact to an hour
	Newest    time.Time // last use of the entry that was used last
}

// Stat sums up what is in the cache, by kind, sorted by kind. It may run beside builds.
func (c *Cache) Stat(ctx context.Context) ([]KindStat, error) {
	all, err := c.list(ctx)
	if err != nil {
		return nil, err
	}
	by := map[string]*KindStat{}
	for _, e := range all {
		s := by[e.kind]
		if s == nil {
			s = &KindStat{Kind: e.kind, Oldest: e.used, Newest: e.used}
			by[e.kind] = s
		}
		s.Entries++
		s.SizeBytes += e.size
		if e.used.Before(s.Oldest) {
			s.Oldest = e.used
		}
		if e.used.After(s.Newest) {
			s.Newest = e.used
		}
	}
	out := make([]KindStat, 0, len(by))
	for _, s := range by {
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b KindStat) int { return strings.Compare(a.Kind, b.Kind) })
	return out, nil
}
