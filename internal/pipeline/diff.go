package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/lock"
)

// A DiffRequest names two things to compare: images, lock files, project folders, and projects at
// a git revision, in any mix.
type DiffRequest struct {
	A, B     string
	Envs     []string // compare only these; none: all
	Platform string   // of locks, and the image of an index; empty: that of this machine
	CacheDir string   // empty: cache.DefaultDir
}

// A DiffResult is what `corn diff --json` prints. docs/formats/diff-json.md describes it.
type DiffResult struct {
	Format       int         `json:"format"` // 1
	A            DiffSide    `json:"a"`
	B            DiffSide    `json:"b"`
	Same         bool        `json:"same"` // no difference that corn looks at
	Environments []DiffEnv   `json:"environments"`
	Layers       *DiffLayers `json:"layers,omitempty"` // where both are images
}

// DiffSide is one of the two.
type DiffSide struct {
	Ref    string `json:"ref"`
	Kind   string `json:"kind"`             // "image", "lock", "project", "revision"
	Commit string `json:"commit,omitempty"` // of a revision
	Digest string `json:"digest,omitempty"` // of an image's manifest

	imageID string
}

// What became of an environment.
const (
	envAdded   = "added"
	envRemoved = "removed"
	envChanged = "changed"
	envSame    = "same"
)

// DiffEnv is one environment.
type DiffEnv struct {
	Name        string       `json:"name"`
	DisplayName string       `json:"display_name,omitempty"` // the later one
	WasCalled   string       `json:"was_called,omitempty"`   // its display name before, if that is another
	Change      string       `json:"change"`                 // "added", "removed", "changed", "same"
	Before      int          `json:"packages_before"`
	After       int          `json:"packages_after"`
	Changes     []DiffChange `json:"changes"` // by name; of an added or removed one, all its packages
}

// DiffChange is one package that differs.
type DiffChange struct {
	PackageChange
	Requested bool `json:"requested"` // environment.yml or requirements.txt asks for it by name
}

// DiffLayers says what becomes of the layers of an image, and what nodes pull.
type DiffLayers struct {
	Kept LayerSum       `json:"kept"`
	New  LayerSum       `json:"new"`
	Gone LayerSum       `json:"gone"`
	Each []ChangedLayer `json:"changed"` // the new ones and those that are gone
	Base *DiffBase      `json:"base,omitempty"`
	Pull DiffPull       `json:"pull"`
}

// LayerSum counts layers.
type LayerSum struct {
	Layers int   `json:"layers"`
	Bytes  int64 `json:"bytes"`
}

// ChangedLayer is a layer that only one of two images has.
type ChangedLayer struct {
	Change string `json:"change"` // "new", "gone"
	Kind   string `json:"kind"`
	ID     string `json:"id,omitempty"`
	Digest string `json:"digest"`
	Size   int64  `json:"size_bytes"`
}

// DiffBase tells of another base image.
type DiffBase struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// DiffPull says what a node downloads for the later image. Which of the two numbers of a warm node
// holds depends on whether its engine keeps blobs: Docker does; containerd may be told not to
// (discard_unpacked_layers), and fetches everything above the first layer that differs.
type DiffPull struct {
	Cold     int64 `json:"cold_bytes"`          // has neither image
	Warm     int64 `json:"warm_bytes"`          // has the earlier one
	WarmMost int64 `json:"warm_most_bytes"`     // has it, and keeps no blobs
	Unpacked int   `json:"warm_unpacks_layers"` // that it unpacks in both cases
}

// Diff compares two images, locks, projects or revisions.
func Diff(ctx context.Context, req DiffRequest, talk *report.Printer) (*DiffResult, error) {
	c, err := openCacheAt(req.CacheDir)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	tempDir, err := c.TempDir()
	if err != nil {
		return nil, err
	}
	a, err := openSide(ctx, req.A, req, tempDir, talk)
	if err != nil {
		return nil, err
	}
	defer a.close()
	b, err := openSide(ctx, req.B, req, tempDir, talk)
	if err != nil {
		return nil, err
	}
	defer b.close()
	if err := matchLocks(a, b, req.Envs); err != nil {
		return nil, report.In(report.Usage, err)
	}
	if a.lacksSHA256() || b.lacksSHA256() {
		a.learnMD5()
		b.learnMD5()
	}
	res := &DiffResult{Format: 1, A: a.result(), B: b.result(), Environments: diffEnvs(a, b)}
	if a.image != nil && b.image != nil {
		if res.Layers, err = diffLayers(a.image, b.image); err != nil {
			return nil, err
		}
	}
	res.Same = (res.Layers == nil || res.A.imageID == res.B.imageID) && !slices.ContainsFunc(res.Environments, func(e DiffEnv) bool { return e.Change != envSame || e.WasCalled != "" })
	return res, nil
}

func (s *side) result() DiffSide {
	d := DiffSide{Ref: s.shown, Kind: s.kind, Commit: s.commit}
	if s.image != nil {
		d.Digest, d.imageID = s.image.source.Digest().OCI(), s.image.source.ConfigDigest().OCI()
	}
	return d
}

// matchLocks gives the environment of a lock that stands alone the name of the one it is compared
// with, and leaves out environments that are not asked for.
func matchLocks(a, b *side, only []string) error {
	for _, name := range only {
		if a.env(name) == nil && b.env(name) == nil && a.kind != sideLock && b.kind != sideLock {
			return fmt.Errorf("neither %s nor %s has an environment %q: want one of %s", a.shown, b.shown, name, strings.Join(namesOf(a, b), ", "))
		}
	}
	for _, pair := range [][2]*side{{a, b}, {b, a}} {
		l, other := pair[0], pair[1]
		if l.kind != sideLock {
			continue
		}
		e := &l.envs[0]
		switch {
		case len(only) == 1:
			e.name = only[0]
		case len(only) > 1:
			return fmt.Errorf("%s is the lock of one environment, and %d are asked for", l.shown, len(only))
		case len(other.envs) == 1:
			e.name = other.envs[0].name
		case other.env(e.name) == nil && len(other.envs) > 1:
			return fmt.Errorf("%s is the lock of one environment, and it is not clear which of %s: say it with --env, one of %s", l.shown, other.shown, strings.Join(namesOf(other), ", "))
		}
		only = []string{e.name}
	}
	if len(only) == 0 {
		return nil
	}
	for _, s := range []*side{a, b} {
		s.envs = slices.DeleteFunc(s.envs, func(e sideEnv) bool { return !slices.Contains(only, e.name) })
	}
	return nil
}

func namesOf(sides ...*side) []string {
	var out []string
	for _, s := range sides {
		for _, e := range s.envs {
			if !slices.Contains(out, e.name) {
				out = append(out, e.name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// diffEnvs compares the environments of two sides, by name; the notebook's comes first.
func diffEnvs(a, b *side) []DiffEnv {
	names := namesOf(a, b)
	slices.SortStableFunc(names, func(x, y string) int {
		return cmp.Compare(btoi(y == notebookID), btoi(x == notebookID))
	})
	out := []DiffEnv{}
	for _, name := range names {
		was, is := a.env(name), b.env(name)
		d := DiffEnv{Name: name, Change: envChanged, Changes: []DiffChange{}}
		var before, after []lock.Package
		if was != nil {
			before, d.DisplayName = was.packages, was.displayName
		}
		if is != nil {
			after = is.packages
			if is.displayName != "" {
				d.DisplayName = is.displayName
			}
		}
		if was != nil && is != nil && was.displayName != "" && is.displayName != "" && was.displayName != is.displayName {
			d.WasCalled = was.displayName
		}
		d.Before, d.After = len(before), len(after)
		for _, c := range changesBetween(byKey(before), byKey(after)) {
			key := c.Manager + " " + c.Name
			d.Changes = append(d.Changes, DiffChange{c, was != nil && was.requested[key] || is != nil && is.requested[key]})
		}
		switch {
		case was == nil:
			d.Change = envAdded
		case is == nil:
			d.Change = envRemoved
		case len(d.Changes) == 0:
			d.Change = envSame
		}
		out = append(out, d)
	}
	return out
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// byKey writes the names of packages in one way, whatever a lock or an image writes.
func byKey(packages []lock.Package) []lock.Package {
	out := slices.Clone(packages)
	for i := range out {
		_, out[i].Name, _ = strings.Cut(packageKey(&out[i]), " ")
	}
	return out
}

// diffLayers compares the layers of two images.
func diffLayers(a, b *describedImage) (*DiffLayers, error) {
	old, err := a.layers()
	if err != nil {
		return nil, err
	}
	next, err := b.layers()
	if err != nil {
		return nil, err
	}
	d := &DiffLayers{Each: []ChangedLayer{}}
	if a.meta != nil && b.meta != nil && a.meta.Base.Manifest != b.meta.Base.Manifest {
		d.Base = &DiffBase{a.meta.Base.Manifest.OCI(), b.meta.Base.Manifest.OCI()}
	}
	same := 0 // layers at the bottom that have the same files: nodes have them unpacked
	for same < min(len(old), len(next)) && old[same].DiffID == next[same].DiffID {
		same++
	}
	has := func(layers []readLayer, digest string) bool {
		return slices.ContainsFunc(layers, func(l readLayer) bool { return l.Digest == digest })
	}
	change := func(l readLayer, change string, sum *LayerSum) {
		sum.Layers++
		sum.Bytes += l.Size
		d.Each = append(d.Each, ChangedLayer{change, l.Kind, l.ID, l.Digest, l.Size})
	}
	for i, l := range next {
		d.Pull.Cold += l.Size
		if i >= same {
			d.Pull.WarmMost += l.Size
			d.Pull.Unpacked++
		}
		if has(old, l.Digest) {
			d.Kept.Layers++
			d.Kept.Bytes += l.Size
			continue
		}
		change(l, "new", &d.New)
		if i >= same {
			d.Pull.Warm += l.Size
		}
	}
	for _, l := range old {
		if !has(next, l.Digest) {
			change(l, "gone", &d.Gone)
		}
	}
	return d, nil
}
