package recipe

import (
	"encoding/binary"
	"path"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/demo/deb"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

// Every module of an installed package has a .pyc that Python takes for fresh, but for the
// few written for another Python.
func TestBytecode(t *testing.T) {
	ids := []string{"pbs/python-3.11", "bookworm/tornado", "bookworm/packaging"}
	if !testing.Short() {
		ids = append(ids, "pbs/python-3.10", "pbs/python-3.14", "trixie/python-3.13", "trixie/tornado")
	}
	for i, p := range buildForTest(t, cacheForTest(t), ids) {
		r, err := lookup(ids[i : i+1])
		if err != nil {
			t.Fatal(err)
		}
		checkBytecode(t, ids[i], r[0].Python, &p)
	}
}

func checkBytecode(t *testing.T, id, python string, p *channeltest.Package) {
	t.Helper()
	files := map[string]channeltest.File{}
	for _, f := range p.Files {
		files[f.Path] = f
	}
	sources, without, record := 0, 0, ""
	for _, f := range p.Files {
		if path.Base(f.Path) == "RECORD" {
			record += string(contentForTest(t, f))
		}
		if f.Link != "" || path.Ext(f.Path) != ".py" || !strings.HasPrefix(f.Path, "lib/python") {
			continue
		}
		sources++
		compiled, ok := files[bytecodePath(f.Path, python)]
		if !ok {
			without++
			continue
		}
		when := f.ModTime
		if when == 0 {
			when = p.TimestampMillis / 1000
		}
		data := contentForTest(t, compiled)
		var head [4]uint32
		for i := range head {
			head[i] = binary.LittleEndian.Uint32(data[4*i:])
		}
		want := [4]uint32{uint32(magics[python]) | '\r'<<16 | '\n'<<24, 0, uint32(max(when, filetree.Epoch1980)), uint32(len(contentForTest(t, f)))}
		if head != want {
			t.Errorf("%s: %s begins with %x, want %x", id, compiled.Path, head, want)
		}
		if !strings.Contains(string(data), f.Path) {
			t.Errorf("%s: %s does not name its source", id, compiled.Path)
		}
	}
	for name := range files {
		rest, inside := strings.CutPrefix(name, "lib/python"+python+"/site-packages/")
		if inside && path.Ext(name) == ".pyc" && record != "" && !strings.Contains(record, rest+",,\n") {
			t.Errorf("%s: RECORD has no line %s,,", id, rest)
		}
	}
	t.Logf("%s: %d modules, %d do not compile", id, sources, without)
	if p.Noarch != "" {
		if len(files) == 0 || sources > 0 || strings.Contains(record, ".pyc") {
			t.Errorf("%s is noarch: %d modules below lib, RECORD %q", id, sources, record)
		}
		return
	}
	if sources < 10 || without > sources/100 {
		t.Errorf("%s: %d modules of %d have no bytecode", id, without, sources)
	}
}

func contentForTest(t *testing.T, f channeltest.File) []byte {
	t.Helper()
	data, err := content(f)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestBytecodePath(t *testing.T) {
	for source, want := range map[string]string{
		"lib/python3.13/os.py":                       "lib/python3.13/__pycache__/os.cpython-313.pyc",
		"lib/python3.13/site-packages/a/b.c.py":      "lib/python3.13/site-packages/a/__pycache__/b.c.cpython-313.pyc",
		"lib/python3.13/site-packages/a/__init__.py": "lib/python3.13/site-packages/a/__pycache__/__init__.cpython-313.pyc",
		"lib/python3.13/json/tool.py":                "lib/python3.13/json/__pycache__/tool.cpython-313.pyc",
	} {
		if got := bytecodePath(source, "3.13"); got != want {
			t.Errorf("bytecode of %s at %s, want %s", source, got, want)
		}
	}
}

// What compiling takes is pinned: every Python that modules are made for has a recipe, a
// magic number and, where it comes from Debian, the debs.
func TestCompilersAreKnown(t *testing.T) {
	manifest, err := deb.ParseManifest(pinned)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, r := range All() {
		if !r.hasBytecode() {
			continue
		}
		n++
		if _, err := interpreterRecipe(r.Python); err != nil || magics[r.Python] == 0 {
			t.Errorf("%s: %v, magic number %d", r.ID, err, magics[r.Python])
		}
		for _, name := range compilerDebs(&r) {
			if _, ok := manifest[name]; !ok {
				t.Errorf("%s: debs.tsv has no %s of %s", r.ID, name.Package, name.Suite)
			}
		}
	}
	if n < 10 {
		t.Errorf("%d recipes have bytecode, want interpreters and compiled modules", n)
	}
	if _, err := interpreterRecipe("2.7"); err == nil {
		t.Error("a Python that no recipe makes is no error")
	}
}
