package store

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/filetree"
)

// An Artifact is one artifact of an env and what it brings.
type Artifact struct {
	Dist   string // names it in messages
	Items  []Item // not changed, and referred to by the result
	Record string // path of its conda-meta record; empty: none
}

// A Share is what one artifact has in one env after [Merge].
type Share struct {
	Kept []Placed // in the order of Artifact.Items
	Lost []*Item  // paths that a later artifact took, in the order of Artifact.Items
}

// Placed is an item and where it stands in the prefix. Path differs from Item.Path where
// a directory on the way is a symbolic link of another artifact: "lib64/x" stands at
// "lib/x" when lib64 leads to lib.
type Placed struct {
	Path string
	Item *Item
}

// A Clobber is a path that more than one artifact brings.
type Clobber struct {
	Path   string
	Owners []string // dists in link order; the last one's file stands there
	Winner string
}

// A ClashError reports two artifacts that cannot both be linked into one prefix.
type ClashError struct {
	Path          string
	First, Second string // dists, in link order; equal when an artifact clashes with itself
	Reason        string
}

func (e *ClashError) Error() string {
	if e.First == e.Second || e.First == "" {
		return fmt.Sprintf("link %s: path %q %s", e.Second, e.Path, e.Reason)
	}
	return fmt.Sprintf("link %s beside %s: path %q %s", e.Second, e.First, e.Path, e.Reason)
}

// Merge links the artifacts of one env in the order given, as micromamba does with the
// files of a prefix, and returns each one's share, in the order of env, and the paths
// that more than one brought, sorted.
//
// The last artifact linked wins a path (micromamba removes what is there, with a
// warning). A path below a symbolic link to a directory goes through the link. What
// micromamba refuses, a *ClashError tells: a file where a directory with files is, or the
// reverse, and a path through a link that leaves the prefix, is absolute, or is a loop.
// Bytecode compiled for two artifacts at one path is no clobber worth a message.
func Merge(env []Artifact) ([]Share, []Clobber, error) {
	m := &merger{env: env, nodes: map[string]*node{}}
	for a := range env {
		for i := range env[a].Items {
			if err := m.add(a, i); err != nil {
				return nil, nil, err
			}
		}
		if err := m.addRecord(a); err != nil {
			return nil, nil, err
		}
	}
	return m.shares(), m.clobbers(), nil
}

// recordItem stands for the conda-meta record, which is in no list of items.
const recordItem = -1

// A node is one path of the prefix.
type node struct {
	typ      filetree.Type
	link     string
	art, idx int  // who put it there
	implied  bool // a directory that nobody lists
	children int  // of a directory
	owners   []int
	quiet    bool // every take-over was between compiled files
}

type merger struct {
	env   []Artifact
	nodes map[string]*node
}

func (m *merger) add(a, i int) error {
	it := &m.env[a].Items[i]
	return m.put(a, i, it.Path, it)
}

// addRecord takes the path of the conda-meta record. It wins over files that packages
// bring there, and no later file may win over it: an env without its records is broken.
func (m *merger) addRecord(a int) error {
	p := m.env[a].Record
	if p == "" {
		return nil
	}
	if err := m.put(a, recordItem, p, &Item{Path: p, Type: filetree.File, Generated: true}); err != nil {
		return err
	}
	if n := m.nodes[p]; n == nil || n.art != a || n.idx != recordItem {
		return m.clash(a, a, p, "is the conda-meta record, and its folder is a symbolic link")
	}
	return nil
}

func (m *merger) clash(art int, second int, p, reason string) error {
	return &ClashError{Path: p, First: m.env[art].Dist, Second: m.env[second].Dist, Reason: reason}
}

func (m *merger) put(a, i int, itemPath string, it *Item) error {
	if err := filetree.CheckPath(itemPath); err != nil {
		return fmt.Errorf("link %s: %w", m.env[a].Dist, err)
	}
	dir, err := m.resolveDir(a, itemPath)
	if err != nil {
		return err
	}
	p := itemPath // as it is for nearly all: no new string for each of them
	if own, _ := parentOf(itemPath); dir != own {
		p = path.Join(dir, path.Base(itemPath))
	}
	n := &node{typ: it.Type, link: it.Link, art: a, idx: i, owners: []int{a}}
	old := m.nodes[p]
	switch {
	case old == nil:
		m.insert(p, n)
		return nil
	case it.Type == filetree.Dir:
		return m.putDir(a, i, p, old)
	case old.idx == recordItem && old.typ == filetree.File:
		return m.clash(old.art, a, p, "is the conda-meta record of the first")
	case old.typ == filetree.Dir && old.children > 0:
		return m.clash(old.art, a, p, "is a directory with files in it and is to become a "+it.Type.String())
	}
	if old.typ != filetree.Dir {
		n.owners = append(slices.Clone(old.owners), a)
		n.quiet = m.compiled(old) && it.Pyc != nil && (old.quiet || len(old.owners) == 1)
	}
	m.nodes[p] = n
	return nil
}

func (m *merger) compiled(n *node) bool {
	return n.idx >= 0 && m.env[n.art].Items[n.idx].Pyc != nil
}

// putDir makes a listed directory where something is already.
func (m *merger) putDir(a, i int, p string, old *node) error {
	switch old.typ {
	case filetree.Dir:
		if old.implied {
			old.implied, old.art, old.idx, old.owners = false, a, i, []int{a}
		}
		return nil
	case filetree.Symlink:
		if _, err := m.resolveDir(a, p+"/x"); err == nil {
			return nil // the link leads to a directory, or to where one can be
		}
	}
	return m.clash(old.art, a, p, "is a "+old.typ.String()+" and is to become a directory")
}

func (m *merger) insert(p string, n *node) {
	m.nodes[p] = n
	if d, ok := parentOf(p); ok {
		m.nodes[d].children++
	}
}

// parentOf is the directory that a clean path is in; ok is false at the top.
func parentOf(p string) (dir string, ok bool) {
	i := strings.LastIndexByte(p, '/')
	return p[:max(i, 0)], i > 0
}

// resolveDir walks to the directory of p through links, makes directories that are not
// there, and returns it ("" for the prefix itself).
func (m *merger) resolveDir(a int, p string) (string, error) {
	dir, ok := parentOf(p)
	if !ok {
		return "", nil
	}
	if n := m.nodes[dir]; n != nil && n.typ == filetree.Dir {
		return dir, nil // a directory's name never leads through a link: nodes stand where links lead
	}
	todo := strings.Split(dir, "/")
	cur, links := "", 0
	for len(todo) > 0 {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			if cur == "" {
				return "", m.clash(a, a, p, "leads through a symbolic link out of the prefix")
			}
			if cur = path.Dir(cur); cur == "." {
				cur = ""
			}
			continue
		}
		next := path.Join(cur, part)
		n := m.nodes[next]
		switch {
		case n == nil:
			m.insert(next, &node{typ: filetree.Dir, art: a, idx: recordItem, implied: true, owners: nil})
			cur = next
		case n.typ == filetree.Dir:
			cur = next
		case n.typ == filetree.File:
			return "", m.clash(n.art, a, p, "needs a directory where the file "+next+" is")
		case strings.HasPrefix(n.link, "/"):
			return "", m.clash(n.art, a, p, "leads through the symbolic link "+next+", whose target is absolute")
		default:
			if links++; links > filetree.MaxLinks {
				return "", m.clash(n.art, a, p, "leads through a loop of symbolic links")
			}
			todo = append(strings.Split(n.link, "/"), todo...)
		}
	}
	return cur, nil
}

// shares collects, per artifact, what stands where.
func (m *merger) shares() []Share {
	at := make([]map[int]string, len(m.env)) // item index to path
	for a := range at {
		at[a] = map[int]string{}
	}
	for p, n := range m.nodes {
		if !n.implied && n.idx >= 0 {
			at[n.art][n.idx] = p
		}
	}
	out := make([]Share, len(m.env))
	for a := range m.env {
		items := m.env[a].Items
		kept := map[string]bool{}
		for i := range items {
			if _, ok := at[a][i]; ok {
				kept[items[i].Path] = true
			}
		}
		for i := range items {
			it := &items[i]
			p, ok := at[a][i]
			switch {
			case it.Type == filetree.Dir && !ok:
				// Somebody else's directory serves.
			case !ok, it.Pyc != nil && !kept[it.Pyc.Source]:
				// Bytecode without its source would belong to another's source.
				out[a].Lost = append(out[a].Lost, it)
			default:
				out[a].Kept = append(out[a].Kept, Placed{Path: p, Item: it})
			}
		}
	}
	return out
}

func (m *merger) clobbers() []Clobber {
	var out []Clobber
	for p, n := range m.nodes {
		if len(n.owners) < 2 || n.quiet {
			continue
		}
		c := Clobber{Path: p, Winner: m.env[n.art].Dist}
		for _, o := range n.owners {
			c.Owners = append(c.Owners, m.env[o].Dist)
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(x, y Clobber) int { return strings.Compare(x.Path, y.Path) })
	return out
}

// checkAlone tells whether the items of one artifact can stand in one folder as they are:
// no path twice, and nothing below a file or a link. libarchive refuses to extract the
// latter, so micromamba does too.
func checkAlone(f *artifact.Facts, items []Item) error {
	types := make(map[string]filetree.Type, len(items))
	for i := range items {
		p := items[i].Path
		if err := filetree.CheckPath(p); err != nil {
			return fmt.Errorf("link %s: %w", Dist(f), err)
		}
		if _, twice := types[p]; twice {
			return &ClashError{Path: p, First: Dist(f), Second: Dist(f), Reason: "is there twice"}
		}
		types[p] = items[i].Type
	}
	for i := range items {
		for d := path.Dir(items[i].Path); d != "."; d = path.Dir(d) {
			if t, ok := types[d]; ok && t != filetree.Dir {
				return &ClashError{
					Path: items[i].Path, First: Dist(f), Second: Dist(f),
					Reason: "is below " + d + ", which is a " + t.String(),
				}
			}
		}
	}
	return nil
}
