package exec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	osexec "os/exec"
	"path"
	"path/filepath"
	"strings"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/conda/archive"
	"github.com/nasa-openscapes/corn/filetree"
)

// An Interpreter is a Python unpacked on this machine, for compiling only: its binary, its
// libraries and the standard library, nothing of site-packages.
type Interpreter struct {
	Name   string // the artifact, for messages
	Home   string // folder that holds bin/ and lib/
	Binary string // "bin/python3.13", relative to Home
	Magic  uint16 // magic number that its bytecode must have; 0: not checked
	// Wrap makes the command that runs a program of another glibc; nil: none is needed.
	Wrap func(program string, args ...string) []string
}

func (i *Interpreter) command(args ...string) []string {
	program := filepath.Join(i.Home, filepath.FromSlash(i.Binary))
	if i.Wrap != nil {
		return i.Wrap(program, args...)
	}
	return append([]string{program}, args...)
}

// An InterpreterError reports a Python that cannot compile on this machine.
type InterpreterError struct {
	Python string // the artifact
	Direct error  // why running it as it is failed
	Loaded error  // why running it with the base image's loader failed; nil: there was none to try
}

func (e *InterpreterError) Error() string {
	msg := fmt.Sprintf("%s cannot run on this machine: %v", e.Python, e.Direct)
	if e.Loaded != nil {
		msg += fmt.Sprintf("; with the loader and libraries of the base image: %v", e.Loaded)
	}
	return msg
}

func (e *InterpreterError) Unwrap() []error { return []error{e.Direct, e.Loaded} }

// Unpack puts what compiling needs of the python artifact a below dir and returns the
// Interpreter. A dir that is complete is used as it is; an incomplete one never has the
// name dir. The caller holds a lock on dir if other processes may do the same.
func Unpack(ctx context.Context, dir string, f *artifact.Facts, a *archive.Archive) (*Interpreter, error) {
	i := &Interpreter{Name: f.FileName, Home: dir, Binary: interpreterBinary(f)}
	if i.Binary == "" {
		return nil, fmt.Errorf("unpack %s: it has no executable bin/pythonX.Y", f.FileName)
	}
	if _, err := os.Stat(dir); err == nil {
		return i, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".python-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	if err := unpackInto(ctx, tmp, a); err != nil {
		return nil, fmt.Errorf("unpack %s: %w", f.FileName, err)
	}
	if err := os.Chmod(tmp, 0o755); err != nil { //nolint:gosec // a cache of public files
		return nil, err
	}
	if err := os.Rename(tmp, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return i, nil
}

// interpreterBinary finds bin/pythonX.Y, by the rule that it is the only executable file
// (not link) below bin/ whose name is python and digits.
func interpreterBinary(f *artifact.Facts) string {
	for _, m := range f.Members {
		digits, ok := strings.CutPrefix(m.Path, "bin/python")
		if ok && m.Type == filetree.File && m.Traits&artifact.ELFExecutable != 0 && strings.Trim(digits, "0123456789.t") == "" {
			return m.Path
		}
	}
	return ""
}

func unpackInto(ctx context.Context, dir string, a *archive.Archive) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return a.Walk(ctx, func(h archive.Header, r io.Reader) error {
		if !neededToCompile(h.Path) {
			return nil
		}
		name := filepath.FromSlash(h.Path)
		if h.Type == filetree.Dir {
			return root.MkdirAll(name, 0o755)
		}
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if h.Type == filetree.Symlink {
			return root.Symlink(h.Link, name)
		}
		out, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644|fs.FileMode(h.Mode)&0o111)
		if err != nil {
			return err
		}
		if _, err := io.Copy(out, r); err != nil {
			return errors.Join(err, out.Close())
		}
		return out.Close()
	})
}

// neededToCompile leaves out what is large and never imported by the driver.
func neededToCompile(p string) bool {
	top, rest, _ := strings.Cut(p, "/")
	switch top {
	case "bin":
		return strings.HasPrefix(rest, "python")
	case "lib":
		parts := strings.Split(rest, "/")
		if !strings.HasPrefix(parts[0], "python") {
			return len(parts) == 1 && strings.Contains(path.Base(p), ".so")
		}
		if len(parts) < 2 {
			return true
		}
		switch parts[1] {
		case "site-packages", "test", "idlelib", "tkinter", "ensurepip", "lib2to3", "lib-dynload", "__pycache__":
			return false
		}
		return !strings.HasPrefix(parts[1], "config-")
	}
	return false
}

// Ready finds out how the interpreter runs on this machine: as it is, or through the
// loader and libraries of the base image. wrap is called only when needed; it returns how
// to run a program through them, or an error when the base has none.
func (i *Interpreter) Ready(ctx context.Context, wrap func(context.Context) (func(string, ...string) []string, error)) error {
	direct := i.try(ctx)
	if direct == nil {
		return nil
	}
	through, err := wrap(ctx)
	if err != nil {
		return &InterpreterError{Python: i.Name, Direct: direct, Loaded: err}
	}
	i.Wrap = through
	if err := i.try(ctx); err != nil {
		return &InterpreterError{Python: i.Name, Direct: direct, Loaded: err}
	}
	return nil
}

func (i *Interpreter) try(ctx context.Context) error {
	argv := i.command("-S", "-s", "-B", "-c", "pass")
	cmd := osexec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // the interpreter that the lock names
	cmd.Env = []string{"PYTHONHOME=" + i.Home}
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	if text := lastLine(string(out)); text != "" {
		return errors.New(text)
	}
	return err
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}
