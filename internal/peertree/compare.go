package peertree

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// A Difference is one thing that an image has otherwise than micromamba.
type Difference struct {
	Path string // below the prefix; of a record: the record's
	What string // one of the constants below, or "field KEY", "entry PATH"
	Peer string // what micromamba has; "" for nothing
	Corn string
	Rule *Rule // what allows it; nil: nothing
}

// What can differ of a path.
const (
	isMissing = "missing" // from the image
	isExtra   = "extra"   // in the image
	isType    = "type"
	isMode    = "mode"
	isTarget  = "target"
	isBytes   = "bytes"
	isHeader  = "bytecode header" // against the source, not against micromamba
	isHistory = "history"
	isOrder   = "order of paths"
	isLayout  = "layout of the record"
	isField   = "field "
	isEntry   = "entry "
)

func (d *Difference) String() string {
	return fmt.Sprintf("%s: %s: micromamba %q, image %q", d.Path, d.What, d.Peer, d.Corn)
}

// Options say what an image was built with.
type Options struct {
	Archives   map[string]Archive // of the lock, by file name
	ShippedPyc bool               // built with "pyc: shipped": headers are as packages bring them
	CacheTag   string             // of the Python whose bytecode is checked, "cpython-313"
}

// A comparison is under way.
type comparison struct {
	peer, corn *Recording
	tree       *Tree // corn's, with what only an image tells
	opts       Options
	listed     map[string]bool // paths that some record of the peer lists
	scripts    bool            // some package brings a link script that micromamba runs
	pycPeer    map[string]bool
	pycCorn    map[string]bool
	diffs      []Difference
}

// Compare lists everything that the tree has otherwise than the recording, by path, each with
// the rule that allows it.
func Compare(peer *Recording, tree *Tree, opts Options) ([]Difference, error) {
	corn, err := NewRecording(tree, opts.Archives)
	if err != nil {
		return nil, err
	}
	c := &comparison{peer: peer, corn: corn, tree: tree, opts: opts, listed: peer.listed(),
		pycPeer: peer.compiled(), pycCorn: corn.compiled()}
	for p := range c.listed {
		c.scripts = c.scripts || isPostLink(p)
	}
	c.nodes()
	c.history()
	for _, p := range union(peer.Records, corn.Records) {
		if a, b := peer.Records[p], corn.Records[p]; a != nil && b != nil { // else nodes has told
			c.record(p, a, b)
		}
	}
	if !opts.ShippedPyc {
		c.headers()
	}
	for i := range c.diffs {
		c.diffs[i].Rule = c.ruleFor(&c.diffs[i])
	}
	slices.SortStableFunc(c.diffs, func(a, b Difference) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.What, b.What))
	})
	return c.diffs, nil
}

func (c *comparison) add(p, what, peer, corn string) {
	c.diffs = append(c.diffs, Difference{Path: p, What: what, Peer: peer, Corn: corn})
}

func union[V any](a, b map[string]V) []string {
	all := slices.Sorted(maps.Keys(a))
	for p := range b {
		if _, ok := a[p]; !ok {
			all = append(all, p)
		}
	}
	slices.Sort(all)
	return all
}

// nodes compares the trees. A folder that one side lacks is told by what is in it, unless it
// is empty.
func (c *comparison) nodes() {
	inPeer, inCorn := (&Tree{Nodes: c.peer.Nodes}).children(), c.tree.children()
	for _, p := range union(c.peer.Nodes, c.corn.Nodes) {
		a, b := c.peer.Nodes[p], c.corn.Nodes[p]
		switch {
		case b == nil:
			if a.Type != 'd' || inPeer[p] == 0 {
				c.add(p, isMissing, a.String(), "")
			}
		case a == nil:
			if b.Type != 'd' || inCorn[p] == 0 {
				c.add(p, isExtra, "", b.String())
			}
		case a.Type != b.Type:
			c.add(p, isType, a.String(), b.String())
		default:
			c.node(p, a, b)
		}
	}
}

func (n *Node) String() string {
	switch n.Type {
	case 'l':
		return "link to " + n.Target
	case 'd':
		return "folder"
	case 'f':
		return "file"
	}
	return "neither file, folder nor link"
}

func (c *comparison) node(p string, a, b *Node) {
	if a.Target != b.Target {
		c.add(p, isTarget, a.Target, b.Target)
	}
	if a.Mode != b.Mode {
		c.add(p, isMode, fmt.Sprintf("%04o", a.Mode), fmt.Sprintf("%04o", b.Mode))
	}
	// Records and history are compared by what they say, bytecode by its header.
	if a.Type != 'f' || keepsData(p) || a.SHA256 == "" {
		return
	}
	if a.Size != b.Size || a.sum() != b.sum() {
		c.add(p, isBytes, fmt.Sprintf("%d %s", a.Size, a.sum()), fmt.Sprintf("%d %s", b.Size, b.sum()))
	}
}

func (c *comparison) history() {
	a, b := strings.Split(c.peer.History, "\n"), strings.Split(c.corn.History, "\n")
	for i := range max(len(a), len(b)) {
		line := func(lines []string) string {
			if i < len(lines) {
				return lines[i]
			}
			return ""
		}
		if x, y := line(a), line(b); x != y || (i < len(a)) != (i < len(b)) {
			c.add("conda-meta/history", isHistory, x, y)
		}
	}
}

// record compares two records of one package.
func (c *comparison) record(p string, a, b *Record) {
	if !b.Canonical {
		c.add(p, isLayout, "sorted keys, four blanks", "something else")
	}
	var keys [2][]string
	for i, r := range []*Record{a, b} {
		for _, f := range r.Fields {
			keys[i] = append(keys[i], f.Key)
		}
	}
	if !slices.Equal(keys[0], keys[1]) {
		c.add(p, isField+"names", strings.Join(keys[0], " "), strings.Join(keys[1], " "))
	}
	for _, key := range keys[0] {
		if x, y := a.Get(key), b.Get(key); x != y && slices.Contains(keys[1], key) {
			c.add(p, isField+key, x, y)
		}
	}
	c.paths(p, a.Paths, b.Paths)
}

// paths compares the entries of two records one by one, and their order: that of all but
// bytecode, and that of the bytecode that both have.
func (c *comparison) paths(p string, a, b []PathEntry) {
	count := func(list []PathEntry) map[string][]PathEntry {
		m := map[string][]PathEntry{}
		for _, e := range list {
			m[e.Path] = append(m[e.Path], e)
		}
		return m
	}
	ma, mb := count(a), count(b)
	for _, q := range union(ma, mb) {
		x, y := ma[q], mb[q]
		for i := range max(len(x), len(y)) {
			var left, right string
			if i < len(x) {
				left = x[i].String()
			}
			if i < len(y) {
				right = y[i].String()
			}
			if left != right {
				c.add(p, isEntry+q, left, right)
			}
		}
	}
	order := func(list []PathEntry, other map[string][]PathEntry, pyc bool) []string {
		var out []string
		for _, e := range list {
			o := other[e.Path]
			if len(o) == 0 || len(ma[e.Path]) != len(mb[e.Path]) || o[0].Type != e.Type {
				continue // told above
			}
			if (e.Type == pycFile) == pyc {
				out = append(out, e.Path)
			}
		}
		return out
	}
	for _, pyc := range []bool{false, true} {
		if x, y := order(a, mb, pyc), order(b, ma, pyc); !slices.Equal(x, y) {
			i := 0
			for i < len(x) && x[i] == y[i] {
				i++
			}
			c.add(p, isOrder, strings.Join(x[i:min(len(x), i+3)], " "), strings.Join(y[i:min(len(y), i+3)], " "))
		}
	}
}

var pycPath = regexp.MustCompile(`^(.*/|)__pycache__/([^/]+)\.([^./]+)\.pyc$`)

// headers checks the bytecode of the image: Python must take it as it is. micromamba's is
// not looked at; its sources have other times.
func (c *comparison) headers() {
	magic := ""
	for _, p := range c.tree.Paths() {
		m, n := pycPath.FindStringSubmatch(p), c.tree.Nodes[p]
		if m == nil || m[3] != c.opts.CacheTag || n.Type != 'f' {
			continue
		}
		source := c.resolve(path.Join(m[1], m[2]+".py"))
		if source == nil {
			continue // bytecode without a source is never looked at
		}
		if len(n.Head) < pycHead {
			c.add(p, isHeader, "16 bytes", fmt.Sprintf("%d bytes", len(n.Head)))
			continue
		}
		if got := fmt.Sprintf("%x", n.Head[:4]); magic == "" {
			magic = got
		} else if magic != got {
			c.add(p, isHeader, "magic number "+magic, "magic number "+got)
		}
		if binary.LittleEndian.Uint32(n.Head[4:])&1 != 0 {
			continue // PEP 552: a hash of the source, which packages bring
		}
		want := fmt.Sprintf("time %d, size %d", uint32(source.ModTime), uint32(source.Size))
		got := fmt.Sprintf("time %d, size %d", binary.LittleEndian.Uint32(n.Head[8:]), binary.LittleEndian.Uint32(n.Head[12:]))
		if want != got {
			c.add(p, isHeader, want, got)
		}
	}
}

// resolve finds the file at a path, through links inside the environment.
func (c *comparison) resolve(p string) *Node {
	todo, at := strings.Split(p, "/"), ""
	for hops := 0; len(todo) > 0; {
		next := path.Join(at, todo[0])
		todo = todo[1:]
		n := c.tree.Nodes[next]
		if n == nil || next == ".." {
			return nil
		}
		if n.Type != 'l' {
			if at = next; len(todo) == 0 {
				return n
			}
			continue
		}
		to := path.Join(at, n.Target)
		if hops++; hops > 40 || path.IsAbs(n.Target) {
			return nil
		}
		todo, at = append(strings.Split(to, "/"), todo...), ""
	}
	return nil
}
