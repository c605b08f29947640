package store

import (
	"path"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
)

// Root is the folder of the store in every image. It is not below CONDA_DIR, whose
// parents differ between bases, which child images chown, and where `conda clean` deletes.
const Root = "opt/corn/store"

// Params are what the artifacts of one image have in common.
type Params struct {
	FormatVersion int64    // raised when bytes change
	Platform      string   // "linux-64"
	Strip         []string // the image's strip globs; order and repetition do not count
}

// A Python is what decides the bytes of compiled files: the interpreter that compiles, and
// where and under which names bytecode stands.
type Python struct {
	SitePackages string        // "lib/python3.13/site-packages"
	CacheTag     string        // "cpython-313"
	Artifact     digest.SHA256 // the python package that compiles
}

// Dist is the artifact's file name without its extension, in letters that are safe in a
// path: "numpy-2.2.4-py313h0_0", "xq-0.0.4-py3-none-any".
func Dist(f *artifact.Facts) string {
	name := path.Base(f.FileName)
	for _, ext := range []string{".conda", ".tar.bz2", ".whl"} {
		if s, ok := strings.CutSuffix(name, ext); ok {
			name = s
			break
		}
	}
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("._+!~-", r):
			return r
		}
		return '_'
	}, name)
	return strings.TrimLeft(name, ".")
}

// ContentDir is the artifact's folder in the store, "opt/corn/store/<dist>-<16 hex of key>".
func ContentDir(f *artifact.Facts, key digest.SHA256) string {
	return Root + "/" + Dist(f) + "-" + key.String()[:16]
}

// ContentKey names the content frame of an artifact. It is a hash over the format
// version, the archive, the platform, the strip set and the paths of the content. Python
// counts only where it changes bytes: the site-packages path where the layout of the
// artifact follows it (noarch python, wheels), and the whole of py where a file is to be
// compiled.
//
// The paths follow from the rest. They are in the key so that a mistake in linking, or
// items that a caller left out, can never give one key to two contents.
//
// items are what link.Items or wheel.Items gave, after [Strip]: those that [Content] gets.
// py may be nil for an env without Python.
func ContentKey(f *artifact.Facts, items []Item, p Params, py *Python) digest.SHA256 {
	k := digest.NewKey("content")
	k.Int("format", p.FormatVersion)
	k.Sum("archive", f.SHA256)
	k.Str("platform", p.Platform)
	k.Strs("strip", globSet(p.Strip))
	paths, compiles := contentPaths(items)
	k.Strs("paths", paths)
	if py != nil {
		if compiles || f.Noarch == "python" || f.Kind == artifact.Wheel {
			k.Str("site-packages", py.SitePackages)
		}
		if compiles {
			k.Str("cache-tag", py.CacheTag)
			k.Sum("compiler", py.Artifact)
		}
	}
	return k.Key()
}

// contentPaths lists what of the items is in the content, a line each, sorted, and tells whether
// any of it is to be compiled.
func contentPaths(items []Item) (paths []string, compiles bool) {
	src := byPath(items)
	for i := range items {
		it := &items[i]
		switch {
		case it.Pyc != nil:
			if s := src[it.Pyc.Source]; s != nil && shared(s) {
				paths = append(paths, it.Path+"\x00compiled from "+s.Path)
				compiles = true
			}
		case it.Type != filetree.File || shared(it):
			paths = append(paths, it.Path+"\x00"+it.Type.String())
		}
	}
	slices.Sort(paths)
	return paths, compiles
}

func byPath(items []Item) map[string]*Item {
	m := make(map[string]*Item, len(items))
	for i := range items {
		m[items[i].Path] = &items[i]
	}
	return m
}

// shared tells whether a file's bytes are equal for every prefix, so that it lives in the store.
func shared(it *Item) bool {
	return it.Type == filetree.File && it.Prefix == nil && !it.Generated && it.Pyc == nil
}

// PlacementKey names the placement frame of one artifact in one env. share is what
// [Merge] left it; record is the canonical conda-meta record (link.Record without
// anything learnt), nil for a wheel; py may be nil.
func PlacementKey(f *artifact.Facts, share Share, content digest.SHA256, p Params, o PlaceOptions, py *Python, record []byte) digest.SHA256 {
	k := digest.NewKey("placement")
	k.Int("format", p.FormatVersion)
	k.Sum("content", content)
	k.Str("prefix", o.Prefix)
	k.Str("root", o.root())
	k.Int("uid", int64(o.UID))
	k.Int("gid", int64(o.GID))
	k.Str("layout", o.Layout.String())
	k.Strs("copy", globSet(o.Copy))
	if py != nil {
		k.Str("site-packages", py.SitePackages)
		k.Str("cache-tag", py.CacheTag)
		k.Sum("compiler", py.Artifact)
	}
	k.Int("paths", int64(len(share.Kept)))
	for _, pl := range share.Kept {
		k.Str("at", pl.Path).Str("item", pl.Item.Path)
		if pl.Item.Generated {
			k.Int("mode", int64(pl.Item.Mode)).Sum("data", digest.Sum(pl.Item.Data))
		}
	}
	// A file that lost its path is still summed for the record.
	k.Int("lost", int64(len(share.Lost)))
	for _, it := range share.Lost {
		k.Str("item", it.Path)
	}
	k.Str("record-path", o.Record)
	k.Sum("record", digest.Sum(record))
	return k.Key()
}
