package image

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/nasa-openscapes/corn/filetree"
)

const (
	maxTreeEntries = 8_000_000 // some 600 MB; the largest notebook images have 500,000
	maxKeptBytes   = 1 << 20   // of one passwd, group, os-release or kernel.json
	maxKeptFiles   = 10_000
	// A sparse entry of a few bytes may claim any size: bound what is read of a library.
	maxLibraryBytes = 64 << 20
)

// ErrBaseTooLarge reports a base with more paths than are kept in memory.
var ErrBaseTooLarge = errors.New("base image has more than 8,000,000 paths")

// whiteout names of OCI layer.md; other names with this prefix are aufs's own.
const (
	whiteoutPrefix = ".wh."
	opaqueName     = ".wh..wh..opq"
	aufsPrefix     = ".wh..wh."
)

// scan reads all layers, lowest first, and returns the file system they make.
func scan(ctx context.Context, layers []v1.Layer) (*tree, error) {
	s := &scanner{tree: newTree()}
	for i, l := range layers {
		if err := s.layer(ctx, i, l); err != nil {
			return nil, err
		}
	}
	return s.tree, nil
}

type scanner struct {
	tree  *tree
	kept  int
	index int      // of the layer being read
	plain [2]*node // what its files share: not executable, executable
	// lastDir is the folder of the entry before, as it was written, and lastNode what it
	// led to; nil after anything but a plain file, which could lead it elsewhere.
	lastDir  string
	lastNode *node
}

func (s *scanner) layer(ctx context.Context, index int, l v1.Layer) (err error) {
	h, err := l.Digest()
	if err != nil {
		return err
	}
	sum, err := parseHash(h)
	if err != nil {
		return err
	}
	s.index, s.lastNode = index, nil
	s.plain = [2]*node{
		{kind: filetree.File, mode: 0o644, layer: index},
		{kind: filetree.File, mode: 0o755, layer: index},
	}
	err = eachEntry(ctx, l, func(hdr *tar.Header, r io.Reader) error {
		reason, err := s.entry(hdr, r)
		if reason != "" {
			return &LayerError{sum, hdr.Name, reason}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("scan base layer %d: %w", index+1, err)
	}
	return nil
}

// eachEntry calls fn for every tar entry of a layer and reads the layer to its end, so
// that its diff id has been verified when it returns nil.
func eachEntry(ctx context.Context, l v1.Layer, fn func(*tar.Header, io.Reader) error) (err error) {
	rc, err := uncompressed(ctx, l)()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rc.Close()) }()
	tr := tar.NewReader(rc)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		hdr, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := fn(hdr, tr); err != nil {
			return err
		}
	}
	_, err = io.Copy(io.Discard, rc)
	return err
}

// entry applies one tar entry. A reason is what is wrong with the entry itself.
func (s *scanner) entry(hdr *tar.Header, r io.Reader) (reason string, err error) {
	if hdr.Typeflag == tar.TypeXGlobalHeader {
		return "", nil
	}
	if strings.ContainsRune(hdr.Name, 0) {
		return "holds a NUL byte", nil
	}
	if filetree.Climbs(hdr.Name) {
		return "leaves the root", nil
	}
	p := cleanPath(hdr.Name)
	if p == "" {
		if hdr.Typeflag == tar.TypeDir {
			attributes(s.tree.root, hdr, s.index)
		}
		return "", nil
	}
	dir, err := s.parent(p)
	var blocked *NotDirError
	if errors.As(err, &blocked) {
		return fmt.Sprintf("lies below %q, which is no directory", blocked.At), nil
	}
	if err != nil {
		return fmt.Sprintf("lies behind more than %d symbolic links", filetree.MaxLinks), nil
	}
	if s.tree.entries > maxTreeEntries {
		return "", ErrBaseTooLarge
	}
	name := path.Base(p)
	if strings.HasPrefix(name, whiteoutPrefix) {
		s.lastNode = nil
		s.hide(dir, name)
		return "", nil
	}
	n, reason, err := s.node(hdr, p, r)
	if n != nil {
		if n.kind != filetree.File {
			s.lastNode = nil
		}
		if old := dir.children[name]; old != nil && old.kind != filetree.File {
			s.lastNode = nil
		}
		s.tree.put(dir, name, n)
	}
	return reason, err
}

// parent is makeParent with a memory of one: archives list folder by folder.
func (s *scanner) parent(p string) (*node, error) {
	dir := path.Dir(p)
	if s.lastNode != nil && dir == s.lastDir {
		return s.lastNode, nil
	}
	n, err := s.tree.makeParent(p, s.index)
	if err != nil {
		return nil, err
	}
	s.lastDir, s.lastNode = dir, n
	return n, nil
}

func (s *scanner) hide(dir *node, name string) {
	switch {
	case name == opaqueName:
		for child := range dir.children {
			s.tree.whiteout(dir, child, s.index)
		}
	case strings.HasPrefix(name, aufsPrefix):
	default:
		s.tree.whiteout(dir, strings.TrimPrefix(name, whiteoutPrefix), s.index)
	}
}

// node makes what an entry puts into the tree.
func (s *scanner) node(hdr *tar.Header, p string, r io.Reader) (n *node, reason string, err error) {
	switch hdr.Typeflag {
	case tar.TypeDir:
		n = newDir(s.index)
		attributes(n, hdr, s.index)
		return n, "", nil
	case tar.TypeSymlink:
		return &node{kind: filetree.Symlink, link: hdr.Linkname, uid: hdr.Uid, gid: hdr.Gid, layer: s.index}, "", nil
	case tar.TypeLink:
		if filetree.Climbs(hdr.Linkname) {
			return nil, fmt.Sprintf("is a hard link to %q, which leaves the root", hdr.Linkname), nil
		}
		real, err := follow(cleanPath(hdr.Linkname), false, func(real string) (*node, error) { return s.tree.at(real), nil })
		target := s.tree.at(real)
		if err != nil || target == nil || target.kind == filetree.Dir {
			return nil, fmt.Sprintf("is a hard link to %q, which is no file", hdr.Linkname), nil
		}
		alias := *target
		alias.layer = s.index
		return &alias, "", nil
	}
	n = s.plain[0]
	if hdr.Mode&0o111 != 0 {
		n = s.plain[1]
	}
	if hdr.Typeflag != tar.TypeReg {
		return n, "", nil // a device, fifo or socket: in the way like a file
	}
	return s.file(hdr, p, r, n)
}

// keptName tells which files' bytes are kept.
func keptName(p string) bool {
	switch p {
	case "etc/passwd", "etc/group", "etc/os-release", "usr/lib/os-release":
		return true
	}
	return strings.HasSuffix(p, "/kernel.json") && strings.Contains(p, "/jupyter/kernels/")
}

// libcName matches the C library: libc.so.6, or libc-2.31.so before glibc 2.34.
var libcName = regexp.MustCompile(`^libc(-2\.[0-9]+)?\.so(\.6)?$`)

func (s *scanner) file(hdr *tar.Header, p string, r io.Reader, plain *node) (*node, string, error) {
	own := *plain
	own.mode, own.uid, own.gid = uint32(hdr.Mode)&0o7777, hdr.Uid, hdr.Gid
	base := path.Base(p)
	switch {
	case keptName(p):
		if hdr.Size > maxKeptBytes {
			return nil, fmt.Sprintf("has %d bytes, at most %d are read", hdr.Size, maxKeptBytes), nil
		}
		if s.kept++; s.kept > maxKeptFiles {
			return plain, "", nil
		}
		data, err := io.ReadAll(r)
		own.data = data
		return &own, "", err
	case runtimeName.MatchString(base) && hdr.Size > maxLibraryBytes:
		return nil, fmt.Sprintf("has %d bytes, at most %d are read", hdr.Size, maxLibraryBytes), nil
	case libcName.MatchString(base):
		v, err := glibcVersion(r)
		own.glibc, own.origin, own.originLayer = v, p, s.index
		return &own, "", err
	case runtimeName.MatchString(base):
		own.origin, own.originLayer = p, s.index
		return &own, "", nil
	}
	return plain, "", nil
}

func attributes(n *node, hdr *tar.Header, layer int) {
	n.mode = uint32(hdr.Mode) & 0o7777
	n.uid, n.gid, n.layer = hdr.Uid, hdr.Gid, layer
	n.xattrs = nil
	for k, v := range hdr.PAXRecords {
		if name, ok := strings.CutPrefix(k, "SCHILY.xattr."); ok {
			if n.xattrs == nil {
				n.xattrs = map[string]string{}
			}
			n.xattrs[name] = v
		}
	}
}
