package kerneltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/jupyter"
)

// A Project is the folder that an image was built from, for the notebooks and tests in it.
type Project struct {
	FS   fs.FS             // the project's folder
	Dirs map[string]string // environment's name to its folder in FS, "ci/environments/team-a"
	// Shared are folders whose notebooks run in the kernels that they name: "tests". Those
	// that do not exist do not matter.
	Shared []string
	Rules  Rules // on the tests of its kernels
}

// What is copied for a kernel's tests is bounded: an environment's folder is no place for data.
const (
	maxTestFiles = 2000
	maxTestBytes = 64 << 20
)

// A suite is what one folder of the project has for one kernel.
type suite struct {
	dir       string // in the project
	files     []string
	notebooks []string // relative to dir, as are files
	tests     []string
}

// suites finds a kernel's notebooks and tests. other tells whether a name is another kernel's.
func (p *Project) suites(kernel string, env *Environment, ext string, main bool, other func(string) bool) ([]suite, error) {
	var out []suite
	if dir, ok := p.Dirs[env.Name]; ok {
		s, err := p.suite(dir, func(name, spec string) (notebook, test bool) {
			inTests := strings.HasPrefix(name, "tests/")
			mine := spec == kernel || main && !other(spec)
			return mine && (inTests || !strings.Contains(name, "/")), main && inTests && ext != "" && path.Ext(name) == ext
		})
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	for _, dir := range p.Shared {
		s, err := p.suite(dir, func(_, spec string) (notebook, test bool) { return spec == kernel, false })
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return slices.DeleteFunc(out, func(s suite) bool { return len(s.notebooks)+len(s.tests) == 0 }), nil
}

// suite lists a folder. Hidden files and locks stay where they are.
func (p *Project) suite(dir string, choose func(name, spec string) (notebook, test bool)) (suite, error) {
	s := suite{dir: dir}
	size := int64(0)
	err := fs.WalkDir(p.FS, dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name != dir && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() || strings.HasSuffix(name, ".lock") || d.Name() == "conda-lock.yml" {
			return nil
		}
		info, err := fs.Stat(p.FS, name) // through a link, which must not leave the project
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		rel := strings.TrimPrefix(name, dir+"/")
		s.files = append(s.files, rel)
		if size += info.Size(); size > maxTestBytes || len(s.files) > maxTestFiles {
			return fmt.Errorf("%s has more than %d files or %d MB: they are not copied for a test", dir, maxTestFiles, maxTestBytes>>20)
		}
		spec := ""
		if path.Ext(name) == ".ipynb" {
			nb, err := readNotebook(p.FS, name)
			if err != nil {
				return err
			}
			spec = nb.Metadata.Kernelspec.Name
		}
		notebook, test := choose(rel, spec)
		switch {
		case notebook && path.Ext(name) == ".ipynb":
			s.notebooks = append(s.notebooks, rel)
		case test && path.Ext(name) != ".ipynb" && path.Base(name) != "conftest.py" && path.Base(name) != "__init__.py":
			s.tests = append(s.tests, rel)
		}
		return nil
	})
	return s, err
}

// A notebook is what running one needs of it (nbformat 4).
type notebook struct {
	Cells []struct {
		Type     string `json:"cell_type"`
		Source   source `json:"source"`
		Metadata struct {
			Tags []string `json:"tags"`
		} `json:"metadata"`
	} `json:"cells"`
	Metadata struct {
		Kernelspec struct {
			Name string `json:"name"`
		} `json:"kernelspec"`
	} `json:"metadata"`
}

// A source is a text, or its lines.
type source string

func (s *source) UnmarshalJSON(data []byte) error {
	var lines []string
	if json.Unmarshal(data, &lines) == nil {
		*s = source(strings.Join(lines, ""))
		return nil
	}
	return json.Unmarshal(data, (*string)(s))
}

func readNotebook(fsys fs.FS, name string) (*notebook, error) {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, err
	}
	nb := new(notebook)
	if err := json.Unmarshal(data, nb); err != nil {
		return nil, fmt.Errorf("read notebook %s: %w", name, err)
	}
	return nb, nil
}

// project runs the project's own notebooks and tests, each in a kernel of its own.
func (k *kernelTest) project(ctx context.Context) {
	p := k.t.options.Project
	if p == nil || k.env == nil || k.gone != nil {
		return
	}
	ext := ""
	if k.lang != nil {
		ext = k.lang.ext
	}
	others := func(name string) bool {
		return name != k.report.Name && slices.ContainsFunc(k.t.image.Metadata.Kernels, func(o image.KernelMetadata) bool { return o.Name == name })
	}
	suites, err := p.suites(k.report.Name, k.env, ext, k.main(), others)
	if err != nil {
		k.report.Steps = append(k.report.Steps, Step{Name: "project", Result: Failed, Detail: err.Error()})
		return
	}
	for _, s := range suites {
		folder := "corn-test-" + k.report.Name + "/" + s.dir
		if result, detail := k.within(ctx, k.t.limits.Project, func(ctx context.Context) (string, error) { return "", k.upload(ctx, s, folder) }); result == Failed {
			k.report.Steps = append(k.report.Steps, Step{Name: "copy " + s.dir, Result: result, Detail: detail})
			continue
		}
		for _, name := range s.notebooks {
			at := path.Join(s.dir, name)
			k.step(ctx, "notebook "+at, k.t.limits.Project, func(ctx context.Context) (string, error) { return "", k.notebook(ctx, at, path.Dir(folder+"/"+name)) })
		}
		for _, name := range s.tests {
			k.step(ctx, "test "+path.Join(s.dir, name), k.t.limits.Project, func(ctx context.Context) (string, error) {
				return "", k.inOwnKernel(ctx, folder, func(kernel *jupyter.Kernel) error {
					_, err := k.code(ctx, kernel, k.lang.runFile(name))
					return err
				})
			})
		}
	}
}

// main tells whether the kernel is its environment's first one, whose the tests are.
func (k *kernelTest) main() bool {
	for _, o := range k.t.image.Metadata.Kernels {
		if o.Env == k.env.Name {
			return o.Name == k.report.Name
		}
	}
	return true // the notebook environment's own kernel
}

// upload copies a folder of the project into the user's home.
func (k *kernelTest) upload(ctx context.Context, s suite, folder string) error {
	made := map[string]bool{".": true}
	var mkdir func(string) error
	mkdir = func(dir string) error {
		if made[dir] {
			return nil
		}
		if err := mkdir(path.Dir(dir)); err != nil {
			return err
		}
		made[dir] = true
		return k.t.server.MakeFolder(ctx, dir)
	}
	for _, name := range s.files {
		data, err := fs.ReadFile(k.t.options.Project.FS, path.Join(s.dir, name))
		if err != nil {
			return &failure{err.Error()}
		}
		at := path.Join(folder, name)
		if err := mkdir(path.Dir(at)); err != nil {
			return err
		}
		if err := k.t.server.WriteFile(ctx, at, data); err != nil {
			return err
		}
	}
	return nil
}

func (k *kernelTest) inOwnKernel(ctx context.Context, folder string, do func(*jupyter.Kernel) error) error {
	kernel, err := k.t.server.StartKernelIn(ctx, k.report.Name, folder)
	if err != nil {
		return err
	}
	err = do(kernel)
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, kernel.Stop(stopCtx))
}

// notebook runs the code of a notebook in its order, as "Run All" does.
func (k *kernelTest) notebook(ctx context.Context, name, folder string) error {
	nb, err := readNotebook(k.t.options.Project.FS, name)
	if err != nil {
		return &failure{err.Error()}
	}
	return k.inOwnKernel(ctx, folder, func(kernel *jupyter.Kernel) error {
		for i, c := range nb.Cells {
			if c.Type != "code" || strings.TrimSpace(string(c.Source)) == "" || slices.Contains(c.Metadata.Tags, "skip-execution") {
				continue
			}
			_, err := k.code(ctx, kernel, string(c.Source))
			f, failed := errors.AsType[*failure](err)
			if failed && slices.Contains(c.Metadata.Tags, "raises-exception") {
				continue
			}
			if failed {
				return failf("cell %d: %s", i+1, f.text)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
