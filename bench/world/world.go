// Package world makes the projects that are measured: kernels that share nine tenths of
// their packages, locked against the demo channel.
package world

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/demo/locks"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

// A Project is a folder that corn builds, and what is in it.
type Project struct {
	Dir     string
	Kernels []Kernel
	// Share is how much of a kernel's archives, in bytes, the first kernel has too, and
	// PackageShare how many: the least of all kernels. 1 for a single kernel.
	Share, PackageShare float64
	// ArchiveBytes counts each archive once; AllArchiveBytes counts it for each kernel.
	ArchiveBytes, AllArchiveBytes int64
	Archives, AllArchives         int
	Left                          []string // specs that the channel could not give
}

// A Kernel is one environment.
type Kernel struct {
	Name     string
	Lock     string // path of its conda-lock.yml
	Packages []channeltest.Record
}

// common is what every kernel has. Python 3.11 comes from python-build-standalone and runs
// on any Linux, so that either tool can compile bytecode with it. The small channel has
// less: what it lacks is left out.
var common = []string{"python=3.11", "ipykernel", "numpy", "pandas", "xarray", "dask", "pip", "pygments=2.14", "jinja2"}

// bumped is common with one package moved.
const bumpFrom, bumpTo = "pygments=2.14", "pygments=2.18"

// own is what the kernels after the first differ by: packages in another version, and
// packages of their own.
var own = [][]string{
	{},
	{"jedi=0.19", "fsspec=2025", "click=8.1.8", "pip=24", "decorator=5.2", "beautifulsoup4", "html5lib"},
	{"prompt-toolkit=3.0.51", "jinja2=3.1.6", "cloudpickle=3", "pip=24", "toolz=1", "alembic"},
	{"decorator=5.2", "parso=0.8.4", "toolz=1", "distributed", "tinycss2", "defusedxml"},
	{"setuptools=78", "traitlets=5.14", "jupyter_client=8", "packaging=25", "babel"},
	{"asttokens=3", "executing=2", "wcwidth=0.2.13", "ipython=8.35", "distributed", "alembic"},
}

// MaxKernels is how many kernels there are to choose from.
const MaxKernels = 6

var names = []string{"climate", "ocean", "ice", "land", "fire", "rivers"}

// Make writes a project of n kernels into dir. bump moves one package in all of them.
func Make(dir string, ch *locks.Channel, n int, bump bool) (*Project, error) {
	if n < 1 || n > MaxKernels {
		return nil, fmt.Errorf("a project of %d kernels: want 1 to %d", n, MaxKernels)
	}
	p := &Project{Dir: dir, Share: 1, PackageShare: 1}
	base, left := solvable(ch, nil, common)
	p.Left = left
	if len(base) == 0 {
		return nil, fmt.Errorf("the channel has none of %s", strings.Join(common, ", "))
	}
	if bump {
		for i, s := range base {
			if s == bumpFrom {
				base[i] = bumpTo
			}
		}
	}
	first := map[string]bool{}
	all := map[string]bool{}
	for i := range n {
		specs := append([]string{}, base...)
		for _, s := range own[i] {
			replaced := slices.DeleteFunc(slices.Clone(specs), func(o string) bool { return nameOf(o) == nameOf(s) })
			if more, _ := solvable(ch, replaced, []string{s}); len(more) > len(replaced) {
				specs = more
			} else {
				p.Left = append(p.Left, s)
			}
		}
		k, err := write(dir, ch, names[i], specs)
		if err != nil {
			return nil, err
		}
		var bytes, shared int64
		common := 0
		for _, r := range k.Packages {
			bytes += r.SizeBytes
			if i == 0 {
				first[r.SHA256] = true
			}
			if first[r.SHA256] {
				shared += r.SizeBytes
				common++
			}
			if !all[r.SHA256] {
				p.ArchiveBytes += r.SizeBytes
			}
			all[r.SHA256] = true
		}
		p.AllArchiveBytes += bytes
		p.AllArchives += len(k.Packages)
		p.Share = min(p.Share, float64(shared)/float64(bytes))
		p.PackageShare = min(p.PackageShare, float64(common)/float64(len(k.Packages)))
		p.Kernels = append(p.Kernels, k)
	}
	p.Archives = len(all)
	return p, nil
}

func nameOf(spec string) string {
	name, _, _ := strings.Cut(spec, "=")
	return name
}

// solvable adds those of specs to have that can be solved along with it.
func solvable(ch *locks.Channel, have, specs []string) (kept, left []string) {
	kept = slices.Clone(have)
	for _, s := range specs {
		if _, err := locks.Solve(ch, append(slices.Clone(kept), s), locks.DefaultVirtual); err != nil {
			left = append(left, s)
			continue
		}
		kept = append(kept, s)
	}
	return kept, left
}

func write(dir string, ch *locks.Channel, name string, specs []string) (Kernel, error) {
	packages, err := locks.Solve(ch, specs, locks.DefaultVirtual)
	if err != nil {
		return Kernel{}, fmt.Errorf("kernel %s: %w", name, err)
	}
	folder := filepath.Join(dir, "environments", name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return Kernel{}, fmt.Errorf("create project: %w", err)
	}
	env := locks.Environment{Name: name, Channels: []string{locks.ChannelName}, Specs: specs}
	var text strings.Builder
	fmt.Fprintf(&text, "name: %s\nchannels:\n  - %s\n  - nodefaults\ndependencies:\n", name, locks.ChannelName)
	for _, s := range specs {
		fmt.Fprintf(&text, "  - %s\n", s)
	}
	var lock bytes.Buffer
	if err := (locks.Lock{Environment: env, Packages: packages}).WriteCondaLock(&lock); err != nil {
		return Kernel{}, fmt.Errorf("lock kernel %s: %w", name, err)
	}
	k := Kernel{Name: name, Lock: filepath.Join(folder, locks.CondaLockFile), Packages: packages}
	if err := os.WriteFile(filepath.Join(folder, "environment.yml"), []byte(text.String()), 0o644); err != nil {
		return k, fmt.Errorf("write project: %w", err)
	}
	if err := os.WriteFile(k.Lock, lock.Bytes(), 0o644); err != nil {
		return k, fmt.Errorf("write project: %w", err)
	}
	return k, nil
}
