package link

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/store"
)

// An EntryPoint is a command that calls a function of a module.
type EntryPoint struct {
	Command string // file name in bin/
	Module  string // "jupyterlab.labapp"
	Func    string // "main", "App.main"
}

// An EntryPointError reports text of info/link.json that is no entry point.
type EntryPointError struct {
	Package string // file name; empty from ParseEntryPoint
	Input   string
	Reason  string
}

func (e *EntryPointError) Error() string {
	if e.Package == "" {
		return fmt.Sprintf("entry point %q: %s", e.Input, e.Reason)
	}
	return fmt.Sprintf("link %s: entry point %q: %s", e.Package, e.Input, e.Reason)
}

var (
	dotted = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$`)
	drive  = regexp.MustCompile(`^[A-Za-z]:`)
)

// ParseEntryPoint reads "command = module:function". The parts may have blanks around
// them; module and function are dotted identifiers; the command is a plain file name.
func ParseEntryPoint(s string) (EntryPoint, error) {
	fail := func(reason string) (EntryPoint, error) {
		return EntryPoint{}, &EntryPointError{Input: s, Reason: reason}
	}
	colon := strings.LastIndexByte(s, ':')
	if colon < 0 {
		return fail("there is no colon between module and function")
	}
	equals := strings.LastIndexByte(s[:colon], '=')
	if equals < 0 {
		return fail("there is no equals sign between command and module")
	}
	e := EntryPoint{
		Command: strings.TrimSpace(s[:equals]),
		Module:  strings.TrimSpace(s[equals+1 : colon]),
		Func:    strings.TrimSpace(s[colon+1:]),
	}
	switch c := e.Command; {
	case c == "" || c == "." || strings.HasPrefix(c, ".."):
		return fail("the command is no file name")
	case strings.ContainsAny(c, "/\\ ") || drive.MatchString(c):
		return fail("the command is a path, not a file name")
	case strings.ContainsFunc(c, func(r rune) bool { return r < 0x20 || r == 0x7f }):
		return fail("the command has a control character")
	case !dotted.MatchString(e.Module):
		return fail("the module is no dotted identifier")
	case !dotted.MatchString(e.Func):
		return fail("the function is no dotted identifier")
	}
	return e, nil
}

// Script is the text of the command's file for a Python at pythonPath, an absolute path,
// exactly as micromamba writes it.
func (e EntryPoint) Script(pythonPath string) []byte {
	name, _, _ := strings.Cut(e.Func, ".")
	var b strings.Builder
	b.WriteString(pythonShebang(pythonPath))
	b.WriteString("\n# -*- coding: utf-8 -*-\nimport re\nimport sys\n\n")
	fmt.Fprintf(&b, "from %s import %s\n\n", e.Module, name)
	b.WriteString("if __name__ == '__main__':\n")
	b.WriteString("    sys.argv[0] = re.sub(r'(-script\\.pyw?|\\.exe)?$', '', sys.argv[0])\n")
	fmt.Fprintf(&b, "    sys.exit(%s())\n", e.Func)
	return []byte(b.String())
}

// entryPointMode is set explicitly by micromamba, whatever the umask.
const entryPointMode = 0o775

func (l *linker) entryPoints() error {
	for _, s := range l.f.Conda.EntryPoints {
		e, err := ParseEntryPoint(s)
		if err != nil {
			if e, ok := errors.AsType[*EntryPointError](err); ok {
				return &EntryPointError{l.f.FileName, s, e.Reason}
			}
			return err
		}
		data := e.Script(l.env.Prefix + "/" + l.env.Python.Executable())
		l.add(store.Item{
			Path: "bin/" + e.Command, Type: filetree.File, Data: data, Generated: true,
			Mode: entryPointMode, ModTime: filetree.Epoch1980, SizeBytes: int64(len(data)),
		})
	}
	return nil
}
