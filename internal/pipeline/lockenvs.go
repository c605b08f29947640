package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/conda/solve"
	"github.com/nasa-openscapes/corn/conda/virtual"
	"github.com/nasa-openscapes/corn/internal/project"
	"github.com/nasa-openscapes/corn/internal/projectlock"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/lock"
)

// An envLocker makes the locks of a project's environments.
type envLocker struct {
	*builder
	only     []string // environments; empty: all
	update   []string // packages that may move
	upgrade  bool     // all may move
	explicit bool     // conda-linux-64.lock as well
	sharing  string
	subdirs  []string // platforms asked for; empty: the project's, and those that locks have

	snapshots []projectlock.Snapshot // of what was opened
	virtuals  []projectlock.Virtual
}

// A lockedEnv is what became of one environment.
type lockedEnv struct {
	env    *project.Environment
	id     string
	lock   *lock.Lock // new, or as it was; nil: there is none
	before *lock.Lock // as it was; nil: there was none
	state  string     // "made", "kept", "foreign"
	file   string     // of the lock, for messages
	why    string     // it had to be made, or is kept
	solved []*solved
}

// States of an environment's lock.
const (
	lockMade    = "made"    // by a solve
	lockKept    = "kept"    // it is what the environment asks for
	lockForeign = "foreign" // corn does not write it: there is no environment.yml, or it is pixi's
)

// newEnvLocker prepares for the builder's project. The project, settings and cache are there.
func (b *builder) newEnvLocker() (*envLocker, error) {
	if err := b.reach(); err != nil {
		return nil, err
	}
	return &envLocker{builder: b, sharing: cmp.Or(b.project.Settings.Solve.Sharing, "builds")}, nil
}

// environments are the project's, the notebook's first.
func (b *builder) environments() []*project.Environment {
	var all []*project.Environment
	if b.project.Notebook != nil {
		all = append(all, b.project.Notebook)
	}
	for i := range b.project.Kernels {
		all = append(all, &b.project.Kernels[i])
	}
	return all
}

// envID is how an environment is called here: its slug, which is notebookID for the notebook's.
func envID(e *project.Environment) string { return e.Slug }

// run decides what has to be solved, solves it, and makes the locks. Nothing is written.
func (l *envLocker) run(ctx context.Context) ([]*lockedEnv, error) {
	if err := l.checkNames(); err != nil {
		return nil, err
	}
	var all []*lockedEnv
	var todo []*wanted
	for _, e := range l.environments() {
		le, wants, err := l.look(e)
		if err != nil {
			return nil, err
		}
		all = append(all, le)
		todo = append(todo, wants...)
	}
	answers, err := l.solve(ctx, todo)
	if err != nil {
		return nil, err
	}
	for _, le := range all {
		for _, s := range answers {
			if s.id == le.id {
				le.solved = append(le.solved, s)
			}
		}
		if len(le.solved) == 0 {
			continue
		}
		if err := l.addMD5(ctx, le.solved); err != nil {
			return nil, err
		}
		if err := l.chooseWheels(ctx, le); err != nil {
			return nil, err
		}
		le.state = lockMade
		if le.lock, err = makeLock(le.file, le.before, le.solved); err != nil {
			return nil, report.In(report.Lock, err)
		}
	}
	return all, nil
}

// checkNames refuses environments that the project does not have.
func (l *envLocker) checkNames() error {
	var have []string
	for _, e := range l.environments() {
		have = append(have, envID(e))
	}
	for _, name := range l.only {
		if !slices.Contains(have, name) {
			return report.In(report.Usage, fmt.Errorf("no environment is called %q: the project has %s", name, strings.Join(have, ", ")))
		}
	}
	return nil
}

// platforms are what an environment is locked for: what was asked for, else the project's
// and those that its lock has.
func (l *envLocker) platforms(e *project.Environment) []string {
	if len(l.subdirs) > 0 {
		return l.subdirs
	}
	var out []string
	for _, p := range l.project.Settings.Platforms {
		out = append(out, p.Subdir)
	}
	if len(out) == 0 || !slices.Contains(out, l.platform.Subdir) {
		out = append(out, l.platform.Subdir)
	}
	if e.Lock != nil && e.Lock.Kind == lock.CondaLock {
		for _, p := range e.Lock.Platforms {
			if !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	return out
}

// look decides what to do about one environment.
func (l *envLocker) look(e *project.Environment) (*lockedEnv, []*wanted, error) {
	le := &lockedEnv{env: e, id: envID(e), lock: e.Lock, before: e.Lock, state: lockKept}
	le.file = filepath.ToSlash(filepath.Join(l.project.Dir, e.Dir, "conda-lock.yml"))
	if e.Lock != nil {
		le.file = e.Lock.Path
	}
	switch {
	case len(l.only) > 0 && !slices.Contains(l.only, le.id):
		return le, nil, nil
	case e.Lock != nil && e.SpecFile == "" && !ofRequirements(e):
		le.state, le.why = lockForeign, "there is no environment.yml to lock"
		return le, nil, nil
	case e.Lock != nil && e.Lock.Kind == lock.Pixi:
		le.state, le.why = lockForeign, "pixi writes it"
		return le, nil, nil
	}
	var wants []*wanted
	for _, platform := range l.platforms(e) {
		w, err := l.want(e, platform)
		if err != nil {
			return nil, nil, err
		}
		if why := l.mustSolve(w, e); why != "" {
			if le.why == "" {
				le.why = why
				l.talk.Say("%-10s %s", le.id, why)
			}
			wants = append(wants, w)
		}
	}
	return le, wants, nil
}

// ofRequirements tells whether an environment is a requirements.txt and nothing else, and its lock
// was made of that. Another lock has what nobody would ask for any more.
func ofRequirements(e *project.Environment) bool {
	return len(e.Pip) > 0 && e.Lock.Kind == lock.CondaLock && slices.Contains(e.Lock.Sources, "requirements.txt") &&
		!slices.ContainsFunc(e.Lock.Sources, func(s string) bool { return strings.HasSuffix(s, ".yml") || strings.HasSuffix(s, ".yaml") })
}

// want reads what an environment asks for on a platform.
func (l *envLocker) want(e *project.Environment, platform string) (*wanted, error) {
	w, notes := wantedOf(e.On(record.Subdir(platform)), envID(e), platform, &l.project.Settings.Solve)
	if len(w.specs) == 0 && len(w.pip) == 0 {
		return nil, report.Hinted(report.Project, "list packages under dependencies: in environment.yml",
			fmt.Errorf("environment %q asks for no package", w.id))
	}
	for _, n := range notes {
		l.talk.Say("%s", n)
	}
	w.dir = filepath.Join(l.project.Dir, e.Dir)
	var err error
	if w.urls, err = l.channels.urls(w.channels, w.dir); err != nil {
		return nil, report.In(report.Project, fmt.Errorf("environment %q: %w", w.id, err))
	}
	if err := forbiddenChannels(w, l.project.Settings.Solve.Forbid.Channels, project.SettingsFile); err != nil {
		return nil, report.In(report.Project, err)
	}
	if w.virtual, err = l.virtualOf(platform); err != nil {
		return nil, report.In(report.Usage, err)
	}
	w.locked = lockedRecords(e.Lock, platform, l.update)
	if l.upgrade {
		w.locked = nil
	}
	return w, nil
}

// mustSolve says why a lock cannot stay; empty: it can.
func (l *envLocker) mustSolve(w *wanted, e *project.Environment) string {
	switch {
	case e.Lock == nil && e.LockProblem != nil && !isNoLock(e.LockProblem):
		return "the lock cannot be read: " + e.LockProblem.Error()
	case e.Lock == nil:
		return "there is no lock"
	case l.upgrade:
		return "--upgrade"
	case len(l.update) > 0:
		return "--update"
	}
	err := exactly(w, e.Lock)
	if stale, ok := errors.AsType[*lock.StaleError](err); ok && len(stale.Reasons) > 0 {
		return stale.Reasons[0].String()
	}
	if err != nil && !isA[*lock.UnsupportedError](err) {
		return err.Error()
	}
	return ""
}

// exactly tells whether a lock is what the environment asks for and nothing else.
func exactly(w *wanted, l *lock.Lock) error {
	req := w.check(true)
	if l.Kind != lock.Explicit {
		asked, err := w.names()
		if err != nil {
			return err
		}
		packages, err := l.For(w.platform)
		if err != nil {
			return err
		}
		has := reached(asked, packages)
		added := missingPython(w, has)
		if len(added) > 0 {
			has["python"] = true
		}
		kernels, err := missingKernels(w, has)
		if err != nil {
			return err
		}
		for _, s := range append(added, kernels...) {
			req.Conda = append(req.Conda, lock.Ask{Text: s.Text + ", " + s.Origin.Note})
			req.Conda[len(req.Conda)-1].Text = s.Text
		}
	}
	return l.Check(req)
}

// virtualOf are the virtual packages of a platform: what the base image and corn.yaml say,
// and CONDA_OVERRIDE_*, which are told.
func (l *envLocker) virtualOf(platform string) ([]*record.Record, error) {
	f := virtual.Facts{Subdir: record.Subdir(platform), Glibc: l.glibcOf(platform)}
	var others []*record.Record
	var gone []string
	known := map[string]*string{
		"__glibc": &f.Glibc, "__linux": &f.Linux, "__osx": &f.OSX, "__win": &f.Win, "__cuda": &f.Cuda, "__cuda_arch": &f.CudaArch,
	}
	for _, v := range l.project.Settings.Solve.Virtual {
		switch to := known[v.Name]; {
		case v.Version == "":
			gone = append(gone, v.Name)
		case to != nil:
			*to = v.Version
		case v.Name == "__archspec":
			f.Archspec = v.Build
		default:
			others = append(others, &record.Record{Name: v.Name, Version: v.Version, Build: cmp.Or(v.Build, "0")})
		}
	}
	set, err := virtual.New(f, os.LookupEnv)
	if err != nil {
		return nil, err
	}
	for _, o := range set.Overrides {
		if o.Used {
			l.sayOnce("target     %s=%s counts: locks follow from it", o.Variable, o.Value)
		}
	}
	return slices.DeleteFunc(set.With(others...).Records, func(r *record.Record) bool { return slices.Contains(gone, r.Name) }), nil
}

// glibcOf is the glibc of the base image for a platform; empty: not known.
func (l *envLocker) glibcOf(platform string) string {
	if l.cornLock != nil && platform != l.platform.Subdir {
		if bp := l.cornLock.Base.For(platform); bp != nil {
			for _, f := range bp.Facts {
				if f.Name == "glibc" {
					return strings.Trim(f.Value, `"`)
				}
			}
		}
	}
	if l.baseFacts == nil || !strings.HasPrefix(platform, "linux-") {
		return ""
	}
	return l.baseFacts.Glibc
}

// solve answers wants, platform by platform, with one snapshot of the channels for each.
func (l *envLocker) solve(ctx context.Context, wants []*wanted) ([]*solved, error) {
	var platforms []string
	for _, w := range wants {
		if !slices.Contains(platforms, w.platform) {
			platforms = append(platforms, w.platform)
		}
	}
	var all []*solved
	for _, platform := range platforms {
		var here []*wanted
		for _, w := range wants {
			if w.platform == platform {
				here = append(here, w)
			}
		}
		answers, err := l.solvePlatform(ctx, platform, here)
		if err != nil {
			return nil, err
		}
		all = append(all, answers...)
	}
	return all, nil
}

func (l *envLocker) solvePlatform(ctx context.Context, platform string, wants []*wanted) ([]*solved, error) {
	sh, err := l.channels.open(ctx, platform, wants, l.project.Settings.Solve.Forbid.Licenses)
	if err != nil {
		return nil, report.In(report.Fetch, err)
	}
	defer sh.set.Close()
	stage := l.talk.Stage("solve", int64(len(wants)), report.Things)
	defer roomy()()
	alone, err := solveAll(ctx, wants, sh.view, l.jobs)
	if err == nil {
		alone, err = share(ctx, alone, sh.view, l.sharing, l.jobs)
	}
	if e := sh.set.Err(); e != nil { // a solve with records missing is worth nothing
		err = report.In(report.Fetch, e)
	}
	if err != nil {
		stage.Abort()
		return nil, sh.explained(err)
	}
	l.timings["solve"] += stage.Done("%s for %s", report.Count(len(wants), "environment"), platform)
	for _, s := range alone {
		for _, spec := range s.added {
			l.sayOnce("%s: %s is %s", s.id, spec.Text, spec.Origin.Note)
		}
	}
	l.record(platform, sh, wants)
	return alone, nil
}

// explained puts a solver's refusal into a class, and adds what the policy left out.
func (s *shelf) explained(err error) error {
	if len(s.leftOut) > 0 && isA[*solve.Unsolvable](err) {
		keys := make([]string, 0, len(s.leftOut))
		for k := range s.leftOut {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		var b strings.Builder
		fmt.Fprintf(&b, "\n%s left out because of forbidden licenses:", report.Count(len(keys), "package"))
		for i, k := range keys {
			if i == 5 {
				fmt.Fprintf(&b, "\nand %d more", len(keys)-i)
				break
			}
			o := s.leftOut[k]
			fmt.Fprintf(&b, "\n%s %s has %s (%s:%d forbids %s)", o.rec.Name, o.rec.Version, o.rec.License, project.SettingsFile, o.rule.Line, o.rule.Glob)
		}
		err = &noted{err, b.String()}
	}
	if isA[*solve.SpecError](err) {
		return report.In(report.Project, err)
	}
	return report.In(report.Lock, err)
}

// A noted error has more to say.
type noted struct {
	error
	note string
}

func (e *noted) Error() string { return e.error.Error() + e.note }
func (e *noted) Unwrap() error { return e.error }

// record keeps what corn.lock says of a solve.
func (l *envLocker) record(platform string, sh *shelf, wants []*wanted) {
	for _, src := range sh.set.Snapshot() {
		if src.URL != "" {
			l.snapshots = append(l.snapshots, projectlock.Snapshot{Channel: src.Channel, Subdir: string(src.Subdir), URL: record.Redact(src.URL), SHA256: src.SHA256})
		}
	}
	for _, v := range wants[0].virtual {
		l.virtuals = append(l.virtuals, projectlock.Virtual{Subdir: platform, Name: v.Name, Version: v.Version, Build: v.Build})
	}
}

// write puts the locks that changed into their places, all of them or, where one cannot be
// written, as few as possible: every text is made before the first is written.
func (l *envLocker) write(all []*lockedEnv) (written map[string]bool, err error) {
	type file struct {
		name string
		data []byte
	}
	var files []file
	for _, le := range all {
		var b bytes.Buffer
		if le.state == lockMade && le.lock.Path == le.file && !isExplicit(le) {
			if err := lock.WriteCondaLock(&b, le.lock); err != nil {
				return nil, report.In(report.Lock, err)
			}
			files = append(files, file{le.file, b.Bytes()})
		}
		if le.lock == nil || le.lock.Kind == lock.Pixi || !isExplicit(le) && (!l.explicit || le.state == lockForeign) || isExplicit(le) && le.state != lockMade {
			continue
		}
		for _, platform := range le.lock.Platforms {
			var b bytes.Buffer
			if err := lock.WriteExplicit(&b, le.lock, platform); err != nil {
				return nil, report.In(report.Lock, err)
			}
			files = append(files, file{filepath.ToSlash(filepath.Join(l.project.Dir, le.env.Dir, lock.ExplicitName(platform))), b.Bytes()})
		}
	}
	written = map[string]bool{}
	for _, f := range files {
		if old, err := os.ReadFile(filepath.FromSlash(f.name)); err == nil && bytes.Equal(old, f.data) {
			continue
		}
		if err := renameio.WriteFile(filepath.FromSlash(f.name), f.data, 0o644); err != nil {
			return written, fmt.Errorf("write %s: %w", f.name, err)
		}
		written[f.name] = true
	}
	return written, nil
}

// isExplicit tells whether an environment has an explicit lock and keeps to it.
func isExplicit(le *lockedEnv) bool { return le.before != nil && le.before.Kind == lock.Explicit }
