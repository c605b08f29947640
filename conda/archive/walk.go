package archive

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"github.com/nasa-openscapes/corn/filetree"
)

// Header describes one path of the payload.
type Header struct {
	Path      string // clean, relative, below no file or link of the archive
	Type      filetree.Type
	Mode      uint32 // permission bits of the archive, 07777
	ModTime   int64  // Unix seconds; an archive may say anything
	SizeBytes int64  // of a file
	Link      string // a symlink's target, verbatim: it may lead anywhere
	// HardLink is the path of the file whose content this one repeats, where the
	// archive holds a hard link. It is delivered as a file of its own.
	HardLink string
}

func (m *member) header() Header {
	return Header{Path: m.path, Type: m.typ, Mode: m.mode, ModTime: m.modTime,
		SizeBytes: m.sizeBytes, Link: m.link, HardLink: m.root}
}

// Walk calls fn for every path of the payload, listed or not, in the order of the archive:
// files with their bytes, symbolic links and explicit directories with an empty reader.
// Nothing below info/ is delivered. The reader ends after SizeBytes bytes or with an error; it is
// valid during the call, and what fn leaves unread is skipped.
//
// A hard link comes as a file with the content of the file that it repeats. That
// content is spooled to an unnamed file in [Options].TempDir; it is spooled as it passes where
// [Archive.Facts] or [Archive.Learn] told which files have links, else the stream is read again,
// twice at most, when the first link is met.
//
// An error of fn ends the walk and is returned as it is; fs.SkipAll ends it without one.
// Bytes are not compared with info/paths.json here, only with the archive's own checksums: Facts does it.
// Memory does not grow with the sizes of files. All errors that are not fn's are *FormatError,
// *LimitError, the context's, or of the temporary file.
func (a *Archive) Walk(ctx context.Context, fn func(h Header, r io.Reader) error) error {
	w := &walker{a: a, fn: fn, spool: spool{dir: a.opt.TempDir}}
	defer w.spool.close()
	if t := a.hardTargets.Load(); t != nil {
		w.targets = *t
	}
	err := a.scan(ctx, partPayload, func(m *member, r io.Reader) error { return w.one(ctx, m, r) })
	if errors.Is(err, fs.SkipAll) {
		return nil
	}
	return err
}

type walker struct {
	a       *Archive
	fn      func(Header, io.Reader) error
	spool   spool
	targets map[string]bool // files whose content is spooled as it passes
	looked  bool            // targets are complete: the stream was searched for them
}

func (w *walker) one(ctx context.Context, m *member, r io.Reader) error {
	switch {
	case m.typ != filetree.File:
		return w.fn(m.header(), emptyReader{})
	case m.root != "":
		if !w.spool.has(m.root) {
			if err := w.lookBack(ctx, m); err != nil {
				return err
			}
			if !w.spool.has(m.root) {
				return w.a.formatErr(m.path, "is a hard link to "+m.root+", which was gone when the archive was read again", nil)
			}
		}
		return w.fn(m.header(), w.spool.reader(m.root))
	case w.targets[m.path]:
		tee, err := w.spool.tee(m.path, m.sizeBytes, r)
		if err != nil {
			return err
		}
		if err := w.fn(m.header(), tee); err != nil {
			return err
		}
		// What fn left unread belongs to the links as well.
		_, err = io.Copy(io.Discard, tee)
		return err
	}
	return w.fn(m.header(), r)
}

// lookBack runs when a hard link m is met whose file has passed unspooled: it learns what links there
// are in the whole stream, and spools those of their files that came before m.
func (w *walker) lookBack(ctx context.Context, m *member) error {
	if !w.looked {
		targets := map[string]bool{}
		err := w.a.scan(ctx, partPayload|w.a.sharedParts(), func(m *member, _ io.Reader) error {
			if m.root != "" {
				targets[m.root] = true
			}
			return nil
		})
		if err != nil {
			return err
		}
		w.targets, w.looked = targets, true
		w.a.hardTargets.Store(&targets)
	}
	err := w.a.scan(ctx, partPayload|w.a.sharedParts(), func(before *member, r io.Reader) error {
		if before.path == m.path {
			return fs.SkipAll
		}
		if before.typ != filetree.File || before.root != "" || !w.targets[before.path] || w.spool.has(before.path) {
			return nil
		}
		tee, err := w.spool.tee(before.path, before.sizeBytes, r)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, tee)
		return err
	})
	if err != nil && !errors.Is(err, fs.SkipAll) {
		return err
	}
	return nil
}

// sharedParts is partInfo where one tar holds everything: there a payload file may be a hard
// link to one of info/.
func (a *Archive) sharedParts() parts {
	if a.payload == nil && a.info == nil {
		return partInfo
	}
	return 0
}

type emptyReader struct{}

func (emptyReader) Read([]byte) (int, error) { return 0, io.EOF }
