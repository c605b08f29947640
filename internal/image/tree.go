package image

import (
	"math"
	"path"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/filetree"
)

// A tree is a root file system's names. Directories and symlinks have a node of their
// own; of files only those whose bytes are kept do, all others of a layer share two, so
// that a base of a million files takes tens of megabytes.
type tree struct {
	root    *node
	entries int // as a measure of memory
}

type node struct {
	kind     filetree.Type
	mode     uint32
	uid, gid int
	link     string
	xattrs   map[string]string
	children map[string]*node // of a directory
	layer    int              // that wrote it last
	data     []byte           // of a kept file
	glibc    string           // the version that a libc.so.6 states
	// origin is where the bytes of a shared library lie: a path in layer originLayer.
	origin      string
	originLayer int
}

func newTree() *tree { return &tree{root: newDir(-1)} }

func newDir(layer int) *node {
	return &node{kind: filetree.Dir, mode: 0o755, children: map[string]*node{}, layer: layer}
}

// cleanPath makes a path of an image from one as configs and archives write it: no leading
// slash, no "." or "..", "" for the root. ".." at the root stays there, as in a container.
func cleanPath(p string) string {
	return strings.TrimPrefix(path.Clean("/"+p), "/")
}

// follow resolves p through symbolic links and returns the real path. get returns what
// stands at a real path, nil for nothing, and is called for every path on the way. What
// does not exist is taken as a directory to be made. With last false, the final component
// is not followed.
func follow(p string, last bool, get func(real string) (*node, error)) (string, error) {
	rest := strings.Split(p, "/")
	var at []string
	hops := 0
	for len(rest) > 0 {
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
		real := strings.Join(at, "/")
		n, err := get(real)
		if err != nil {
			return "", err
		}
		switch {
		case n == nil, n.kind == filetree.Dir:
		case n.kind == filetree.Symlink && (last || len(rest) > 0):
			if hops++; hops > filetree.MaxLinks {
				return "", &LoopError{Path: cleanPath(p)}
			}
			at = at[:len(at)-1]
			if strings.HasPrefix(n.link, "/") {
				at = at[:0]
			}
			rest = append(strings.Split(n.link, "/"), rest...)
		case n.kind == filetree.File && len(rest) > 0 && slices.ContainsFunc(rest, func(s string) bool { return s != "" && s != "." }):
			return "", &NotDirError{Path: cleanPath(p), At: real}
		}
	}
	return strings.Join(at, "/"), nil
}

// at returns what stands at a real path, nil for nothing.
func (t *tree) at(real string) *node {
	n := t.root
	if real == "" {
		return n
	}
	for part := range strings.SplitSeq(real, "/") {
		if n = n.children[part]; n == nil {
			return nil
		}
	}
	return n
}

// find resolves p. The node is nil if nothing is there, and where links make a loop or
// a file is in the way.
func (t *tree) find(p string) (string, *node) {
	real, err := follow(p, true, func(real string) (*node, error) { return t.at(real), nil })
	if err != nil {
		return "", nil
	}
	return real, t.at(real)
}

// makeParent returns the directory that holds p, following links as containerd does when
// it unpacks, and makes what is missing. A file in the way is a *NotDirError.
func (t *tree) makeParent(p string, layer int) (*node, error) {
	dir := path.Dir(p)
	if dir == "." {
		return t.root, nil
	}
	real, err := follow(dir, true, func(real string) (*node, error) {
		n := t.at(real)
		if n != nil && n.kind == filetree.File {
			return nil, &NotDirError{Path: p, At: real}
		}
		return n, nil
	})
	if err != nil {
		return nil, err
	}
	n := t.root
	if real == "" {
		return n, nil
	}
	for part := range strings.SplitSeq(real, "/") {
		child := n.children[part]
		if child == nil {
			child = newDir(layer)
			n.children[part] = child
			t.entries++
		}
		n = child
	}
	return n, nil
}

// put sets name in dir. A directory over a directory keeps what is in it.
func (t *tree) put(dir *node, name string, n *node) {
	old := dir.children[name]
	if old == nil {
		t.entries++
	} else if old.kind == filetree.Dir && n.kind == filetree.Dir {
		n.children = old.children
	} else {
		t.prune(old, math.MaxInt) // for the count: what a file replaces is gone anyway
	}
	dir.children[name] = n
}

// whiteout removes what lower layers have under name. What the same layer has written
// stays (OCI layer.md, "Whiteouts": they apply to lower layers only).
func (t *tree) whiteout(dir *node, name string, layer int) {
	if n := dir.children[name]; n != nil && t.prune(n, layer) {
		delete(dir.children, name)
		t.entries--
	}
}

// prune removes what lower layers put below n, and tells whether n itself can go.
func (t *tree) prune(n *node, layer int) bool {
	for name, c := range n.children {
		if t.prune(c, layer) {
			delete(n.children, name)
			t.entries--
		}
	}
	return n.layer < layer && len(n.children) == 0
}
