package pipeline

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/engine"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/kernel"
	"github.com/nasa-openscapes/corn/internal/kerneltest"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/internal/sandbox"
)

// An image is pushed by its digest, tested, and only then gets its tags. What came of the test
// is attached to it; a later build whose kernel has the same inputs does not test it again.

// Which kernels a build tests before it tags an image.
const (
	testChanged = "changed"
	testAll     = "all"
	testNone    = "none"
)

// untested is the result of a kernel that was not tested.
const untested kerneltest.Result = "untested"

// testResultsType is what results are attached as. docs/formats/test-results.md describes them.
const testResultsType = "application/vnd.nasa-openscapes.corn.test-results.v1+json"

// testRules is raised when a kernel that passed has to be tested anew.
const testRules = 1

// TestsResult is what --json prints of the test of a build.
type TestsResult struct {
	Mode    string             `json:"mode"` // "changed", "all", "none"
	Result  kerneltest.Result  `json:"result"`
	Reason  string             `json:"reason,omitempty"` // why nothing was tested
	Kernels []TestedKernel     `json:"kernels"`
	Report  *kerneltest.Report `json:"report,omitempty"` // of the kernels that were tested now
}

// A TestedKernel is one kernel, and what came of its test.
type TestedKernel struct {
	Name      string            `json:"name"`
	Key       digest.SHA256     `json:"key"` // over all that decides the result
	Result    kerneltest.Result `json:"result"`
	Language  string            `json:"language,omitempty"`
	Version   string            `json:"version,omitempty"`
	StartMs   int64             `json:"start_ms,omitempty"`
	TakenOver bool              `json:"taken_over,omitempty"` // tested before, with the same inputs

	env string
}

// attachedResults are what is attached to an image.
type attachedResults struct {
	Version int            `json:"corn_tests"` // 1
	Kernels []TestedKernel `json:"kernels"`
}

// checkTestMode refuses a mode that there is not.
func checkTestMode(mode string) error {
	if mode == "" || mode == testChanged || mode == testAll || mode == testNone {
		return nil
	}
	return fmt.Errorf("--test is %q: want changed, all or none", mode)
}

// hasJupyter tells whether the image can be asked for its kernels.
func (b *builder) hasJupyter() bool {
	if b.hasNotebook() {
		return slices.ContainsFunc(b.envByID(notebookID).sum.files, func(p string) bool {
			return p == "bin/jupyterhub-singleuser" || p == "bin/jupyter-server"
		})
	}
	return b.baseFacts.Programs["jupyterhub-singleuser"] != "" || b.baseFacts.Programs["jupyter"] != ""
}

// planTests lists the kernels with what decides how their tests end.
func (b *builder) planTests(kernels *kernel.Result, project *kerneltest.Project) ([]TestedKernel, error) {
	var out []TestedKernel
	add := func(name, env string, files ...string) error {
		key := digest.NewKey("kernel-test").Int("rules", testRules).Int("format", image.FormatVersion).Sum("base", b.base.ConfigDigest()).Str("name", name)
		for _, v := range b.project.Settings.Env {
			key.Str("variable", v.Name).Str("value", v.Value)
		}
		for _, e := range b.envs { // the notebook's, which may be the base's instead, is the first
			if e.id != notebookID && e.id != env {
				continue
			}
			key.Str("env", e.id)
			for _, p := range e.packages {
				key.Sum("package", p.place)
			}
			for _, r := range slices.Concat(e.requested, e.requestedPip) {
				key.Str("requested", r)
			}
		}
		for _, s := range b.steps { // what programs changed in its environment, and below it
			if s.env == "" || s.env == notebookID || s.env == env {
				key.Sum("step", s.key)
			}
		}
		for _, f := range files {
			key.Sum(f, digest.Sum(kernels.Data[f]))
		}
		tests, err := project.Sum(env)
		if err != nil {
			return report.In(report.Project, fmt.Errorf("notebooks and tests of environment %q: %w", env, err))
		}
		out = append(out, TestedKernel{Name: name, Key: key.Sum("project", tests).Key(), Result: untested, env: env})
		return nil
	}
	for _, k := range kernels.Kernels {
		if err := add(k.Name, k.Env, k.Dir+"/kernel.json", k.Prefix+"/"+kernel.LauncherPath); err != nil {
			return nil, err
		}
	}
	for _, name := range b.otherKernels() {
		if err := add(name, notebookID); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out, func(a, b TestedKernel) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// otherKernels are those that Jupyter finds besides corn's.
func (b *builder) otherKernels() []string {
	var out []string
	switch {
	case b.hasNotebook():
		for _, p := range b.envByID(notebookID).sum.files {
			if name, ok := strings.CutSuffix(strings.TrimPrefix(p, "share/jupyter/kernels/"), "/kernel.json"); ok && !strings.Contains(name, "/") {
				out = append(out, name)
			}
		}
	case b.baseFacts.Notebook != nil:
		for _, k := range b.baseFacts.Notebook.Kernels {
			out = append(out, k.Name)
		}
	}
	for _, k := range b.baseFacts.Kernels {
		out = append(out, k.Name)
	}
	return out
}

// mustTest tells whether kernels are started before an image gets its tags.
func (b *builder) mustTest() bool { return b.hasJupyter() && b.req.Test != testNone }

// testPushed tests an image that lies in a repository by its digest and attaches the results. The
// test is made once for all repositories.
func (b *builder) testPushed(ctx context.Context, img image.Image, v *variant, o image.Output, d digest.SHA256) error {
	if b.tested == nil {
		if err := b.testOnce(ctx, img, v, o, d); err != nil {
			return err
		}
	}
	b.attachResults(ctx, o, d)
	return b.testFailure(o)
}

// noTest notes that an image was not tested, and why.
func (b *builder) noTest(ctx context.Context, o image.Output, d digest.SHA256) error {
	if b.tested == nil {
		b.tested = &TestsResult{Mode: cmp.Or(b.req.Test, testChanged), Result: untested, Kernels: []TestedKernel{}, Reason: "the image has no Jupyter to ask for its kernels"}
		if !b.hasJupyter() {
			b.talk.Say("test       none: %s", b.tested.Reason)
			return nil
		}
		b.tested.Reason = "--test none"
		b.warn("no kernel was started: --test none")
		project, err := testsOf(b.project)
		if err != nil {
			return err
		}
		if b.tested.Kernels, err = b.planTests(b.kernels, project); err != nil {
			return err
		}
	}
	if b.hasJupyter() {
		b.attachResults(ctx, o, d)
	}
	return nil
}

// testFailure is the error of an image whose kernels do not work; nil otherwise.
func (b *builder) testFailure(o image.Output) error {
	if b.tested.Result != kerneltest.Failed {
		return nil
	}
	return kernelsError(repository(o), b.tested.Report)
}

func (b *builder) testOnce(ctx context.Context, img image.Image, v *variant, o image.Output, d digest.SHA256) error {
	t := &TestsResult{Mode: cmp.Or(b.req.Test, testChanged)}
	project, err := testsOf(b.project)
	if err != nil {
		return err
	}
	if t.Kernels, err = b.planTests(b.kernels, project); err != nil {
		return err
	}
	if t.Mode == testChanged {
		b.takeOverResults(ctx, t, o, d)
	}
	var names []string
	for _, k := range t.Kernels {
		if !k.TakenOver {
			names = append(names, k.Name)
		}
	}
	if len(names) > 0 {
		if t.Report, err = b.testNow(ctx, img, v, t, names, project); err != nil {
			return err
		}
	}
	t.Result = kerneltest.Passed
	if t.Report != nil {
		t.Result = t.Report.Result
		for i := range t.Report.Kernels {
			r := &t.Report.Kernels[i]
			for j := range t.Kernels {
				if k := &t.Kernels[j]; k.Name == r.Name {
					k.Result, k.Language, k.Version, k.StartMs = r.Result, r.Language, r.Version, r.StartMillis
				}
			}
		}
	}
	b.tested = t
	return nil
}

// takeOverResults looks for kernels that passed before, with the same inputs: in what is attached
// to this image, where it was there already, and to the previous one.
func (b *builder) takeOverResults(ctx context.Context, t *TestsResult, o image.Output, d digest.SHA256) {
	type place struct {
		out    image.Output
		digest digest.SHA256
	}
	at := []place{{o, d}}
	if b.previous != nil && b.previous.Digest != d {
		if ref, err := image.ParseRef(b.previous.Ref); err == nil && ref.Kind == image.Registry {
			at = append(at, place{image.Output{Kind: image.Registry, Path: ref.Path, Registries: b.registries}, b.previous.Digest})
		}
	}
	taken := 0
	for _, a := range at {
		docs, err := image.Attached(ctx, a.out, a.digest, testResultsType)
		if err != nil {
			b.talk.Say("test       what was tested before is not known: %v", err)
			continue
		}
		for _, doc := range docs {
			var r attachedResults
			if json.Unmarshal(doc, &r) != nil || r.Version != 1 {
				continue
			}
			for i := range t.Kernels {
				k := &t.Kernels[i]
				for _, was := range r.Kernels {
					if !k.TakenOver && was.Name == k.Name && was.Key == k.Key && was.Result == kerneltest.Passed {
						k.TakenOver, k.Result, k.Language, k.Version, k.StartMs = true, was.Result, was.Language, was.Version, was.StartMs
						taken++
					}
				}
			}
		}
	}
	if taken > 0 {
		b.talk.Say("test       %s passed before with the same packages, base and launcher", report.Count(taken, "kernel"))
	}
}

// testNow starts the kernels. In the sandbox only the layers that they need are unpacked.
func (b *builder) testNow(ctx context.Context, img image.Image, v *variant, t *TestsResult, names []string, project *kerneltest.Project) (*kerneltest.Report, error) {
	config, err := img.ConfigName()
	if err != nil {
		return nil, err
	}
	described := b.describe(v, b.kernels)
	_, files, err := described.Files(nil)
	if err != nil {
		return nil, err
	}
	built := &openedImage{img: img, files: files, id: config.String(), kind: image.OCILayout, want: b.neededLayers(v, t, names), close: func() error { return nil }}
	r, err := openRunner(ctx, runnerRequest{exec: b.req.Exec, platform: b.platform, cache: b.cache, built: built}, b.talk)
	_, refused := errors.AsType[*sandbox.RefusedError](err)
	_, noEngine := errors.AsType[*engine.NoEngineError](err)
	if refused || noEngine {
		_, hint := report.Explain(err)
		return nil, report.Hinted(report.Unexpected, hint+"; or push without a test: --test none", fmt.Errorf("test the image before it gets its tag: %w", err))
	}
	if err != nil {
		return nil, err
	}
	defer r.close()
	facts, err := b.allFacts(ctx)
	if err != nil {
		return nil, report.In(report.Package, err)
	}
	return runTests(ctx, r, kerneltest.Describe(described, facts), kerneltest.Options{
		Jobs: b.jobs, Project: project, Only: func(name string) bool { return slices.Contains(names, name) },
	}, b.talk)
}

// neededLayers tells which layers of the image the kernels need: the base's, those with a file
// of their environments or of the notebook's, and the metadata.
func (b *builder) neededLayers(v *variant, t *TestsResult, names []string) func(i int) bool {
	envs := map[string]bool{notebookID: true}
	for _, k := range t.Kernels {
		if slices.Contains(names, k.Name) {
			envs[k.env] = true
		}
	}
	frames := map[digest.SHA256]bool{}
	for key, c := range b.contents {
		for id := range c.users {
			if envs[id] {
				frames[frameKey(key, v.compression)] = true
			}
		}
	}
	for _, p := range b.placements {
		if envs[p.env.id] {
			frames[frameKey(p.key, v.compression)] = true
		}
	}
	base := b.base.LayerCount()
	return func(i int) bool {
		i -= base
		if i < 0 || i >= len(v.specs) { // the base's, or the metadata
			return true
		}
		for _, f := range v.specs[i].Frames {
			if frames[f.Key] {
				return true
			}
		}
		return false
	}
}

// attachResults attaches what was found out. The tags do not depend on it.
func (b *builder) attachResults(ctx context.Context, o image.Output, d digest.SHA256) {
	doc, err := json.MarshalIndent(attachedResults{1, b.tested.Kernels}, "", " ")
	if err == nil {
		err = image.Attach(ctx, o, d, testResultsType, doc)
	}
	if err != nil && ctx.Err() == nil {
		b.warn("the results of the test are not attached to the image, the next build tests again: %v", err)
	}
}
