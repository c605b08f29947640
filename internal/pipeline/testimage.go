package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"github.com/nasa-openscapes/corn/internal/kerneltest"
	"github.com/nasa-openscapes/corn/internal/project"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/internal/target"
)

// A TestRequest says which image to test.
type TestRequest struct {
	Image    string   // a project's folder, or a reference of an image; empty: "."
	Project  string   // folder whose notebooks and tests run; empty: Image where it is one
	Exec     string   // "sandbox", "docker" or "podman"; empty: the first that works
	Kernels  []string // names of kernels to test; none: all
	JUnit    string   // file for JUnit XML; empty: none
	Platform string   // "linux/amd64" or "linux-64"
	CacheDir string   // empty: cache.DefaultDir
	Jobs     int      // kernels at once; 0: one per core

	StartLimit time.Duration // until a kernel answers; 0: the project's, or a minute
}

// A TestResult is what --json prints. docs/formats/test-json.md describes it.
type TestResult struct {
	Format  int    `json:"format"` // 1
	Image   string `json:"image"`
	ImageID string `json:"image_id"` // digest of the config
	Exec    string `json:"exec"`     // what ran it: "sandbox", "docker", "podman"
	*kerneltest.Report
}

// A KernelsError reports an image whose kernels do not all work.
type KernelsError struct {
	Image   string
	Server  string   // why Jupyter itself does not; empty: it does
	Kernels []string // names of those that do not
	Of      int      // how many were tested
}

func (e *KernelsError) Error() string {
	if e.Server != "" {
		return fmt.Sprintf("test %s: Jupyter does not start: %s", e.Image, e.Server)
	}
	return fmt.Sprintf("test %s: %d of %s failed: %s", e.Image, len(e.Kernels), report.Count(e.Of, "kernel"), strings.Join(e.Kernels, ", "))
}

// Hint says where to look.
func (e *KernelsError) Hint() string {
	return "what failed, and each kernel's own log, stand above; --json and --junit FILE have all of it"
}

// Test starts every kernel of an image through the image's own Jupyter and says what works. A
// *KernelsError comes with a result.
func Test(ctx context.Context, req TestRequest, talk *report.Printer) (*TestResult, error) {
	project, err := req.place()
	if err != nil {
		return nil, err
	}
	c, err := openCacheAt(req.CacheDir)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	platform := target.Default()
	if req.Platform != "" {
		if platform, err = target.Parse(req.Platform); err != nil {
			return nil, report.In(report.Usage, err)
		}
	}
	r, err := openRunner(ctx, runnerRequest{ref: req.Image, exec: req.Exec, platform: platform, cache: c}, talk)
	if err != nil {
		return nil, err
	}
	defer r.close()
	img, err := kerneltest.ReadImage(ctx, r)
	if err != nil {
		return nil, err
	}
	if img.Metadata == nil {
		talk.Warn("%s has no /opt/corn/image.json, corn did not make it: its kernels are started, and nothing is imported", req.Image)
	}
	o := kerneltest.Options{Jobs: cmp.Or(req.Jobs, runtime.GOMAXPROCS(0)), Project: project, Limits: kerneltest.Limits{Start: req.StartLimit}}
	if len(req.Kernels) > 0 {
		o.Only = func(name string) bool { return slices.Contains(req.Kernels, name) }
	}
	res, err := runTests(ctx, r, img, o, talk)
	if err != nil {
		return nil, err
	}
	for _, name := range req.Kernels {
		if !slices.ContainsFunc(res.Kernels, func(k kerneltest.KernelReport) bool { return k.Name == name }) && res.Server.Result == kerneltest.Passed {
			return nil, report.In(report.Usage, fmt.Errorf("%s has no kernel %q", req.Image, name))
		}
	}
	result := &TestResult{Format: 1, Image: req.Image, ImageID: r.imageID(), Exec: r.name(), Report: res}
	if req.JUnit != "" {
		if err := writeJUnit(req.JUnit, result); err != nil {
			return nil, err
		}
	}
	return result, kernelsError(req.Image, res)
}

// place tells a project's folder from an image and returns the project, if there is one.
func (req *TestRequest) place() (*kerneltest.Project, error) {
	req.Image = cmp.Or(req.Image, ".")
	info, err := os.Stat(req.Image)
	if err == nil && info.IsDir() {
		if _, err := os.Stat(filepath.Join(req.Image, "oci-layout")); err != nil {
			req.Project = cmp.Or(req.Project, req.Image)
			built := filepath.Join(req.Image, "dist", "image")
			if _, err := os.Stat(built); err != nil {
				return nil, report.Hinted(report.Usage, "build it first with corn build, or name the image to test",
					fmt.Errorf("project %s has no image in %s", req.Image, built))
			}
			req.Image = "oci:" + built
		}
	}
	if req.Project == "" {
		return nil, nil
	}
	p, err := project.Load(req.Project, project.Options{})
	if err != nil {
		return nil, classify(err)
	}
	return testsOf(p)
}

// testsOf says where a project has notebooks and tests.
func testsOf(p *project.Project) (*kerneltest.Project, error) {
	root, err := os.OpenRoot(p.Dir)
	if err != nil {
		return nil, report.In(report.Project, err)
	}
	t := p.Settings.Test
	out := &kerneltest.Project{FS: root.FS(), Dirs: map[string]string{}, Shared: []string{"tests"}, Rules: kerneltest.Rules{
		SkipImports: t.SkipImports, Imports: t.Imports, NoInterrupt: t.NoInterrupt,
		Limits: kerneltest.Limits{Start: t.StartTimeout, Import: t.ImportTimeout, Project: t.NotebookTimeout},
	}}
	if p.Config != "." {
		out.Shared = append(out.Shared, path.Join(p.Config, "tests"))
	}
	for _, k := range p.Kernels {
		out.Dirs[k.Slug] = k.Dir
	}
	return out, nil
}

// runTests tests and tells of it.
func runTests(ctx context.Context, r kerneltest.Runner, img *kerneltest.Image, o kerneltest.Options, talk *report.Printer) (*kerneltest.Report, error) {
	stage := talk.Stage("test", 0, report.Things)
	o.Event = func(e kerneltest.Event) {
		if e.Server != nil {
			if e.Server.Result == kerneltest.Passed {
				talk.Say("test       %s answers after %s", e.Server.Command, report.Seconds(millis(e.Server.StartMillis)))
			}
			if e.Server.Detail != "" {
				talk.Warn("%s", e.Server.Detail)
			}
			return
		}
		k := e.Kernel
		if k.StartMillis == 0 {
			talk.Say("test       kernel %s: not started, %s in %s", k.Name, k.Result, report.Seconds(millis(k.Millis)))
			return
		}
		passed, of := k.Imported()
		talk.Say("test       kernel %s: %s, started in %s, %d of %s imported, %s in %s", k.Name, strings.TrimSpace(k.Language+" "+k.Version),
			report.Seconds(millis(k.StartMillis)), passed, report.Count(of, "package"), k.Result, report.Seconds(millis(k.Millis)))
	}
	res, err := kerneltest.Run(ctx, r, img, o)
	if err != nil {
		stage.Abort()
		return nil, err
	}
	stage.Done("%s, %s", report.Count(len(res.Kernels), "kernel"), res.Result)
	if o.Project != nil && o.Only == nil && res.Server.Result == kerneltest.Passed {
		for _, u := range o.Project.Rules.Unused(res) {
			talk.Warn("corn.yaml: test: %s", u)
		}
	}
	return res, nil
}

func writeJUnit(name string, res *TestResult) error {
	var b bytes.Buffer
	if err := res.WriteJUnit(&b, res.Image); err != nil {
		return err
	}
	if err := renameio.WriteFile(name, b.Bytes(), 0o644); err != nil {
		hint := ""
		if errors.Is(err, fs.ErrNotExist) {
			hint = "make the folder first"
		}
		return report.Hinted(report.Unexpected, hint, fmt.Errorf("write JUnit XML: %w", err))
	}
	return nil
}

// kernelsError is the error of a report; nil where all works.
func kernelsError(ref string, res *kerneltest.Report) error {
	if res.Result == kerneltest.Passed {
		return nil
	}
	e := &KernelsError{Image: ref, Of: len(res.Kernels)}
	if res.Server.Result == kerneltest.Failed {
		e.Server = res.Server.Detail
	}
	for i := range res.Kernels {
		if res.Kernels[i].Result == kerneltest.Failed {
			e.Kernels = append(e.Kernels, res.Kernels[i].Name)
		}
	}
	return report.In(report.Kernels, e)
}
