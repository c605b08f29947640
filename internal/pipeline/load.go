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

// load reads the project and its locks.
func (b *builder) load() error {
	var o project.Options
	if b.req.Platform != "" {
		var err error
		if o.Platform, err = target.Parse(b.req.Platform); err != nil {
			return report.In(report.Usage, err)
		}
	}
	p, err := project.Load(b.req.Project, o)
	if err != nil {
		return classify(err)
	}
	if n := len(p.Settings.Platforms); o.Platform.IsZero() && n > 1 {
		b.warn("corn.yaml names %d platforms; this version builds one at a time: %s now, the others with --platform", n, p.Platform)
	}
	b.project, b.platform = p, p.Platform
	for _, n := range p.Notices {
		b.talk.Say("%s: %s", n.File, n.Text)
		b.notices = append(b.notices, n.File+": "+n.Text)
	}
	if err := b.settle(); err != nil {
		return report.In(report.Usage, err)
	}
	if p.Notebook != nil {
		if err := b.addEnv(p.Notebook, notebookID); err != nil {
			return err
		}
	}
	for i := range p.Kernels {
		if err := b.addEnv(&p.Kernels[i], p.Kernels[i].Slug); err != nil {
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
