// Package filetree describes files, directories and links that are to be written.
//
// An Entry is a plain value: what stands in an image, not where it is on this machine.
// Paths are slash paths without a leading slash, clean, and never leave the tree
// ([CheckPath]). Source: OCI image-spec layer.md, which is a restricted tar.
//
// Out of scope: devices and sockets. A hard link to a file of a lower layer makes docker and
// podman fail: [HardLink] is for names within one layer, as exec steps make them.
package filetree

import (
	"fmt"
	"path"
	"strings"
)

// Type says what an entry is.
type Type uint8

// The types. Their numbers appear in keys and facts: append only.
const (
	File    Type = 1
	Dir     Type = 2
	Symlink Type = 3
	// HardLink is one more name of a file that stands before it in the same layer.
	HardLink Type = 4
)

func (t Type) String() string {
	switch t {
	case File:
		return "file"
	case Dir:
		return "dir"
	case Symlink:
		return "symlink"
	case HardLink:
		return "hard link"
	}
	return fmt.Sprintf("type(%d)", uint8(t))
}

// Epoch1980 is the time of directories, links and generated files, and the lowest
// that a file keeps: 1980-01-02T00:00:00Z in Unix seconds. Zip cannot say less than
// 1980-01-01 in local time, and Python's zip tools refuse it; a day later is safe
// in every zone.
const Epoch1980 int64 = 315619200

// An Entry is one path of a layer.
type Entry struct {
	Path      string // "srv/conda/envs/a/bin/python"
	Type      Type
	Mode      uint32 // permission bits with setuid, setgid and sticky (07777); ignored for links
	UID, GID  int
	ModTime   int64  // Unix seconds
	Link      string // a symlink's target, verbatim; a hard link's is the Path of the file
	SizeBytes int64  // of a file
	// Xattrs are extended attributes by full name ("security.capability").
	// They matter for directories that repeat the base's.
	Xattrs map[string]string
}

// A PathError reports a path that no tree may hold.
type PathError struct {
	Path   string
	Reason string
}

func (e *PathError) Error() string { return fmt.Sprintf("path %q %s", e.Path, e.Reason) }

// CheckPath tells whether p may stand in a tree: relative, clean, not empty, without NUL
// or parts that climb out. Everything else is a name on Linux, backslashes and newlines
// included. Errors are *PathError.
func CheckPath(p string) error {
	switch {
	case p == "":
		return &PathError{p, "is empty"}
	case strings.HasPrefix(p, "/"):
		return &PathError{p, "is absolute"}
	case strings.ContainsRune(p, 0):
		return &PathError{p, "holds a NUL byte"}
	case p == ".." || strings.HasPrefix(p, "../") || strings.Contains(p, "/../") || strings.HasSuffix(p, "/.."):
		return &PathError{p, "leaves its folder"}
	case path.Clean(p) != p || p == ".":
		return &PathError{p, "is not in its shortest form"}
	}
	return nil
}

// Relative returns the target of a symbolic link that stands at from and
// leads to the path to; both are paths of one tree.
func Relative(from, to string) string {
	f := strings.Split(path.Dir(from), "/")
	if path.Dir(from) == "." {
		f = nil
	}
	t := strings.Split(to, "/")
	for len(f) > 0 && len(t) > 1 && f[0] == t[0] {
		f, t = f[1:], t[1:]
	}
	return strings.Repeat("../", len(f)) + strings.Join(t, "/")
}
