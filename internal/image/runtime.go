package image

import (
	"archive/tar"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/filetree"
)

// runtimeName matches the loader and the libraries that an interpreter of a package may
// take from the system: glibc's own, and the few that Debian-built interpreters link to.
// Before glibc 2.34 the files had the version in the middle (libm-2.31.so).
var runtimeName = regexp.MustCompile(`^(ld-linux[a-z0-9_.-]*|ld-2\.[0-9]+|` +
	`(libc|libm|libmvec|libpthread|libdl|librt|libutil|libresolv|libanl|libnsl)(-2\.[0-9]+)?|` +
	`libcrypt|libz|libexpat|libgcc_s|libstdc\+\+)\.so(\.[0-9]+)*$`)

// soname is the form under which programs ask for a library.
var soname = regexp.MustCompile(`\.so\.[0-9]+$`)

// A Runtime is a dynamic loader with its libraries, taken out of a base image.
type Runtime struct {
	Loader     string   // path of the loader on this machine
	LibraryDir string   // folder of the libraries, which has the loader too
	Libraries  []string // file names in LibraryDir, sorted
}

// ErrNoRuntime reports a base without a glibc loader.
var ErrNoRuntime = errors.New("base image has no glibc dynamic loader")

// A RuntimeFile is a file of a base layer that belongs to the runtime.
type RuntimeFile struct {
	Layer int      `json:"layer"` // index, the lowest is 0
	Path  string   `json:"path"`  // as the layer has it, without the leading slash
	Names []string `json:"names"` // under which programs ask for it
}

// ExtractRuntime writes the base's dynamic loader and C library, and zlib, expat and the
// compiler's run-time libraries where the base has them, as plain files into dir, which
// exists. With them a program that needs a newer glibc than this machine's can run here:
// through the base's own loader and libraries.
//
// After Facts only those layers are read that have such files; else all are, to find them.
// A base without a glibc loader gives ErrNoRuntime.
func (b *Base) ExtractRuntime(ctx context.Context, dir string) (*Runtime, error) {
	b.mu.Lock()
	scanned, files := b.scanned, b.runtime
	b.mu.Unlock()
	if !scanned {
		t, err := scan(ctx, b.image.layers)
		if err != nil {
			return nil, err
		}
		files = runtimeFiles(t)
		b.knowRuntime(files)
	}
	wanted := map[int]map[string][]string{}
	var names []string
	for _, f := range files {
		if wanted[f.Layer] == nil {
			wanted[f.Layer] = map[string][]string{}
		}
		wanted[f.Layer][f.Path] = f.Names
		names = append(names, f.Names...)
	}
	slices.Sort(names)
	loader := slices.IndexFunc(names, func(n string) bool { return strings.HasPrefix(n, "ld-linux") })
	if loader < 0 {
		return nil, ErrNoRuntime
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	for i, l := range b.image.layers {
		if len(wanted[i]) == 0 {
			continue
		}
		err := eachEntry(ctx, l, func(h *tar.Header, r io.Reader) error {
			if h.Typeflag != tar.TypeReg {
				return nil
			}
			return writeLibrary(root, wanted[i][cleanPath(h.Name)], r)
		})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("extract runtime from base layer %d: %w", i+1, err), root.Close())
		}
	}
	return &Runtime{Loader: filepath.Join(dir, names[loader]), LibraryDir: dir, Libraries: names}, root.Close()
}

func (b *Base) knowRuntime(files []RuntimeFile) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.scanned, b.runtime = true, files
}

// runtimeFiles finds the runtime in a scanned base, by layer and path.
func runtimeFiles(t *tree) []RuntimeFile {
	var files []RuntimeFile
	var names []string
	for _, dir := range libraryDirs(t) {
		for _, name := range t.names(dir) {
			if !runtimeName.MatchString(name) || !soname.MatchString(name) || slices.Contains(names, name) {
				continue
			}
			_, n := t.find(dir + "/" + name)
			if n == nil || n.kind != filetree.File || n.origin == "" {
				continue
			}
			names = append(names, name)
			i := slices.IndexFunc(files, func(f RuntimeFile) bool { return f.Layer == n.originLayer && f.Path == n.origin })
			if i < 0 {
				i = len(files)
				files = append(files, RuntimeFile{Layer: n.originLayer, Path: n.origin})
			}
			files[i].Names = append(files[i].Names, name)
		}
	}
	slices.SortFunc(files, func(a, b RuntimeFile) int {
		return cmp.Or(a.Layer-b.Layer, strings.Compare(a.Path, b.Path))
	})
	return files
}

// writeLibrary writes one file under each of the names.
func writeLibrary(root *os.Root, names []string, r io.Reader) error {
	if len(names) == 0 {
		return nil
	}
	var ws []io.Writer
	var files []*os.File
	var err error
	for _, name := range names {
		f, e := root.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
		if err = errors.Join(err, e); e != nil {
			break
		}
		ws, files = append(ws, f), append(files, f)
	}
	if err == nil {
		_, err = io.Copy(io.MultiWriter(ws...), r)
	}
	for _, f := range files {
		err = errors.Join(err, f.Close())
	}
	return err
}

// Command returns the command line that runs a program through the loader. The runtime's
// libraries are found before those of libraryPath, and both before the program's own
// RUNPATH, but not before an RPATH.
func (r *Runtime) Command(libraryPath []string, program string, args ...string) []string {
	dirs := append([]string{r.LibraryDir}, libraryPath...)
	return append([]string{r.Loader, "--library-path", strings.Join(dirs, ":"), program}, args...)
}
