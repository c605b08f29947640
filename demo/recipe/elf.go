package recipe

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/nasa-openscapes/corn/demo/deb"
)

// patcher runs the patchelf of Debian bookworm, whatever the machine has of its own.
type patcher struct {
	program string
	libs    string // where its libstdc++ lies
	id      string // of the program's bytes
	dir     string // results, named by what they were made of
}

// patcherDebs are what the program needs.
var patcherDebs = []deb.Name{{Suite: bookworm, Package: "patchelf"},
	{Suite: bookworm, Package: "libstdc++6"}, {Suite: bookworm, Package: "libgcc-s1"}}

// systemLibraries come with every base image: glibc, and libcrypt1, which is essential.
var systemLibraries = []string{"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1",
	"libutil.so.1", "libresolv.so.2", "ld-linux-x86-64.so.2", "libcrypt.so.1", "libselinux.so.1"}

// relocate gives every ELF file that needs libraries a search path relative to itself.
func (d *draft) relocate(ctx context.Context, p *patcher) error {
	dirs := []string{"lib"}
	dirs = append(dirs, d.recipe.RPath...)
	if len(d.recipe.Bundle) > 0 {
		dirs = append(dirs, d.recipe.bundleFolder())
	}
	for _, name := range sortedKeys(d.files) {
		f := d.files[name]
		if f.Link != "" || f.Src == "" {
			continue
		}
		needed, err := needs(f.Src)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if d.recipe.Kind == pure && needed != nil {
			return fmt.Errorf("%s is an ELF file in a noarch package", name)
		}
		foreign := slices.DeleteFunc(needed, func(s string) bool {
			return slices.Contains(systemLibraries, s) || strings.Contains(s, "/") // a path is found as it is
		})
		if len(foreign) == 0 {
			continue
		}
		var parts []string
		for _, dir := range dirs {
			origin := "$ORIGIN"
			if rel := relative(path.Dir(name), dir+"/x"); rel != "x" {
				origin += "/" + strings.TrimSuffix(rel, "/x")
			}
			if !slices.Contains(parts, origin) {
				parts = append(parts, origin)
			}
		}
		if f.Src, err = p.setRPath(ctx, f.Src, strings.Join(parts, ":")); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		d.files[name] = f
	}
	return nil
}

// needs lists the libraries that the file at name is linked to; nil says that it is no
// dynamic ELF file, and an empty list that it needs none.
func needs(name string) ([]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	magic := make([]byte, 4)
	if _, err := io.ReadFull(f, magic); err != nil || string(magic) != elf.ELFMAG {
		return nil, nil // too short for one is no ELF either
	}
	e, err := elf.NewFile(f)
	if err != nil {
		return nil, err
	}
	list, err := e.DynString(elf.DT_NEEDED)
	if err != nil || list == nil {
		return []string{}, nil // relocatable objects have no dynamic section
	}
	return list, nil
}

// setRPath gives the file as patchelf makes it. DT_RPATH, not DT_RUNPATH: it holds for
// the libraries of the libraries too.
func (p *patcher) setRPath(ctx context.Context, src, rpath string) (string, error) {
	data, err := os.ReadFile(src)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%s\x00", p.id, rpath)
	h.Write(data)
	name := filepath.Join(p.dir, hex.EncodeToString(h.Sum(nil)))
	if _, err := os.Stat(name); err == nil {
		return name, nil
	}
	tmp, err := os.CreateTemp(p.dir, ".patch-")
	if err != nil {
		return "", err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err := errors.Join(err, tmp.Close()); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, p.program, "--force-rpath", "--set-rpath", rpath, tmp.Name())
	cmd.Env = []string{"LD_LIBRARY_PATH=" + p.libs}
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("patchelf: %w: %s", err, bytes.TrimSpace(said.Bytes()))
	}
	return name, os.Rename(tmp.Name(), name)
}

// newPatcher lays the program and its libraries out below cache.
func newPatcher(ctx context.Context, c *cacheDirs, pins map[deb.Name]deb.Pin) (*patcher, error) {
	p := &patcher{id: pins[patcherDebs[0]].SHA256, dir: c.sub("elf")}
	home := filepath.Join(c.sub("tools"), "patchelf-"+p.id[:16])
	p.program, p.libs = filepath.Join(home, "patchelf"), filepath.Join(home, "lib")
	if _, err := os.Stat(p.program); err == nil {
		return p, nil
	}
	if err := os.MkdirAll(p.libs, 0o755); err != nil {
		return nil, err
	}
	for i := range patcherDebs {
		// the program last: it is what says that all is there
		files, err := c.unpack(ctx, pins[patcherDebs[len(patcherDebs)-1-i]])
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			to := filepath.Join(p.libs, path.Base(f.Path))
			switch {
			case f.Path == "usr/bin/patchelf":
				to = p.program
			case !strings.HasPrefix(f.Path, "usr/lib/"+multiarch+"/lib") || !strings.Contains(f.Path, ".so"):
				continue
			case f.Link != "":
				if err := os.Symlink(path.Base(f.Link), to); err != nil && !errors.Is(err, fs.ErrExist) {
					return nil, err
				}
				continue
			}
			data, err := os.ReadFile(f.Src)
			if err != nil {
				return nil, err
			}
			if err := renameio.WriteFile(to, data, 0o755); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}
