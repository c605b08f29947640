package sandbox

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nasa-openscapes/corn/filetree"
)

// Changes hands what the programs changed to fn, as the entries of a layer in the order of
// their paths: each folder before what is in it. r gives the bytes of a file, and is only
// valid until fn returns.
//
// A file that is gone is a plain file ".wh.<name>" without bytes, a folder that hides what
// was below it begins with ".wh..wh..opq" (OCI layer.md, "Whiteouts"). A file with several
// names is a filetree.HardLink under all but the first. Owners are those of the image. Of the
// extended attributes capabilities and those of programs (user.*) are kept. Times are what
// they are: whoever wants a reproducible layer normalises them. Sockets and pipes are left
// out. Folders appear if only something in them changed, too.
func (r *Root) Changes(ctx context.Context, fn func(e filetree.Entry, r io.Reader) error) error {
	if r.running {
		return errors.New("sandbox: a program runs in the root")
	}
	o := changesOrder{Scratch: r.scratch, Lowers: len(r.trees), UID: -1, GID: -1, Made: r.made}
	if r.mode == Single {
		o.UID, o.GID = r.uid, r.gid
	}
	pr, pw, err := os.Pipe()
	if err != nil {
		return err
	}
	var said bytes.Buffer
	s := start{mode: r.mode, user: r.mode != Privileged, stdout: pw, stderr: &said, flags: unix.CLONE_NEWNS}
	child, err := s.run(order{Act: actChanges, Changes: &o})
	pw.Close()
	if err != nil {
		pr.Close()
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = child.cmd.Process.Kill() })
	defer stop()
	err = eachChange(pr, fn)
	pr.Close()
	_, childErr := child.finish()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case childErr != nil && (err == nil || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)):
		return fmt.Errorf("read changes: %w", childErr)
	}
	return err
}

func eachChange(r io.Reader, fn func(filetree.Entry, io.Reader) error) error {
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			_, err = io.Copy(io.Discard, r) // the padding
			return err
		}
		if err != nil {
			return err
		}
		if err := fn(changeEntry(h), tr); err != nil {
			return err
		}
	}
}

func changeEntry(h *tar.Header) filetree.Entry {
	e := filetree.Entry{Path: strings.TrimSuffix(h.Name, "/"), Type: filetree.File, Mode: uint32(h.Mode) & 0o7777,
		UID: h.Uid, GID: h.Gid, ModTime: h.ModTime.Unix(), Link: h.Linkname}
	switch h.Typeflag {
	case tar.TypeDir:
		e.Type = filetree.Dir
	case tar.TypeSymlink:
		e.Type = filetree.Symlink
	case tar.TypeLink:
		e.Type = filetree.HardLink
	default:
		e.SizeBytes = h.Size
	}
	for k, v := range h.PAXRecords {
		if name, ok := strings.CutPrefix(k, "SCHILY.xattr."); ok {
			if e.Xattrs == nil {
				e.Xattrs = map[string]string{}
			}
			e.Xattrs[name] = v
		}
	}
	return e
}
