package wheel

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// An entryPoint is one script to be written: name = module:attr.
type entryPoint struct{ name, module, attr string }

func (e entryPoint) String() string { return e.name + " = " + e.module + ":" + e.attr }

var (
	entryName   = regexp.MustCompile(`^[^\s=/\\\[\]:\x00-\x1f\x7f][^\s=/\\\[\]\x00-\x1f\x7f]*$`)
	entryObject = regexp.MustCompile(`^([\pL\pN_]+(?:\.[\pL\pN_]+)*):([\pL\pN_]+(?:\.[\pL\pN_]+)*)\s*(?:\[[^\[\]]*\])?$`)
)

// parseEntryPoint reads "name = module:attr [extras]". Extras mean nothing to a script.
func parseEntryPoint(line string) (entryPoint, error) {
	name, value, ok := strings.Cut(line, "=")
	if !ok {
		return entryPoint{}, errors.New("want name = module:attribute")
	}
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if !entryName.MatchString(name) || name == "." || name == ".." {
		return entryPoint{}, fmt.Errorf("%q cannot be the name of a command", name)
	}
	m := entryObject.FindStringSubmatch(value)
	if m == nil {
		return entryPoint{}, fmt.Errorf("%q names no function: want module:attribute", value)
	}
	return entryPoint{name, m[1], m[2]}, nil
}

// maxShebang is the longest first line that distlib writes, "#!" and newline included:
// Linux before 5.1 cut it at 127 bytes.
const maxShebang = 127

// shebang is the start of a generated script, as distlib 0.3.8 (in pip 24.2) writes it:
// through /bin/sh where the path is long or holds a blank.
func shebang(python string) string {
	if !strings.Contains(python, " ") && len(python)+len("#!\n") <= maxShebang {
		return "#!" + python + "\n"
	}
	if strings.Contains(python, " ") {
		python = `"` + python + `"`
	}
	return "#!/bin/sh\n'''exec' " + python + ` "$0" "$@"` + "\n' '''\n"
}

// script is the text of an entry point's script.
func (e entryPoint) script(python string) []byte {
	name, _, _ := strings.Cut(e.attr, ".")
	return []byte(shebang(python) + `# -*- coding: utf-8 -*-
import re
import sys
from ` + e.module + ` import ` + name + `
if __name__ == '__main__':
    sys.argv[0] = re.sub(r'(-script\.pyw|\.exe)?$', '', sys.argv[0])
    sys.exit(` + e.attr + `())
`)
}

// pythonShebang starts the scripts whose first line is replaced (PEP 427: "#!python" and
// "#!pythonw"; pip looks at no more than these eight bytes).
const pythonShebang = "#!python"

// fixScript replaces the first line of a script that starts with "#!python". What follows
// python on that line is dropped and a long path stays as it is, as in pip.
func fixScript(text []byte, python string) []byte {
	_, rest, ok := strings.Cut(string(text), "\n")
	if !ok {
		rest = ""
	}
	return []byte("#!" + python + "\n" + rest)
}

var (
	pipVersioned   = regexp.MustCompile(`^pip([0-9]+(\.[0-9]+)?)?$`)
	easyVersioned  = regexp.MustCompile(`^easy_install(-[0-9]+\.[0-9]+)?$`)
	wrapperEndings = []string{".exe", "-script.py", ".pya"}
)

// consoleScripts lists the scripts to write. The wheels of pip and of old setuptools were
// built by one Python and name its version; pip writes those names for the Python that it
// installs into.
func consoleScripts(declared []entryPoint, short string) []entryPoint {
	var out, rest []entryPoint
	var pip, easy *entryPoint
	for i, e := range declared {
		switch e.name {
		case "pip":
			pip = &declared[i]
		case "easy_install":
			easy = &declared[i]
		}
	}
	for _, e := range declared {
		if pip != nil && pipVersioned.MatchString(e.name) || easy != nil && easyVersioned.MatchString(e.name) {
			continue
		}
		rest = append(rest, e)
	}
	major, _, _ := strings.Cut(short, ".")
	if pip != nil {
		for _, name := range []string{"pip", "pip" + major, "pip" + short} {
			out = append(out, entryPoint{name, pip.module, pip.attr})
		}
	}
	if easy != nil {
		for _, name := range []string{"easy_install", "easy_install-" + short} {
			out = append(out, entryPoint{name, easy.module, easy.attr})
		}
	}
	return append(out, rest...)
}

// wraps tells whether a file of .data/scripts is a wrapper that setuptools made for an
// entry point; the installer makes its own.
func wraps(file string, names map[string]bool) bool {
	for _, ending := range wrapperEndings {
		if strings.HasSuffix(strings.ToLower(file), ending) {
			return names[file[:len(file)-len(ending)]]
		}
	}
	return names[file]
}
