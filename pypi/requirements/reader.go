package requirements

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Limits of what is read: real files have a few hundred lines, and a few files beside them.
const (
	maxFileBytes = 16 << 20
	maxDepth     = 32
	maxReads     = 256
)

// A Reader reads files of one project into one Set. It is for one goroutine.
type Reader struct {
	fsys  fs.FS
	opts  ReadOptions
	set   Set
	stack []string // files that are being read
	reads int
}

// ReadOptions of a Reader. The zero value is the default.
type ReadOptions struct {
	// Show is how messages name a file of the project; nil: relative to its root.
	Show func(name string) string
	// Getenv is for ${NAME}; nil: no variable is set.
	Getenv func(name string) string
}

// NewReader returns a Reader for the project whose folder fsys is.
func NewReader(fsys fs.FS, o ReadOptions) *Reader {
	if o.Show == nil {
		o.Show = func(name string) string { return name }
	}
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	return &Reader{fsys: fsys, opts: o}
}

// Set is what has been read. It is shared with r.
func (r *Reader) Set() *Set { return &r.set }

// File reads a requirements file, and those that it names. Errors are *ParseError.
func (r *Reader) File(name string) error {
	return r.file(name, Place{}, "", false)
}

// Line reads a line that stands in another kind of file: an item of an environment.yml. Name
// is that file's, which paths are relative to. Errors are *ParseError.
func (r *Reader) Line(text, name string, line int) error {
	in := input{dir: path.Dir(name), place: Place{r.opts.Show(name), line}}
	for _, l := range logicalLines(text) {
		if err := r.line(l.text, in); err != nil {
			return err
		}
	}
	return nil
}

// input is where a line comes from.
type input struct {
	dir        string // of its file
	place      Place
	constraint bool
}

// file reads one file. From and text say who names it.
func (r *Reader) file(name string, from Place, text string, constraint bool) error {
	bad := func(format string, args ...any) error {
		p := from
		if p.File == "" {
			p = Place{File: r.opts.Show(name)}
		}
		return &ParseError{Place: p, Text: shown(text), Reason: fmt.Sprintf(format, args...)}
	}
	if i := slices.Index(r.stack, name); i >= 0 {
		var round []string
		for _, f := range append(slices.Clone(r.stack[i:]), name) {
			round = append(round, r.opts.Show(f))
		}
		return bad("files name one another in a circle: %s", strings.Join(round, " > "))
	}
	if r.reads++; r.reads > maxReads || len(r.stack) >= maxDepth {
		return bad("more than %d files, or %d inside one another, are read: this looks like a mistake", maxReads, maxDepth)
	}
	data, err := r.read(name)
	if err != nil {
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			err = pe.Err
		}
		if errors.Is(err, fs.ErrNotExist) {
			return bad("there is no file %s", r.opts.Show(name))
		}
		return bad("%s cannot be read: %v", r.opts.Show(name), err)
	}
	if !slices.Contains(r.set.Files, name) {
		r.set.Files = append(r.set.Files, name)
	}
	content, at, reason := decode(data)
	if reason != "" {
		return &ParseError{Place: Place{r.opts.Show(name), at}, Reason: reason}
	}
	r.stack = append(r.stack, name)
	defer func() { r.stack = r.stack[:len(r.stack)-1] }()
	for _, l := range logicalLines(content) {
		if err := r.line(l.text, input{path.Dir(name), Place{r.opts.Show(name), l.line}, constraint}); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reader) read(name string) ([]byte, error) {
	f, err := r.fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && !st.Mode().IsRegular() {
		return nil, errors.New("it is no regular file")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err == nil && len(data) > maxFileBytes {
		err = fmt.Errorf("it has more than %d bytes", maxFileBytes)
	}
	return data, err
}

// inside puts a relative path to the folder that it is relative to. The reason is not empty where it
// leads out of the project.
func inside(dir, ref string) (name, reason string) {
	switch {
	case strings.Contains(ref, "\\"):
		return "", "paths are written with slashes"
	case strings.HasPrefix(ref, "/"), strings.HasPrefix(ref, "~"):
		return "", "the path is one of a single machine: name a file of the project, relative to this one"
	}
	name = path.Join(dir, ref)
	if !fs.ValidPath(name) {
		return "", "the path leads out of the project's folder"
	}
	return name, ""
}
