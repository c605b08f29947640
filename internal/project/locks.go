package project

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/nasa-openscapes/corn/lock"
	"github.com/nasa-openscapes/corn/pypi/wheel"
)

// lockNames are the locks of an environment in order of preference.
func lockNames(subdir string) []string {
	return []string{"conda-lock.yml", "conda-" + subdir + ".lock", "pixi.lock"}
}

// locksOfOthers lists explicit locks for other platforms.
func (l *loader) locksOfOthers(dir, subdir string) []string {
	found, err := fs.Glob(l.fsys, path.Join(escapeGlob(dir), "conda-*.lock"))
	if err != nil {
		return nil // the pattern is fixed but for the escaped folder
	}
	var out []string
	for _, f := range found {
		if name := path.Base(f); name != "conda-"+subdir+".lock" {
			out = append(out, name)
		}
	}
	return out
}

func escapeGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}

// lock finds, reads and checks the lock of an environment.
func (l *loader) lock(e *Environment) ([]Notice, error) {
	subdir := l.p.Platform.Subdir
	var notices []Notice
	for _, name := range lockNames(subdir) {
		if e.Lock != nil {
			if l.isFile(path.Join(e.Dir, name)) {
				notices = append(notices, Notice{
					File: l.show(path.Join(e.Dir, name)),
					Text: fmt.Sprintf("ignored: %s is the lock of this environment", path.Base(e.Lock.Path)),
				})
			}
			continue
		}
		data, file, err := l.read(e.Dir, name)
		if err != nil {
			return nil, err
		}
		if file == "" {
			continue
		}
		if e.Lock, err = lock.Read(file, data); err != nil {
			return nil, err
		}
	}
	if e.Lock == nil {
		return nil, &LockError{Dir: l.show(e.Dir), Platform: subdir, Others: l.locksOfOthers(e.Dir, subdir), Spec: e.specForHint()}
	}
	packages, err := e.Lock.For(subdir)
	if err != nil {
		return nil, err
	}
	return notices, e.checkPip(packages)
}

func (e *Environment) specForHint() string {
	if e.SpecFile != "" {
		return e.SpecFile
	}
	if len(e.Pip) > 0 {
		return e.Pip[0].File
	}
	return ""
}

// checkPip refuses a lock that was made without the environment's PyPI requirements: one
// without any wheel, where a requirement is no conda package of the lock either. A
// requirement with a marker may rightly be absent.
func (e *Environment) checkPip(packages []lock.Package) error {
	have := map[string]bool{}
	for _, p := range packages {
		if p.Manager == lock.Pip {
			return nil
		}
		have[wheel.NormalizeName(p.Name)] = true
	}
	var missing []Requirement
	for _, r := range e.Pip {
		if strings.Contains(r.Text, ";") {
			continue
		}
		if r.Name != "" && have[wheel.NormalizeName(r.Name)] {
			continue
		}
		missing = append(missing, r)
	}
	if len(missing) > 0 {
		return &PipError{Lock: e.Lock.Path, Missing: missing}
	}
	return nil
}
