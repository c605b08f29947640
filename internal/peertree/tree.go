package peertree

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Node is one path of an environment.
type Node struct {
	Type   byte   // 'f' file, 'd' folder, 'l' symbolic link, 'o' other
	Mode   uint32 // permission bits with setuid, setgid and sticky; 0 for links
	Size   int64  // of a file; -1: not recorded
	SHA256 string // of a file, lower-case hex; a recording keeps the first sumDigits; "": not recorded
	Target string // of a link

	// What only an image tells.
	Stored  bool   // the file was reached through a link into the store
	ModTime int64  // Unix seconds
	Head    []byte // the first bytes of bytecode
}

// sumDigits is how much of a SHA-256 a recording keeps: 128 bits.
const sumDigits = 32

func (n *Node) sum() string { return n.SHA256[:min(len(n.SHA256), sumDigits)] }

// A Tree is an environment, by path below the prefix, with the files below conda-meta that
// need to be read.
type Tree struct {
	Nodes map[string]*Node
	Meta  map[string][]byte // records and history, by path
}

// Paths lists the tree, sorted.
func (t *Tree) Paths() []string { return slices.Sorted(maps.Keys(t.Nodes)) }

// children counts what is directly in each folder.
func (t *Tree) children() map[string]int {
	n := map[string]int{}
	for p := range t.Nodes {
		if i := strings.LastIndexByte(p, '/'); i >= 0 {
			n[p[:i]]++
		}
	}
	return n
}

// keepsData tells whether the bytes of a path are compared in detail.
func keepsData(p string) bool {
	name, ok := strings.CutPrefix(p, "conda-meta/")
	return ok && !strings.Contains(name, "/") && (name == "history" || strings.HasSuffix(name, ".json"))
}

// FromDir reads an environment on this machine.
func FromDir(prefix string) (*Tree, error) {
	t := &Tree{Nodes: map[string]*Node{}, Meta: map[string][]byte{}}
	err := filepath.WalkDir(prefix, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == prefix {
			return err
		}
		rel, err := filepath.Rel(prefix, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		info, err := d.Info()
		if err != nil {
			return err
		}
		n := &Node{Type: 'o', Mode: unixMode(info.Mode())}
		t.Nodes[rel] = n
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			n.Type, n.Mode = 'l', 0
			n.Target, err = os.Readlink(name)
			return err
		case info.IsDir():
			n.Type = 'd'
			return nil
		case info.Mode().IsRegular():
			n.Type = 'f'
			if keepsData(rel) {
				if t.Meta[rel], err = os.ReadFile(name); err != nil {
					return err
				}
			}
			return n.readFile(name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read tree %s: %w", prefix, err)
	}
	return t, nil
}

func (n *Node) readFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if n.Size, err = io.Copy(h, f); err != nil {
		return err
	}
	n.SHA256 = hex.EncodeToString(h.Sum(nil))
	return nil
}

// unixMode is the mode as a tar header has it.
func unixMode(m fs.FileMode) uint32 {
	mode := uint32(m.Perm())
	for bit, unix := range map[fs.FileMode]uint32{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if m&bit != 0 {
			mode |= unix
		}
	}
	return mode
}
