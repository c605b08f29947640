package sandbox

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nasa-openscapes/corn/filetree"
)

const (
	opaqueXattr = "user.overlay.opaque"
	// ownerXattr remembers "uid:gid" where the file system cannot say it. Overlays copy it
	// with the file.
	ownerXattr = "user.corn.owner"

	whiteoutPrefix = ".wh."
	opaqueName     = ".wh..wh..opq"
	aufsPrefix     = ".wh..wh." // aufs's own names, of no meaning to anybody else
	maxLinks       = 40
	maxDepth       = 4096
)

// extract unpacks a layer's tar stream into o.Dir and returns what its files take. It
// changes the process's root to that folder, so that links lead nowhere else.
func extract(r io.Reader, o order) (int64, error) {
	if err := syscall.Chroot(o.Dir); err != nil {
		return 0, fmt.Errorf("change the root to unpack: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return 0, err
	}
	syscall.Umask(0)
	x := &extractor{o: o, own: map[string]bool{}, hidden: map[string]bool{}}
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, fmt.Errorf("read layer: %w", err)
		}
		if x.entries++; x.entries > o.Limits.Entries {
			return 0, &LimitError{"entries in a layer", int64(o.Limits.Entries)}
		}
		reason, err := x.entry(h, tr)
		if err == nil && reason == "" {
			continue
		}
		if reason == "" {
			if _, ok := errors.AsType[*LimitError](err); ok {
				return 0, err
			}
			return 0, fmt.Errorf("unpack %q: %w", h.Name, err)
		}
		return 0, &LayerError{DiffID: o.DiffID, Path: h.Name, Reason: reason}
	}
	// Padding, and whatever stands behind the end, belongs to the digest.
	if _, err := io.Copy(io.Discard, r); err != nil {
		return 0, err
	}
	return x.bytes, x.dirTimes()
}

type extractor struct {
	o       order
	entries int
	bytes   int64
	own     map[string]bool // paths that this layer made
	hidden  map[string]bool // paths of lower layers that it hides
	dirs    []dirTime
	lastDir string // as archives have it, and what it led to
	real    string
}

type dirTime struct {
	path string
	time unix.Timespec
}

// entry makes one entry. A reason is what is wrong with the entry itself.
func (x *extractor) entry(h *tar.Header, r io.Reader) (reason string, err error) {
	switch {
	case h.Typeflag == tar.TypeXGlobalHeader:
		return "", nil
	case strings.ContainsRune(h.Name, 0):
		return "holds a NUL byte", nil
	case filetree.Climbs(h.Name):
		return "leaves the root", nil
	case len(h.Name) > maxDepth:
		return "has a path of more than 4,096 bytes", nil
	}
	p := path.Clean("/" + h.Name)
	if p == "/" {
		if h.Typeflag == tar.TypeDir {
			return "", x.dress("/", h)
		}
		return "", nil
	}
	dir, name := path.Split(p)
	dir, reason, err = x.parent(dir)
	if reason != "" || err != nil {
		return reason, err
	}
	if strings.HasPrefix(name, whiteoutPrefix) {
		return "", x.hide(dir, name)
	}
	p = path.Join(dir, name)
	switch h.Typeflag {
	case tar.TypeDir:
		return x.dir(p, h)
	case tar.TypeReg, tar.TypeRegA: //nolint:staticcheck // old archives have it
		return x.file(p, h, r)
	case tar.TypeSymlink:
		if h.Linkname == "" {
			return "is a symbolic link to nothing", nil
		}
		if reason, err := x.clear(p); reason != "" || err != nil {
			return reason, err
		}
		if err := os.Symlink(h.Linkname, p); err != nil {
			return "", err
		}
		return "", x.dress(p, h)
	case tar.TypeLink:
		return x.link(p, h)
	case tar.TypeFifo:
		if reason, err := x.clear(p); reason != "" || err != nil {
			return reason, err
		}
		if err := unix.Mkfifo(p, 0o600); err != nil {
			return "", err
		}
		return "", x.dress(p, h)
	}
	// Devices: the sandbox has its own /dev, and no others are to be reachable.
	return "", nil
}

// parent finds the folder of an entry, behind links of this layer, and makes what is missing.
func (x *extractor) parent(dir string) (real, reason string, err error) {
	if dir == x.lastDir {
		return x.real, "", nil
	}
	todo, at, links := strings.Split(strings.Trim(dir, "/"), "/"), "/", 0
	for len(todo) > 0 {
		part := todo[0]
		todo = todo[1:]
		if part == "" || part == "." {
			continue
		}
		next := path.Join(at, part) // ".." of a link stops at the root
		st, err := os.Lstat(next)
		switch {
		case errors.Is(err, os.ErrNotExist):
			if err := os.Mkdir(next, 0o755); err != nil {
				return "", "", err
			}
			if err := x.appeared(next, true); err != nil {
				return "", "", err
			}
		case err != nil:
			return "", "", err
		case st.Mode()&os.ModeSymlink != 0:
			if links++; links > maxLinks {
				return "", "lies behind more than 40 symbolic links", nil
			}
			to, err := os.Readlink(next)
			if err != nil {
				return "", "", err
			}
			if path.IsAbs(to) {
				at = "/"
			}
			todo = append(strings.Split(to, "/"), todo...)
			continue
		case !st.IsDir():
			return "", fmt.Sprintf("lies below %q, which is no directory", strings.TrimPrefix(next, "/")), nil
		}
		at = next
	}
	x.lastDir, x.real = dir, at
	return at, "", nil
}

// appeared notes a path of this layer. A directory in the place of what it hides must not
// show what is below.
func (x *extractor) appeared(p string, dir bool) error {
	x.own[p] = true
	if x.hidden[p] && dir {
		return x.opaque(p)
	}
	return nil
}

func (x *extractor) opaque(dir string) error {
	err := unix.Setxattr(dir, opaqueXattr, []byte("y"), 0)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return &RefusedError{Cause: FileSystem, Act: "keep attributes of files", Err: err}
	}
	return err
}

// hide translates a whiteout (OCI layer.md, "Whiteouts") to an overlay's. It is about lower
// layers, wherever it stands among this layer's own entries.
func (x *extractor) hide(dir, name string) error {
	if name == opaqueName {
		return x.opaque(dir)
	}
	if strings.HasPrefix(name, aufsPrefix) {
		return nil
	}
	p := path.Join(dir, strings.TrimPrefix(name, whiteoutPrefix))
	if path.Dir(p) != dir || p == dir { // ".wh." and ".wh..."
		return nil
	}
	x.hidden[p] = true
	if x.own[p] {
		if st, err := os.Lstat(p); err == nil && st.IsDir() {
			return x.opaque(p)
		}
		return nil
	}
	err := unix.Mknod(p, unix.S_IFCHR, 0)
	switch {
	case errors.Is(err, unix.EEXIST):
		return nil // twice
	case errors.Is(err, unix.EPERM):
		return &RefusedError{Cause: OldKernel, Act: "hide a file of a lower layer", Err: err}
	}
	return err
}

// clear takes away what stands where a file is to be.
func (x *extractor) clear(p string) (reason string, err error) {
	st, err := os.Lstat(p)
	if errors.Is(err, os.ErrNotExist) {
		return "", x.appeared(p, false)
	}
	if err != nil {
		return "", err
	}
	if st.IsDir() {
		x.lastDir = ""
		if err := os.RemoveAll(p); err != nil {
			return "", err
		}
		return "", x.appeared(p, false)
	}
	if st.Mode()&os.ModeSymlink != 0 {
		x.lastDir = ""
	}
	if err := os.Remove(p); err != nil {
		return "", err
	}
	return "", x.appeared(p, false)
}

func (x *extractor) dir(p string, h *tar.Header) (reason string, err error) {
	st, err := os.Lstat(p)
	if err != nil || !st.IsDir() {
		if reason, err := x.clear(p); reason != "" || err != nil {
			return reason, err
		}
		if err := os.Mkdir(p, 0o755); err != nil {
			return "", err
		}
	}
	if err := x.appeared(p, true); err != nil {
		return "", err
	}
	return "", x.dress(p, h)
}

func (x *extractor) file(p string, h *tar.Header, r io.Reader) (reason string, err error) {
	if reason, err := x.clear(p); reason != "" || err != nil {
		return reason, err
	}
	f, err := os.OpenFile(p, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return "", err
	}
	// A sparse entry of a few bytes may claim any size: what is written counts.
	left := x.o.Limits.Bytes - x.bytes
	n, err := io.Copy(f, io.LimitReader(r, left+1))
	err = errors.Join(err, f.Close())
	x.bytes += n
	if err == nil && n > left {
		return "", &LimitError{"bytes in a layer", x.o.Limits.Bytes}
	}
	if err != nil {
		return "", err
	}
	return "", x.dress(p, h)
}

// link makes a hard link, which may only lead to a file of this layer: overlays, and
// engines with them, cannot link over layers.
func (x *extractor) link(p string, h *tar.Header) (reason string, err error) {
	if filetree.Climbs(h.Linkname) {
		return fmt.Sprintf("is a hard link to %q, which leaves the root", h.Linkname), nil
	}
	none := fmt.Sprintf("is a hard link to %q, which is no file of this layer", h.Linkname)
	dir, name := path.Split(path.Clean("/" + h.Linkname))
	dir, reason, err = x.parent(dir)
	if reason != "" || err != nil {
		return none, err
	}
	target := path.Join(dir, name)
	st, err := os.Lstat(target)
	if err != nil || st.IsDir() || st.Mode()&os.ModeCharDevice != 0 {
		return none, nil
	}
	if target == p {
		return "", nil
	}
	if reason, err := x.clear(p); reason != "" || err != nil {
		return reason, err
	}
	return "", os.Link(target, p)
}

// dress gives a file its owner, mode, attributes and time.
func (x *extractor) dress(p string, h *tar.Header) error {
	link := h.Typeflag == tar.TypeSymlink
	owned := false
	if x.o.Mode != Single {
		err := os.Lchown(p, h.Uid, h.Gid)
		if err != nil && !errors.Is(err, unix.EINVAL) {
			return err
		}
		owned = err == nil
	} else {
		owned = h.Uid == 0 && h.Gid == 0
	}
	if !owned && (h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeDir) {
		if err := unix.Lsetxattr(p, ownerXattr, fmt.Appendf(nil, "%d:%d", h.Uid, h.Gid), 0); err != nil {
			return fmt.Errorf("remember the owner: %w", err)
		}
	}
	if !link {
		if err := unix.Chmod(p, uint32(h.Mode)&0o7777); err != nil {
			return err
		}
	}
	for k, v := range h.PAXRecords {
		name, ok := strings.CutPrefix(k, "SCHILY.xattr.")
		if !ok || !imageXattr(name) {
			continue
		}
		err := unix.Lsetxattr(p, name, []byte(v), 0)
		if err != nil && !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	ts := unix.NsecToTimespec(h.ModTime.UnixNano())
	if h.Typeflag == tar.TypeDir {
		x.dirs = append(x.dirs, dirTime{p, ts})
		return nil
	}
	return unix.UtimesNanoAt(unix.AT_FDCWD, p, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
}

// imageXattr tells which attributes belong in an image: capabilities, and what programs
// themselves keep. All others are about this machine, its overlays, or its security modules.
func imageXattr(name string) bool {
	if name == "security.capability" {
		return true
	}
	return strings.HasPrefix(name, "user.") && !strings.HasPrefix(name, "user.overlay.") && !strings.HasPrefix(name, "user.corn.")
}

// dirTimes sets the times of folders when nothing is put into them any longer.
func (x *extractor) dirTimes() error {
	for _, d := range slices.Backward(x.dirs) {
		err := unix.UtimesNanoAt(unix.AT_FDCWD, d.path, []unix.Timespec{d.time, d.time}, unix.AT_SYMLINK_NOFOLLOW)
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return &os.PathError{Op: "utimensat", Path: d.path, Err: err}
		}
	}
	return nil
}
