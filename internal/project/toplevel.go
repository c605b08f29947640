package project

import (
	"path"
	"strings"
)

// imageFiles are about the whole image: they stand in the configuration folder alone.
var imageFiles = []string{"apt.txt", "postBuild", "start", "jupyter_notebook_config.py"}

// topLevel reads what stands in the configuration folder itself.
func (l *loader) topLevel() error {
	if err := l.readApt(); err != nil {
		return err
	}
	var err error
	if l.p.Start, err = l.readStart(); err != nil {
		return err
	}
	if l.p.PostBuild, err = l.readPostBuild(); err != nil {
		return err
	}
	if l.p.JupyterConfig, err = l.imageFile("jupyter_notebook_config.py"); err != nil {
		return err
	}
	for _, dir := range uniq(l.p.Config, ".") {
		if rel := path.Join(dir, "Dockerfile"); l.isFile(rel) {
			l.notice(rel, "not run; corn check explains it")
		}
	}
	if l.hasSpec(l.p.Config) {
		e := &Environment{Dir: l.p.Config, Slug: NotebookSlug, DisplayName: NotebookSlug, NameFile: l.show(l.p.Config)}
		if _, err := l.spec(e); err != nil {
			return err
		}
		l.p.Notebook = e
	}
	return nil
}

func uniq(a, b string) []string {
	if a == b {
		return []string{a}
	}
	return []string{a, b}
}

// requirementLines lists the lines that are neither blank nor comments; " #" starts a
// comment, and a backslash at the end joins two lines, as pip reads them.
func requirementLines(text, file string) []Requirement {
	var out []Requirement
	var joined string
	start := 0
	for i, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		line = strings.TrimRight(line, "\r")
		if start == 0 {
			start = i + 1
		}
		if cut, ok := strings.CutSuffix(line, `\`); ok && !strings.HasPrefix(strings.TrimSpace(line), "#") {
			joined += cut
			continue
		}
		joined += line
		if at := strings.Index(joined, " #"); at >= 0 {
			joined = joined[:at]
		}
		if joined = strings.TrimSpace(joined); joined != "" && joined[0] != '#' {
			out = append(out, Requirement{Text: joined, File: file, Line: start})
		}
		joined, start = "", 0
	}
	if joined = strings.TrimSpace(joined); joined != "" && joined[0] != '#' {
		out = append(out, Requirement{Text: joined, File: file, Line: start})
	}
	return out
}
