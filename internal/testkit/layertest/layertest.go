// Package layertest shows tests what an image's layers make of a file system.
//
// [Flatten] applies layers and whiteouts in order, as OCI image-spec layer.md says, and
// keeps everything in memory: it is for images that a test has made. It shares no code
// with the packages that write images, so that their mistakes show.
package layertest

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// MaxData is how many bytes of a file an Entry keeps; ReadFile refuses larger ones.
const MaxData = 1 << 20

// An Entry is one path of the flattened file system.
type Entry struct {
	Path     string // "srv/conda/bin/python"; no leading slash
	Type     string // "file", "dir", "symlink", "other"
	Mode     int64  // permission bits with setuid, setgid and sticky
	UID, GID int
	ModTime  int64  // Unix seconds
	Link     string // of a symlink
	Size     int64
	SHA256   string // of a file, hexadecimal
	Data     []byte // of a file of at most MaxData bytes
	Xattrs   map[string]string
	Layer    int // index of the layer that it comes from
}

// A Tree is a flattened file system. The root is not among its entries.
type Tree struct{ Entries map[string]*Entry }

// Flatten reads all layers of an image.
func Flatten(img v1.Image) (*Tree, error) {
	layers, err := img.Layers()
	if err != nil {
		return nil, err
	}
	return FlattenLayers(layers)
}

// FlattenLayers applies layers, lowest first. Hard links become files of their own. An
// entry that leaves the root, or a path that two entries of one layer have with different
// types, is an error.
func FlattenLayers(layers []v1.Layer) (*Tree, error) {
	t := &Tree{Entries: map[string]*Entry{}}
	for i, l := range layers {
		if err := t.apply(i, l); err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
	}
	return t, nil
}

func (t *Tree) apply(index int, l v1.Layer) (err error) {
	rc, err := l.Uncompressed()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rc.Close()) }()
	tr := tar.NewReader(rc)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			_, err = io.Copy(io.Discard, rc)
			return err
		}
		if err != nil {
			return err
		}
		if err := t.add(index, h, tr); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}

func (t *Tree) add(layer int, h *tar.Header, r io.Reader) error {
	p := path.Clean(h.Name)
	if strings.HasPrefix(p, "../") || p == ".." || strings.HasPrefix(p, "/") {
		return errors.New("leaves the root")
	}
	if p == "." {
		return nil
	}
	dir, base := path.Split(p)
	switch {
	case base == ".wh..wh..opq":
		t.remove(strings.TrimSuffix(dir, "/"), layer, true)
		return nil
	case strings.HasPrefix(base, ".wh."):
		t.remove(dir+strings.TrimPrefix(base, ".wh."), layer, false)
		return nil
	}
	e := &Entry{Path: p, Mode: h.Mode & 0o7777, UID: h.Uid, GID: h.Gid, ModTime: h.ModTime.Unix(), Layer: layer}
	for k, v := range h.PAXRecords {
		if name, ok := strings.CutPrefix(k, "SCHILY.xattr."); ok {
			if e.Xattrs == nil {
				e.Xattrs = map[string]string{}
			}
			e.Xattrs[name] = v
		}
	}
	switch h.Typeflag {
	case tar.TypeDir:
		e.Type = "dir"
	case tar.TypeSymlink:
		e.Type, e.Link, e.Mode = "symlink", h.Linkname, 0
	case tar.TypeReg:
		e.Type, e.Size = "file", h.Size
		if err := e.read(r); err != nil {
			return err
		}
	case tar.TypeLink:
		target := t.Entries[path.Clean(h.Linkname)]
		if target == nil || target.Type != "file" {
			return fmt.Errorf("hard link to %s, which is no file", h.Linkname)
		}
		if target.Layer != layer {
			return fmt.Errorf("hard link to %s in a lower layer: docker and podman fail on it", h.Linkname)
		}
		*e = *target
		e.Path = p
	default:
		e.Type = "other"
	}
	if old := t.Entries[p]; old != nil {
		if old.Layer == layer && old.Type != e.Type {
			return fmt.Errorf("is a %s and a %s in one layer", old.Type, e.Type)
		}
		if e.Type != "dir" {
			t.remove(p, layer+1, false)
		}
	}
	t.Entries[p] = e
	return nil
}

func (e *Entry) read(r io.Reader) error {
	h := sha256.New()
	var data bytes.Buffer
	w := io.Writer(h)
	if e.Size <= MaxData {
		w = io.MultiWriter(h, &data)
	}
	if _, err := io.Copy(w, r); err != nil {
		return err
	}
	e.SHA256 = hex.EncodeToString(h.Sum(nil))
	if e.Size <= MaxData {
		e.Data = data.Bytes()
	}
	return nil
}

// remove deletes what layers below layer have at p and under it; with opaque, only under it.
func (t *Tree) remove(p string, layer int, opaque bool) {
	for q, e := range t.Entries {
		if e.Layer < layer && (q == p && !opaque || strings.HasPrefix(q, p+"/") || p == "" && opaque) {
			delete(t.Entries, q)
		}
	}
}

// Resolve follows symbolic links, those on the way and the last one, inside the tree and
// returns the real path. What does not exist is an error that names the link behind it.
func (t *Tree) Resolve(p string) (string, error) {
	rest := strings.Split(p, "/")
	var at []string
	for hops := 0; len(rest) > 0; {
		part := rest[0]
		rest = rest[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			at = at[:max(0, len(at)-1)]
			continue
		}
		at = append(at, part)
		e := t.Entries[strings.Join(at, "/")]
		if e == nil {
			return "", fmt.Errorf("%s: nothing is at %s", p, strings.Join(at, "/"))
		}
		if e.Type != "symlink" {
			continue
		}
		if hops++; hops > 40 {
			return "", fmt.Errorf("%s: too many symbolic links", p)
		}
		at = at[:len(at)-1]
		if strings.HasPrefix(e.Link, "/") {
			at = nil
		}
		rest = append(strings.Split(e.Link, "/"), rest...)
	}
	return strings.Join(at, "/"), nil
}

// ReadFile returns a file's bytes, through links.
func (t *Tree) ReadFile(p string) ([]byte, error) {
	real, err := t.Resolve(p)
	if err != nil {
		return nil, err
	}
	e := t.Entries[real]
	switch {
	case e == nil || e.Type != "file":
		return nil, fmt.Errorf("%s: is no file", p)
	case e.Size > MaxData:
		return nil, fmt.Errorf("%s: %d bytes are too large to be kept", p, e.Size)
	}
	return e.Data, nil
}

// Paths returns all paths below under ("" for all), sorted.
func (t *Tree) Paths(under string) []string {
	var out []string
	for p := range t.Entries {
		if under == "" || p == under || strings.HasPrefix(p, under+"/") {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

// Dangling lists symbolic links below under that lead to nothing.
func (t *Tree) Dangling(under string) []string {
	var out []string
	for _, p := range t.Paths(under) {
		if t.Entries[p].Type != "symlink" {
			continue
		}
		if _, err := t.Resolve(p); err != nil {
			out = append(out, p+" -> "+t.Entries[p].Link)
		}
	}
	return out
}

// String is one line for people: type, mode, owner, size and digest or target, path.
func (e *Entry) String() string {
	s := fmt.Sprintf("%-7s %04o %d:%d %d", e.Type, e.Mode, e.UID, e.GID, e.ModTime)
	switch e.Type {
	case "file":
		s += fmt.Sprintf(" %d %.12s %s", e.Size, e.SHA256, e.Path)
	case "symlink":
		s += fmt.Sprintf(" %s -> %s", e.Path, e.Link)
	default:
		s += " " + e.Path
	}
	for _, k := range slices.Sorted(maps.Keys(e.Xattrs)) {
		s += fmt.Sprintf(" [%s=%q]", k, e.Xattrs[k])
	}
	return s
}

// Dump writes everything below under, one line a path, sorted: for golden files.
func (t *Tree) Dump(under string) string {
	var b strings.Builder
	for _, p := range t.Paths(under) {
		b.WriteString(t.Entries[p].String())
		b.WriteByte('\n')
	}
	return b.String()
}

// Diff lists, path by path, what differs between two trees below under: "-" lines of a,
// "+" lines of b. It is empty for equal trees.
func Diff(a, b *Tree, under string) string {
	var out strings.Builder
	all := append(a.Paths(under), b.Paths(under)...)
	slices.Sort(all)
	for _, p := range slices.Compact(all) {
		var left, right string
		if e := a.Entries[p]; e != nil {
			left = e.String()
		}
		if e := b.Entries[p]; e != nil {
			right = e.String()
		}
		if left == right {
			continue
		}
		if left != "" {
			fmt.Fprintf(&out, "- %s\n", left)
		}
		if right != "" {
			fmt.Fprintf(&out, "+ %s\n", right)
		}
	}
	return out.String()
}
