package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/nasa-openscapes/corn/filetree"
)

// A fileSet holds the files of a layout or archive under slash paths.
type fileSet interface {
	// open returns a file and its size; fs.ErrNotExist if there is none. The caller
	// closes it. Safe for concurrent use.
	open(name string) (io.ReadCloser, int64, error)
	Close() error
}

// dirSet is a folder. Links inside it cannot lead out of it.
type dirSet struct{ root *os.Root }

func (d *dirSet) Close() error { return d.root.Close() }
func (d *dirSet) open(name string) (io.ReadCloser, int64, error) {
	if err := filetree.CheckPath(name); err != nil {
		return nil, 0, err
	}
	f, err := d.root.Open(name)
	if err != nil {
		return nil, 0, err
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", name)
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, fi.Size(), nil
}

// tarSet is an uncompressed tar file, read by offset.
type tarSet struct {
	f       *os.File
	remove  bool // the file is a temporary one
	members map[string]tarMember
}

type tarMember struct {
	offset, size int64
	link         string // another member's path
}

const maxTarMembers = 100_000

// openTarSet indexes the archive at name. A compressed one is first unpacked into a file
// in tempDir (the system's folder if empty), which Close removes.
func openTarSet(name, tempDir string) (*tarSet, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	t := &tarSet{f: f}
	var head [4]byte
	n, err := f.ReadAt(head[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(err, f.Close())
	}
	if sniff(head[:n]) != plainBytes {
		t.f, err = spool(f, tempDir)
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("unpack %s: %w", name, err)
		}
		t.remove = true
	}
	if err := t.index(); err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", name, err), t.Close())
	}
	return t, nil
}

// spool decompresses src into an own temporary file.
func spool(src io.Reader, dir string) (*os.File, error) {
	tmp, err := os.CreateTemp(dir, "corn-archive-*.tar")
	if err != nil {
		return nil, err
	}
	z, err := decompress(src)
	if err == nil {
		_, err = io.Copy(tmp, &limitReader{r: z, left: maxLayerBytes})
		err = errors.Join(err, z.Close())
	}
	if err != nil {
		return nil, errors.Join(err, tmp.Close(), os.Remove(tmp.Name()))
	}
	return tmp, nil
}

func (t *tarSet) index() error {
	t.members = map[string]tarMember{}
	if _, err := t.f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	tr := tar.NewReader(t.f)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := path.Clean(h.Name)
		m := tarMember{size: h.Size}
		switch h.Typeflag {
		case tar.TypeReg:
			// archive/tar reads no further than the header, so data starts here.
			if m.offset, err = t.f.Seek(0, io.SeekCurrent); err != nil {
				return err
			}
		case tar.TypeSymlink:
			m.link = path.Join(path.Dir(name), h.Linkname)
		case tar.TypeLink:
			m.link = path.Clean(h.Linkname)
		default:
			continue
		}
		if len(t.members) >= maxTarMembers {
			return fmt.Errorf("archive has more than %d files", maxTarMembers)
		}
		t.members[name] = m
	}
}

func (t *tarSet) open(name string) (io.ReadCloser, int64, error) {
	at := path.Clean(name)
	for range filetree.MaxLinks {
		m, ok := t.members[at]
		if !ok {
			return nil, 0, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		if m.link == "" {
			return io.NopCloser(io.NewSectionReader(t.f, m.offset, m.size)), m.size, nil
		}
		at = m.link
	}
	return nil, 0, &LoopError{Path: name}
}

func (t *tarSet) Close() error {
	err := t.f.Close()
	if t.remove {
		err = errors.Join(err, os.Remove(t.f.Name()))
	}
	return err
}
