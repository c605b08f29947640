package sandbox

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// collect writes what an upper directory holds as a tar stream of the form that layers
// have: whiteouts as files, owners and attributes as they are inside. Nothing runs in the
// Root meanwhile.
func collect(w io.Writer, o changesOrder) error {
	c := &collector{o: o, tw: tar.NewWriter(w), inodes: map[inode]string{}, made: map[string]bool{}}
	for _, p := range o.Made {
		c.made[p] = true
	}
	if err := c.dir(""); err != nil {
		return err
	}
	return c.tw.Close()
}

type inode struct{ dev, ino uint64 }

type collector struct {
	o      changesOrder
	tw     *tar.Writer
	inodes map[inode]string // the first path of a file with several
	made   map[string]bool
}

func (c *collector) upper(p string) string { return filepath.Join(c.o.Scratch, "upper", p) }

// dir writes what is in a folder, in the order of names, each folder before what is in it.
func (c *collector) dir(rel string) error {
	names, err := readNames(c.upper(rel))
	if err != nil {
		return err
	}
	if value(c.upper(rel), opaqueXattr) == "y" && c.below(rel, true) {
		if err := c.empty(path.Join(rel, opaqueName)); err != nil {
			return err
		}
	}
	for _, name := range names {
		if err := c.entry(path.Join(rel, name)); err != nil {
			return fmt.Errorf("read %s: %w", path.Join(rel, name), err)
		}
	}
	return nil
}

func readNames(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	return names, errors.Join(err, f.Close())
}

// below tells whether a lower layer has something at p, or for a folder in it, that a
// whiteout would hide.
func (c *collector) below(p string, inside bool) bool {
	for i := range c.o.Lowers {
		at := filepath.Join(c.o.Scratch, "l", strconv.Itoa(i), p)
		st, err := os.Lstat(at)
		if err != nil {
			continue
		}
		if !inside {
			return true
		}
		if names, err := readNames(at); st.IsDir() && err == nil && len(names) > 0 {
			return true
		}
	}
	return false
}

func (c *collector) entry(rel string) error {
	p := c.upper(rel)
	var st unix.Stat_t
	if err := unix.Lstat(p, &st); err != nil {
		return err
	}
	kind := st.Mode & unix.S_IFMT
	if whiteout(p, st) {
		if !c.below(rel, false) {
			return nil
		}
		dir, name := path.Split(rel)
		return c.empty(dir + whiteoutPrefix + name)
	}
	if c.made[rel] && emptyThing(p, st) {
		return nil
	}
	if strings.HasPrefix(path.Base(rel), whiteoutPrefix) {
		return errors.New("the name begins with .wh., which means in layers that a file is gone: rename it")
	}
	h := &tar.Header{Name: rel, Mode: int64(st.Mode & 0o7777), Uid: int(st.Uid), Gid: int(st.Gid),
		ModTime: time.Unix(st.Mtim.Unix()), Format: tar.FormatPAX, PAXRecords: map[string]string{}}
	c.owner(p, h)
	switch kind {
	case unix.S_IFDIR:
		h.Typeflag, h.Name = tar.TypeDir, rel+"/"
	case unix.S_IFLNK:
		to, err := os.Readlink(p)
		if err != nil {
			return err
		}
		h.Typeflag, h.Linkname = tar.TypeSymlink, to
	case unix.S_IFREG:
		h.Typeflag, h.Size = tar.TypeReg, st.Size
		if first := c.inodes[inode{st.Dev, st.Ino}]; first != "" {
			h.Typeflag, h.Size, h.Linkname = tar.TypeLink, 0, first
		} else if st.Nlink > 1 {
			c.inodes[inode{st.Dev, st.Ino}] = rel
		}
	default:
		// Sockets and pipes are of processes that are gone; devices cannot be made.
		return nil
	}
	if kind != unix.S_IFLNK && h.Typeflag != tar.TypeLink {
		for _, name := range xattrs(p) {
			if imageXattr(name) {
				h.PAXRecords["SCHILY.xattr."+name] = value(p, name)
			}
		}
	}
	if err := c.tw.WriteHeader(h); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return c.dir(rel)
	case tar.TypeReg:
		return c.content(p, h.Size)
	}
	return nil
}

func (c *collector) content(p string, size int64) error {
	// A pipe in its place would hang, but nothing runs that could put it there.
	f, err := os.OpenFile(p, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	_, err = io.CopyN(c.tw, f, size)
	return errors.Join(err, f.Close())
}

// owner puts the image's owner into the header where the file system has another one.
func (c *collector) owner(p string, h *tar.Header) {
	var uid, gid int
	if n, _ := fmt.Sscanf(value(p, ownerXattr), "%d:%d", &uid, &gid); n == 2 && uid >= 0 && gid >= 0 {
		h.Uid, h.Gid = uid, gid
		return
	}
	if c.o.UID < 0 {
		return
	}
	// With a single id, what came from a lower layer without a note was 0's, and what is new is
	// the last command's.
	h.Uid, h.Gid = c.o.UID, c.o.GID
	for i := range c.o.Lowers {
		lower := filepath.Join(c.o.Scratch, "l", strconv.Itoa(i), strings.TrimSuffix(h.Name, "/"))
		if _, err := os.Lstat(lower); err == nil && value(lower, ownerXattr) == "" {
			h.Uid, h.Gid = 0, 0
			return
		}
	}
}

// empty writes a whiteout.
func (c *collector) empty(name string) error {
	return c.tw.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Format: tar.FormatPAX})
}

// whiteout knows both forms: a character device 0:0, and since Linux 6.7 an empty file
// with an attribute.
func whiteout(p string, st unix.Stat_t) bool {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFCHR:
		return st.Rdev == 0
	case unix.S_IFREG:
		return st.Size == 0 && slices.Contains(xattrs(p), "user.overlay.whiteout")
	}
	return false
}

func emptyThing(p string, st unix.Stat_t) bool {
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return st.Size == 0
	}
	names, err := readNames(p)
	return err == nil && len(names) == 0
}

// xattrs lists a file's attributes; none where the file system has none.
func xattrs(p string) []string {
	n, err := unix.Llistxattr(p, nil)
	if err != nil || n == 0 {
		return nil
	}
	buf := make([]byte, n)
	if n, err = unix.Llistxattr(p, buf); err != nil {
		return nil
	}
	var all []string
	for name := range bytes.SplitSeq(bytes.TrimSuffix(buf[:n], []byte{0}), []byte{0}) {
		all = append(all, string(name))
	}
	slices.Sort(all)
	return all
}

func value(p, name string) string {
	n, err := unix.Lgetxattr(p, name, nil)
	if err != nil || n <= 0 {
		return ""
	}
	buf := make([]byte, n)
	if n, err = unix.Lgetxattr(p, name, buf); err != nil {
		return ""
	}
	return string(buf[:n])
}
