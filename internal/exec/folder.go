package exec

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
)

// IgnoreFile names what of a project steps do not see, as it does for docker build.
const IgnoreFile = ".dockerignore"

// FolderLimits bound what is copied of a project. Zero means the default.
type FolderLimits struct {
	Bytes   int64 // of files together; default 4 GiB
	Entries int   // default 200,000
}

// A Folder is a project's folder as steps see it, or as the home has it: the same whatever
// the umask, the user and the times of the checkout. Modes are 0755 for folders and what
// its owner may execute, else 0644.
//
// It leaves out .git at every depth, what .dockerignore names, folders that say of themselves
// that they are a cache (CACHEDIR.TAG) or an image (oci-layout), pipes, sockets, devices, and as
// git does folders with nothing in them.
type Folder struct {
	Entries []filetree.Entry // by path, folders before what is in them; owners and times are not set
	root    *os.Root
}

// A FolderError reports a project's folder that cannot be copied.
type FolderError struct {
	Path   string // in the project
	Reason string
	Remedy string
}

func (e *FolderError) Error() string { return "copy the project: " + e.Path + ": " + e.Reason }

// Hint says what to do.
func (e *FolderError) Hint() string { return e.Remedy }

const ignoreRemedy = "name what steps need not see in " + IgnoreFile

// OpenFolder lists a folder. skip, which may be nil, leaves out more. Close it when done.
func OpenFolder(ctx context.Context, dir string, skip func(rel string) bool, limits FolderLimits) (_ *Folder, err error) {
	if limits.Bytes == 0 {
		limits.Bytes = 4 << 30
	}
	if limits.Entries == 0 {
		limits.Entries = 200_000
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open project: %w", err)
	}
	f := &Folder{root: root}
	defer func() {
		if err != nil {
			err = errors.Join(err, root.Close())
		}
	}()
	ignored, err := f.readIgnored()
	if err != nil {
		return nil, err
	}
	w := &walk{f: f, ignored: ignored, skip: skip, limits: limits, kept: map[string]bool{}}
	if err := fs.WalkDir(root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		return w.visit(p, d)
	}); err != nil {
		return nil, err
	}
	slices.SortFunc(f.Entries, func(a, b filetree.Entry) int { return strings.Compare(a.Path, b.Path) })
	return f, nil
}

// Close ends the use of the folder.
func (f *Folder) Close() error { return f.root.Close() }

func (f *Folder) readIgnored() (*patternmatcher.PatternMatcher, error) {
	file, err := f.root.Open(IgnoreFile)
	if errors.Is(err, fs.ErrNotExist) {
		return patternmatcher.New(nil)
	}
	var patterns []string
	if err == nil {
		patterns, err = ignorefile.ReadAll(io.LimitReader(file, 1<<20))
		_ = file.Close()
	}
	var m *patternmatcher.PatternMatcher
	if err == nil {
		m, err = patternmatcher.New(patterns)
	}
	if err != nil {
		return nil, &FolderError{IgnoreFile, err.Error(), "https://docs.docker.com/build/concepts/context/#dockerignore-files has the form of its lines"}
	}
	return m, nil
}

// walk collects entries.
type walk struct {
	f       *Folder
	ignored *patternmatcher.PatternMatcher
	skip    func(string) bool
	limits  FolderLimits
	bytes   int64
	kept    map[string]bool // folders that are entries
}

func (w *walk) visit(p string, d fs.DirEntry) error {
	switch {
	case p == ".":
		return nil
	case d.Name() == ".git", w.skip != nil && w.skip(p), d.IsDir() && w.isOutput(p):
		if d.IsDir() {
			return fs.SkipDir
		}
		return nil
	}
	ignored, err := w.ignored.MatchesOrParentMatches(filepath.FromSlash(p))
	if err != nil {
		return &FolderError{p, err.Error(), ignoreRemedy}
	}
	if ignored {
		if d.IsDir() && !w.ignored.Exclusions() {
			return fs.SkipDir
		}
		return nil
	}
	return w.add(p, d)
}

func (w *walk) add(p string, d fs.DirEntry) error {
	e := filetree.Entry{Path: p, Type: filetree.File, Mode: 0o644}
	switch kind := d.Type(); {
	case d.IsDir():
		return nil // it appears with what is in it
	case kind&fs.ModeSymlink != 0:
		to, err := w.f.root.Readlink(p)
		if err != nil {
			return err
		}
		e.Type, e.Mode, e.Link = filetree.Symlink, 0, to
	case kind.IsRegular():
		info, err := d.Info()
		if err != nil {
			return err
		}
		e.SizeBytes = info.Size()
		if info.Mode()&0o100 != 0 {
			e.Mode = 0o755
		}
	default:
		return nil
	}
	if err := w.folder(path.Dir(p)); err != nil {
		return err
	}
	return w.put(e)
}

// folder adds a folder, and those above it.
func (w *walk) folder(p string) error {
	if p == "." || w.kept[p] {
		return nil
	}
	if err := w.folder(path.Dir(p)); err != nil {
		return err
	}
	w.kept[p] = true
	return w.put(filetree.Entry{Path: p, Type: filetree.Dir, Mode: 0o755})
}

func (w *walk) put(e filetree.Entry) error {
	if strings.HasPrefix(path.Base(e.Path), ".wh.") {
		return &FolderError{e.Path, "its name begins with .wh., which means in images that a file is gone", "rename it, or name it in " + IgnoreFile}
	}
	w.bytes += e.SizeBytes
	switch {
	case w.bytes > w.limits.Bytes:
		return &FolderError{e.Path, fmt.Sprintf("with it there are more than %d bytes", w.limits.Bytes), ignoreRemedy}
	case len(w.f.Entries) >= w.limits.Entries:
		return &FolderError{e.Path, fmt.Sprintf("with it there are more than %d files", w.limits.Entries), ignoreRemedy}
	}
	w.f.Entries = append(w.f.Entries, e)
	return nil
}

// isOutput tells whether a folder says of itself that it can be made again.
func (w *walk) isOutput(p string) bool {
	for _, mark := range []string{"CACHEDIR.TAG", "oci-layout"} {
		if info, err := w.f.root.Lstat(path.Join(p, mark)); err == nil && info.Mode().IsRegular() {
			return true
		}
	}
	return false
}

// Each hands on the entries below the folder at ("home/jovyan"), with owner and time, and
// their bytes. A file that changed since the folder was listed is an error.
func (f *Folder) Each(ctx context.Context, at string, uid, gid int, fn func(e filetree.Entry, r io.Reader) error) error {
	for _, e := range f.Entries {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := f.one(e, at, uid, gid, fn); err != nil {
			return fmt.Errorf("copy the project: %s: %w", e.Path, err)
		}
	}
	return nil
}

func (f *Folder) one(e filetree.Entry, at string, uid, gid int, fn func(filetree.Entry, io.Reader) error) error {
	name := e.Path
	e.Path, e.UID, e.GID, e.ModTime = path.Join(at, name), uid, gid, filetree.Epoch1980
	if e.Type != filetree.File {
		return fn(e, bytes.NewReader(nil))
	}
	file, err := f.root.Open(name)
	if err != nil {
		return err
	}
	r := &exactly{r: file, left: e.SizeBytes}
	err = fn(e, r)
	if err == nil {
		err = r.end()
	}
	return errors.Join(err, file.Close())
}

// exactly reads as many bytes as a file had when it was listed.
type exactly struct {
	r    io.Reader
	left int64
}

var errChanged = errors.New("it changes while it is read: build again when nothing writes to the project")

func (x *exactly) Read(p []byte) (int, error) {
	if x.left == 0 {
		return 0, io.EOF
	}
	n, err := x.r.Read(p[:min(int64(len(p)), x.left)])
	x.left -= int64(n)
	if errors.Is(err, io.EOF) && x.left > 0 {
		err = errChanged
	}
	return n, err
}

// end fails where there were more bytes, or fewer were taken.
func (x *exactly) end() error {
	if n, _ := x.r.Read(make([]byte, 1)); n > 0 || x.left > 0 {
		return errChanged
	}
	return nil
}

// Sum names everything that steps can see of the folder.
func (f *Folder) Sum(ctx context.Context) (digest.SHA256, error) {
	k := digest.NewKey("project folder").Int("entries", int64(len(f.Entries)))
	err := f.Each(ctx, "", 0, 0, func(e filetree.Entry, r io.Reader) error {
		h := sha256.New()
		if _, err := io.Copy(h, r); err != nil {
			return err
		}
		k.Str("path", e.Path).Int("type", int64(e.Type)).Int("mode", int64(e.Mode)).Str("link", e.Link).Sum("data", digest.SHA256(h.Sum(nil)))
		return nil
	})
	return k.Key(), err
}

// Tar writes the folder as a layer: below at, which belongs to the user as well.
func (f *Folder) Tar(ctx context.Context, w io.Writer, at string, uid, gid int) error {
	tw := tar.NewWriter(w)
	write := func(e filetree.Entry, r io.Reader) error {
		h := &tar.Header{Name: e.Path, Mode: int64(e.Mode), Uid: uid, Gid: gid, ModTime: time.Unix(e.ModTime, 0), Format: tar.FormatPAX}
		switch e.Type {
		case filetree.Dir:
			h.Typeflag, h.Name = tar.TypeDir, e.Path+"/"
		case filetree.Symlink:
			h.Typeflag, h.Linkname = tar.TypeSymlink, e.Link
		default:
			h.Typeflag, h.Size = tar.TypeReg, e.SizeBytes
		}
		if err := tw.WriteHeader(h); err != nil {
			return err
		}
		_, err := io.Copy(tw, r)
		return err
	}
	top := filetree.Entry{Path: at, Type: filetree.Dir, Mode: 0o755, ModTime: filetree.Epoch1980}
	if err := write(top, bytes.NewReader(nil)); err != nil {
		return err
	}
	if err := f.Each(ctx, at, uid, gid, write); err != nil {
		return err
	}
	return tw.Close()
}
