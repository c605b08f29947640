package project

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/nasa-openscapes/corn/internal/target"
)

// candidates are the folders that may hold the configuration, the first that fits wins.
var candidates = []string{"binder", ".binder", "ci", "."}

// maxFileBytes bounds every file that is read here.
const maxFileBytes = 64 << 20

// Load reads the project in dir and the locks of all its environments. Errors name the
// file: *ParseError, *NameError, *SlugError, *LockError, *PipError, *UnsupportedError,
// *MisplacedError, *EmptyError, and those of package lock.
func Load(dir string, opts Options) (*Project, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open project: %w", err)
	}
	defer root.Close()
	l := &loader{dir: dir, root: root, fsys: root.FS(), locksOptional: opts.LocksOptional}
	l.p = &Project{Dir: dir}
	if err := l.settings(); err != nil {
		return nil, err
	}
	l.p.Platform = opts.Platform
	if l.p.Platform.IsZero() {
		l.p.Platform = target.Default()
		if len(l.p.Settings.Platforms) > 0 {
			l.p.Platform = l.p.Settings.Platforms[0]
		}
	}
	if err := l.chooseConfig(); err != nil {
		return nil, err
	}
	if err := l.topLevel(); err != nil {
		return nil, err
	}
	if err := l.kernels(); err != nil {
		return nil, err
	}
	if len(l.p.Kernels) == 0 && l.p.Notebook == nil {
		return nil, &EmptyError{Dir: dir}
	}
	if err := l.p.CheckTaken(opts.Taken); err != nil {
		return nil, err
	}
	if err := l.locks(); err != nil {
		return nil, err
	}
	if err := l.applySettings(); err != nil {
		return nil, err
	}
	return l.p, nil
}

// A loader reads one project.
type loader struct {
	dir  string
	root *os.Root
	fsys fs.FS
	p    *Project

	locksOptional bool
}

// show returns a path as messages name it: below the project's folder as it was given.
func (l *loader) show(rel string) string { return filepath.ToSlash(filepath.Join(l.dir, rel)) }

func (l *loader) notice(rel, format string, args ...any) {
	l.p.Notices = append(l.p.Notices, Notice{File: l.show(rel), Text: fmt.Sprintf(format, args...)})
}

// read returns a file and its name for messages; both are empty where there is none.
func (l *loader) read(dir, name string) ([]byte, string, error) {
	rel := path.Join(dir, name)
	f, err := l.root.Open(filepath.FromSlash(rel))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", &ParseError{File: l.show(rel), Reason: openReason(err)}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, "", fmt.Errorf("read %s: %w", l.show(rel), err)
	}
	if !info.Mode().IsRegular() {
		return nil, "", &ParseError{File: l.show(rel), Reason: "is no regular file"}
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, "", fmt.Errorf("read %s: %w", l.show(rel), err)
	}
	if len(data) > maxFileBytes {
		return nil, "", &ParseError{File: l.show(rel), Reason: fmt.Sprintf("has more than %d bytes", maxFileBytes)}
	}
	return data, l.show(rel), nil
}

// openReason takes the path off an error of os: the ParseError names it.
func openReason(err error) string {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return "cannot be opened: " + pe.Err.Error()
	}
	return "cannot be opened: " + err.Error()
}

// isFile and isDir follow links inside the project.
func (l *loader) isFile(rel string) bool {
	info, err := l.root.Stat(filepath.FromSlash(rel))
	return err == nil && info.Mode().IsRegular()
}

func (l *loader) isDir(rel string) bool {
	info, err := l.root.Stat(filepath.FromSlash(rel))
	return err == nil && info.IsDir()
}

// chooseConfig settles on the configuration folder and says which others it passed over.
func (l *loader) chooseConfig() error {
	var withEnvs, withFiles []string
	for _, c := range candidates {
		if l.isDir(path.Join(c, "environments")) {
			withEnvs = append(withEnvs, c)
		}
		if l.hasSpec(c) {
			withFiles = append(withFiles, c)
		}
	}
	switch {
	case len(withEnvs) > 0:
		l.p.Config = withEnvs[0]
	case len(withFiles) > 0:
		l.p.Config = withFiles[0]
	default:
		return &EmptyError{Dir: l.dir}
	}
	chosen := l.show(l.p.Config)
	for _, c := range candidates {
		if c == l.p.Config {
			continue
		}
		if slices.Contains(withEnvs, c) {
			l.notice(path.Join(c, "environments"), "ignored: the environments are taken from %s", path.Join(chosen, "environments"))
		}
		if slices.Contains(withFiles, c) {
			l.notice(c, "environment files ignored: the configuration is taken from %s", chosen)
		}
	}
	return nil
}

// hasSpec tells whether a folder has a file that asks for packages.
func (l *loader) hasSpec(dir string) bool {
	for _, name := range append([]string{"environment.yml", "environment.yaml", "requirements.txt"}, lockNames("linux-64")...) {
		if l.isFile(path.Join(dir, name)) {
			return true
		}
	}
	return len(l.locksOfOthers(dir, "linux-64")) > 0
}

// kernels reads every folder of environments.
func (l *loader) kernels() error {
	dir := path.Join(l.p.Config, "environments")
	entries, err := fs.ReadDir(l.fsys, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list environments: %w", err)
	}
	bySlug := map[string]*Environment{}
	for _, entry := range entries {
		rel := path.Join(dir, entry.Name())
		switch {
		case strings.HasPrefix(entry.Name(), "."):
			continue
		case entry.Type()&fs.ModeSymlink != 0 && !l.isDir(rel) && !l.isFile(rel):
			return &ParseError{File: l.show(rel), Reason: "is a link that leads nowhere, or out of the project"}
		case !l.isDir(rel):
			l.notice(rel, "ignored: only folders in environments are kernels")
			continue
		}
		e, err := l.kernel(rel, entry.Name())
		if err != nil {
			return err
		}
		if first := bySlug[e.Slug]; first != nil {
			return &SlugError{Slug: e.Slug, First: first.NameFile, Second: e.NameFile}
		}
		bySlug[e.Slug] = e
		l.p.Kernels = append(l.p.Kernels, *e)
	}
	slices.SortFunc(l.p.Kernels, func(a, b Environment) int { return strings.Compare(a.Slug, b.Slug) })
	return nil
}

// kernel reads one folder, all but its lock.
func (l *loader) kernel(rel, folder string) (*Environment, error) {
	for _, name := range imageFiles {
		if l.isFile(path.Join(rel, name)) {
			return nil, &MisplacedError{File: l.show(path.Join(rel, name)), Where: l.show(l.p.Config)}
		}
	}
	if l.isFile(path.Join(rel, "image.txt")) {
		return nil, &UnsupportedError{
			File: l.show(path.Join(rel, "image.txt")), What: "takes a kernel from another image",
			Remedy: "put a lock of the environment into the folder instead",
		}
	}
	e := &Environment{Dir: rel}
	specName, err := l.spec(e)
	if err != nil {
		return nil, err
	}
	if err := l.nameEnvironment(e, folder, specName); err != nil {
		return nil, err
	}
	return e, nil
}

// environments returns all of them, the notebook's first.
func (l *loader) environments() []*Environment {
	var all []*Environment
	if l.p.Notebook != nil {
		all = append(all, l.p.Notebook)
	}
	for i := range l.p.Kernels {
		all = append(all, &l.p.Kernels[i])
	}
	return all
}

// locks reads the locks side by side; the first environment's error is reported, whichever
// comes first.
func (l *loader) locks() error {
	all := l.environments()
	errs := make([]error, len(all))
	var g errgroup.Group
	g.SetLimit(4)
	notices := make([][]Notice, len(all))
	for i, e := range all {
		g.Go(func() error {
			notices[i], errs[i] = l.lock(e)
			if l.locksOptional {
				e.LockProblem, errs[i] = errs[i], nil
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i := range all {
		if errs[i] != nil {
			return errs[i]
		}
		l.p.Notices = append(l.p.Notices, notices[i]...)
	}
	return nil
}
