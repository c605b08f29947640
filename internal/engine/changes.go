package engine

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
)

// What a container changed is found by comparing what it exports before and after: the engine's
// own list of changes has no bytes, and its layers' form is not the same everywhere.

// A Snapshot is what a container had: every path with all that may change of it.
type Snapshot struct{ files map[string]file }

type file struct {
	entry  filetree.Entry // with a hard link's owner, mode and time
	sum    digest.SHA256  // of a file's bytes
	offset int64          // of its bytes in the spool
	first  string         // of a hard link: the name that has the bytes
}

// An ArchiveError reports an archive of an engine that is no file system.
type ArchiveError struct{ Path, Reason string }

func (e *ArchiveError) Error() string {
	return fmt.Sprintf("export of a container: entry %q %s", e.Path, e.Reason)
}

// Snap reads an exported file system. It keeps no bytes.
func Snap(tr *tar.Reader) (*Snapshot, error) {
	s := &Snapshot{map[string]file{}}
	err := s.read(tr, func(f *file) error {
		h := sha256.New()
		if _, err := io.Copy(h, tr); err != nil {
			return err
		}
		f.sum = digest.SHA256(h.Sum(nil))
		return nil
	})
	return s, err
}

// read calls content for every file.
func (s *Snapshot) read(tr *tar.Reader, content func(*file) error) error {
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		p := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
		if p == "" {
			continue
		}
		f := file{entry: filetree.Entry{Path: p, Type: filetree.File, Mode: uint32(h.Mode) & 0o7777, UID: h.Uid, GID: h.Gid, ModTime: h.ModTime.Unix(), Link: h.Linkname}}
		for k, v := range h.PAXRecords {
			name, ok := strings.CutPrefix(k, "SCHILY.xattr.")
			if ok && (name == "security.capability" || strings.HasPrefix(name, "user.") && !strings.HasPrefix(name, "user.overlay.")) {
				if f.entry.Xattrs == nil {
					f.entry.Xattrs = map[string]string{}
				}
				f.entry.Xattrs[name] = v
			}
		}
		switch h.Typeflag {
		case tar.TypeDir:
			f.entry.Type = filetree.Dir
		case tar.TypeSymlink:
			f.entry.Type = filetree.Symlink
		case tar.TypeLink:
			f.first = strings.TrimPrefix(path.Clean("/"+h.Linkname), "/")
			to, ok := s.files[f.first]
			if !ok || to.entry.Type != filetree.File {
				return &ArchiveError{h.Name, "is a hard link to what did not come before: " + h.Linkname}
			}
			f.sum, f.offset = to.sum, to.offset
			f.entry = to.entry
			f.entry.Path = p
		case tar.TypeReg:
			f.entry.SizeBytes, f.entry.Link = h.Size, ""
			if err := content(&f); err != nil {
				return err
			}
		default:
			f.entry.Type = other // devices, pipes: never part of a layer
		}
		s.files[p] = f
	}
}

// other is a thing that no layer has.
const other filetree.Type = 255

// same tells whether a path has not changed.
func (f *file) same(o *file) bool {
	a, b := &f.entry, &o.entry
	if a.Type != b.Type || a.UID != b.UID || a.GID != b.GID || a.ModTime != b.ModTime || a.Mode != b.Mode || a.Link != b.Link {
		return false
	}
	return f.sum == o.sum && maps.Equal(a.Xattrs, b.Xattrs)
}

// Changes hands to fn what is other in an exported file system than in s, in the form and the order of
// sandbox.Root's Changes. spool, an empty file, takes the bytes of all files: which are needed is
// known at the end.
//
// A folder that was removed and made again has whiteouts, one for each name that is gone: the
// export does not tell it from one that was emptied.
func (s *Snapshot) Changes(tr *tar.Reader, spool *os.File, fn func(filetree.Entry, io.Reader) error) error {
	now, end := &Snapshot{map[string]file{}}, int64(0)
	err := now.read(tr, func(f *file) error {
		h := sha256.New()
		n, err := io.Copy(io.MultiWriter(h, spool), tr)
		f.sum, f.offset = digest.SHA256(h.Sum(nil)), end
		end += n
		return err
	})
	if err != nil {
		return err
	}
	d := &difference{old: s, now: now, spool: spool, fn: fn, children: map[string][]string{}, changed: map[string]bool{}}
	d.find()
	return d.dir("")
}

// A difference walks through two snapshots.
type difference struct {
	old, now *Snapshot
	spool    *os.File
	fn       func(filetree.Entry, io.Reader) error
	children map[string][]string // of a folder that something changed in: the names that did
	changed  map[string]bool     // paths to hand on
}

// find marks what changed, and all folders above it, as an overlay has them.
func (d *difference) find() {
	linked := map[string]bool{} // files with several names, by the first, of which one changed
	for p, f := range d.now.files {
		old, ok := d.old.files[p]
		if ok && f.same(&old) {
			continue
		}
		d.mark(p)
		if f.first != "" {
			linked[f.first] = true
		} else {
			linked[p] = true
		}
	}
	// An overlay has all names of such a file: a lower layer's file gets no new name there, it is
	// copied first.
	for p, f := range d.now.files {
		if linked[p] && f.entry.Type == filetree.File || linked[f.first] {
			d.mark(p)
		}
	}
	for p := range d.old.files {
		if _, ok := d.now.files[p]; ok {
			continue
		}
		dir := parent(p)
		if up, ok := d.now.files[dir]; dir == "" || ok && up.entry.Type == filetree.Dir {
			d.mark(p) // the topmost that is gone, in a folder that is still there
		}
	}
	for _, names := range d.children {
		slices.Sort(names)
	}
}

func parent(p string) string {
	dir, _ := path.Split(p)
	return strings.TrimSuffix(dir, "/")
}

func (d *difference) mark(p string) {
	for ; p != "" && !d.changed[p]; p = parent(p) {
		d.changed[p] = true
		d.children[parent(p)] = append(d.children[parent(p)], path.Base(p))
	}
}

// dir hands on what changed in a folder, in the order of names, each folder before what is in it.
func (d *difference) dir(dir string) error {
	for _, name := range d.children[dir] {
		p := path.Join(dir, name)
		f, ok := d.now.files[p]
		if !ok {
			gone := filetree.Entry{Path: path.Join(dir, whiteoutPrefix+name), Type: filetree.File, Mode: 0o644}
			if err := d.fn(gone, strings.NewReader("")); err != nil {
				return err
			}
			continue
		}
		if strings.HasPrefix(name, whiteoutPrefix) {
			return &ArchiveError{p, "begins with .wh., which means in layers that a file is gone: rename it"}
		}
		if f.entry.Type == other {
			continue
		}
		e, r := f.entry, io.Reader(strings.NewReader(""))
		switch {
		case f.first != "":
			e.Type, e.Link, e.SizeBytes, e.Xattrs = filetree.HardLink, f.first, 0, nil
		case e.Type == filetree.File:
			r = io.NewSectionReader(d.spool, f.offset, e.SizeBytes)
		}
		if err := d.fn(e, r); err != nil {
			return err
		}
		if e.Type == filetree.Dir {
			if err := d.dir(p); err != nil {
				return err
			}
		}
	}
	return nil
}

const whiteoutPrefix = ".wh."
