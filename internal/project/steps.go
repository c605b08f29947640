package project

import (
	"bytes"
	"path"
	"strings"
)

// A File is a file of the configuration folder.
type File struct {
	Path string // relative to the project: "ci/start"
	Show string // for messages
	Data []byte
}

// readStart reads start, the program that every container of the image begins with.
func (l *loader) readStart() (*File, error) {
	f, err := l.imageFile("start")
	if f == nil || err != nil {
		return nil, err
	}
	return f, checkScript(f)
}

// readPostBuild reads postBuild. One without a first line of its own is for a shell.
func (l *loader) readPostBuild() (*File, error) {
	f, err := l.imageFile("postBuild")
	if f == nil || err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(f.Data)) == 0 {
		l.notice(f.Path, "ignored: it is empty")
		return nil, nil
	}
	if first, _, _ := bytes.Cut(f.Data, []byte("\n")); bytes.HasSuffix(first, []byte("\r")) {
		return nil, checkScript(f)
	}
	return f, nil
}

// HasInterpreter tells whether a file says by itself what runs it.
func (f *File) HasInterpreter() bool {
	return bytes.HasPrefix(f.Data, []byte("#!")) || bytes.HasPrefix(f.Data, []byte("\x7fELF"))
}

// readApt reads apt.txt.
func (l *loader) readApt() error {
	f, err := l.imageFile("apt.txt")
	if f == nil || err != nil {
		return err
	}
	if l.p.Apt, err = ParseApt(f.Show, f.Data); err == nil && len(l.p.Apt) == 0 {
		l.notice(f.Path, "ignored: it names no package")
	}
	return err
}

// imageFile reads a file of the configuration folder; nil: there is none.
func (l *loader) imageFile(name string) (*File, error) {
	data, file, err := l.read(l.p.Config, name)
	if err != nil || file == "" {
		return nil, err
	}
	return &File{Path: path.Join(l.p.Config, name), Show: file, Data: data}, nil
}

// checkScript refuses what the kernel could not start. A Dockerfile's RUN would hand a script
// without a first line to a shell; a container's entrypoint is started without one.
func checkScript(f *File) error {
	first, _, _ := bytes.Cut(f.Data, []byte("\n"))
	switch {
	case bytes.HasPrefix(f.Data, []byte("\x7fELF")):
		return nil
	case !bytes.HasPrefix(f.Data, []byte("#!")):
		return &ParseError{File: f.Show, Line: 1, Text: shortLine(first), Reason: "want a first line like #!/bin/bash, by which the program is started"}
	case bytes.HasSuffix(first, []byte("\r")):
		return &ParseError{File: f.Show, Line: 1, Text: shortLine(first), Reason: "line ends in CR and LF, with which no interpreter is found: save the file with LF"}
	}
	return nil
}

func shortLine(line []byte) string {
	return strings.ToValidUTF8(string(line[:min(len(line), 80)]), "?")
}
