package wheel

import (
	"archive/zip"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/nasa-openscapes/corn/filetree"
)

// What one wheel may unpack to. The largest wheels known (GPU libraries) have 3 GB.
const (
	maxMembers     = 500_000
	maxMemberBytes = 8 << 30
	maxTotalBytes  = 16 << 30
	maxRatio       = 300      // of a whole wheel, above ratioFree bytes
	ratioFree      = 64 << 20 // small archives of zeros are harmless
	maxMetaBytes   = 16 << 20 // a file of .dist-info that is read into memory
)

// A Wheel is an open archive whose directory has been checked. Its methods may be used by
// several goroutines if its io.ReaderAt may.
type Wheel struct {
	name    FileName
	file    string
	src     io.ReaderAt
	size    int64
	members []member
	info    string            // "xq-0.0.4.dist-info"
	data    string            // "xq-0.0.4.data" or ""
	record  map[string]record // by path
	meta    metadata
}

// member is a file of the archive.
type member struct {
	Header
	zip *zip.File
}

// A Header describes one member to Walk's function.
type Header struct {
	Path      string // slash path in the wheel
	Type      filetree.Type
	Mode      uint32 // 0644, or 0755 where the archive sets an x bit
	ModTime   int64  // Unix seconds; zip's local times are read as UTC
	SizeBytes int64
	Link      string // always empty: wheels hold no links
}

// Open reads the archive's directory and its .dist-info. src has to stay open while the
// Wheel is used. Errors of the archive are *FileNameError, *FormatError, *LimitError,
// *RecordError and *EntryPointError.
func Open(src io.ReaderAt, size int64, fileName string) (*Wheel, error) {
	name, err := ParseFileName(fileName)
	if err != nil {
		return nil, err
	}
	w := &Wheel{name: name, file: fileName, src: src, size: size}
	z, err := zip.NewReader(src, size)
	if err != nil {
		return nil, w.bad("", "is no zip archive: %v", err)
	}
	if err := w.readDirectory(z); err != nil {
		return nil, err
	}
	if err := w.findDistInfo(); err != nil {
		return nil, err
	}
	if err := w.readMetadata(); err != nil {
		return nil, err
	}
	if err := w.readRecord(); err != nil {
		return nil, err
	}
	return w, nil
}

// FileName returns the wheel's name, taken apart.
func (w *Wheel) FileName() FileName { return w.name }

func (w *Wheel) bad(member, format string, args ...any) error {
	return &FormatError{Wheel: w.file, Member: member, Reason: fmt.Sprintf(format, args...)}
}

func (w *Wheel) readDirectory(z *zip.Reader) error {
	if len(z.File) > maxMembers {
		return &LimitError{Wheel: w.file, What: "number of files", Limit: maxMembers, Got: int64(len(z.File))}
	}
	isDir := map[string]bool{}
	isFile := map[string]bool{}
	var total int64
	for _, f := range z.File {
		p, dir := strings.CutSuffix(f.Name, "/")
		if err := w.checkMember(f, p, dir); err != nil {
			return err
		}
		for parent := path.Dir(p); parent != "."; parent = path.Dir(parent) {
			if isDir[parent] {
				break
			}
			isDir[parent] = true
		}
		if dir {
			isDir[p] = true
			continue
		}
		if isFile[p] {
			return w.bad(p, "is in the archive twice")
		}
		isFile[p] = true
		if total += int64(f.UncompressedSize64); total > maxTotalBytes {
			return &LimitError{Wheel: w.file, What: "total size", Limit: maxTotalBytes, Got: total}
		}
		mode := uint32(0o644)
		if attr := f.ExternalAttrs >> 16; attr&unixType == unixRegular && attr&0o111 != 0 {
			mode = 0o755
		}
		w.members = append(w.members, member{zip: f, Header: Header{
			Path: p, Type: filetree.File, Mode: mode, SizeBytes: int64(f.UncompressedSize64),
			ModTime: max(f.Modified.Unix(), filetree.Epoch1980),
		}})
	}
	for _, m := range w.members {
		if isDir[m.Path] {
			return w.bad(m.Path, "is a file and a folder")
		}
	}
	if total > ratioFree && total/max(w.size, 1) > maxRatio {
		return &LimitError{Wheel: w.file, What: "ratio of unpacked to packed size", Limit: maxRatio, Got: total / max(w.size, 1)}
	}
	return w.checkOverlap()
}

// The file types of the upper half of zip's external attributes, as Unix zips set them.
const (
	unixType    = 0o170000
	unixRegular = 0o100000
	unixDir     = 0o040000
)

func (w *Wheel) checkMember(f *zip.File, p string, dir bool) error {
	if !utf8.ValidString(f.Name) {
		return w.bad(f.Name, "has a name that is no UTF-8")
	}
	if err := filetree.CheckPath(p); err != nil {
		return w.bad(f.Name, "is no path of a wheel: %v", err)
	}
	if strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }) {
		return w.bad(f.Name, "has a backslash or control character in its name")
	}
	switch t := f.ExternalAttrs >> 16 & unixType; {
	case t == 0, t == unixRegular && !dir, t == unixDir && dir:
	default:
		return w.bad(f.Name, "is neither a file nor a folder (type %#o): wheels hold nothing else", t)
	}
	const encrypted = 1
	switch {
	case f.Flags&encrypted != 0:
		return w.bad(f.Name, "is encrypted")
	case f.Method != zip.Store && f.Method != zip.Deflate:
		return w.bad(f.Name, "is compressed with method %d: want stored or deflated", f.Method)
	case f.UncompressedSize64 > maxMemberBytes:
		return &LimitError{Wheel: w.file, Member: p, What: "size", Limit: maxMemberBytes, Got: int64(min(f.UncompressedSize64, 1<<62))}
	case dir && f.UncompressedSize64 != 0:
		return w.bad(f.Name, "is a folder with content")
	}
	return nil
}

// checkOverlap refuses members that share compressed bytes: the trick of the most
// effective zip bombs.
func (w *Wheel) checkOverlap() error {
	type span struct {
		from, to int64
		path     string
	}
	spans := make([]span, 0, len(w.members))
	for _, m := range w.members {
		from, err := m.zip.DataOffset()
		if err != nil {
			return w.bad(m.Path, "cannot be found: %v", err)
		}
		if m.zip.CompressedSize64 > uint64(w.size) {
			return w.bad(m.Path, "is larger than the archive")
		}
		spans = append(spans, span{from, from + int64(m.zip.CompressedSize64), m.Path})
	}
	slices.SortFunc(spans, func(a, b span) int {
		if a.from != b.from {
			return int(min(max(a.from-b.from, -1), 1))
		}
		return strings.Compare(a.path, b.path)
	})
	for i := 1; i < len(spans); i++ {
		if spans[i].from < spans[i-1].to {
			return w.bad(spans[i].path, "overlaps %q in the archive", spans[i-1].path)
		}
	}
	return nil
}

// findDistInfo finds the one .dist-info folder and the .data folder.
func (w *Wheel) findDistInfo() error {
	for _, m := range w.members {
		top, _, nested := strings.Cut(m.Path, "/")
		switch {
		case !nested:
		case strings.HasSuffix(top, ".dist-info"):
			if w.info != "" && w.info != top {
				return w.bad("", "two .dist-info folders, %q and %q", w.info, top)
			}
			w.info = top
		case strings.HasSuffix(top, ".data"):
			if w.data != "" && w.data != top {
				return w.bad("", "two .data folders, %q and %q", w.data, top)
			}
			w.data = top
		}
	}
	if w.info == "" {
		return w.bad("", "no .dist-info folder")
	}
	base := strings.TrimSuffix(w.info, ".dist-info")
	dash := strings.LastIndexByte(base, '-')
	if dash < 0 || NormalizeName(base[:dash]) != w.name.Normalized() {
		return w.bad("", "the folder %q belongs to another project", w.info)
	}
	return nil
}

// meta reads a small file of .dist-info; ok is false where there is none.
func (w *Wheel) read(file string) (data []byte, ok bool, err error) {
	p := w.info + "/" + file
	i := slices.IndexFunc(w.members, func(m member) bool { return m.Path == p })
	if i < 0 {
		return nil, false, nil
	}
	if size := w.members[i].SizeBytes; size > maxMetaBytes {
		return nil, false, &LimitError{Wheel: w.file, Member: p, What: "size", Limit: maxMetaBytes, Got: size}
	}
	r, err := w.members[i].open(w.file)
	if err != nil {
		return nil, false, err
	}
	defer r.Close()
	if data, err = io.ReadAll(r); err != nil {
		return nil, false, w.bad(p, "cannot be read: %v", err)
	}
	return data, true, nil
}
