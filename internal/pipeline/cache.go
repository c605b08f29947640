package pipeline

import (
	"context"
	"os"
	"runtime"
	"time"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/internal/sandbox"
)

// A CacheResult is what `corn cache --json` prints.
type CacheResult struct {
	Format int         `json:"format"` // 1
	Dir    string      `json:"dir"`
	Size   int64       `json:"size_bytes"`
	Kinds  []CacheKind `json:"kinds"`
}

// CacheKind sums up one kind of entries.
type CacheKind struct {
	Kind    string    `json:"kind"` // "archives", "frames", "facts", ...
	Entries int       `json:"entries"`
	Size    int64     `json:"size_bytes"`
	Oldest  time.Time `json:"least_recent_use"`
	Newest  time.Time `json:"most_recent_use"`
}

// kindNames are what users call the cache's kinds.
var kindNames = map[string]string{
	"blob": "archives", "partial": "unfinished downloads", "tree": "unpacked layers", "frame": "frames", "layer": "layer digests",
	kindFacts: "facts", kindMissing: "bytecode lists", kindPlan: "planned environments", kindStep: "results of steps", kindBase: "base images",
}

func openCacheAt(dir string) (*cache.Cache, error) {
	if dir == "" {
		var err error
		if dir, err = cache.DefaultDir(os.Getenv, runtime.GOOS); err != nil {
			return nil, report.In(report.Usage, err)
		}
	}
	return cache.Open(dir, cache.Options{RemoveAll: sandbox.RemoveAll})
}

// Cache tells what is in the local cache; an empty dir is the default one.
func Cache(ctx context.Context, dir string) (*CacheResult, error) {
	c, err := openCacheAt(dir)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	stats, err := c.Stat(ctx)
	if err != nil {
		return nil, err
	}
	res := &CacheResult{Format: 1, Dir: c.Dir(), Kinds: []CacheKind{}}
	for _, s := range stats {
		name := kindNames[s.Kind]
		if name == "" {
			name = s.Kind
		}
		res.Kinds = append(res.Kinds, CacheKind{Kind: name, Entries: s.Entries, Size: s.SizeBytes, Oldest: s.Oldest.UTC(), Newest: s.Newest.UTC()})
		res.Size += s.SizeBytes
	}
	return res, nil
}

// A TrimRequest says what may leave the cache.
type TrimRequest struct {
	CacheDir string
	MaxAge   time.Duration // entries not used for so long go; zero: no limit
	MaxBytes int64         // those used longest ago go until the rest fits; zero: no limit
}

// A TrimResult is what `corn gc --json` prints.
type TrimResult struct {
	Format  int    `json:"format"` // 1
	Dir     string `json:"dir"`
	Removed int    `json:"removed"`
	Freed   int64  `json:"freed_bytes"`
	Left    int64  `json:"left_bytes"`
}

// Trim removes what was not used for long from the local cache. It may run beside builds.
func Trim(ctx context.Context, req TrimRequest) (*TrimResult, error) {
	c, err := openCacheAt(req.CacheDir)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	rep, err := c.Trim(ctx, cache.TrimOptions{MaxAge: req.MaxAge, MaxBytes: req.MaxBytes})
	if err != nil {
		return nil, err
	}
	if err := trimFailed(c); err != nil {
		return nil, err
	}
	return &TrimResult{Format: 1, Dir: c.Dir(), Removed: rep.Removed, Freed: rep.FreedBytes, Left: rep.SizeBytes - rep.FreedBytes}, nil
}
