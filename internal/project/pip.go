package project

import (
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nasa-openscapes/corn/conda/environment"
	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/pypi/requirements"
)

// pipReader is what reading requirements needs to know of a project.
type pipReader struct {
	fsys fs.FS
	file string                   // the environment.yml or requirements.txt, relative to the project
	show func(name string) string // how messages name a file of the project
}

func (p pipReader) reader() *requirements.Reader {
	return requirements.NewReader(p.fsys, requirements.ReadOptions{Show: p.show, Getenv: os.Getenv})
}

// A pipItem is one item of a pip: list, and what it asks for.
type pipItem struct {
	selector *environment.Selector
	set      *requirements.Set
}

// readPip reads the items of the pip: lists for all platforms: one that cannot be read is
// an error wherever it counts.
func (e *Environment) readPip(p pipReader) error {
	for _, item := range e.parsed.Pip {
		r := p.reader()
		if err := r.Line(item.Text, p.file, item.Line); err != nil {
			return err
		}
		e.pipItems = append(e.pipItems, pipItem{item.Selector, r.Set()})
	}
	return nil
}

// pipOn puts together what a platform is asked for.
func (e *Environment) pipOn(subdir record.Subdir) {
	set := &requirements.Set{}
	for _, item := range e.pipItems {
		if item.selector.Selects(subdir) {
			set.Add(item.set)
		}
	}
	if e.pipFile != nil {
		set.Add(e.pipFile)
	}
	e.Requirements, e.Pip = set, nil
	for i := range set.Requirements {
		r := &set.Requirements[i]
		e.Pip = append(e.Pip, Requirement{Text: r.Text, File: r.File, Line: r.Line, Name: r.Name})
	}
}

// exists tells whether there is anything of that name; reading it says what is wrong with it.
func (l *loader) exists(rel string) bool {
	_, err := l.root.Lstat(filepath.FromSlash(rel))
	return err == nil
}
