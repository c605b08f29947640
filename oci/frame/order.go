package frame

import (
	"fmt"
	"maps"
	"path"
	"strings"

	"github.com/nasa-openscapes/corn/filetree"
)

// seen is what the writer knows of a path.
type seen struct {
	kind filetree.Type
	dir  *filetree.Entry // the entry of a written directory; nil for one only implied
}

// checkEntry refuses what tar or the OCI spec cannot say.
func checkEntry(e *filetree.Entry) error {
	if err := filetree.CheckPath(e.Path); err != nil {
		return fmt.Errorf("frame: %w", err)
	}
	bad := func(reason string) error { return &EntryError{Path: e.Path, Reason: reason} }
	switch {
	case e.Type < filetree.File || e.Type > filetree.HardLink:
		return bad("is a " + e.Type.String() + ": want a file, dir, symlink or hard link")
	case e.Mode&^0o7777 != 0:
		return bad(fmt.Sprintf("has mode %#o: want at most 07777", e.Mode))
	case e.UID < 0 || e.GID < 0:
		return bad(fmt.Sprintf("belongs to %d:%d: want no negative number", e.UID, e.GID))
	case e.SizeBytes < 0 || e.SizeBytes > 0 && e.Type != filetree.File:
		return bad(fmt.Sprintf("is a %s of %d bytes", e.Type, e.SizeBytes))
	case e.Type == filetree.Symlink && (e.Link == "" || strings.ContainsRune(e.Link, 0)):
		return bad(fmt.Sprintf("links to %q", e.Link))
	case e.Type == filetree.HardLink && filetree.CheckPath(e.Link) != nil:
		return bad(fmt.Sprintf("is a hard link to %q", e.Link))
	case e.Type != filetree.Symlink && e.Type != filetree.HardLink && e.Link != "":
		return bad(fmt.Sprintf("is a %s that links to %q", e.Type, e.Link))
	}
	for k := range e.Xattrs {
		if k == "" || strings.ContainsAny(k, "=\x00") {
			return bad(fmt.Sprintf("has an attribute named %q", k))
		}
	}
	return nil
}

// remember refuses clashes. again is true for a directory that stands there already.
func (f *Writer) remember(e *filetree.Entry) (again bool, err error) {
	bad := func(reason string) (bool, error) { return false, &EntryError{Path: e.Path, Reason: reason} }
	if old, ok := f.seen[e.Path]; ok {
		switch {
		case old.kind == filetree.Dir && e.Type == filetree.Dir && old.dir == nil:
			return bad("is a dir that comes after what is in it")
		case old.kind == filetree.Dir && e.Type == filetree.Dir && sameDir(old.dir, e):
			return true, nil
		case old.kind == filetree.Dir && e.Type == filetree.Dir:
			return bad("is written twice, with different attributes")
		case old.kind != e.Type:
			return bad(fmt.Sprintf("is written twice, as %s and as %s", old.kind, e.Type))
		}
		return bad("is written twice")
	}
	for d := path.Dir(e.Path); d != "."; d = path.Dir(d) {
		old, ok := f.seen[d]
		if ok && old.kind != filetree.Dir {
			return bad(fmt.Sprintf("is below %q, which is a %s", d, old.kind))
		}
		if ok {
			break // its parents are known as well
		}
		f.seen[d] = seen{kind: filetree.Dir}
	}
	if e.Type == filetree.HardLink {
		// Engines cannot link to what only a lower layer has.
		if k := f.seen[e.Link].kind; k != filetree.File && k != filetree.HardLink {
			return bad(fmt.Sprintf("is a hard link to %q, which is no file that stands before it", e.Link))
		}
	}
	s := seen{kind: e.Type}
	if e.Type == filetree.Dir {
		d := *e
		d.Xattrs = maps.Clone(e.Xattrs)
		s.dir = &d
	}
	f.seen[e.Path] = s
	return false, nil
}

func sameDir(a, b *filetree.Entry) bool {
	return a.Mode == b.Mode && a.UID == b.UID && a.GID == b.GID && a.ModTime == b.ModTime && maps.Equal(a.Xattrs, b.Xattrs)
}
