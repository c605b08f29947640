package project

import (
	"fmt"
	"os"
	"path"
	"path/filepath"

	"github.com/nasa-openscapes/corn/conda/environment"
	"github.com/nasa-openscapes/corn/conda/record"
)

// spec reads environment.yml and requirements.txt of an environment and returns the name
// that environment.yml gives.
func (l *loader) spec(e *Environment) (name string, err error) {
	for _, file := range []string{"environment.yml", "environment.yaml"} {
		data, shown, err := l.read(e.Dir, file)
		if err != nil {
			return "", err
		}
		if shown == "" {
			continue
		}
		if e.SpecFile != "" {
			l.notice(path.Join(e.Dir, file), "ignored: environment.yml stands beside it")
			continue
		}
		e.SpecFile = shown
		var notices []Notice
		pip := pipReader{l.root.FS(), path.Join(e.Dir, file), l.show}
		if name, notices, err = e.parseSpec(shown, data, record.Subdir(l.p.Platform.Subdir), pip); err != nil {
			return "", err
		}
		l.p.Notices = append(l.p.Notices, notices...)
	}
	if file := path.Join(e.Dir, "requirements.txt"); l.exists(file) {
		r := pipReader{l.root.FS(), file, l.show}.reader()
		if err := r.File(file); err != nil {
			return "", err
		}
		e.pipFile = r.Set()
		e.pipOn(record.Subdir(l.p.Platform.Subdir))
	}
	return name, nil
}

// parseSpec takes over what an environment.yml asks for on one platform. Warnings become notices.
func (e *Environment) parseSpec(file string, data []byte, subdir record.Subdir, pip pipReader) (name string, notices []Notice, err error) {
	env, err := environment.Parse(file, data)
	if err != nil {
		return "", nil, err
	}
	e.parsed = env
	if err := e.readPip(pip); err != nil {
		return "", nil, err
	}
	notices = e.take(env.For(subdir), file)
	e.pipOn(subdir)
	return env.Name, notices, nil
}

// take fills in what an environment.yml asks for and returns its warnings.
func (e *Environment) take(env *environment.Environment, file string) (notices []Notice) {
	for _, c := range env.Channels {
		e.Channels = append(e.Channels, c.Text)
	}
	if env.NoDefaults {
		e.Channels = append(e.Channels, "nodefaults")
	}
	for _, d := range env.Dependencies {
		e.Dependencies = append(e.Dependencies, Requirement{Text: d.Text, File: file, Line: d.Line})
	}
	for _, v := range env.Variables {
		e.Variables = append(e.Variables, Variable{Name: v.Name, Value: v.Value, Line: v.Line})
	}
	for _, w := range env.Warnings {
		notices = append(notices, Notice{File: fmt.Sprintf("%s:%d", file, w.Line), Text: w.Text})
	}
	return notices
}

// On is the environment as its environment.yml has it for another platform: selectors
// ("# [osx]") may leave lines out. Only what is asked for differs.
func (e *Environment) On(subdir record.Subdir) *Environment {
	if e.parsed == nil {
		return e
	}
	out := *e
	out.Channels, out.Dependencies, out.Variables = nil, nil, nil
	out.take(e.parsed.For(subdir), e.SpecFile)
	out.pipOn(subdir)
	return &out
}

// ReadEnvironment reads one environment.yml that belongs to no project. Files that its pip: list
// names have to be in its folder or below.
func ReadEnvironment(file string, data []byte, subdir record.Subdir) (*Environment, []Notice, error) {
	e := &Environment{SpecFile: file}
	dir := filepath.Dir(filepath.FromSlash(file))
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, err
	}
	defer root.Close()
	show := func(name string) string { return filepath.ToSlash(filepath.Join(dir, filepath.FromSlash(name))) }
	_, notices, err := e.parseSpec(file, data, subdir, pipReader{root.FS(), path.Base(file), show})
	return e, notices, err
}
