package pipeline

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/internal/project"
	"github.com/nasa-openscapes/corn/internal/projectlock"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/internal/target"
	"github.com/nasa-openscapes/corn/lock"
	"github.com/nasa-openscapes/corn/pypi/wheel"
)

// LockedEnvResult is what became of one environment's lock.
type LockedEnvResult struct {
	Name      string          `json:"name"`
	Lock      string          `json:"lock"`  // file; empty: there is none
	State     string          `json:"state"` // "made", "kept", "foreign"
	Reason    string          `json:"reason,omitempty"`
	Written   bool            `json:"written"`
	Platforms []string        `json:"platforms"`
	Packages  int             `json:"packages"` // for the project's platform
	Size      int64           `json:"size_bytes,omitempty"`
	Added     []string        `json:"added"`   // kernels that nobody asked for
	Lowered   []string        `json:"lowered"` // by sharing: prefer
	Changes   []PackageChange `json:"changes"`
	Hints     []string        `json:"hints,omitempty"` // requirements of PyPI that channels could serve, where that was asked
}

// SharingResult says what environments have in common, for the project's platform.
type SharingResult struct {
	Mode     string `json:"mode"`
	Packages int    `json:"packages"` // of all environments
	Archives int    `json:"archives"` // that are different
	Size     int64  `json:"size_bytes,omitempty"`
	Saved    int64  `json:"saved_bytes,omitempty"` // that each environment with archives of its own would add
}

// lockEnvs makes and writes what locks have to be made, or says that they have to be.
func (l *locker) lockEnvs(ctx context.Context) ([]LockedEnvResult, error) {
	e, err := l.newEnvLocker()
	if err != nil {
		return nil, err
	}
	l.locks = e
	e.only, e.update, e.upgrade, e.explicit = l.req.Envs, l.req.Update, l.req.Upgrade, l.req.Explicit
	if l.req.Sharing != "" {
		e.sharing = l.req.Sharing
	}
	e.channels.refresh = l.req.Refresh || l.req.Upgrade || len(l.req.Update) > 0
	for _, p := range l.req.Platforms {
		subdir, err := anyPlatform(p)
		if err != nil {
			return nil, report.In(report.Usage, err)
		}
		e.subdirs = append(e.subdirs, subdir)
	}
	if l.req.Check {
		return l.checkEnvs()
	}
	if err := e.knownUpdates(); err != nil {
		return nil, report.In(report.Usage, err)
	}
	all, err := e.run(ctx)
	if err != nil {
		return nil, err
	}
	written, err := e.write(all)
	if err != nil {
		return nil, err
	}
	var out []LockedEnvResult
	for _, le := range all {
		r := l.resultOf(le)
		r.Written = written[r.Lock]
		out = append(out, r)
		if le.lock != nil {
			le.env.Lock, le.env.LockProblem = le.lock, nil
		}
		if l.req.Hints {
			if out[len(out)-1].Hints, err = e.hintsFor(ctx, le.env); err != nil {
				return nil, err
			}
		}
		if le.env.Lock == nil && len(l.req.Envs) > 0 {
			return nil, report.Hinted(report.Lock, "leave --env out, or name it too",
				errors.New("environment \""+le.id+"\" has no lock, and was not to be locked"))
		}
	}
	return out, nil
}

// anyPlatform reads a platform that environments can be locked for: those of images, and
// those that people work on.
func anyPlatform(text string) (string, error) {
	switch strings.ToLower(text) {
	case "osx-64", "osx-arm64", "win-64", "win-arm64":
		return strings.ToLower(text), nil
	}
	p, err := target.Parse(text)
	return p.Subdir, err
}

// knownUpdates refuses --update of packages that no environment has.
func (l *envLocker) knownUpdates() error {
	for _, name := range l.update {
		known := slices.ContainsFunc(l.environments(), func(env *project.Environment) bool {
			return env.Lock != nil && slices.ContainsFunc(env.Lock.Packages, func(p lock.Package) bool {
				return p.Name == name || p.Manager == lock.Pip && wheel.NormalizeName(p.Name) == wheel.NormalizeName(name)
			})
		})
		if !known {
			return errors.New("--update " + name + ": no environment has a package of that name in its lock")
		}
	}
	return nil
}

// checkEnvs compares every lock with its environment.
func (l *locker) checkEnvs() ([]LockedEnvResult, error) {
	var out []LockedEnvResult
	var stale []error
	if err := l.locks.checkNames(); err != nil {
		return nil, err
	}
	for _, e := range l.environments() {
		le, wants, err := l.locks.look(e)
		if err != nil {
			return nil, err
		}
		switch {
		case len(wants) == 0:
		case e.Lock == nil:
			stale = append(stale, e.LockProblem)
		default:
			stale = append(stale, exactly(wants[0], e.Lock)) // one platform's reasons are enough
		}
		out = append(out, l.resultOf(le))
	}
	if len(stale) > 0 {
		return nil, report.Hinted(report.Lock, "run \"corn lock\" and commit the locks", errors.Join(stale...))
	}
	return out, nil
}

func (l *locker) resultOf(le *lockedEnv) LockedEnvResult {
	r := LockedEnvResult{
		Name: le.id, State: le.state, Reason: le.why, Platforms: []string{}, Added: []string{}, Lowered: []string{}, Changes: []PackageChange{},
	}
	if le.lock == nil {
		return r
	}
	r.Lock = le.file
	r.Platforms = append(r.Platforms, le.lock.Platforms...)
	now := packagesFor(le.lock, l.platform.Subdir)
	r.Packages = len(now)
	for _, p := range now {
		r.Size += p.SizeBytes
	}
	if le.state != lockMade {
		return r
	}
	r.Changes = append(r.Changes, changesBetween(packagesFor(le.before, l.platform.Subdir), now)...)
	for _, s := range le.solved {
		for _, spec := range s.added {
			if !slices.Contains(r.Added, spec.Text) {
				r.Added = append(r.Added, spec.Text)
			}
		}
		if s.platform == l.platform.Subdir {
			r.Lowered = append(r.Lowered, s.lowered...)
		}
	}
	return r
}

// packagesFor are the main packages of a lock for a platform, those that cannot be built
// among them.
func packagesFor(l *lock.Lock, platform string) []lock.Package {
	if l == nil {
		return nil
	}
	var out []lock.Package
	for _, p := range l.Packages {
		if (p.Platform == platform || p.Platform == "") && p.Category == lock.MainCategory {
			out = append(out, p)
		}
	}
	return out
}

// withEnvs adds what became of the environments, and what they share.
func (l *locker) withEnvs(res *LockResult, envs []LockedEnvResult) *LockResult {
	res.Environments = append([]LockedEnvResult{}, envs...)
	res.Sharing = sharingOf(l.locks.sharing, l.environments(), l.platform.Subdir)
	return res
}

func sharingOf(mode string, envs []*project.Environment, platform string) SharingResult {
	s := SharingResult{Mode: mode}
	var distinct []lock.Package
	at := map[string]bool{}
	var all int64
	for _, e := range envs {
		for _, p := range packagesFor(e.Lock, platform) {
			s.Packages++
			all += p.SizeBytes
			key := archiveID(p)
			if !at[key] {
				at[key] = true
				distinct = append(distinct, p)
				s.Size += p.SizeBytes
			}
		}
	}
	s.Archives, s.Saved = len(distinct), all-s.Size
	return s
}

// noteSolve writes the snapshot of channels and the target into corn.lock, where something
// was solved. What an earlier solve noted stays for what was not solved now.
func (l *locker) noteSolve(next *projectlock.Lock) {
	for _, s := range l.locks.snapshots {
		next.Snapshots = slices.DeleteFunc(next.Snapshots, func(o projectlock.Snapshot) bool { return o.Channel == s.Channel && o.Subdir == s.Subdir })
		next.Snapshots = append(next.Snapshots, s)
	}
	for _, v := range l.locks.virtuals {
		next.Virtual = slices.DeleteFunc(next.Virtual, func(o projectlock.Virtual) bool { return o.Subdir == v.Subdir && o.Name == v.Name })
		next.Virtual = append(next.Virtual, v)
	}
}
