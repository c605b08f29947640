package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/checkout"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/project"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/internal/target"
	"github.com/nasa-openscapes/corn/lock"
	"github.com/nasa-openscapes/corn/pypi/wheel"
)

// gitPrefix names a project as a commit has it: "git:REV" or "git:REV:PROJECT".
const gitPrefix = "git:"

// What a side of a comparison can be.
const (
	sideImage    = "image"
	sideLock     = "lock"
	sideProject  = "project"
	sideRevision = "revision"
)

// A side is one of two things that are compared: the packages of environments, by name.
type side struct {
	shown  string
	kind   string
	commit string // of a revision
	envs   []sideEnv
	image  *describedImage // nil: it is no image
}

// A sideEnv is one environment of a side.
type sideEnv struct {
	name        string // empty: a lock that stands alone
	displayName string
	packages    []lock.Package
	requested   map[string]bool // by packageKey
}

// packageKey is equal for one package, whichever way its name is written.
func packageKey(p *lock.Package) string {
	name := p.Name
	if p.Manager == lock.Pip {
		name = wheel.NormalizeName(name)
	}
	return string(p.Manager) + " " + name
}

func (s *side) env(name string) *sideEnv {
	for i := range s.envs {
		if s.envs[i].name == name {
			return &s.envs[i]
		}
	}
	return nil
}

func (s *side) close() {
	if s.image != nil {
		s.image.close()
	}
}

// openSide finds out what an argument means. What is on this machine comes first: a folder is a
// project or an OCI layout, a file a lock. Everything else is the reference of an image.
func openSide(ctx context.Context, arg string, req DiffRequest, tempDir string, talk *report.Printer) (*side, error) {
	if rest, ok := strings.CutPrefix(arg, gitPrefix); ok {
		return revisionSide(ctx, arg, rest, req, tempDir, talk)
	}
	if fi, err := os.Stat(arg); err == nil {
		switch {
		case !fi.IsDir():
			return lockSide(arg, req)
		case isProjectDir(arg):
			s, err := projectSide(arg, req, talk)
			if s != nil {
				s.shown = arg
			}
			return s, err
		}
	}
	d, err := openDescribed(ctx, arg, req.Platform, req.CacheDir, talk)
	if err != nil {
		return nil, err
	}
	s := &side{shown: d.shown, kind: sideImage, image: d}
	if d.meta == nil {
		talk.Warn("%s has no /%s: corn did not make it, or it was built upon; only its layers are compared", d.shown, image.MetadataPath)
		return s, nil
	}
	s.takeImage(d.meta)
	return s, nil
}

func (s *side) takeImage(m *image.Metadata) {
	known := map[digest.SHA256]*image.ArtifactMetadata{}
	for i := range m.Artifacts {
		known[m.Artifacts[i].SHA256] = &m.Artifacts[i]
	}
	for _, e := range m.Envs {
		se := sideEnv{name: e.Name, requested: map[string]bool{}}
		for _, k := range m.Kernels {
			if k.Env == e.Name && (k.Name == e.Name || se.displayName == "") {
				se.displayName = k.DisplayName
			}
		}
		for _, sum := range e.Artifacts {
			a := known[sum]
			if a == nil {
				continue
			}
			p := lock.Package{Manager: managerOf(a.Kind), Name: a.Name, Version: a.Version, Build: a.Build, FileName: a.FileName, SHA256: a.SHA256, SizeBytes: a.SizeBytes}
			if p.Manager == lock.Pip {
				p.Build = "" // as locks have it
			}
			se.packages = append(se.packages, p)
			if isRequested(&e, a) {
				se.requested[packageKey(&p)] = true
			}
		}
		s.envs = append(s.envs, se)
	}
}

func managerOf(k artifact.Kind) lock.Manager {
	if k == artifact.Wheel {
		return lock.Pip
	}
	return lock.Conda
}

// learnMD5 adds what locks without SHA-256 know archives by.
func (s *side) learnMD5() {
	if s.image == nil {
		return
	}
	sums := map[digest.SHA256]digest.MD5{}
	for line := range bytes.Lines(s.image.facts) {
		var f struct {
			SHA256 digest.SHA256 `json:"sha256"`
			MD5    digest.MD5    `json:"md5"`
		}
		if json.Unmarshal(line, &f) == nil {
			sums[f.SHA256] = f.MD5
		}
	}
	for i := range s.envs {
		for j := range s.envs[i].packages {
			p := &s.envs[i].packages[j]
			p.MD5 = sums[p.SHA256]
		}
	}
}

// lacksSHA256 tells whether some archive is known by its MD5 alone.
func (s *side) lacksSHA256() bool {
	for _, e := range s.envs {
		for _, p := range e.packages {
			if p.SHA256.IsZero() {
				return true
			}
		}
	}
	return false
}

func lockSide(file string, req DiffRequest) (*side, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, report.In(report.Usage, err)
	}
	l, err := lock.Read(file, data)
	if err != nil {
		return nil, report.In(report.Lock, err)
	}
	platform, err := req.target()
	if err != nil {
		return nil, err
	}
	packages, err := l.For(platform.Subdir)
	if err != nil {
		return nil, report.In(report.Lock, err)
	}
	abs, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	return &side{shown: file, kind: sideLock, envs: []sideEnv{{name: project.Slug("", filepath.Base(filepath.Dir(abs))), packages: packages}}}, nil
}

// projectSide reads the locks of a project.
func projectSide(dir string, req DiffRequest, talk *report.Printer) (*side, error) {
	b := &builder{req: BuildRequest{Project: dir, Platform: req.Platform}, talk: talk}
	if err := b.readProject(); err != nil {
		return nil, report.In(report.Project, err)
	}
	s := &side{kind: sideProject}
	for _, e := range b.environments() {
		switch {
		case e.Lock == nil && (e.LockProblem == nil || isNoLock(e.LockProblem)):
			return nil, report.Hinted(report.Lock, "lock it first with corn lock", fmt.Errorf("environment %q has no lock: what is in it is not known", envID(e)))
		case e.Lock == nil:
			return nil, classify(e.LockProblem)
		}
		packages, err := e.Lock.For(b.platform.Subdir)
		if err != nil {
			return nil, report.In(report.Lock, fmt.Errorf("environment %q: %w", envID(e), err))
		}
		se := sideEnv{name: envID(e), displayName: e.DisplayName, packages: packages, requested: map[string]bool{}}
		conda, pip := e.Requested()
		for _, name := range conda {
			se.requested[string(lock.Conda)+" "+name] = true
		}
		for _, name := range pip {
			se.requested[string(lock.Pip)+" "+name] = true
		}
		s.envs = append(s.envs, se)
	}
	return s, nil
}

// revisionSide reads the locks of a project as a commit has it.
func revisionSide(ctx context.Context, arg, rest string, req DiffRequest, tempDir string, talk *report.Printer) (*side, error) {
	rev, dir, _ := strings.Cut(rest, ":")
	if dir == "" {
		dir = "."
	}
	if rev == "" {
		return nil, report.In(report.Usage, fmt.Errorf("%q names no revision: want git:REV or git:REV:PROJECT, as in git:main or git:HEAD~1:hackweek", arg))
	}
	to, err := os.MkdirTemp(tempDir, "revision")
	if err != nil {
		return nil, err
	}
	commit, err := checkout.Export(ctx, dir, rev, to)
	if err != nil {
		hint := ""
		if !errors.Is(err, fs.ErrNotExist) {
			hint = "a shallow clone has only its last commits: git fetch --unshallow, or fetch-depth: 0 of actions/checkout"
		}
		return nil, report.Hinted(report.Usage, hint, fmt.Errorf("read %s: %w", arg, err))
	}
	s, err := projectSide(to, req, talk)
	if err != nil {
		return nil, &movedError{err, to, gitPrefix + rev}
	}
	s.shown, s.kind, s.commit = arg, sideRevision, commit
	return s, nil
}

// A movedError is about files that were copied before they were read, and shows where they are
// really.
type movedError struct {
	err      error
	from, to string
}

func (e *movedError) Error() string { return strings.ReplaceAll(e.err.Error(), e.from, e.to) }
func (e *movedError) Unwrap() error { return e.err }

// target is the platform whose packages are compared.
func (req *DiffRequest) target() (target.Platform, error) {
	if req.Platform == "" {
		return target.Default(), nil
	}
	p, err := target.Parse(req.Platform)
	return p, report.In(report.Usage, err)
}
