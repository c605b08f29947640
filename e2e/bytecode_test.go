package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/internal/testkit/jupytertest"
)

// importAll imports the standard library and what stands in site-packages.
const importAll = `
import os, sys, sysconfig, warnings
warnings.simplefilter("ignore")
site = sysconfig.get_path("purelib")
names = set(sys.stdlib_module_names)
for name in os.listdir(site):
    if name.endswith(".py"):
        names.add(name[:-3])
    elif os.path.exists(os.path.join(site, name, "__init__.py")):
        names.add(name)
for name in sorted(names - {"antigravity", "this", "__main__", "idlelib"}):
    try:
        __import__(name)
    except BaseException:
        pass  # needs a display, another system, or a package that is not there
os._exit(0)
`

// pythonPrefixes are the environments that have a Python.
func (img *image) pythonPrefixes() []string {
	prefixes := []string{notebook}
	for _, k := range img.Kernels {
		if k.Language == "python" && !slices.Contains(prefixes, k.Prefix) {
			prefixes = append(prefixes, k.Prefix)
		}
	}
	return prefixes
}

// Every interpreter finds the bytecode that it wants: "python -v" tells of none that is
// stale, and of no source that had to be compiled.
func TestPythonFindsItsBytecode(t *testing.T) {
	eachPython(t, func(t *testing.T, c *jupytertest.Container, prefix string) {
		out, err := c.ExecInput(t.Context(), nil, importAll, "sh", "-c", `exec "$0" -v - 2>&1`, prefix+"/bin/python")
		if err != nil {
			t.Fatal(err)
		}
		matches := 0
		for line := range strings.Lines(out) {
			line = strings.TrimSpace(line)
			object, from := strings.CutPrefix(line, "# code object from ")
			object = strings.Trim(object, "'")
			switch {
			case strings.Contains(line, "bytecode is stale"):
				t.Errorf("%s: %s", prefix, line)
			case from && !strings.HasSuffix(object, ".pyc"):
				// A source that is its package's own link has no bytecode.
				if link, err := c.Exec(t.Context(), "readlink", object); err != nil || strings.Contains(link, "/opt/corn/store/") {
					t.Errorf("%s: %s", prefix, line)
				}
			case strings.HasPrefix(line, "# ") && strings.Contains(line, " matches "):
				matches++
			}
		}
		if matches < 200 {
			t.Errorf("%s: bytecode was used for %d modules, want hundreds", prefix, matches)
		}
	})
}

// headers looks at every .py below lib/pythonX.Y, imported or not.
const headers = `
import importlib.util, json, os, struct, sys, sysconfig
from importlib._bootstrap_external import MAGIC_NUMBER
checked, wrong, without = 0, [], []
for folder, folders, files in os.walk(sysconfig.get_path("stdlib")):
    for name in files:
        if not name.endswith(".py"):
            continue
        source = os.path.join(folder, name)
        if os.path.islink(source) and "/opt/corn/store/" not in os.readlink(source):
            continue  # its package's own link
        checked += 1
        try:
            with open(importlib.util.cache_from_source(source), "rb") as f:
                magic, flags, mtime, size = struct.unpack("<4sIII", f.read(16))
        except FileNotFoundError:
            try:
                with open(source, "rb") as f:
                    compile(f.read(), source, "exec", dont_inherit=True)
            except (SyntaxError, ValueError):
                continue  # a template, or a test of what is wrong
            without.append(source)
            continue
        found = os.stat(source)
        if (magic, flags, mtime, size) != (MAGIC_NUMBER, 0, int(found.st_mtime) & 0xFFFFFFFF, found.st_size & 0xFFFFFFFF):
            wrong.append(source)
print(json.dumps({"Checked": checked, "Wrong": wrong[:20], "Without": without[:20]}))
`

func TestBytecodeHeaders(t *testing.T) {
	eachPython(t, func(t *testing.T, c *jupytertest.Container, prefix string) {
		var found struct {
			Checked        int
			Wrong, Without []string
		}
		out := python(t, c, prefix, "import warnings; warnings.simplefilter('ignore')\n"+headers)
		if err := json.Unmarshal([]byte(out), &found); err != nil {
			t.Fatalf("%s: %v\n%s", prefix, err, out)
		}
		if len(found.Wrong)+len(found.Without) > 0 || found.Checked < 500 {
			t.Errorf("%s: of %d sources\nbytecode that is not of its source: %v\nno bytecode: %v", prefix, found.Checked, found.Wrong, found.Without)
		}
	})
}

func eachPython(t *testing.T, check func(*testing.T, *jupytertest.Container, string)) {
	s := need(t)
	for i, img := range []*image{must[*image](t)(s.hackweek()), must[*image](t)(s.links())} {
		c := start(t, img, "--read-only", "--tmpfs", "/tmp")
		for _, prefix := range img.pythonPrefixes() {
			if seen := prefix == two || i > 0 && prefix == notebook; !seen { // the same as "one", and as the example's
				check(t, c, prefix)
			}
		}
	}
}

// What packages ship is used where it is right, and made anew where it is not.
func TestShippedBytecode(t *testing.T) {
	c := linksContainer(t)
	for _, prefix := range []string{one, "/srv/conda/envs/python311", "/srv/conda/envs/copies"} {
		got := python(t, c, prefix, `
import pycdemo.valid, pycdemo.stale, pycdemo.rewritten, pycdemo.missing
print(pycdemo.valid.WHERE, pycdemo.stale.WHERE, pycdemo.rewritten.WHERE, pycdemo.rewritten.PREFIX, pycdemo.missing.WHERE, sep="|")`)
		if want := "bytecode of valid|source|source|" + prefix + "|source"; got != want {
			t.Errorf("%s: %s, want %s", prefix, got, want)
		}
	}
}
