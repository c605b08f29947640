package archive

import (
	"path"

	"github.com/nasa-openscapes/corn/filetree"
)

// node is what a tree knows of a path. Of a hard link it is the file that the link repeats.
type node struct {
	typ       filetree.Type
	mode      uint32
	modTime   int64
	sizeBytes int64
	root      string // the path of that file; "" where it is this one
}

// tree holds every path of an archive, so that none appears twice, none stands below a file or a
// symbolic link, and hard links find what they repeat.
type tree map[string]node

// add puts a path into the tree and returns why it cannot be there, or "".
func (t tree) add(p string, n node) string {
	if old, ok := t[p]; ok {
		if old.typ == filetree.Dir && n.typ == filetree.Dir {
			return "" // listed again, or after what is in it
		}
		if old.typ == n.typ {
			return "is there twice"
		}
		return "is a " + n.typ.String() + " and a " + old.typ.String()
	}
	for d := path.Dir(p); d != "."; d = path.Dir(d) {
		old, ok := t[d]
		if !ok {
			t[d] = node{typ: filetree.Dir, mode: 0o755}
			continue
		}
		if old.typ != filetree.Dir {
			return "stands below " + d + ", which is a " + old.typ.String()
		}
		break // its parents were seen when it came
	}
	t[p] = n
	return ""
}
