package project

import (
	"fmt"
	"path"

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
		if name, notices, err = e.parseSpec(shown, data, record.Subdir(l.p.Platform.Subdir)); err != nil {
			return "", err
		}
		l.p.Notices = append(l.p.Notices, notices...)
	}
	data, shown, err := l.read(e.Dir, "requirements.txt")
	if err != nil {
		return "", err
	}
	if shown != "" {
		e.Pip = append(e.Pip, requirementLines(string(data), shown)...)
	}
	return name, nil
}

// parseSpec takes over what an environment.yml asks for on one platform. Warnings become notices.
func (e *Environment) parseSpec(file string, data []byte, subdir record.Subdir) (name string, notices []Notice, err error) {
	env, err := environment.Parse(file, data)
	if err != nil {
		return "", nil, err
	}
	e.parsed = env
	return env.Name, e.take(env.For(subdir), file), nil
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
	for _, r := range env.Pip {
		e.Pip = append(e.Pip, Requirement{Text: r.Text, File: file, Line: r.Line})
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
	out.Channels, out.Dependencies, out.Variables, out.Pip = nil, nil, nil, nil
	out.take(e.parsed.For(subdir), e.SpecFile)
	for _, r := range e.Pip {
		if r.File != e.SpecFile { // of requirements.txt
			out.Pip = append(out.Pip, r)
		}
	}
	return &out
}

// ReadEnvironment reads one environment.yml that belongs to no project.
func ReadEnvironment(file string, data []byte, subdir record.Subdir) (*Environment, []Notice, error) {
	e := &Environment{SpecFile: file}
	_, notices, err := e.parseSpec(file, data, subdir)
	return e, notices, err
}
