package pipeline

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/lock"
)

// A ListRequest says whose kernels to list.
type ListRequest struct {
	Project  string
	Platform string
	CacheDir string
}

// A ListResult is what `corn list --json` prints. docs/formats/list-json.md describes it.
type ListResult struct {
	Format       int         `json:"format"` // 1
	Project      string      `json:"project"`
	Platform     string      `json:"platform"`
	Environments []ListedEnv `json:"environments"`
}

// ListedEnv is one environment. Sizes are of archives as far as the cache knows them.
type ListedEnv struct {
	Name        string   `json:"name"`
	DisplayName string   `json:"display_name"`
	Notebook    bool     `json:"notebook"`
	Languages   []string `json:"languages"` // "python 3.12", "r 4.4"
	Packages    int      `json:"packages"`
	Wheels      int      `json:"wheels"`
	Size        int64    `json:"size_bytes"`
	Shared      int64    `json:"shared_bytes"` // of them in archives that another environment has, too
	SharedCount int      `json:"shared_packages"`
	Unknown     int      `json:"unknown_sizes"` // packages whose size nobody knows here
	Lock        string   `json:"lock"`          // file; empty: none
	State       string   `json:"state"`         // "up to date", "stale", "none", "broken"
	Reason      string   `json:"reason,omitempty"`
}

// States of a listed lock.
const (
	listFresh  = "up to date"
	listStale  = "stale"
	listNone   = "none"
	listBroken = "broken"
)

// List tells of the environments of a project. It needs no network.
func List(req ListRequest, talk *report.Printer) (*ListResult, error) {
	b := &builder{req: BuildRequest{Project: req.Project, Platform: req.Platform}, talk: talk}
	if err := b.readProject(); err != nil {
		return nil, report.In(report.Project, err)
	}
	c, err := openCacheAt(req.CacheDir)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	res := &ListResult{Format: 1, Project: b.project.Dir, Platform: b.platform.String(), Environments: []ListedEnv{}}
	users := map[string]int{}
	all := b.environments()
	for _, e := range all {
		for _, p := range packagesFor(e.Lock, b.platform.Subdir) {
			users[archiveID(p)]++
		}
	}
	for _, e := range all {
		le := ListedEnv{Name: envID(e), DisplayName: e.DisplayName, Notebook: envID(e) == notebookID, Languages: []string{}, State: listFresh}
		switch {
		case e.Lock == nil && (e.LockProblem == nil || isNoLock(e.LockProblem)):
			le.State = listNone
		case e.Lock == nil || e.LockProblem != nil:
			le.State, le.Reason = listBroken, e.LockProblem.Error()
		default:
			if err := b.checkLock(e); err != nil {
				le.State, le.Reason = listStale, firstReason(err)
			}
		}
		if e.Lock != nil {
			le.Lock = e.Lock.Path
		}
		packages := packagesFor(e.Lock, b.platform.Subdir)
		le.Languages = append(le.Languages, languages(packages)...)
		for _, p := range packages {
			le.Packages++
			if p.Manager == lock.Pip {
				le.Wheels++
			}
			size := sizeOf(c, p)
			if size == 0 {
				le.Unknown++
			}
			le.Size += size
			if users[archiveID(p)] > 1 {
				le.Shared += size
				le.SharedCount++
			}
		}
		res.Environments = append(res.Environments, le)
	}
	return res, nil
}

// firstReason is the first line that says something about a stale lock.
func firstReason(err error) string {
	if stale, ok := errors.AsType[*lock.StaleError](err); ok && len(stale.Reasons) > 0 {
		return stale.Reasons[0].String()
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	return first
}

// archiveID is equal for entries of one archive: locks of different kinds know different
// hashes of it, but all its place.
func archiveID(p lock.Package) string {
	if p.Manager == lock.Pip || p.Channel == "" {
		return p.FileName
	}
	return p.Channel + "/" + p.Subdir + "/" + p.FileName
}

// sizeOf is the size of an archive from the lock or the cache; 0: not known.
func sizeOf(c *cache.Cache, p lock.Package) int64 {
	if p.SizeBytes > 0 {
		return p.SizeBytes
	}
	b, err := c.Find(digest.Want{SHA256: p.SHA256, MD5: p.MD5})
	if err != nil {
		return 0
	}
	return b.SizeBytes
}

// languages are the interpreters of an environment, with two parts of their version.
func languages(packages []lock.Package) []string {
	var out []string
	for _, p := range packages {
		name := map[string]string{"python": "python", "r-base": "r", "julia": "julia", "octave": "octave"}[p.Name]
		if name == "" || p.Manager != lock.Conda {
			continue
		}
		parts := strings.SplitN(p.Version, ".", 3)
		out = append(out, fmt.Sprintf("%s %s", name, strings.Join(parts[:min(2, len(parts))], ".")))
	}
	slices.Sort(out)
	return out
}
