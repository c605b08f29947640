package archive

import (
	"cmp"

	"github.com/nasa-openscapes/corn/digest"
)

// Limits bound what an archive may ask for. Zero fields mean the defaults below.
type Limits struct {
	// UnpackedBytes bounds the decompressed stream, and also the files it stands for:
	// sparse files and hard links count with their full size. Default 64 GiB.
	UnpackedBytes int64
	// Ratio bounds unpacked bytes over the archive's size. It is not asked before
	// 256 MiB are unpacked. Default 1000.
	Ratio int64
	// Members bounds files, links and directories together, and also the paths that
	// paths.json lists. Directories that the archive leaves implicit count. Default
	// 1,048,576: ten times the largest archive of conda-forge.
	Members int
	// PathBytes bounds one path or link target. Default 4096, Linux's PATH_MAX.
	PathBytes int
	// TotalPathBytes bounds all paths and link targets together. Default 128 MiB.
	TotalPathBytes int64
	// InfoBytes bounds each file of info/ that is read. Default 64 MiB.
	InfoBytes int64
	// KeptBytes bounds each payload file whose bytes go into the facts. Default 1 MiB.
	KeptBytes int64
	// Placeholders bounds the occurrences of the prefix in all files together.
	// Default 1,048,576.
	Placeholders int
	// WindowBytes bounds the window of zstd frames, and with it the memory for decoding.
	// Default 128 MiB, the window of zstd --ultra -22.
	WindowBytes uint64
}

// ratioFreeBytes is how much any archive may unpack to: small archives of zeros are harmless.
const ratioFreeBytes = 256 << 20

func (l Limits) withDefaults() Limits {
	return Limits{
		UnpackedBytes:  cmp.Or(l.UnpackedBytes, 64<<30),
		Ratio:          cmp.Or(l.Ratio, 1000),
		Members:        cmp.Or(l.Members, 1<<20),
		PathBytes:      cmp.Or(l.PathBytes, 4096),
		TotalPathBytes: cmp.Or(l.TotalPathBytes, 128<<20),
		InfoBytes:      cmp.Or(l.InfoBytes, 64<<20),
		KeptBytes:      cmp.Or(l.KeptBytes, 1<<20),
		Placeholders:   cmp.Or(l.Placeholders, 1<<20),
		WindowBytes:    cmp.Or(l.WindowBytes, 128<<20),
	}
}

// Options change how archives are opened. The zero value is ready for use.
type Options struct {
	Limits Limits
	// TempDir holds the content of files that hard links repeat, while a Walk
	// runs. Empty means os.TempDir().
	TempDir string
	// SHA256 and MD5 of the archive, where the caller has verified them. Facts computes
	// those that are zero, in one more pass over the compressed bytes.
	SHA256 digest.SHA256
	MD5    digest.MD5
	// Decoders, where there are some, are used by all archives that are opened with them.
	Decoders *Decoders
}

// budget counts what one pass over an archive has used up.
type budget struct {
	fileName    string
	lim         Limits
	maxBytes    int64 // UnpackedBytes or Ratio, whichever is lower
	byRatio     bool
	streamBytes int64 // decompressed
	fileBytes   int64 // logical sizes of files, hard links included
	members     int
	pathBytes   int64
}

func (a *Archive) newBudget() *budget {
	b := &budget{fileName: a.fileName, lim: a.opt.Limits, maxBytes: a.opt.Limits.UnpackedBytes}
	byRatio := int64(ratioFreeBytes)
	if a.sizeBytes > ratioFreeBytes/b.lim.Ratio {
		byRatio = b.maxBytes
		if a.sizeBytes < b.maxBytes/b.lim.Ratio {
			byRatio = a.sizeBytes * b.lim.Ratio
		}
	}
	if byRatio < b.maxBytes {
		b.maxBytes, b.byRatio = byRatio, true
	}
	return b
}

func (b *budget) bytesError() error {
	if b.byRatio {
		return &LimitError{b.fileName, "unpacked bytes (its size allows no more)", b.maxBytes}
	}
	return &LimitError{b.fileName, "unpacked bytes", b.maxBytes}
}

func (b *budget) membersError() error {
	return &LimitError{b.fileName, "members", int64(b.lim.Members)}
}

// stream takes n decompressed bytes.
func (b *budget) stream(n int) error {
	if b.streamBytes += int64(n); b.streamBytes > b.maxBytes {
		return b.bytesError()
	}
	return nil
}

// member takes one member of the archive.
func (b *budget) member(path, link string, sizeBytes int64) error {
	b.members++
	b.pathBytes += int64(len(path) + len(link))
	switch {
	case b.members > b.lim.Members:
		return b.membersError()
	case len(path) > b.lim.PathBytes || len(link) > b.lim.PathBytes:
		return &LimitError{b.fileName, "bytes in a path", int64(b.lim.PathBytes)}
	case b.pathBytes > b.lim.TotalPathBytes:
		return &LimitError{b.fileName, "bytes of paths", b.lim.TotalPathBytes}
	case sizeBytes > b.maxBytes-b.fileBytes:
		return b.bytesError()
	}
	b.fileBytes += sizeBytes
	return nil
}
