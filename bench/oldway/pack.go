package oldway

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Compressions that Pack knows: the levels that corn uses, and none.
const (
	Zstd = "zstd"
	Gzip = "gzip"
	None = "none"
)

const gzipLevel = 5 // oci/frame's

// Compressor returns a writer that compresses as corn does. zstd uses all cores that the
// process may run on; gzip has one stream and one core.
func Compressor(w io.Writer, compression string) (io.WriteCloser, error) {
	switch compression {
	case Zstd:
		return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(runtime.GOMAXPROCS(0)))
	case Gzip:
		return gzip.NewWriterLevel(w, gzipLevel)
	case None:
		return nopCloser{w}, nil
	}
	return nil, fmt.Errorf("no compression %q: want %s, %s or %s", compression, Zstd, Gzip, None)
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// PackOptions say what Pack writes.
type PackOptions struct {
	Compression string
	At          string // slash path that the folder has in the layer
	UID, GID    int
	KeepOwner   bool // the files' owners count, not UID and GID
	// Content, when set, gives the file to read in place of the one at path, or "" to write
	// what is there: so links become the files they lead to.
	Content func(path string) (string, error)
	// Skip leaves out a path, with all below it.
	Skip func(rel string) bool
}

// Pack writes a folder as one compressed tar stream.
func Pack(w io.Writer, dir string, o PackOptions) (err error) {
	z, err := Compressor(w, o.Compression)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(z, 1<<20)
	t := tar.NewWriter(buffered)
	if err := packTree(t, dir, o); err != nil {
		return errors.Join(fmt.Errorf("pack %s: %w", dir, err), z.Close())
	}
	return errors.Join(t.Close(), buffered.Flush(), z.Close())
}

// PackFile is Pack into a file, which it creates.
func PackFile(file, dir string, o PackOptions) error {
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("pack %s: %w", dir, err)
	}
	return errors.Join(Pack(f, dir, o), f.Close())
}

func packTree(t *tar.Writer, dir string, o PackOptions) error {
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if rel == "." && o.At == "" {
			return nil
		}
		if o.Skip != nil && o.Skip(rel) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		from := name
		if o.Content != nil {
			target, err := o.Content(name)
			if err != nil {
				return err
			}
			if target != "" {
				from = target
			}
		}
		return packOne(t, from, path.Join(o.At, rel), o)
	})
}

func packOne(t *tar.Writer, from, at string, o PackOptions) error {
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	link := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if link, err = os.Readlink(from); err != nil {
			return err
		}
	}
	h, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	h.Name = at
	if info.IsDir() {
		h.Name += "/"
	}
	h.Uname, h.Gname = "", ""
	if !o.KeepOwner {
		h.Uid, h.Gid = o.UID, o.GID
	}
	h.AccessTime, h.ChangeTime, h.ModTime = time.Time{}, time.Time{}, h.ModTime.Truncate(time.Second) // the smallest header
	if err := t.WriteHeader(h); err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return nil
	}
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	_, err = io.Copy(t, f)
	return errors.Join(err, f.Close())
}

// LinksInto is a Content that gives the files which links into a folder lead to. Links
// that a package brings stay links, though they may end there, too.
func LinksInto(folder string) func(string) (string, error) {
	below := folder + string(filepath.Separator)
	return func(p string) (string, error) {
		info, err := os.Lstat(p)
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			return "", err
		}
		link, err := os.Readlink(p)
		if err != nil {
			return "", err
		}
		if filepath.IsAbs(link) || !strings.HasPrefix(filepath.Join(filepath.Dir(p), link), below) {
			return "", nil
		}
		return filepath.EvalSymlinks(p)
	}
}
