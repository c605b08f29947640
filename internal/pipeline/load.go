package pipeline

import (
	"cmp"
	"fmt"
	"path/filepath"

	"github.com/nasa-openscapes/corn/internal/kernel"
	"github.com/nasa-openscapes/corn/internal/project"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/internal/target"
	"github.com/nasa-openscapes/corn/lock"
	"github.com/nasa-openscapes/corn/oci/frame"
	"github.com/nasa-openscapes/corn/store"
)

// settings are the request, and where it says nothing corn.yaml, and then the default.
type settings struct {
	base         string
	name         string // repository of the image
	channelAlias string
	compression  frame.Compression
	strip        []string
	pycShipped   bool
}

// load reads the project. Locks that cannot be read are errors; those that are missing are
// not: takeLocks looks after them.
func (b *builder) load() error {
	if err := b.readProject(); err != nil {
		return err
	}
	for _, e := range b.environments() {
		if e.LockProblem != nil && !isNoLock(e.LockProblem) {
			return classify(e.LockProblem)
		}
	}
	b.sayNotices()
	return nil
}

// readProject reads the project and what locks can be read.
func (b *builder) readProject() error {
	o := project.Options{LocksOptional: true}
	if err := b.takePlatform(); err != nil {
		return err
	}
	o.Platform = b.platform
	p, err := project.Load(b.req.Project, o)
	if err != nil {
		return classify(err)
	}
	if n := len(p.Settings.Platforms); o.Platform.IsZero() && n > 1 {
		b.warn("corn.yaml names %d platforms; this version builds one at a time: %s now, the others with --platform", n, p.Platform)
	}
	b.project, b.platform = p, p.Platform
	return report.In(report.Usage, b.settle())
}

// takePlatform reads the platform that was asked for; none: the project says, or the default.
func (b *builder) takePlatform() (err error) {
	if b.req.Platform != "" {
		if b.platform, err = target.Parse(b.req.Platform); err != nil {
			return report.In(report.Usage, err)
		}
	}
	return nil
}

// sayNotices tells of the project's files that are not used.
func (b *builder) sayNotices() {
	for _, n := range b.project.Notices {
		b.talk.Say("%s: %s", n.File, n.Text)
		b.notices = append(b.notices, n.File+": "+n.Text)
	}
}

// takeLocks takes the packages of every environment. Each has a lock by now.
func (b *builder) takeLocks() error {
	b.envs = nil
	for _, e := range b.environments() {
		if err := b.addEnv(e, envID(e)); err != nil {
			return err
		}
	}
	return nil
}

// settle works out the settings.
func (b *builder) settle() error {
	s := b.project.Settings
	c, err := frame.ParseCompression(cmp.Or(b.req.Compression, s.Compression, frame.Zstd.String()))
	if err != nil {
		return err
	}
	b.settings = settings{
		base: cmp.Or(b.req.Base, s.Base), name: s.Image,
		channelAlias: cmp.Or(b.req.ChannelAlias, s.ChannelAlias),
		compression:  c, strip: s.Strip, pycShipped: s.PycShipped,
	}
	return nil
}

// addEnv takes the packages of one environment for the platform.
func (b *builder) addEnv(p *project.Environment, id string) error {
	e := &env{id: id, displayName: p.DisplayName, lockPath: p.Lock.Path, copyGlobs: p.Copy, lockKind: p.Lock.Kind}
	if rel, err := filepath.Rel(b.project.Dir, e.lockPath); err == nil && filepath.IsLocal(rel) {
		e.lockPath = filepath.ToSlash(rel)
	}
	e.requested, e.requestedPip = p.Requested()
	if p.Layout == project.Copies {
		e.layout = store.Copies
	}
	for _, v := range p.Variables {
		e.variables = append(e.variables, kernel.Variable{Name: v.Name, Value: v.Value})
	}
	locked, err := p.Lock.For(b.platform.Subdir)
	if err != nil {
		return report.In(report.Lock, fmt.Errorf("environment %q: %w", id, err))
	}
	// Wheels are linked over the conda packages, as pip runs after conda.
	for _, manager := range []lock.Manager{lock.Conda, lock.Pip} {
		for _, l := range locked {
			if l.Manager == manager {
				e.packages = append(e.packages, &pkg{locked: l})
			}
		}
	}
	b.envs = append(b.envs, e)
	return nil
}

// classify gives errors of reading a project the class of the file they are about.
func classify(err error) error {
	for _, is := range []func(error) bool{
		isA[*lock.ParseError], isA[*lock.ConflictError], isA[*lock.VersionError], isA[*lock.DuplicateError],
		isA[*lock.PlatformError], isA[*lock.UnsupportedError], isA[*project.LockError], isA[*project.PipError],
	} {
		if is(err) {
			return report.In(report.Lock, err)
		}
	}
	return report.In(report.Project, err)
}
