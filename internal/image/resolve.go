package image

import (
	"errors"
	"path"
	"strings"

	"github.com/nasa-openscapes/corn/filetree"
)

// record notes every path that leads to anchor, and the directories and links in it.
// An anchor behind a file or a loop of links is noted as far as it goes: whether anybody
// needs it is not known yet.
func (f *Facts) record(t *tree, anchor string) error {
	f.note(t, "")
	real, err := follow(anchor, true, func(real string) (*node, error) { return f.note(t, real), nil })
	var loop *LoopError
	var blocked *NotDirError
	if errors.As(err, &loop) || errors.As(err, &blocked) {
		return nil
	}
	if err != nil {
		return err
	}
	n := t.at(real)
	if n == nil || n.kind != filetree.Dir {
		return nil
	}
	for name, c := range n.children {
		if c.kind == filetree.Symlink { // links among the listed are followed, too
			if err := f.recordLink(t, real+"/"+name); err != nil {
				return err
			}
			continue
		}
		f.note(t, real+"/"+name)
	}
	fact := f.Nodes[real]
	fact.Listed = true
	f.Nodes[real] = fact
	return nil
}

func (f *Facts) recordLink(t *tree, p string) error {
	_, err := follow(p, true, func(real string) (*node, error) { return f.note(t, real), nil })
	var loop *LoopError
	var blocked *NotDirError
	if errors.As(err, &loop) || errors.As(err, &blocked) {
		return nil
	}
	return err
}

// note writes down what stands at a real path.
func (f *Facts) note(t *tree, real string) *node {
	n := t.at(real)
	old, known := f.Nodes[real]
	if known && old.Listed {
		return n
	}
	if n == nil {
		f.Nodes[real] = Node{}
		return nil
	}
	fact := Node{Type: n.kind, Link: n.link}
	if n.kind == filetree.Dir {
		fact.Mode, fact.UID, fact.GID = n.mode, n.uid, n.gid
		for k, v := range n.xattrs {
			if fact.Xattrs == nil {
				fact.Xattrs = map[string][]byte{}
			}
			fact.Xattrs[k] = []byte(v)
		}
	}
	f.Nodes[real] = fact
	return n
}

// lookup answers for a real path: nil where the base has nothing.
func (f *Facts) lookup(asked, real string) (*node, error) {
	n, ok := f.Nodes[real]
	if !ok {
		// Below what does not exist, and in a directory whose contents are all known,
		// nothing exists that is not noted.
		for dir := path.Dir(real); ; dir = path.Dir(dir) {
			if dir == "." {
				dir = ""
			}
			parent, known := f.Nodes[dir]
			switch {
			case known && (parent.Type == 0 || parent.Listed):
				return nil, nil
			case known || dir == "":
				return nil, &NotScannedError{Path: asked}
			}
		}
	}
	if n.Type == 0 {
		return nil, nil
	}
	return &node{kind: n.Type, link: n.Link}, nil
}

// ResolveDir says where a directory that corn writes to really is, and what its
// directory entries are. p is a slash path without the leading slash; "" is the root, which
// needs no entries.
//
// Symbolic links of the base on the way are followed: layers that name a path through a
// link would replace the link in some engines. The entries are those of every directory
// of the real path, the outermost first, the directory itself last; one that the base has
// repeats its mode, owner and attributes, a new one is root's with mode 0755. Their time
// is filetree.Epoch1980.
//
// Errors: *LoopError, *NotDirError where a file is in the way, *NotScannedError.
func (f *Facts) ResolveDir(p string) (real string, parents []filetree.Entry, err error) {
	if p == "" {
		return "", nil, nil
	}
	if err := filetree.CheckPath(p); err != nil {
		return "", nil, err
	}
	real, err = follow(p, true, func(real string) (*node, error) { return f.lookup(p, real) })
	if err != nil {
		return "", nil, err
	}
	if real == "" {
		return "", nil, nil
	}
	at := ""
	for part := range strings.SplitSeq(real, "/") {
		at = path.Join(at, part)
		n, err := f.lookup(p, at)
		if err != nil {
			return "", nil, err
		}
		if n != nil && n.kind != filetree.Dir {
			return "", nil, &NotDirError{Path: p, At: at}
		}
		e := filetree.Entry{Path: at, Type: filetree.Dir, Mode: 0o755, ModTime: filetree.Epoch1980}
		if n != nil {
			fact := f.Nodes[at]
			e.Mode, e.UID, e.GID = fact.Mode, fact.UID, fact.GID
			for k, v := range fact.Xattrs {
				if e.Xattrs == nil {
					e.Xattrs = map[string]string{}
				}
				e.Xattrs[k] = string(v)
			}
		}
		parents = append(parents, e)
	}
	return real, parents, nil
}

// Exists tells whether the base has anything at p, through links. It knows the paths
// that ResolveDir knows.
func (f *Facts) Exists(p string) (bool, error) {
	real, err := follow(p, true, func(real string) (*node, error) { return f.lookup(p, real) })
	if err != nil {
		return false, err
	}
	n, err := f.lookup(p, real)
	return n != nil, err
}
