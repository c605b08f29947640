package frame

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/nasa-openscapes/corn/filetree"
)

// Limits bound what a Reader accepts. Zero means the default.
type Limits struct {
	RawBytes int64 // of the tar stream; default 64 GiB
	Entries  int   // default 4 million
}

func (l Limits) orDefault() Limits {
	if l.RawBytes == 0 {
		l.RawBytes = 64 << 30
	}
	if l.Entries == 0 {
		l.Entries = 4 << 20
	}
	return l
}

// A Reader reads the entries of a frame back, or of a whole layer. It is for one goroutine.
type Reader struct {
	z     io.ReadCloser
	t     *tar.Reader
	left  limited
	lim   Limits
	count int
}

// NewReader reads one frame, or frames put one after another. Frames may come from a
// registry, so they are not trusted: what is no frame is a *FormatError, and what exceeds
// the limits a *LimitError. Close it when done; r is not closed.
func NewReader(r io.Reader, c Compression, l Limits) (*Reader, error) {
	z, err := Decompress(r, c)
	if err != nil {
		return nil, err
	}
	f := &Reader{z: z, lim: l.orDefault()}
	f.left = limited{r: z, left: f.lim.RawBytes, limit: f.lim.RawBytes}
	f.t = tar.NewReader(&f.left)
	return f, nil
}

// Next goes to the next entry and returns it; io.EOF says that there is none. Read then
// gives the bytes of a file.
func (f *Reader) Next() (filetree.Entry, error) {
	h, err := f.t.Next()
	if err == io.EOF { //nolint:errorlint // a wrapped io.EOF is a stream cut short, not its end
		return filetree.Entry{}, io.EOF
	}
	if err != nil {
		return filetree.Entry{}, f.wrap("no tar header", err)
	}
	if f.count++; f.count > f.lim.Entries {
		return filetree.Entry{}, &LimitError{What: "entries", Limit: int64(f.lim.Entries)}
	}
	e, err := entryOf(h)
	if err != nil {
		return filetree.Entry{}, err
	}
	return e, nil
}

func (f *Reader) Read(p []byte) (int, error) {
	n, err := f.t.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // a wrapped io.EOF is a stream cut short, not its end
		err = f.wrap("read file", err)
	}
	return n, err
}

// Close frees the decoder.
func (f *Reader) Close() error { return f.z.Close() }

func (f *Reader) wrap(reason string, err error) error {
	var limit *LimitError
	if errors.As(err, &limit) {
		return err
	}
	return &FormatError{Entry: f.count, Reason: reason, Err: err}
}

func entryOf(h *tar.Header) (filetree.Entry, error) {
	e := filetree.Entry{Path: h.Name, Mode: uint32(h.Mode) & 0o7777, UID: h.Uid, GID: h.Gid, ModTime: h.ModTime.Unix()}
	switch h.Typeflag {
	case tar.TypeReg:
		e.Type, e.SizeBytes = filetree.File, h.Size
	case tar.TypeDir:
		e.Type, e.Path = filetree.Dir, strings.TrimSuffix(h.Name, "/")
	case tar.TypeSymlink:
		e.Type, e.Link = filetree.Symlink, h.Linkname
	case tar.TypeLink:
		e.Type, e.Link = filetree.HardLink, h.Linkname
	default:
		return e, &EntryError{Path: h.Name, Reason: fmt.Sprintf("has the tar type %q: want a file, dir, symlink or hard link", h.Typeflag)}
	}
	for k, v := range h.PAXRecords {
		if strings.HasPrefix(k, "GNU.sparse.") {
			// Its holes are no bytes of the stream, so no limit on the stream would hold.
			return e, &EntryError{Path: h.Name, Reason: "is a sparse file: want a plain one"}
		}
		if name, ok := strings.CutPrefix(k, "SCHILY.xattr."); ok {
			if e.Xattrs == nil {
				e.Xattrs = map[string]string{}
			}
			e.Xattrs[name] = v
		}
	}
	if err := checkEntry(&e); err != nil {
		return e, err
	}
	return e, nil
}

// limited ends a stream with a *LimitError, not with a quiet io.EOF.
type limited struct {
	r     io.Reader
	left  int64
	limit int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		var one [1]byte
		if n, err := l.r.Read(one[:]); n == 0 {
			return 0, err
		}
		return 0, &LimitError{What: "bytes", Limit: l.limit}
	}
	if int64(len(p)) > l.left {
		p = p[:l.left]
	}
	n, err := l.r.Read(p)
	l.left -= int64(n)
	return n, err
}
