package cache

import (
	"context"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// An entry is one file of the cache.
type entry struct {
	path  string
	kind  string // "blob", "partial", or the kind of a keyed value
	size  int64
	used  time.Time
	short bool // an unfinished download
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
			all = append(all, entry{p, kind, st.Size(), st.ModTime(), part == "partial"})
			return nil
		})
		if err != nil {
			return nil, c.wrap("list "+part, err)
		}
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
