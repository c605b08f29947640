package link

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/store"
)

// machineDir stands in conda-meta where micromamba names its package cache: in
// extracted_package_dir, package_tarball_full_path and link.source. No such folder
// exists in an image, and conda, mamba and scanners read none of the three.
const machineDir = "/opt/corn/pkgs/"

// An Origin is where a package came from and why it is in the env.
type Origin struct {
	URL           string // of the archive, without credentials and fragment
	Channel       string // the channel's URL, without subdir and without a slash at the end
	Subdir        string // "linux-64", "noarch"; empty: what index.json says
	RequestedSpec string // the MatchSpec that asked for it, if any
	// Depends and Constrains replace those of info/index.json where the lock has its
	// own (patched by the channel); nil keeps index.json's.
	Depends, Constrains []string
	// Targets gives the sum of a file that another package brought, by its path in the
	// prefix, for symbolic links that lead there. Packages linked earlier count, as in
	// micromamba. nil: none is known.
	Targets func(path string) (sum digest.SHA256, ok bool)
}

// Learnt is what only writing an env shows.
type Learnt struct {
	Sums map[string]digest.SHA256 // of rewritten files, by Item.Path
	Pyc  map[string]bool          // bytecode that exists, by Item.Path
}

// A RecordError reports a conda-meta record that cannot be written.
type RecordError struct {
	Package string // file name
	Reason  string
}

func (e *RecordError) Error() string { return fmt.Sprintf("conda-meta of %s: %s", e.Package, e.Reason) }

// RecordPath is where the record of a package stands in the prefix.
func RecordPath(f *artifact.Facts) string { return "conda-meta/" + store.Dist(f) + ".json" }

// Record returns the bytes of conda-meta/<dist>.json as micromamba writes it: the keys of
// info/index.json, what the origin says, files and paths_data.
//
// items are those of the package in this env, lost paths included, stripped ones not.
// Without learnt the result is the canonical record for keys: without the sums of
// rewritten files and with all the bytecode that may come to exist. With it, every
// rewritten item needs its sum.
//
// What names the machine in micromamba's record has the fixed folder /opt/corn/pkgs/.
// Bytecode is listed where it exists; micromamba lists what it wanted to compile.
func Record(f *artifact.Facts, items []store.Item, o Origin, learnt *Learnt) ([]byte, error) {
	if f.Conda == nil {
		return nil, &RecordError{f.FileName, "it is no conda package"}
	}
	index, err := decodeObject(f.Conda.Index)
	if err != nil {
		return nil, &RecordError{f.FileName, "info/index.json: " + err.Error()}
	}
	rec := origin(f, o, index)
	r := &recorder{f: f, o: o, learnt: learnt, members: byMember(f), own: map[string]*store.Item{}}
	for i := range items {
		r.own[items[i].Path] = &items[i]
	}
	if err := r.list(items); err != nil {
		return nil, err
	}
	rec["files"] = r.files
	rec["paths_data"] = map[string]any{"paths": r.paths, "paths_version": int64(1)}
	var b bytes.Buffer
	b.Grow(4<<10 + 400*len(r.paths)) // about what a path takes
	encode(&b, rec, 0)
	return b.Bytes(), nil
}

// origin is the record without its files. Keys of index.json that the origin knows
// better are replaced, all others stay, unknown ones too.
func origin(f *artifact.Facts, o Origin, index map[string]any) map[string]any {
	rec := index
	set := func(key, value string) {
		if value != "" {
			rec[key] = value
		}
	}
	set("name", f.Name)
	set("version", f.Version)
	set("build", f.Build)
	set("build_string", f.Build)
	set("subdir", o.Subdir)
	rec["fn"] = f.FileName
	rec["url"] = o.URL
	rec["channel"] = o.Channel
	if !f.MD5.IsZero() {
		rec["md5"] = f.MD5.String()
	}
	rec["sha256"] = f.SHA256.String()
	if n, ok := rec["size"].(json.Number); !ok || n == "0" {
		rec["size"] = f.SizeBytes
	}
	for key, lock := range map[string][]string{"depends": o.Depends, "constrains": o.Constrains} {
		if lock != nil {
			rec[key] = orEmpty(anys(lock))
		} else if _, ok := rec[key]; !ok {
			rec[key] = []any{}
		}
	}
	switch t := rec["track_features"].(type) { // conda leaves an empty one out
	case string:
		if t == "" {
			delete(rec, "track_features")
		}
	case []any:
		if len(t) == 0 {
			delete(rec, "track_features")
		}
	case nil:
		delete(rec, "track_features")
	}
	dist := store.Dist(f)
	rec["requested_spec"] = o.RequestedSpec
	rec["extracted_package_dir"] = machineDir + dist
	rec["package_tarball_full_path"] = machineDir + path.Base(f.FileName)
	// 1 is a hard link. micromamba writes it whatever it did.
	rec["link"] = map[string]any{"source": machineDir + dist, "type": int64(1)}
	return rec
}

func anys(s []string) []any {
	out := make([]any, len(s))
	for i := range s {
		out[i] = s[i]
	}
	return out
}

func orEmpty(s []any) []any {
	if s == nil {
		return []any{}
	}
	return s
}

type recorder struct {
	f       *artifact.Facts
	o       Origin
	learnt  *Learnt
	members map[string]*artifact.Member
	own     map[string]*store.Item
	files   []string
	paths   []pathEntry
}

// A pathEntry is one of paths_data.paths. There is one for each file of a package, so it is no map.
type pathEntry struct {
	path     string
	noLink   bool
	pathType string
	sum      *digest.SHA256 // sha256; nil: absent
	inPrefix *digest.SHA256 // sha256_in_prefix
	size     int64          // size_in_bytes; 0: absent
}

// list writes files and paths: members, then bytecode, then entry points.
func (r *recorder) list(items []store.Item) error {
	var pycs, scripts []pathEntry
	for i := range items {
		it := &items[i]
		switch {
		case it.Pyc != nil:
			if r.learnt == nil || r.learnt.Pyc[it.Path] {
				pycs = append(pycs, pathEntry{path: it.Path, pathType: "pyc_file"})
			}
		case it.Generated:
			scripts = append(scripts, pathEntry{path: it.Path, pathType: "unix_python_entry_point"})
		default:
			e, err := r.member(it)
			if err != nil {
				return err
			}
			r.append(e)
		}
	}
	for _, e := range append(pycs, scripts...) {
		r.append(e)
	}
	return nil
}

func (r *recorder) append(e pathEntry) {
	r.files = append(r.files, e.path)
	r.paths = append(r.paths, e)
}

func (r *recorder) member(it *store.Item) (pathEntry, error) {
	e := pathEntry{path: it.Path}
	m := r.shipped(it)
	switch it.Type {
	case filetree.Dir:
		e.pathType = "directory"
		return e, nil
	case filetree.Symlink:
		e.pathType = "softlink"
		sum, known, err := r.target(it)
		if err != nil {
			return e, err
		}
		if known {
			e.inPrefix = &sum
		}
	default:
		e.pathType = "hardlink"
		sum, known, err := r.sum(it)
		if err != nil {
			return e, err
		}
		if known {
			e.inPrefix = &sum
		}
		if m != nil && r.f.Conda.HasPathsJSON && !m.SHA256.IsZero() {
			listed := listedSum(m)
			e.sum = &listed
		}
	}
	if m == nil {
		return e, nil
	}
	// The size is the one in the package, before rewriting.
	if r.f.Conda.HasPathsJSON {
		e.size = r.sizeBytes(it, m)
	}
	if m.NoLink || m.NoSoft && !r.f.Conda.HasPathsJSON {
		e.noLink = true
	}
	return e, nil
}

// shipped is the member behind an item.
func (r *recorder) shipped(it *store.Item) *artifact.Member { return r.members[it.Member] }

// sizeBytes is the size that paths.json has: of a link, its target's (conda-build and
// rattler-build follow it), which is known here when the package brings the target.
func (r *recorder) sizeBytes(it *store.Item, m *artifact.Member) int64 {
	if m.ListedSizeBytes != 0 {
		return m.ListedSizeBytes
	}
	if it.Type != filetree.Symlink {
		return m.SizeBytes
	}
	if p, ok := r.follow(it.Path); ok && r.own[p] != nil {
		if t := r.shipped(r.own[p]); t != nil && t.Type == filetree.File {
			return t.SizeBytes
		}
	}
	return 0
}

// listedSum is the digest that paths.json gives a file, true or not: micromamba copies it.
func listedSum(m *artifact.Member) digest.SHA256 {
	if !m.ListedSHA256.IsZero() {
		return m.ListedSHA256
	}
	return m.SHA256
}

// sum is the digest of a file in the prefix; known is false in the canonical record for
// rewritten files.
func (r *recorder) sum(it *store.Item) (sum digest.SHA256, known bool, err error) {
	if it.Prefix == nil && !it.Generated && it.Pyc == nil {
		m := r.shipped(it)
		if m == nil {
			return sum, false, &RecordError{r.f.FileName, fmt.Sprintf("no member %q", it.Member)}
		}
		return listedSum(m), true, nil
	}
	if it.Generated {
		return digest.Sum(it.Data), true, nil
	}
	if r.learnt == nil || it.Pyc != nil {
		return sum, false, nil
	}
	sum, known = r.learnt.Sums[it.Path]
	if !known {
		return sum, false, &RecordError{r.f.FileName, fmt.Sprintf("no sum was learnt for %q", it.Path)}
	}
	return sum, true, nil
}

// target is the digest that stands for a link: its file's, or that of no bytes where the
// link leads to a directory, out of the prefix, or nowhere (yet), as micromamba has it.
func (r *recorder) target(it *store.Item) (digest.SHA256, bool, error) {
	nothing := digest.Sum(nil)
	p, ok := r.follow(it.Path)
	if !ok {
		return nothing, true, nil
	}
	if t := r.own[p]; t != nil {
		if t.Type != filetree.File {
			return nothing, true, nil
		}
		return r.sum(t)
	}
	if r.o.Targets != nil {
		if sum, ok := r.o.Targets(p); ok {
			return sum, true, nil
		}
	}
	return nothing, true, nil
}

// follow resolves a path through the package's own links; ok is false where it leaves
// the prefix or turns in circles.
func (r *recorder) follow(p string) (string, bool) {
	return filetree.Resolve(p, func(p string) (string, bool) {
		it := r.own[p]
		if it == nil || it.Type != filetree.Symlink {
			return "", false
		}
		return it.Link, true
	})
}
