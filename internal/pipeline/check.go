package pipeline

import (
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/lock"
)

// CheckRequest says what to check.
type CheckRequest struct {
	Project  string
	Platform string
}

// CheckResult is what `corn check --json` prints.
type CheckResult struct {
	Format       int          `json:"format"` // 1
	Project      string       `json:"project"`
	Folder       string       `json:"folder"` // that was taken for environments/
	Platform     string       `json:"platform"`
	Environments []CheckedEnv `json:"environments"`
	Notices      []string     `json:"notices"`
}

// CheckedEnv is one environment as its lock says.
type CheckedEnv struct {
	Name        string `json:"name"`
	DisplayName string `json:"display_name"`
	Notebook    bool   `json:"notebook"`
	Lock        string `json:"lock"` // empty: there is none
	Packages    int    `json:"packages"`
	Wheels      int    `json:"wheels"`
}

// Check reads a project and its locks. It needs no network, no base and no cache.
func Check(req CheckRequest, talk *report.Printer) (*CheckResult, error) {
	b := &builder{req: BuildRequest{Project: req.Project, Platform: req.Platform}, talk: talk}
	if err := b.load(); err != nil {
		return nil, report.In(report.Project, err)
	}
	if err := b.readCornLock(); err != nil {
		return nil, err
	}
	if err := b.checkLocks(); err != nil {
		return nil, report.In(report.Lock, err)
	}
	res := &CheckResult{
		Format: 1, Project: b.project.Dir, Folder: b.project.Config, Platform: b.platform.String(),
		Environments: []CheckedEnv{}, Notices: append(append([]string{}, b.notices...), b.warned...),
	}
	for _, e := range b.environments() {
		c := CheckedEnv{Name: envID(e), DisplayName: e.DisplayName, Notebook: envID(e) == notebookID}
		if e.Lock != nil {
			if err := b.addEnv(e, c.Name); err != nil {
				return nil, err
			}
			env := b.envs[len(b.envs)-1]
			c.Lock, c.Packages = env.lockPath, len(env.packages)
			for _, p := range env.packages {
				if p.locked.Manager == lock.Pip {
					c.Wheels++
				}
			}
		}
		res.Environments = append(res.Environments, c)
	}
	for _, w := range b.workerWarnings() {
		b.warn("%s", w)
		res.Notices = append(res.Notices, w)
	}
	return res, nil
}

// checkLocks compares every lock with its environment. An environment without a lock is
// listed all the same: a build would solve it.
func (b *builder) checkLocks() error {
	for _, e := range b.environments() {
		if e.Lock == nil {
			b.warn("environment %q has no lock: \"corn lock\" writes one, and a build solves it every time anew", envID(e))
			continue
		}
		if err := b.checkLock(e); err != nil {
			return err
		}
	}
	return nil
}
