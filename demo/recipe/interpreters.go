package recipe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/nasa-openscapes/corn/demo/deb"
	"github.com/nasa-openscapes/corn/internal/exec"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

// magics are the magic numbers of bytecode, by Python.
var magics = map[string]uint16{"3.10": 3439, "3.11": 3495, "3.13": 3571, "3.14": 3627}

// loaderDeb has the loader and the C library that trixie's Python runs with, whatever the
// machine has of its own.
var loaderDeb = deb.Name{Suite: trixie, Package: "libc6"}

// interpreters are the demo's own Pythons, laid out below the cache when first asked for.
// Close ends their processes.
type interpreters struct {
	cache *cacheDirs
	pins  map[deb.Name]deb.Pin

	mu    sync.Mutex
	ready map[string]func() (*exec.Compiler, error)
}

// interpreterRecipe is the recipe of the python package for X.Y.
func interpreterRecipe(python string) (*Recipe, error) {
	for _, r := range pythons() {
		if r.Name == "python" && r.Python == python {
			return &r, nil
		}
	}
	return nil, fmt.Errorf("no recipe makes a python %s", python)
}

// compilerDebs are what compiling the modules of r takes besides its own debs.
func compilerDebs(r *Recipe) []deb.Name {
	if !r.hasBytecode() {
		return nil
	}
	python, err := interpreterRecipe(r.Python)
	if err != nil || python.Suite == "" {
		return nil // [interpreters.compiler] says what is wrong
	}
	names := []deb.Name{loaderDeb}
	for _, p := range python.debs() {
		names = append(names, deb.Name{Suite: python.Suite, Package: p})
	}
	return names
}

// compiler gives the compiler of Python X.Y.
func (all *interpreters) compiler(ctx context.Context, python string) (*exec.Compiler, error) {
	all.mu.Lock()
	if all.ready == nil {
		all.ready = map[string]func() (*exec.Compiler, error){}
	}
	get := all.ready[python]
	if get == nil {
		get = sync.OnceValues(func() (*exec.Compiler, error) {
			i, err := all.layOut(ctx, python)
			if err != nil {
				return nil, fmt.Errorf("lay out python %s: %w", python, err)
			}
			return exec.NewCompiler(i), nil
		})
		all.ready[python] = get
	}
	all.mu.Unlock()
	return get()
}

func (all *interpreters) Close() error {
	all.mu.Lock()
	defer all.mu.Unlock()
	var errs []error
	for _, get := range all.ready {
		if c, err := get(); err == nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

// identity says which interpreter compiles for r, for the key of what it makes.
func (all *interpreters) identity(r *Recipe) (string, error) {
	if !r.hasBytecode() {
		return "", nil
	}
	python, err := interpreterRecipe(r.Python)
	if err != nil {
		return "", err
	}
	return newDraft(all.cache, python, all.pins).inputs(all.pins)
}

// layOut puts an interpreter below the cache, with as much of its library as starting it
// takes.
func (all *interpreters) layOut(ctx context.Context, python string) (*exec.Interpreter, error) {
	r, err := interpreterRecipe(python)
	if err != nil {
		return nil, err
	}
	id, err := all.identity(r)
	if err != nil {
		return nil, err
	}
	home := filepath.Join(all.cache.sub("tools"), "python-"+python+"-"+digest(id)[:16])
	i := &exec.Interpreter{Name: r.ID, Home: home, Binary: "bin/python" + python, Magic: magics[python]}
	if r.Suite != "" {
		loader, err := all.loader(ctx)
		if err != nil {
			return nil, err
		}
		libs := strings.Join([]string{loader, filepath.Join(home, r.bundleFolder())}, ":")
		i.Wrap = func(program string, args ...string) []string {
			return append([]string{filepath.Join(loader, "ld-linux-x86-64.so.2"), "--library-path", libs, program}, args...)
		}
	}
	if _, err := os.Stat(home); err == nil {
		return i, nil
	}
	d := newDraft(all.cache, r, all.pins)
	if err := d.read(ctx, all.cache); err != nil {
		return nil, err
	}
	for _, step := range []func() error{d.optional(r.Extra), d.convert, d.bundle, d.optional(r.Finish)} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	var files []channeltest.File
	for _, p := range sortedKeys(d.files) {
		if neededToStart(p, python) {
			files = append(files, d.files[p])
		}
	}
	return i, writeTree(home, files)
}

func neededToStart(p, python string) bool {
	if p == "bin/python"+python || path.Dir(p) == "lib" && strings.Contains(p, ".so") {
		return true
	}
	rest, ok := strings.CutPrefix(p, "lib/python"+python+"/")
	first, _, inside := strings.Cut(rest, "/")
	switch {
	case !ok:
		return false
	case !inside:
		return path.Ext(p) == ".py"
	}
	return first == "bundled" || first == "encodings" || first == "collections" || first == "re" || first == "importlib"
}

// loader lays out trixie's C library and says where.
func (all *interpreters) loader(ctx context.Context) (string, error) {
	pin, ok := all.pins[loaderDeb]
	if !ok {
		return "", fmt.Errorf("debs.tsv has no %s of %s; pin again", loaderDeb.Package, loaderDeb.Suite)
	}
	dir := filepath.Join(all.cache.sub("tools"), "libc-"+pin.SHA256[:16])
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	unpacked, err := all.cache.unpack(ctx, pin)
	if err != nil {
		return "", err
	}
	var files []channeltest.File
	for _, f := range unpacked {
		name, ok := strings.CutPrefix(f.Path, "usr/lib/"+multiarch+"/")
		if !ok || f.Link != "" || strings.Contains(name, "/") || !strings.Contains(name, ".so") {
			continue
		}
		f.Path = name
		files = append(files, f)
	}
	return dir, writeTree(dir, files)
}

// writeTree writes files below dir, which never has its name while incomplete.
func writeTree(dir string, files []channeltest.File) error {
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".tree-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	for _, f := range files {
		to := filepath.Join(tmp, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if f.Link != "" {
			if err := os.Symlink(f.Link, to); err != nil {
				return err
			}
			continue
		}
		data, err := content(f)
		if err != nil {
			return err
		}
		if err := os.WriteFile(to, data, 0o755); err != nil { //nolint:gosec // public programs
			return err
		}
	}
	if err := os.Rename(tmp, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
