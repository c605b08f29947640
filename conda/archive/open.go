package archive

import (
	"archive/zip"
	"errors"
	"io"
	"strings"
	"sync/atomic"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/conda/record"
)

// Archive is one open conda archive. Its methods may be called from several goroutines at
// a time; each call decompresses on its own.
type Archive struct {
	src       io.ReaderAt
	sizeBytes int64
	fileName  string
	dist      record.Dist
	opt       Options

	// Of a .conda: its two tars. payload is nil where the archive has info alone.
	info, payload *zip.File

	// hardTargets are the files that hard links of the payload repeat, once they are known.
	hardTargets atomic.Pointer[map[string]bool]
}

// Open opens an archive with default options. See [Options.Open].
func Open(src io.ReaderAt, sizeBytes int64, fileName string) (*Archive, error) {
	return Options{}.Open(src, sizeBytes, fileName)
}

// Open opens the archive of sizeBytes bytes in src. The file name gives the format, and
// the name, version and build that info/index.json has to confirm. src stays
// the caller's: it must remain readable, from several goroutines if methods run in
// several, for as long as the Archive is used.
//
// A file name that names no archive is a *record.NameError; a zip without the parts of a .conda
// a *FormatError. The content of tars is not looked at yet.
func (o Options) Open(src io.ReaderAt, sizeBytes int64, fileName string) (*Archive, error) {
	dist, err := record.ParseFileName(fileName)
	if err != nil {
		return nil, err
	}
	o.Limits = o.Limits.withDefaults()
	a := &Archive{src: src, sizeBytes: sizeBytes, fileName: fileName, dist: dist, opt: o}
	if dist.Format == record.Conda {
		if err := a.openZip(); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// maxDirectoryBytes bounds what is read to find the members of a .conda: three of them take
// a few hundred bytes, and a zip reader makes several times as much out of each entry.
const maxDirectoryBytes = 1 << 20

// openZip finds the two tars of a .conda (CEP 35).
func (a *Archive) openZip() error {
	guard := &guardedReader{src: a.src, left: maxDirectoryBytes}
	zr, err := zip.NewReader(guard, a.sizeBytes)
	if guard.hit {
		return &LimitError{a.fileName, "bytes of zip directory", maxDirectoryBytes}
	}
	if err != nil {
		return a.formatErr("", "is no zip file", err)
	}
	guard.left = -1
	for _, f := range zr.File {
		var slot **zip.File
		switch {
		case !strings.HasSuffix(f.Name, ".tar.zst") || strings.Contains(f.Name, "/"):
			continue // metadata.json, and whatever a later version of the format adds
		case strings.HasPrefix(f.Name, "pkg-"):
			slot = &a.payload
		case strings.HasPrefix(f.Name, "info-"):
			slot = &a.info
		default:
			continue
		}
		if *slot != nil {
			return a.formatErr(f.Name, "is there beside "+(*slot).Name, nil)
		}
		*slot = f
	}
	if a.info == nil {
		return a.formatErr("", "has no info-*.tar.zst", nil)
	}
	return nil
}

// guardedReader stops after left bytes, until left is made negative.
type guardedReader struct {
	src  io.ReaderAt
	left int64
	hit  bool
}

var errGuard = errors.New("directory too large")

func (g *guardedReader) ReadAt(p []byte, off int64) (int, error) {
	if g.left < 0 {
		return g.src.ReadAt(p, off)
	}
	if int64(len(p)) > g.left {
		g.hit = true
		return 0, errGuard
	}
	g.left -= int64(len(p))
	return g.src.ReadAt(p, off)
}

// Dist returns what the file name says.
func (a *Archive) Dist() record.Dist { return a.dist }

// Learn tells the archive what earlier facts of the same bytes know of hard links, so that
// Walk needs no second look at the stream. It is a hint: facts of other bytes cost time, never
// a wrong file.
func (a *Archive) Learn(f *artifact.Facts) {
	targets := map[string]bool{}
	for i := range f.Members {
		if t := f.Members[i].HardLink; t != "" {
			targets[t] = true
		}
	}
	if len(targets) > 0 {
		a.hardTargets.Store(&targets)
	}
}

func (a *Archive) formatErr(path, reason string, err error) error {
	return &FormatError{FileName: a.fileName, Path: path, Reason: reason, Err: err}
}
