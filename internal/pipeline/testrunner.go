package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/internal/engine"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/kerneltest"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/internal/sandbox"
	"github.com/nasa-openscapes/corn/internal/target"
)

// An imageRunner is a Runner of an opened image.
type imageRunner interface {
	kerneltest.Runner
	name() string    // "docker"
	imageID() string // digest of the image's config
	close() error
}

// A runnerRequest says which image to run where.
type runnerRequest struct {
	ref      string // as for image.ParseRef, or "docker-daemon:NAME"
	exec     string // TestRequest.Exec
	platform target.Platform
	cache    *cache.Cache
	built    *openedImage // instead of ref: what a build has made
}

// An openedImage is an image whose layers can be read.
type openedImage struct {
	img   image.Image
	id    string            // digest of the config
	files map[string][]byte // what it says of itself
	want  func(i int) bool  // layers that are needed; nil: all
	kind  image.RefKind     // where it lies
	close func() error
}

// open opens the image that the request names.
func (req *runnerRequest) open(ctx context.Context, ref, tempDir string, talk *report.Printer) (*openedImage, error) {
	if req.built != nil {
		return req.built, nil
	}
	registries := image.NewRegistries(image.RegistryOptions{})
	source, _, err := openSource(ctx, TransferRequest{From: ref, Platform: req.platform.String()}, image.OpenOptions{TempDir: tempDir, Registries: registries}, talk)
	if err != nil {
		return nil, err
	}
	files, err := source.Described(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read what %s says of itself: %w", image.ShowRef(ref), err), source.Close())
	}
	img, _ := source.Original()
	return &openedImage{img: img, id: source.ConfigDigest().OCI(), files: files, kind: source.Ref().Kind, close: source.Close}, nil
}

// daemonPrefix names images of the machine's container engine.
const daemonPrefix = "docker-daemon:"

// openRunner opens an image for running its programs: in the sandbox where this machine allows
// one, else in a container engine. An engine's own image is run there.
func openRunner(ctx context.Context, req runnerRequest, talk *report.Printer) (imageRunner, error) {
	if err := checkExec(req.exec); err != nil {
		return nil, report.In(report.Usage, err)
	}
	switch req.exec {
	case sandboxExec:
		if req.built == nil && isBareName(req.ref) {
			if e, err := engine.Find(ctx, ""); err == nil {
				if id, err := e.ID(ctx, req.ref); err == nil && id != "" {
					req.ref = daemonPrefix + req.ref
				}
			}
		}
		return refusedHint(openSandbox(ctx, req, talk))
	case "docker", "podman":
		return openEngine(ctx, req, talk)
	}
	if req.built == nil && (strings.HasPrefix(req.ref, daemonPrefix) || isBareName(req.ref)) {
		e, err := engine.Find(ctx, "")
		if err == nil {
			id, err := e.ID(ctx, strings.TrimPrefix(req.ref, daemonPrefix))
			if err != nil || id != "" {
				return openEngine(ctx, req, talk)
			}
		}
	}
	_, refusal := sandbox.Check("")
	if refusal == nil {
		return refusedHint(openSandbox(ctx, req, talk))
	}
	r, err := openEngine(ctx, req, talk)
	if none, ok := errors.AsType[*engine.NoEngineError](err); ok {
		_, hint := report.Explain(refusal)
		return nil, report.Hinted(report.Unexpected, hint+"; or start Docker or podman", fmt.Errorf("nothing here can run the image: %w; %w", refusal, none))
	}
	if err != nil {
		return nil, err
	}
	talk.Say("test       %s runs the image: %v", r.name(), refusal)
	return r, nil
}

const sandboxExec = "sandbox"

// refusedHint adds the other way to a refusal.
func refusedHint(r *sandboxRunner, err error) (imageRunner, error) {
	if refused, ok := errors.AsType[*sandbox.RefusedError](err); ok {
		return nil, report.Hinted(report.Unexpected, refused.Hint()+"; or use --exec docker", err)
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// openEngine gives the image to the machine's container engine, unless it has it.
func openEngine(ctx context.Context, req runnerRequest, talk *report.Printer) (*engineRunner, error) {
	e, err := findEngine(ctx, req.exec)
	if err != nil {
		return nil, err
	}
	name, daemon := strings.CutPrefix(req.ref, daemonPrefix)
	id, err := "", error(nil)
	if daemon || req.built == nil && isBareName(req.ref) {
		if id, err = e.ID(ctx, name); err != nil {
			return nil, err
		}
		if daemon && id == "" {
			return nil, report.In(report.Usage, fmt.Errorf("%s has no image %q", e.Program, name))
		}
	}
	if id == "" {
		if id, err = loadImage(ctx, e, req, talk); err != nil {
			return nil, err
		}
	}
	user, err := e.User(ctx, id)
	if err != nil {
		return nil, err
	}
	return &engineRunner{engine: e, image: id, uid: numericUser(user), files: &engine.Files{Engine: e, Image: id}}, nil
}

func findEngine(ctx context.Context, program string) (*engine.Engine, error) {
	e, err := engine.Find(ctx, program)
	if _, none := errors.AsType[*engine.NoEngineError](err); none {
		return nil, report.Hinted(report.Unexpected, "start Docker or podman, or use a machine that has one", err)
	}
	return e, err
}

// isBareName tells whether a reference may be an image of the engine as well: it is no path
// and names no place.
func isBareName(ref string) bool {
	r, err := image.ParseRef(ref)
	return err == nil && r.Kind == image.Registry && !strings.HasPrefix(ref, "docker://") && !strings.HasPrefix(ref, "registry:")
}

// numericUser is the number of an image's user where the config says it, and else that of
// every image for hubs.
func numericUser(user string) int {
	first, _, _ := strings.Cut(user, ":")
	if n, err := strconv.Atoi(first); err == nil {
		return n
	}
	return hubUID
}

const hubUID = 1000

// loadImage reads an image and gives it to the engine under its id, without a name. What the
// engine has is not given again.
func loadImage(ctx context.Context, e *engine.Engine, req runnerRequest, talk *report.Printer) (string, error) {
	tempDir, err := req.cache.TempDir()
	if err != nil {
		return "", err
	}
	source, err := req.open(ctx, req.ref, tempDir, talk)
	if err != nil {
		return "", err
	}
	defer source.close() //nolint:errcheck // it was only read
	id, img := source.id, source.img
	if have, err := e.ID(ctx, id); err != nil || have == id {
		return id, err
	}
	size, err := image.Size(img)
	if err != nil {
		return "", err
	}
	archive := filepath.Join(tempDir, "test-"+strings.TrimPrefix(id, "sha256:")+".tar")
	defer os.Remove(archive)
	out := image.Output{Kind: image.DockerArchive, Path: archive}
	stage := talk.Stage("load", size, report.Bytes)
	out.Progress = stage.Add
	if _, err := writeCopy(ctx, img, out, filepath.Join(tempDir, "pulled"), source.kind); err != nil {
		stage.Abort()
		return "", classifyImage(err)
	}
	if err := e.Load(ctx, archive); err != nil {
		stage.Abort()
		return "", err
	}
	stage.Done("%s into %s", report.Size(size), e.Program)
	if have, err := e.ID(ctx, id); err != nil || have != id {
		return "", errors.Join(err, fmt.Errorf("%s has no image %s after loading it: an engine that names images by manifests is not known here", e.Program, id))
	}
	return id, nil
}

func millis(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

func (r *engineRunner) name() string    { return r.engine.Program }
func (r *engineRunner) imageID() string { return r.image }
