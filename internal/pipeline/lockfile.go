package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/projectlock"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/oci/plan"
)

// What a build takes from corn.lock: the layout, the base, and the interpreters. It never
// writes the file, and nothing that the file lacks fails a build.

// readCornLock reads the project's corn.lock, if there is one.
func (b *builder) readCornLock() error {
	data, name, err := projectlock.Read(b.project.Dir)
	if err != nil || data == nil {
		return report.In(report.Lock, err)
	}
	b.cornLock, err = projectlock.Parse(name, data)
	return report.In(report.Lock, err)
}

// sayWithoutLock tells who builds without a corn.lock what that means.
func (b *builder) sayWithoutLock() {
	if b.cornLock == nil {
		b.talk.Say("corn.lock  none: the base is not pinned and later builds may move packages between layers; \"corn lock\" writes one")
	}
}

// layoutState is the layout of before; nil: none is known.
func (b *builder) layoutState() *plan.State {
	if b.cornLock == nil {
		return nil
	}
	return b.cornLock.State(b.platform.Subdir)
}

// pinPolicy says what becomes of a base that is not the recorded one.
type pinPolicy int

const (
	refuseOther pinPolicy = iota // corn build
	openPinned                   // corn lock: the recorded one, whatever its tag names now
	takeOther                    // corn lock --update-base
)

// pinned is what corn.lock says of the base that was asked for; nil: nothing, or another
// base was asked for.
func (b *builder) pinned() *projectlock.BasePlatform {
	if b.cornLock == nil || !sameRef(b.cornLock.Base.Ref, b.settings.base) {
		return nil
	}
	return b.cornLock.Base.For(b.platform.Subdir)
}

// sameRef tells whether two references are one, written in two ways perhaps.
func sameRef(x, y string) bool {
	if x == y {
		return true
	}
	a, errA := image.ParseRef(x)
	b, errB := image.ParseRef(y)
	return errA == nil && errB == nil && a == b
}

// baseRef is the reference to open.
func (b *builder) baseRef() string {
	p := b.pinned()
	if p == nil || b.pin != openPinned {
		return b.settings.base
	}
	r, err := image.ParseRef(b.settings.base)
	if err != nil || r.Kind == image.DockerArchive {
		return b.settings.base // an archive has one image, and is compared when it is open
	}
	r.Digest = p.Digest
	return r.String()
}

// checkPin compares the opened base with the recorded one.
func (b *builder) checkPin() error {
	p := b.pinned()
	switch {
	case b.cornLock == nil || b.pin != refuseOther && (p == nil || b.pin == takeOther):
	case p == nil && b.cornLock.Base.Ref != "" && !sameRef(b.cornLock.Base.Ref, b.settings.base):
		b.talk.Say("base       %s is not the one of corn.lock, %s: it is not pinned", b.settings.base, b.cornLock.Base.Ref)
	case p == nil:
		b.talk.Say("base       corn.lock has none for %s: it is not pinned", b.platform)
	case p.Digest != b.base.Digest():
		return b.otherBase(p, b.base.Digest().OCI(), nil)
	}
	return nil
}

// otherBase is the refusal of a base that changed.
func (b *builder) otherBase(p *projectlock.BasePlatform, got string, err error) error {
	hint := "run \"corn lock --update-base\" to take the base as it is now"
	if r, err := image.ParseRef(b.settings.base); err == nil && r.Kind == image.Registry {
		r.Tag, r.Digest = "", p.Digest
		hint += ", or build once more on the old one with --base " + r.String()
	}
	text := fmt.Errorf("base image %s changed: corn.lock has %s, got %s", b.settings.base, p.Digest.OCI(), got)
	if err != nil {
		text = fmt.Errorf("base image %s: corn.lock has %s, which cannot be had: %w", b.settings.base, p.Digest.OCI(), err)
	}
	return report.Hinted(report.Base, hint, text)
}

// openRecorded explains why the recorded base of a project could not be opened.
func (b *builder) openRecorded(err error) error {
	p := b.pinned()
	_, noRef := errors.AsType[*image.RefError](err)
	if p == nil || b.pin != openPinned || !noRef && !errors.Is(err, image.ErrNotFound) {
		return err
	}
	return b.otherBase(p, "", err)
}

// factsOf returns the facts of the base: from corn.lock, the cache, or the image itself.
func (b *builder) factsOf(ctx context.Context) (*image.Facts, error) {
	c := &recordedFacts{FactsCache: baseFactsCache{b.cache}, base: b.base}
	if b.cornLock != nil {
		// Whatever the base is called: facts are those of a digest. A mirror's copy of the base is
		// the same base, and needs no more reading.
		c.recorded = b.cornLock.Base.For(b.platform.Subdir)
	}
	f, err := b.base.Facts(ctx, image.FactsOptions{Cache: c, Paths: b.imagePaths()})
	b.baseFactsKey = c.key
	return f, err
}

// imagePaths are folders of the image that the project's own files go to.
func (b *builder) imagePaths() []string {
	var paths []string
	if b.project.Start != nil {
		paths = append(paths, path.Dir(image.StartPath))
	}
	if b.project.JupyterConfig != nil {
		paths = append(paths, path.Dir(image.JupyterConfigPath))
	}
	if b.project.Settings.Steps.CopyProject {
		paths = append(paths, image.HomePath)
	}
	return paths
}

// recordedFacts asks corn.lock before the cache, so that what a build does follows from the
// project and not from the machine. On a machine that sees the base for the first time no
// layer of it needs to be read.
type recordedFacts struct {
	image.FactsCache
	base     *image.Base
	recorded *projectlock.BasePlatform // may be nil
	key      digest.SHA256             // that was asked for
}

var _ image.FactsCache = (*recordedFacts)(nil)

func (c *recordedFacts) Get(key digest.SHA256) ([]byte, bool, error) {
	c.key = key
	if c.recorded != nil && c.recorded.FactsKey == key && c.recorded.Digest == c.base.Digest() {
		if data, err := restoreFacts(c.recorded.Facts, c.base); err == nil {
			return data, true, nil
		}
	}
	return c.FactsCache.Get(key)
}

// recordFacts leaves out what the base's config says: it is read anyway.
func recordFacts(f *image.Facts) ([]projectlock.Fact, error) {
	own := *f
	own.OS, own.Architecture, own.Env, own.Cmd, own.WorkingDir, own.Labels, own.OnBuild = "", "", nil, nil, "", nil, nil
	text, err := json.Marshal(own)
	if err != nil {
		return nil, err
	}
	return projectlock.Flatten(text)
}

// restoreFacts is the other way around.
func restoreFacts(facts []projectlock.Fact, base *image.Base) ([]byte, error) {
	text, err := projectlock.Unflatten(facts)
	if err != nil {
		return nil, err
	}
	var f image.Facts
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, err
	}
	c := base.Config()
	f.OS, f.Architecture = c.OS, c.Architecture
	f.Env, f.Cmd, f.WorkingDir, f.Labels, f.OnBuild = c.Config.Env, c.Config.Cmd, c.Config.WorkingDir, c.Config.Labels, c.Config.OnBuild
	return json.Marshal(f)
}
