package pipeline

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/nasa-openscapes/corn/internal/project"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/lock"
)

// settleLocks sees that every environment has a lock that is what it asks for: one that is
// there is compared, one that is missing is made, in memory.
func (b *builder) settleLocks(ctx context.Context) error {
	var missing []string
	for _, e := range b.environments() {
		if e.Lock == nil {
			missing = append(missing, envID(e))
			continue
		}
		if b.req.StaleLocks {
			continue
		}
		if err := b.checkLock(e); err != nil {
			return err
		}
	}
	if len(missing) == 0 {
		return nil
	}
	l, err := b.newEnvLocker()
	if err != nil {
		return err
	}
	l.only, l.subdirs = missing, []string{b.platform.Subdir}
	all, err := l.run(ctx)
	if err != nil {
		return err
	}
	for _, le := range all {
		if le.state == lockMade {
			le.env.Lock, le.env.LockProblem = le.lock, nil
			b.warn("environment %q has no lock: solved for this build alone (%s); \"corn lock\" writes one",
				le.id, report.Count(len(le.lock.Packages), "package"))
		}
	}
	return nil
}

// checkLock compares a lock with what its environment asks for. It needs no network.
func (b *builder) checkLock(e *project.Environment) error {
	if e.SpecFile == "" && len(e.Pip) == 0 {
		return nil // the lock is all there is
	}
	if err := b.reach(); err != nil {
		return err
	}
	l := &envLocker{builder: b}
	w, _ := wantedOf(e, envID(e), b.platform.Subdir, &b.project.Settings.Solve)
	var err error
	if w.urls, err = l.channels.urls(w.channels, filepath.Join(b.project.Dir, e.Dir)); err != nil {
		return report.In(report.Project, fmt.Errorf("environment %q: %w", w.id, err))
	}
	if len(e.Channels) == 0 {
		w.channels, w.urls = nil, nil // a lock may be of any
	}
	if b.baseFacts != nil && b.baseFacts.Glibc != "" {
		if w.virtual, err = l.virtualOf(w.platform); err != nil {
			return report.In(report.Usage, err)
		}
	}
	err = e.Lock.Check(w.check(false))
	if ask, ok := errors.AsType[*lock.AskError](err); ok {
		return report.In(report.Project, ask)
	}
	return report.In(report.Lock, err)
}
