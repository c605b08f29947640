package store

import (
	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
)

// Content plans the content frame of an artifact: every file whose bytes are equal for
// all prefixes, under the same relative paths as in an env, with the package's own
// symlinks and directories, because programs find their siblings through their own real
// path (a JVM, readlink -f "$0", node). Bytecode of shared sources comes late.
//
// Everything is root's. Files are readable by all and executable by all where anybody
// may execute them, never setuid: another uid than the archive's owner uses them.
//
// Two items that need one path as file and as directory are a *ClashError.
func Content(f *artifact.Facts, items []Item, key digest.SHA256) (*Plan, error) {
	if err := checkAlone(f, items); err != nil {
		return nil, err
	}
	root := ContentDir(f, key)
	own := owner{0, 0}
	p := &Plan{Root: root}
	src := byPath(items)
	for i := range items {
		it := &items[i]
		at := root + "/" + it.Path
		switch {
		case it.Type == filetree.Dir:
			p.Lead = append(p.Lead, withItem(own.dir(at), it))
		case it.Type == filetree.Symlink:
			p.Lead = append(p.Lead, withItem(own.link(at, it.Link), it))
		case it.Pyc != nil:
			if s := src[it.Pyc.Source]; s != nil && shared(s) {
				e := withItem(own.file(at, storeMode(it.Mode), it.ModTime, 0), it)
				e.Pyc = &Compile{Pyc: it.Path, Source: s, Name: "/" + root + "/" + s.Path}
				p.Late = append(p.Late, e)
			}
		case shared(it):
			e := withItem(own.file(at, storeMode(it.Mode), it.ModTime, it.SizeBytes), it)
			e.Member = it.Member
			p.Fed = append(p.Fed, e)
		}
	}
	p.finish(f, own)
	return p, nil
}

func withItem(e Planned, it *Item) Planned {
	e.Item = it
	return e
}

// storeMode makes a file of the store readable and runnable for everybody.
func storeMode(mode uint32) uint32 {
	m := mode&0o777 | 0o444
	if mode&0o111 != 0 {
		m |= 0o111
	}
	return m
}
