package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/lock"
	"github.com/nasa-openscapes/corn/pypi/pep508"
	"github.com/nasa-openscapes/corn/pypi/requirements"
	"github.com/nasa-openscapes/corn/pypi/resolve"
	"github.com/nasa-openscapes/corn/pypi/simple"
	"github.com/nasa-openscapes/corn/pypi/wheel"
)

// asksPip tells whether an environment asks for packages of PyPI.
func (w *wanted) asksPip() bool {
	return w.env.Requirements != nil && len(w.env.Requirements.Requirements) > 0
}

// chooseWheels chooses the wheels of an environment's answers, given what conda chose. Where
// the wheels of the old lock still are what is asked for, they stay, and no index is asked.
func (l *envLocker) chooseWheels(ctx context.Context, le *lockedEnv) error {
	var todo []*solved
	for _, s := range le.solved {
		if !s.asksPip() {
			continue
		}
		if le.before != nil && !l.upgrade && !l.updatesPip(le.before) {
			if kept, ok := keptAsTheyAre(le.before, s); ok {
				s.wheels = kept
				continue
			}
		}
		todo = append(todo, s)
	}
	if len(todo) == 0 {
		return nil
	}
	stage := l.talk.Stage("wheels", int64(len(todo)), report.Things)
	chosen := 0
	for _, s := range todo {
		if err := l.resolvePip(ctx, le.before, s); err != nil {
			stage.Abort()
			return err
		}
		chosen += len(s.wheels)
		stage.Add(1)
	}
	l.timings["wheels"] += stage.Done("%s for %s", report.Count(chosen, "wheel"), le.id)
	return nil
}

// updatesPip tells whether --update names a wheel of a lock.
func (l *envLocker) updatesPip(old *lock.Lock) bool {
	return slices.ContainsFunc(old.Packages, func(p lock.Package) bool {
		return p.Manager == lock.Pip && l.updates(p.Name)
	})
}

// updates tells whether --update names a wheel.
func (l *envLocker) updates(name string) bool {
	return slices.ContainsFunc(l.update, func(u string) bool { return wheel.NormalizeName(u) == wheel.NormalizeName(name) })
}

// A PipError says which environment's requirements could not be met.
type PipError struct {
	Environment string
	Platform    string
	Err         error
}

func (e *PipError) Error() string {
	return fmt.Sprintf("environment %q for %s: %s", e.Environment, e.Platform, e.Err)
}

// Unwrap returns the resolver's or the index's error.
func (e *PipError) Unwrap() error { return e.Err }

var errNoPython = errors.New("packages of PyPI need python, and conda chose none")

// resolvePip asks the resolver, and writes its answer as a lock has it.
func (l *envLocker) resolvePip(ctx context.Context, old *lock.Lock, s *solved) error {
	in := func(class report.Class, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return report.In(class, &PipError{Environment: s.id, Platform: s.platform, Err: err})
	}
	target, err := s.pipTarget()
	if err != nil {
		return in(report.Project, err)
	}
	set := s.env.Requirements
	req := resolve.Request{
		Env: target.env, Tags: target.tags, Prereleases: set.Options.Prereleases, PreferBinary: set.Options.PreferBinary,
		NoBinary: formatsOf(set.Options.Formats.NoBinary, set.Options.Formats.OnlyBinary), OnlyBinary: formatsOf(set.Options.Formats.OnlyBinary, set.Options.Formats.NoBinary),
		RequireHashes: set.Options.RequireHashes, ExcludeNewer: l.project.Settings.Solve.IndexUntil,
	}
	if req.Requirements, err = l.asked(set.Requirements, target); err != nil {
		return in(report.Project, err)
	}
	if req.Constraints, err = l.asked(set.Constraints, target); err != nil {
		return in(report.Project, err)
	}
	req.Locked = l.pins(old, s)
	client, err := l.indexFor(&set.Options)
	if err != nil {
		return in(report.Project, err)
	}
	if req.Provided, err = l.providedBy(ctx, s); err != nil {
		return err
	}
	idx := newPipIndex(ctx, client, target)
	idx.warn = l.talk.Warn
	defer idx.close()
	res, err := resolve.Solve(ctx, idx, req)
	if err != nil {
		return in(report.Lock, err)
	}
	for _, w := range res.Warnings {
		l.sayOnce("%s: %s", s.id, w)
	}
	s.brings = map[string]string{}
	for _, u := range res.Used {
		s.brings[u.Name], _, _ = strings.Cut(u.Package, " ")
	}
	for i := range res.Chosen {
		p, err := l.lockWheel(ctx, idx, &res.Chosen[i], s)
		if err != nil {
			return in(report.Fetch, err)
		}
		s.wheels = append(s.wheels, *p)
	}
	return nil
}

// formatsOf is one list of --no-binary and --only-binary in the resolver's words. What the other
// one names by name, ":all:" of this one does not cover.
func formatsOf(list, other []string) resolve.Formats {
	var f resolve.Formats
	for _, n := range list {
		if n == ":all:" {
			f.All = true
		} else {
			f.Names = append(f.Names, n)
		}
	}
	if f.All {
		for _, n := range other {
			if n != ":all:" {
				f.Except = append(f.Except, n)
			}
		}
	}
	return f
}

// An UnbuildableError reports a requirement of something that has to be built.
type UnbuildableError struct {
	requirements.Place
	Text string // redacted
	What string // "a repository"
}

func (e *UnbuildableError) Error() string {
	return fmt.Sprintf("%s:%d asks %s: %s has to be built, and this version of corn installs wheels only", e.File, e.Line, e.Text, e.What)
}

// Hint says what to do.
func (e *UnbuildableError) Hint() string {
	return "name a wheel of it (its URL, or a path in the project), or a release that has wheels"
}

// asked puts requirements into the resolver's words.
func (l *envLocker) asked(list []requirements.Requirement, target *pipTarget) ([]resolve.Requirement, error) {
	var out []resolve.Requirement
	for i := range list {
		r := &list[i]
		if counts, err := r.Marker.Eval(target.env); err == nil && !counts {
			continue // an error the resolver tells of
		}
		if len(r.Unset) > 0 {
			return nil, fmt.Errorf("%s:%d asks %s: the variable %s is not set", r.File, r.Line, record.Redact(r.Text), r.Unset[0])
		}
		spec := r.Spec
		if r.Kind != requirements.FromIndex {
			at := r.URL
			what := ""
			switch {
			case r.Kind == requirements.FromVCS:
				what = "a repository"
			case r.Kind == requirements.FromPath && !strings.HasSuffix(r.Path, ".whl"):
				what = "a folder or an sdist"
			case r.Kind == requirements.FromURL && !strings.HasSuffix(r.URL, ".whl"):
				what = "what is no wheel"
			case r.Kind == requirements.FromPath:
				var err error
				if at, err = l.fileURL(r.Path); err != nil {
					return nil, err
				}
			}
			if what != "" {
				return nil, &UnbuildableError{Place: r.Place, Text: record.Redact(r.Text), What: what}
			}
			spec = &pep508.Requirement{Name: r.Name, Extras: r.Extras, URL: at, Marker: r.Marker}
		}
		q := resolve.Requirement{Requirement: spec, Origin: resolve.Origin{File: r.File, Line: r.Line}}
		for _, h := range r.Hashes {
			q.Hashes = append(q.Hashes, h.Algorithm+":"+h.Hex)
		}
		out = append(out, q)
	}
	return out, nil
}

// pins are the versions of the old lock, but for what may move.
func (l *envLocker) pins(old *lock.Lock, s *solved) []resolve.Pin {
	if old == nil || l.upgrade {
		return nil
	}
	var out []resolve.Pin
	for _, p := range old.Packages {
		if p.Manager == lock.Pip && p.Platform == s.platform && p.Category == lock.MainCategory && !l.updates(p.Name) {
			out = append(out, resolve.Pin{Name: wheel.NormalizeName(p.Name), Version: p.Version})
		}
	}
	return out
}

// A HashError reports a file that has none of the hashes that its requirement allows.
type HashError struct {
	File    string
	Allowed []string
	Got     string
}

func (e *HashError) Error() string {
	return fmt.Sprintf("%s has the sha256 %s, and the requirements allow %s", e.File, e.Got, strings.Join(e.Allowed, ", "))
}

// Hint says what to do.
func (e *HashError) Hint() string {
	return "the file is not the one that the hash was written for: check where it comes from, or write its hash into the requirements"
}

// lockWheel is a chosen file as conda-lock writes it.
func (l *envLocker) lockWheel(ctx context.Context, idx *pipIndex, c *resolve.Chosen, s *solved) (*lock.Package, error) {
	f, err := idx.file(c.Name, &c.File)
	if err != nil {
		return nil, err
	}
	p := &lock.Package{
		Manager: lock.Pip, Name: c.Name, Version: c.Version, Platform: s.platform, URL: f.URL, FileName: f.Name,
		SHA256: f.SHA256, SizeBytes: f.SizeBytes, Category: lock.MainCategory,
	}
	if p.SHA256.IsZero() {
		if p.SHA256, p.SizeBytes, err = idx.client.Hash(ctx, f); err != nil {
			return nil, err
		}
	}
	if len(c.Hashes) > 0 && !hashAllowed(c.Hashes, p.SHA256, f) {
		return nil, &HashError{File: f.Name, Allowed: c.Hashes, Got: p.SHA256.String()}
	}
	if at, local := strings.CutPrefix(p.URL, "file://"); local {
		if p.URL, err = l.besideLock(at, s); err != nil {
			return nil, err
		}
	}
	if c.Direct {
		p.DirectURL, p.SourceURL = true, p.URL
	}
	for _, d := range c.Dependencies {
		p.Depends = append(p.Depends, lock.Dependency{Name: d.Name, Constraint: cmp.Or(d.Specifiers, "*")})
	}
	return p, nil
}

// besideLock is the path of a file of the project relative to the environment's folder, so that the
// lock means the same on every machine. A file elsewhere keeps its URL.
func (l *envLocker) besideLock(escaped string, s *solved) (string, error) {
	name, err := url.PathUnescape(escaped)
	if err != nil {
		return "", err
	}
	root, err := filepath.Abs(l.project.Dir)
	if err != nil {
		return "", err
	}
	if in, err := filepath.Rel(root, filepath.FromSlash(name)); err != nil || !filepath.IsLocal(in) {
		return "file://" + escaped, nil //nolint:nilerr // it is elsewhere
	}
	rel, err := filepath.Rel(filepath.Join(root, filepath.FromSlash(s.env.Dir)), filepath.FromSlash(name))
	if err != nil {
		return "", err
	}
	if rel = filepath.ToSlash(rel); !strings.HasPrefix(rel, "../") {
		rel = "./" + rel
	}
	return rel, nil
}

// hashAllowed compares a file with --hash.
func hashAllowed(allowed []string, sum digest.SHA256, f *simple.File) bool {
	return slices.ContainsFunc(allowed, func(h string) bool {
		algorithm, hex, _ := strings.Cut(h, ":")
		return algorithm == "sha256" && hex == sum.String() || f.Hashes[algorithm] == hex
	})
}

// keptAsTheyAre are the wheels of the old lock that the environment still leads to, if they are an
// answer to what it asks now: nothing is missing, nothing is at odds, every one fits the Python
// that was chosen, and conda has come to bring none of them.
func keptAsTheyAre(old *lock.Lock, s *solved) ([]lock.Package, bool) {
	kept := keptWheels(old, s)
	target, err := s.pipTarget()
	if err != nil || len(kept) == 0 {
		return nil, false
	}
	conda := map[string]bool{}
	for _, r := range s.solution.Records() {
		conda[lock.DistName(r.Name)] = true
	}
	trial := &lock.Lock{Path: old.Path, Kind: lock.CondaLock, Platforms: []string{s.platform}, Packages: slices.Clone(kept)}
	for _, r := range s.solution.Records() {
		trial.Packages = append(trial.Packages, packageOf(r, s.platform))
	}
	for i := range kept {
		p := &kept[i]
		name, err := wheel.ParseFileName(path.Base(p.FileName))
		if err != nil || conda[wheel.NormalizeName(p.Name)] {
			return nil, false
		}
		if _, fits := target.tags.Rank(name.Tags); !fits {
			return nil, false
		}
	}
	return kept, trial.CheckPip(s.check(false)) == nil
}
