package layers

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Unpack writes layers into a folder, one over the other, as a node that unpacks to plain
// folders does. Owners are kept where this process may set them. Devices, and whiteouts
// of what lower layers than these hold, are left out.
func Unpack(ls []v1.Layer, dir string) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	owner := os.Geteuid() == 0
	type folder struct{ h *tar.Header }
	var folders []folder // their times change with every file in them
	err = walk(ls, func(_ int, h *tar.Header, r io.Reader) error {
		if h.Name == "" || strings.HasPrefix(path.Base(h.Name), ".wh.") {
			return nil
		}
		if err := root.MkdirAll(path.Dir(h.Name), 0o755); err != nil {
			return err
		}
		switch h.Typeflag {
		case tar.TypeDir:
			folders = append(folders, folder{h})
			return root.MkdirAll(h.Name, 0o755)
		case tar.TypeSymlink:
			if err := removeOld(root, h.Name); err != nil {
				return err
			}
			if err := root.Symlink(h.Linkname, h.Name); err != nil {
				return err
			}
		case tar.TypeLink:
			if err := removeOld(root, h.Name); err != nil {
				return err
			}
			return root.Link(strings.TrimPrefix(path.Clean("/"+h.Linkname), "/"), h.Name)
		case tar.TypeReg:
			if err := writeFile(root, h, r); err != nil {
				return err
			}
		default:
			return nil
		}
		if owner {
			return root.Lchown(h.Name, h.Uid, h.Gid)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	for _, f := range folders {
		if owner {
			err = errors.Join(err, root.Lchown(f.h.Name, f.h.Uid, f.h.Gid))
		}
		err = errors.Join(err, root.Chmod(f.h.Name, fs.FileMode(f.h.Mode).Perm()), root.Chtimes(f.h.Name, f.h.ModTime, f.h.ModTime))
	}
	return err
}

func removeOld(root *os.Root, name string) error {
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func writeFile(root *os.Root, h *tar.Header, r io.Reader) error {
	if err := removeOld(root, h.Name); err != nil {
		return err
	}
	f, err := root.OpenFile(h.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return errors.Join(root.Chmod(h.Name, fs.FileMode(h.Mode).Perm()), root.Chtimes(h.Name, h.ModTime, h.ModTime))
}

// A Usage is what a folder takes of a disk.
type Usage struct {
	Inodes int   `json:"inodes"`
	Bytes  int64 `json:"bytes"` // in blocks, as du counts
}

// DiskUsage counts a folder's inodes and blocks; a file with several names counts once.
func DiskUsage(dir string) (Usage, error) {
	var u Usage
	type inode struct{ dev, ino uint64 }
	seen := map[inode]bool{}
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return errors.ErrUnsupported
		}
		id := inode{st.Dev, st.Ino}
		if !seen[id] {
			seen[id] = true
			u.Inodes++
			u.Bytes += st.Blocks * 512
		}
		return nil
	})
	if err != nil {
		return u, fmt.Errorf("count %s: %w", dir, err)
	}
	return u, nil
}
