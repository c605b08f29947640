package archive

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/nasa-openscapes/corn/filetree"
)

// member is one member of a tar, its path checked.
type member struct {
	path      string
	info      bool // info/..., not installed
	typ       filetree.Type
	mode      uint32
	modTime   int64
	sizeBytes int64
	link      string // a symlink's target
	root      string // of a hard link: the file it repeats
}

// scanner turns tars into checked members.
type scanner struct {
	a      *Archive
	budget *budget
	tree   tree
	want   parts
	only   parts // what this tar may hold; 0 means both
	fn     func(*member, io.Reader) error
}

// run reads one tar to its end, and its compressed stream as well, so that checksums at the end
// are verified and bytes behind it are noticed.
func (s *scanner) run(ctx context.Context, r io.Reader) error {
	br := bufio.NewReaderSize(r, 64<<10)
	tr := tar.NewReader(br)
	for {
		hdr, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return s.readErr(ctx, "", err)
		}
		m, err := s.member(hdr)
		if err != nil {
			return err
		}
		if m == nil || m.info && s.want&partInfo == 0 || !m.info && s.want&partPayload == 0 {
			continue
		}
		body := &bodyReader{s: s, ctx: ctx, path: m.path, r: tr}
		if err := s.fn(m, body); err != nil {
			return err
		}
		if body.err != nil { // even if fn did not care
			return body.err
		}
	}
	if _, err := io.Copy(io.Discard, br); err != nil {
		return s.readErr(ctx, "", err)
	}
	return nil
}

// readErr tells what went wrong below the tar.
func (s *scanner) readErr(ctx context.Context, path string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if lim, ok := errors.AsType[*LimitError](err); ok {
		return lim
	}
	return s.a.formatErr(path, "cannot be read", err)
}

// bodyReader gives a file's bytes and names the file in errors.
type bodyReader struct {
	s    *scanner
	ctx  context.Context //nolint:containedctx // lives for one call of run
	path string
	r    io.Reader
	err  error
}

func (b *bodyReader) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = b.s.readErr(b.ctx, b.path, err)
		return n, b.err
	}
	return n, err
}

// member checks a header. It returns nil for what is no path of the archive: the
// folder "./" itself and global PAX headers.
func (s *scanner) member(hdr *tar.Header) (*member, error) {
	if hdr.Typeflag == tar.TypeXGlobalHeader {
		return nil, nil
	}
	m := &member{mode: uint32(hdr.Mode) & 0o7777, modTime: hdr.ModTime.Unix()}
	switch hdr.Typeflag {
	case tar.TypeReg, tar.TypeRegA, tar.TypeCont, tar.TypeGNUSparse: //nolint:staticcheck // TypeRegA is what old tars hold
		m.typ, m.sizeBytes = filetree.File, hdr.Size
	case tar.TypeLink:
		m.typ = filetree.File
	case tar.TypeSymlink:
		m.typ, m.link = filetree.Symlink, hdr.Linkname
	case tar.TypeDir:
		m.typ = filetree.Dir
	default:
		return nil, s.a.formatErr(hdr.Name, "is a device, pipe or something else that no package holds", nil)
	}
	name, err := cleanName(hdr.Name, m.typ)
	if err != nil {
		return nil, s.a.formatErr(hdr.Name, "", err)
	}
	if name == "." {
		if m.typ != filetree.Dir {
			return nil, s.a.formatErr(hdr.Name, "is no name for a file", nil)
		}
		return nil, nil
	}
	m.path, m.info = name, isInfo(name)
	if name == "info" && m.typ != filetree.Dir {
		return nil, s.a.formatErr(hdr.Name, "is a "+m.typ.String()+", want a folder", nil)
	}
	if !s.mayHold(m.info) {
		return nil, s.a.formatErr(hdr.Name, "is in the wrong part of the archive", nil)
	}
	if hdr.Typeflag == tar.TypeSymlink && (m.link == "" || strings.ContainsRune(m.link, 0)) {
		return nil, s.a.formatErr(hdr.Name, "is a symbolic link without a target", nil)
	}
	n := node{typ: m.typ, mode: m.mode, modTime: m.modTime, sizeBytes: m.sizeBytes}
	if hdr.Typeflag == tar.TypeLink {
		if n, err = s.hardLink(hdr); err != nil {
			return nil, err
		}
		// One inode: unpacked, a hard link has the size, mode and time of its file.
		m.root, m.sizeBytes, m.mode, m.modTime = n.root, n.sizeBytes, n.mode, n.modTime
	}
	if err := s.budget.member(m.path, m.link, m.sizeBytes); err != nil {
		return nil, err
	}
	if reason := s.tree.add(m.path, n); reason != "" {
		return nil, s.a.formatErr(hdr.Name, reason, nil)
	}
	// Folders that the archive leaves implicit take memory too: a path of 4096 bytes
	// may have 2047 of them.
	if len(s.tree) > s.budget.lim.Members {
		return nil, s.budget.membersError()
	}
	return m, nil
}

// mayHold tells whether the tar being read may hold a path, which is below info/ or not.
func (s *scanner) mayHold(info bool) bool {
	return s.only == 0 || (s.only == partInfo) == info
}

// isInfo tells whether a clean path is info/ or below it.
func isInfo(name string) bool { return name == "info" || strings.HasPrefix(name, "info/") }

// hardLink finds the file that a hard link repeats; it must have come before.
func (s *scanner) hardLink(hdr *tar.Header) (node, error) {
	target, err := cleanName(hdr.Linkname, filetree.File)
	if err != nil {
		return node{}, s.a.formatErr(hdr.Name, "is a hard link", err)
	}
	// The two parts of a .conda are tars of their own, whichever of them were read before.
	n, ok := s.tree[target]
	if !ok || n.typ != filetree.File || !s.mayHold(isInfo(target)) {
		return node{}, s.a.formatErr(hdr.Name, "is a hard link to "+target+", which is no file before it", nil)
	}
	if n.root == "" {
		n.root = target
	}
	return n, nil
}

// cleanName takes a leading "./" and a folder's final slash off, and checks what is left.
func cleanName(name string, typ filetree.Type) (string, error) {
	for strings.HasPrefix(name, "./") {
		name = name[2:]
	}
	if typ == filetree.Dir {
		name = strings.TrimSuffix(name, "/")
	}
	if name == "" || name == "." {
		return ".", nil
	}
	return name, filetree.CheckPath(name)
}
