package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/nasa-openscapes/corn/conda/virtual"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/projectlock"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/internal/target"
	"github.com/nasa-openscapes/corn/oci/plan"
)

// A LockRequest says what to write into corn.lock. The zero value of everything but
// Project means: keep what is there, add what is missing.
type LockRequest struct {
	Project      string
	Base         string // reference of the base image; empty: corn.yaml's, then the recorded one
	From         string // image whose layout is taken instead of the recorded one
	ChannelAlias string
	UpdateBase   bool // take the image that the base's tag names now
	Relayout     bool // lay out anew, and choose interpreters anew
	Merge        bool // the file may have conflict markers
	Check        bool // write nothing; a file that is not up to date is a *StaleError or *lock.StaleError
	Offline      bool

	Envs      []string // environments to lock; none: all
	Update    []string // packages that may move
	Upgrade   bool     // all packages may move
	Explicit  bool     // conda-linux-64.lock as well
	Platforms []string // platforms to lock environments for; none: the project's, and those that locks have
	Sharing   string   // "builds", "prefer", "off"; empty: corn.yaml's
	Refresh   bool     // ask channels even where the cache is fresh
	CacheDir  string
	Jobs      int
}

// A LockResult is what `corn lock --json` prints. docs/formats/lock-json.md describes it.
type LockResult struct {
	Format       int                 `json:"format"` // 1
	File         string              `json:"file"`
	Written      bool                `json:"written"` // false: it was up to date
	Platform     string              `json:"platform"`
	Base         BaseResult          `json:"base"`
	Layers       int                 `json:"layers"`     // that the layout has
	Exceptions   int                 `json:"exceptions"` // to its rule
	Interpreters []InterpreterResult `json:"interpreters"`
	Changes      []string            `json:"changes"`
	Warnings     []string            `json:"warnings"`
	Environments []LockedEnvResult   `json:"environments"`
	Sharing      SharingResult       `json:"sharing"`
}

// InterpreterResult is a python package that compiles.
type InterpreterResult struct {
	Python  string `json:"python"` // "3.12"
	Package string `json:"package"`
	SHA256  string `json:"sha256"`
}

// A StaleError reports a corn.lock that "corn lock" would write otherwise.
type StaleError struct {
	File    string
	Changes []string // what it would say
}

func (e *StaleError) Error() string {
	text := e.File + ": not up to date"
	for _, c := range e.Changes {
		text += "\n" + c
	}
	return text
}

// Hint names the command.
func (e *StaleError) Hint() string { return "run \"corn lock\" and commit the file" }

// Lock writes the locks of a project's environments, and corn.lock. For the second it needs to
// know what is in every package, from the cache, from the image named as From, or by
// fetching it; no layer is made. Without a base image there is no corn.lock.
func Lock(ctx context.Context, req LockRequest, talk *report.Printer) (*LockResult, error) {
	l := &locker{req: req, builder: &builder{
		req: BuildRequest{
			Project: req.Project, Base: req.Base, From: req.From, ChannelAlias: req.ChannelAlias,
			Offline: req.Offline, CacheDir: req.CacheDir, Jobs: req.Jobs,
		},
		talk: talk, jobs: cmp.Or(req.Jobs, runtime.GOMAXPROCS(0)), timings: map[string]time.Duration{},
	}}
	for _, p := range req.Platforms {
		if _, err := target.Parse(p); err == nil && l.builder.req.Platform == "" {
			l.builder.req.Platform = p // of the image; people lock for other systems, too
		}
	}
	if err := l.readProject(); err != nil {
		return nil, report.In(report.Project, err)
	}
	l.sayNotices()
	if err := l.readOld(); err != nil {
		return nil, report.In(report.Lock, err)
	}
	l.registries = image.NewRegistries(image.RegistryOptions{})
	if err := l.openCache(); err != nil {
		return nil, err
	}
	defer l.cache.Close()
	hasBase := l.settings.base != "" || l.cornLock != nil && l.cornLock.Base.Ref != ""
	if hasBase || req.UpdateBase || req.Relayout || req.Merge || req.From != "" {
		if err := l.openBase(ctx); err != nil {
			return nil, report.In(report.Base, err)
		}
		defer l.base.Close()
	} else {
		l.talk.Say("base       none is given: what it would say of the target is assumed (glibc %s), and corn.lock is not written", virtual.DefaultGlibc)
	}
	envs, err := l.lockEnvs(ctx)
	if err != nil {
		return nil, err
	}
	if !hasBase {
		return l.withEnvs(&LockResult{
			Format: 1, Platform: l.platform.String(), Changes: []string{}, Warnings: append([]string{}, l.warned...), Interpreters: []InterpreterResult{},
		}, envs), nil
	}
	if err := l.takeLocks(); err != nil {
		return nil, err
	}
	if err := l.placeEnvs(); err != nil {
		return nil, report.In(report.Base, err)
	}
	if err := l.readPrevious(ctx); err != nil {
		return nil, err
	}
	defer l.closePrevious()
	defer l.closeFolder()
	if err := l.learn(ctx); err != nil {
		return nil, err
	}
	if err := l.linkSilently(ctx); err != nil {
		return nil, report.In(report.Package, err)
	}
	before, err := l.before()
	if err != nil {
		return nil, report.In(report.Base, err)
	}
	next, err := l.next(before)
	if err != nil {
		return nil, report.In(report.Base, err)
	}
	l.noteSolve(next)
	res, err := l.finish(next)
	if err != nil {
		return nil, err
	}
	return l.withEnvs(res, envs), nil
}

// A locker is a build that goes as far as the layout.
type locker struct {
	*builder
	req   LockRequest
	file  string            // for messages
	data  []byte            // the file as it is; nil: none
	old   *projectlock.Lock // what it says; empty where there is none
	locks *envLocker        // of the environments
}

// readOld reads the file that is there.
func (l *locker) readOld() error {
	var err error
	if l.data, l.file, err = projectlock.Read(l.project.Dir); err != nil {
		return err
	}
	l.old = &projectlock.Lock{}
	switch {
	case l.data == nil:
	case l.req.Merge:
		var bad []error
		if l.old, bad, err = projectlock.Merge(l.file, l.data); err != nil {
			return err
		}
		for _, e := range bad {
			l.warn("left out: %v", e)
		}
	default:
		if l.old, err = projectlock.Parse(l.file, l.data); err != nil {
			return err
		}
	}
	if l.data != nil {
		l.cornLock = l.old
	}
	switch {
	case l.req.Check: // as the build that it speaks for
	case l.req.UpdateBase:
		l.pin = takeOther
	default:
		l.pin = openPinned
	}
	if l.req.Relayout { // what is left is the base
		kept := *l.old
		kept.Envs, kept.Params = nil, projectlock.Params{}
		l.cornLock = &kept
	}
	return nil
}

// linkSilently plans every env. What there is to say about them, a build says.
func (l *locker) linkSilently(ctx context.Context) error {
	talk, warned := l.talk, l.warned
	l.talk = report.New(io.Discard, io.Discard, report.Options{Quiet: true})
	err := l.link(ctx)
	l.talk, l.warned = talk, warned
	return err
}

// before is the layout that the new one keeps to.
func (l *locker) before() (*plan.State, error) {
	switch {
	case l.req.From != "":
		if l.previous == nil {
			return nil, report.Hinted(report.Base, "name an image that corn built from this project, or leave --from out: the rule gives a layout, too",
				fmt.Errorf("no layout can be had from %s", l.req.From))
		}
		s := stateOf(l.previous.Metadata)
		if l.data != nil {
			s.AloneBytes, s.MaxAlone, s.Buckets = l.old.Params.AloneBytes, l.old.Params.MaxAlone, l.old.Params.Buckets
		}
		return s, nil
	case l.req.Relayout:
		return nil, nil
	}
	if !l.req.Check && !l.req.Merge {
		if s := l.remembered(); s != nil {
			return s, nil
		}
	}
	return l.layoutState(), nil
}

// next makes the new contents of the file.
func (l *locker) next(before *plan.State) (*projectlock.Lock, error) {
	r := l.planRequest(before)
	var err error
	if l.layout, err = plan.New(r); err != nil {
		return nil, err
	}
	least, err := plan.Exceptions(r, l.layout)
	if err != nil {
		return nil, err
	}
	next, err := projectlock.Parse(l.file, l.old.Bytes()) // a copy
	if err != nil {
		return nil, err
	}
	subdir := l.platform.Subdir
	var slugs []string
	for _, e := range l.envs {
		slugs = append(slugs, e.id)
	}
	next.Keep(slugs)
	if !sameRef(next.Base.Ref, l.settings.base) {
		next.Base.Platforms = nil // they are of another image
	}
	next.Base.Ref = l.settings.base
	facts, err := recordFacts(l.baseFacts)
	if err != nil {
		return nil, err
	}
	next.Base.Set(projectlock.BasePlatform{Subdir: subdir, Digest: l.base.Digest(), FactsKey: l.baseFactsKey, Facts: facts})
	ranks := l.old
	if l.req.Relayout || l.req.From != "" {
		ranks = &projectlock.Lock{}
	}
	next.SetState(subdir, least, projectlock.OwnersOf(r, l.layout), ranks)
	next.SetPythons(subdir, l.compilersByEnv())
	results, byEnv, err := l.stepResults()
	if err != nil {
		return nil, err
	}
	next.SetSteps(subdir, results, byEnv)
	return next, nil
}

// arrivals is when each env came.
func (l *locker) arrivals() map[string]int {
	steps := map[string]int{}
	for _, a := range l.layout.State().Arrivals {
		steps[a.Env] = a.Step
	}
	return steps
}

// compilersByEnv gives each interpreter to the env that came first of those it compiles for.
func (l *locker) compilersByEnv() map[string][]projectlock.Python {
	steps := l.arrivals()
	out := map[string][]projectlock.Python{}
	for _, py := range l.interpreters {
		owner := ""
		for _, e := range l.envs {
			if e.compiler == py.SHA256 && (owner == "" || steps[e.id] < steps[owner] || steps[e.id] == steps[owner] && e.id < owner) {
				owner = e.id
			}
		}
		out[owner] = append(out[owner], py)
	}
	return out
}

// finish writes the file, or says that it is not up to date.
func (l *locker) finish(next *projectlock.Lock) (*LockResult, error) {
	text := next.Bytes()
	res := &LockResult{
		Format: 1, File: l.file, Platform: l.platform.String(), Changes: []string{}, Warnings: append([]string{}, l.warned...),
		Base:         BaseResult{Ref: l.settings.base, Digest: l.base.Digest().OCI(), Layers: l.base.LayerCount(), Glibc: l.baseFacts.Glibc},
		Interpreters: []InterpreterResult{},
	}
	if s := next.State(l.platform.Subdir); s != nil {
		res.Layers, res.Exceptions = len(s.Order), len(s.Classes)+len(s.Envs)
	}
	for _, py := range l.interpreters {
		res.Interpreters = append(res.Interpreters, InterpreterResult{py.Short, py.FileName, py.SHA256.String()})
	}
	slices.SortFunc(res.Interpreters, func(x, y InterpreterResult) int { return cmp.Compare(x.Python, y.Python) })
	if !bytes.Equal(text, l.data) {
		res.Changes = lockChanges(l.old, next, l.data != nil, l.platform.Subdir)
	}
	if l.req.Check {
		if len(res.Changes) > 0 {
			return nil, report.In(report.Lock, &StaleError{l.file, res.Changes})
		}
		return res, nil
	}
	var err error
	if res.Written, err = projectlock.Write(l.project.Dir, text); err != nil {
		return nil, err
	}
	if err := l.remember(text, next); err != nil {
		return nil, err
	}
	return res, nil
}

// kindLayout is the cache's kind for layouts in full, by the corn.lock that was written
// for them. The file holds what a build needs; where an env leaves, the whole tells what
// was shared with it.
const kindLayout = "layout"

func layoutKey(subdir string, text []byte) digest.SHA256 {
	return digest.NewKey("layout").Str("platform", subdir).Sum("lock", digest.Sum(text)).Key()
}

// remembered is the layout for which the file was written, in full; nil: this machine does
// not know it, and the file has to do.
func (l *locker) remembered() *plan.State {
	if l.data == nil {
		return nil
	}
	data, err := l.cache.GetBytes(kindLayout, layoutKey(l.platform.Subdir, l.data))
	if err != nil {
		return nil
	}
	var s plan.State
	if s.UnmarshalText(data) != nil {
		return nil
	}
	return &s
}

// remember keeps the layout in full, and those of other platforms, which the new text has
// as the old one had them.
func (l *locker) remember(text []byte, next *projectlock.Lock) error {
	data, err := l.layout.State().MarshalText()
	if err != nil {
		return err
	}
	for _, p := range next.Base.Platforms {
		if p.Subdir == l.platform.Subdir || l.data == nil {
			continue
		}
		if other, err := l.cache.GetBytes(kindLayout, layoutKey(p.Subdir, l.data)); err == nil {
			if err := l.cache.PutBytes(kindLayout, layoutKey(p.Subdir, text), other); err != nil {
				return err
			}
		}
	}
	return l.cache.PutBytes(kindLayout, layoutKey(l.platform.Subdir, text), data)
}

// stateOf reads the layout of an image out of what it says of itself.
func stateOf(m *image.Metadata) *plan.State {
	s := &plan.State{}
	names := map[digest.SHA256]string{}
	for _, a := range m.Artifacts {
		names[a.SHA256] = a.Name
	}
	for _, e := range m.Envs {
		s.Arrivals = append(s.Arrivals, plan.Arrival{Env: e.Name, Step: 1})
	}
	for _, y := range m.Layers {
		if plan.KindOf(y.ID) == "" {
			continue // of an exec step
		}
		s.Order = append(s.Order, y.ID)
		for _, f := range y.Frames {
			switch f.Kind {
			case "content": // its folder ends in the digits by which a class goes
				if n := len(f.Path); n > 17 && f.Path[n-17] == '-' {
					s.Classes = append(s.Classes, plan.Class{Name: names[f.Artifact], ID: f.Path[n-16:], Layer: y.ID})
				}
			case "placement":
				s.Envs = append(s.Envs, plan.EnvClass{Env: f.Env, Layer: y.ID})
			}
		}
	}
	s.Sort()
	s.Envs = slices.Compact(s.Envs)
	return s
}
