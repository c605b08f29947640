package pipeline

import (
	"os"
	"path"

	"github.com/nasa-openscapes/corn/internal/dockerfile"
	"github.com/nasa-openscapes/corn/internal/project"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/internal/target"
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
	// Dockerfiles are explained, not run.
	Dockerfiles []CheckedDockerfile `json:"dockerfiles"`
	Notices     []string            `json:"notices"`
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

// A CheckedDockerfile is a Dockerfile of the project, instruction by instruction.
type CheckedDockerfile struct {
	Path         string              `json:"path"`
	Problem      string              `json:"problem,omitempty"` // why it cannot be explained
	Instructions []dockerfile.Advice `json:"instructions"`
	CornYAML     string              `json:"corn_yaml,omitempty"` // all that is to be written there
}

// Check reads a project and its locks. It needs no network, no base and no cache. A project
// that has nothing but a Dockerfile gives a result and a *project.EmptyError.
func Check(req CheckRequest, talk *report.Printer) (*CheckResult, error) {
	b := &builder{req: BuildRequest{Project: req.Project, Platform: req.Platform}, talk: talk}
	if err := b.load(); err != nil {
		err = report.In(report.Project, err)
		if !isA[*project.EmptyError](err) {
			return nil, err
		}
		return b.checkEmpty(err)
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
	var err error
	s := b.project.Settings
	about := dockerfile.Project{Config: b.project.Config, Base: s.Base, Env: valuesOf(s.Env), Labels: valuesOf(s.Labels), Strip: s.Strip}
	for _, r := range s.Steps.Run {
		about.Steps = append(about.Steps, r.Name)
	}
	if res.Dockerfiles, err = explainDockerfiles(b.project.Dir, about, b.project.Config, "."); err != nil {
		return nil, err
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

// checkEmpty is what is said of a folder without environments: its Dockerfiles say what to make.
func (b *builder) checkEmpty(empty error) (*CheckResult, error) {
	res := &CheckResult{Format: 1, Project: b.req.Project, Folder: ".", Platform: b.platform.String(), Environments: []CheckedEnv{}, Notices: []string{}}
	if b.platform.IsZero() {
		res.Platform = target.Default().String()
	}
	var err error
	if res.Dockerfiles, err = explainDockerfiles(b.req.Project, dockerfile.Project{}, project.Folders()...); err != nil || len(res.Dockerfiles) == 0 {
		return nil, empty
	}
	return res, report.Hinted(report.Project, "write what is said of the Dockerfile into the files that it names", empty)
}

func valuesOf(pairs []project.EnvVar) map[string]string {
	out := map[string]string{}
	for _, p := range pairs {
		out[p.Name] = p.Value
	}
	return out
}

// explainDockerfiles explains those of the folders. One that cannot be read is no error: it is
// not run.
func explainDockerfiles(dir string, about dockerfile.Project, folders ...string) ([]CheckedDockerfile, error) {
	files, err := project.Dockerfiles(dir, folders...)
	if err != nil {
		return nil, report.In(report.Project, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, report.In(report.Project, err)
	}
	defer root.Close()
	about.FS = root.FS()
	out := []CheckedDockerfile{}
	for _, f := range files {
		c := CheckedDockerfile{Path: f.Path, Instructions: []dockerfile.Advice{}}
		parsed, err := dockerfile.Parse(f.Show, f.Data)
		if err != nil {
			c.Problem = err.Error()
		} else {
			p := about
			p.Context = path.Dir(f.Path)
			if p.Config == "" { // there is no configuration yet: it is to be where the Dockerfile is
				p.Config = p.Context
			}
			c.Instructions = dockerfile.Explain(parsed, p)
			c.CornYAML = dockerfile.CornYAML(c.Instructions)
		}
		out = append(out, c)
	}
	return out, nil
}
