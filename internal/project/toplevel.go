package project

import (
	"path"
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
