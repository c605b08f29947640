package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/conda/archive"
	"github.com/nasa-openscapes/corn/conda/link"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/internal/attest"
	"github.com/nasa-openscapes/corn/internal/checkout"
	"github.com/nasa-openscapes/corn/internal/exec"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/kernel"
	"github.com/nasa-openscapes/corn/internal/kerneltest"
	"github.com/nasa-openscapes/corn/internal/project"
	"github.com/nasa-openscapes/corn/internal/projectlock"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/internal/target"
	"github.com/nasa-openscapes/corn/oci/frame"
	"github.com/nasa-openscapes/corn/oci/plan"
	"github.com/nasa-openscapes/corn/store"
)

// builder is the state of one build. Each method is a stage and fills the fields that
// the next one reads.
type builder struct {
	req     BuildRequest
	talk    *report.Printer
	jobs    int
	cache   *cache.Cache
	tempDir string
	timings map[string]time.Duration

	timingsMu sync.Mutex
	warned    []string
	notices   []string
	said      []string

	// load
	settings settings
	project  *project.Project
	platform target.Platform
	envs     []*env // the notebook env first if the project has one, then by slug
	outputs  []image.Output

	// readCornLock
	cornLock *projectlock.Lock // nil: none
	pin      pinPolicy

	// nameImages
	checkout checkout.State
	branches checkout.Branches
	shown    map[string]bool // paths of the project that become part of the image, or are seen by steps
	origin   origin
	version  string             // of the image's annotation; empty: none
	asked    map[string]string  // annotations of the request
	signKey  *attest.PrivateKey // nil: nothing is signed

	// reach
	channels  *channels
	transport http.RoundTripper // for archives

	// openBase
	base            *image.Base
	baseFacts       *image.Facts
	baseFactsKey    digest.SHA256
	uid, gid        int
	storeParents    []filetree.Entry
	replaceNotebook bool // the base has a notebook env and so has the project

	// link
	interpreters map[string]projectlock.Python // that compile, by X.Y
	clobbers     []ClobberResult
	contents     map[digest.SHA256]*content
	placements   []*placed
	compilers    compilers
	steps        []*step
	folder       *projectFolder // nil: not opened
	copied       *copiedProject // nil: the project is not copied
	encoders     frame.Pool
	decoders     archive.Decoders
	large        places
	suspects     suspects

	// readPrevious
	registries *image.Registries
	previous   *image.Previous // nil: none
	reused     reused

	// planLayers
	layout plan.Layout

	// write
	kernels *kernel.Result
	tested  *TestsResult // nil: not made yet

	compression frame.Compression // of the variant being built
	metaFrame   digest.SHA256     // key of the metadata's frame
}

// Build builds the image of a project and writes it to the outputs. A *NotPushedError comes
// with a result: the image is there, in the other outputs at least.
func Build(ctx context.Context, req BuildRequest, talk *report.Printer) (*BuildResult, error) {
	began := time.Now()
	b := newBuilder(req, talk)
	defer b.close()
	if err := b.open(ctx); err != nil {
		return nil, err
	}
	res, err := b.produce(ctx)
	// What is damaged in a later stage shows only when the stages before it are whole.
	for tries := 0; err != nil && tries < maxRepairs; tries++ {
		n := b.repair(ctx, err)
		if n == 0 {
			break
		}
		b.warn("%s of the cache had other bytes than it should: gone, and made anew", report.Count(n, "file"))
		res, err = b.produce(ctx)
	}
	if err != nil {
		return nil, err
	}
	stats := b.registries.Stats()
	res.Network = NetworkResult{stats.Requests, stats.SentBytes, stats.ReceivedBytes}
	res.Total = time.Since(began)
	b.timings["total"] = res.Total
	for stage, d := range b.timings {
		res.Timings[stage] = d.Milliseconds()
	}
	if res.Tests = b.tested; b.tested != nil && b.tested.Result == kerneltest.Failed {
		return res, b.testFailure(b.outputs[slices.IndexFunc(b.outputs, func(o image.Output) bool { return o.Kind == image.Registry })])
	}
	return res, b.notPushed(res)
}

func newBuilder(req BuildRequest, talk *report.Printer) *builder {
	return &builder{req: req, talk: talk, jobs: cmp.Or(req.Jobs, runtime.GOMAXPROCS(0)), timings: map[string]time.Duration{}}
}

// open reads all that a build begins with: the project, its locks, the base and the image of
// before. Call close, whatever it returns.
func (b *builder) open(ctx context.Context) error {
	if err := errors.Join(checkTestMode(b.req.Test), checkExec(b.req.Exec), checkAttach(b.req.Attach)); err != nil {
		return report.In(report.Usage, err)
	}
	if err := b.readSignKey(); err != nil {
		return err
	}
	if err := b.load(); err != nil {
		return report.In(report.Project, err)
	}
	if err := b.readCornLock(); err != nil {
		return err
	}
	b.registries = image.NewRegistries(image.RegistryOptions{})
	if err := b.readOutputs(); err != nil {
		return report.In(report.Usage, err)
	}
	if err := b.nameImages(ctx); err != nil {
		return err
	}
	if err := b.openCache(); err != nil {
		return err
	}
	if err := b.openBase(ctx); err != nil {
		return report.In(report.Base, err)
	}
	if err := b.settleLocks(ctx); err != nil {
		return report.In(report.Lock, err)
	}
	if err := b.takeLocks(); err != nil {
		return err
	}
	if err := b.placeEnvs(); err != nil {
		return report.In(report.Base, err)
	}
	b.sayWithoutLock()
	b.compilers.make = b.newCompiler
	return b.readPrevious(ctx)
}

// close lets go of what open opened.
func (b *builder) close() {
	b.compilers.close()
	b.closeFolder()
	b.closeReused()
	b.closePrevious()
	if b.base != nil {
		_ = b.base.Close() // it was only read
	}
	if b.cache != nil {
		_ = b.cache.Close() // its temporary folder goes with the next one's
	}
}

// maxRepairs bounds how often a build is tried again because the cache was damaged.
const maxRepairs = 3

// produce is the build behind the opened base. It may be called again after it failed.
func (b *builder) produce(ctx context.Context) (*BuildResult, error) {
	if err := b.layOut(ctx); err != nil {
		return nil, err
	}
	for {
		res, err := b.write(ctx)
		if lost, ok := errors.AsType[*image.LostBlobError](err); !ok || !b.forget(lost.Digest) {
			return res, err
		}
	}
}

// layOut finds out what the image is to hold, and which layers hold it.
func (b *builder) layOut(ctx context.Context) error {
	b.clobbers, b.placements = nil, nil
	if err := b.learn(ctx); err != nil {
		return err
	}
	if err := b.link(ctx); err != nil {
		return report.In(report.Package, err)
	}
	return report.In(report.Base, b.planLayers())
}

// warn tells the user and the result.
func (b *builder) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	b.warned = append(b.warned, text)
	b.talk.Warn("%s", text)
}

// sayOnce tells what several environments have in common.
func (b *builder) sayOnce(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(b.said, text) {
		b.said = append(b.said, text)
		b.talk.Say("%s", text)
	}
}

func (b *builder) openCache() error {
	c, err := openCacheAt(b.req.CacheDir)
	if err != nil {
		return err
	}
	if b.tempDir, err = c.TempDir(); err != nil {
		return errors.Join(err, c.Close())
	}
	b.cache = c
	return nil
}

// openBase opens the base image and finds out what the envs need to know of it.
func (b *builder) openBase(ctx context.Context) error {
	if b.settings.base == "" && b.cornLock != nil {
		b.settings.base = b.cornLock.Base.Ref
	}
	if b.settings.base == "" {
		return report.Hinted(report.Usage, "give --base NAME:TAG of a registry, oci:DIR or docker-archive:FILE, or write base: into corn.yaml",
			errors.New("no base image is given"))
	}
	var err error
	if b.base, err = image.OpenBase(ctx, b.baseRef(), image.OpenOptions{Platform: b.platform.String(), TempDir: b.tempDir, Registries: b.registries}); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return report.Hinted(report.Base, "look at the path; an image of a registry is named without oci: or docker-archive:, as in --base pangeo/base-image:2026.01", err)
		}
		return b.openRecorded(err)
	}
	if err := b.checkPin(); err != nil {
		return errors.Join(err, b.base.Close())
	}
	if b.baseFacts, err = b.factsOf(ctx); err != nil {
		return fmt.Errorf("read base image %s: %w", b.settings.base, err)
	}
	b.uid, b.gid = b.baseFacts.User.UID, b.baseFacts.User.GID
	if _, b.storeParents, err = b.baseFacts.ResolveDir(store.Root); err != nil {
		return fmt.Errorf("base image %s: %w", b.settings.base, err)
	}
	return nil
}

// placeEnvs decides where every env stands in the image.
func (b *builder) placeEnvs() error {
	for _, e := range b.envs {
		if err := b.site(e); err != nil {
			return fmt.Errorf("base image %s: %w", b.settings.base, err)
		}
	}
	b.checkContract()
	return nil
}

// site decides where an env stands in the image.
func (b *builder) site(e *env) error {
	at := b.base.CondaDir() + "/envs/" + e.id
	if e.id == notebookID {
		at = b.base.NotebookPrefix()
		b.replaceNotebook = b.baseFacts.Notebook != nil
	}
	for _, have := range b.baseFacts.Envs {
		if e.id != notebookID && strings.EqualFold(have.Name, e.id) {
			return report.Hinted(report.Project, "rename the kernel: its name.txt, or the folder",
				fmt.Errorf("environment %q has the name of an environment in the base image (/%s)", e.id, have.Prefix))
		}
	}
	root, parents, err := b.baseFacts.ResolveDir(at)
	if err != nil {
		return err
	}
	e.prefix, e.root = "/"+at, root
	for _, p := range parents[:len(parents)-1] { // the prefix itself comes with the env
		exists, err := b.baseFacts.Exists(p.Path)
		if err != nil {
			return err
		}
		if !exists && strings.HasPrefix(p.Path+"/", b.base.CondaDir()+"/") {
			p.UID, p.GID = b.uid, b.gid // users make environments of their own beside ours
		}
		e.parents = append(e.parents, p)
	}
	return nil
}

// checkContract warns where the image would not start on a hub.
func (b *builder) checkContract() {
	if b.hasNotebook() || b.baseFacts.Programs["jupyterhub-singleuser"] != "" {
		return
	}
	b.warn("neither the project nor the base image has a notebook environment: no JupyterLab, no jupyterhub-singleuser; add %s",
		filepath.Join(b.project.Dir, "environment.yml"))
}

func (b *builder) hasNotebook() bool {
	return slices.ContainsFunc(b.envs, func(e *env) bool { return e.id == notebookID })
}

// baseFactsCache keeps facts of base images in the cache.
type baseFactsCache struct{ c *cache.Cache }

const kindBase = "base"

func (c baseFactsCache) Get(key digest.SHA256) ([]byte, bool, error) {
	data, err := c.c.GetBytes(kindBase, key)
	if cache.IsMiss(err) {
		return nil, false, nil
	}
	return data, err == nil, err
}

func (c baseFactsCache) Put(key digest.SHA256, data []byte) error {
	return c.c.PutBytes(kindBase, key, data)
}

// link plans every env.
func (b *builder) link(ctx context.Context) error {
	began := time.Now()
	b.chooseCompilers()
	if err := b.planEnvs(slices.DeleteFunc(slices.Clone(b.envs), func(e *env) bool { return e.sum != nil })); err != nil {
		return err
	}
	for _, e := range b.envs {
		clobbers := e.sum.Clobbers
		for _, c := range clobbers {
			b.clobbers = append(b.clobbers, ClobberResult{Environment: e.id, Path: c.Path, Owners: c.Owners, Winner: c.Winner})
		}
		if len(clobbers) > 0 {
			c := clobbers[0]
			b.warn("environment %q: %s brought by several packages; the last one linked has it: %s from %s, not %s",
				e.id, report.Count(len(clobbers), "path"), c.Path, c.Winner, strings.Join(c.Owners[:len(c.Owners)-1], ", "))
		}
		for i, p := range e.packages {
			if ps := &e.sum.Packages[i]; ps.FalseCount > 0 {
				b.warn("package %s: %s not what its info/paths.json says, %s among them; the archive's own hash is right, so it is used as conda does",
					p.facts.FileName, report.Count(ps.FalseCount, "file"), ps.FalseName)
			}
			for _, s := range p.scripts {
				if !strings.HasSuffix(s, "-pre-link.sh") {
					continue // a step runs it, or it is for removing the package
				}
				b.warn("environment %q: package %s has the link script %s; this version of corn does not run it", e.id, p.facts.Name, s)
			}
		}
	}
	if err := b.collect(); err != nil {
		return err
	}
	if err := b.planSteps(ctx); err != nil {
		return err
	}
	if err := b.planCopy(ctx); err != nil {
		return err
	}
	if err := b.remember(); err != nil {
		return err
	}
	b.timings["plan"] = time.Since(began)
	return nil
}

// planEnvs plans envs whose packages' facts are known, side by side.
func (b *builder) planEnvs(envs []*env) error {
	o, errs := b.linkOptions(), make([]error, len(envs))
	var g errgroup.Group
	g.SetLimit(b.jobs)
	for i, e := range envs {
		g.Go(func() error {
			clobbers, err := e.link(o)
			if err != nil {
				errs[i] = err
				return nil
			}
			e.sum, e.planned = e.summarize(clobbers), true
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs: the first environment's is told, not the fastest one's
	for i, e := range envs {
		if errs[i] != nil {
			return fmt.Errorf("environment %q: %w", e.id, errs[i])
		}
	}
	return nil
}

// newCompiler prepares the interpreter of a Python for compiling.
func (b *builder) newCompiler(ctx context.Context, py *link.Python) (*exec.Compiler, error) {
	p, err := b.bringInterpreter(ctx, py.Artifact)
	if err != nil {
		return nil, err
	}
	o, err := b.openArchive(p.blob, artifact.Conda, p.facts.FileName, b.tempDir)
	if b.suspects.note(p.blob, err) != nil {
		return nil, err
	}
	defer o.close()
	interp, err := exec.Unpack(ctx, filepath.Join(b.tempDir, "python-"+py.Artifact.String()), p.facts, o.conda)
	if b.suspects.note(p.blob, err) != nil {
		return nil, err
	}
	interp.Magic = py.Magic
	if err := interp.Ready(ctx, b.baseRuntime); err != nil {
		return nil, report.Hinted(report.Package, "use a base image whose glibc this Python fits, or write pyc: shipped into corn.yaml to do without compiled bytecode", err)
	}
	return exec.NewCompiler(interp), nil
}

// baseRuntime takes the loader and libraries out of the base image.
func (b *builder) baseRuntime(ctx context.Context) (func(string, ...string) []string, error) {
	dir, err := b.cache.TempDir()
	if err != nil {
		return nil, err
	}
	rt, err := b.base.ExtractRuntime(ctx, dir)
	if err != nil {
		return nil, err
	}
	return func(program string, args ...string) []string { return rt.Command(nil, program, args...) }, nil
}
