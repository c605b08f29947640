package link

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
	"github.com/nasa-openscapes/corn/store"
)

// world is an env with one of everything that linking knows.
const world = `
-- python-3.13.5-h1_0_cp313.conda --
timestamp: 1700000000000
-- python-3.13.5-h1_0_cp313/bin/python3.13 mode=0755 --
#!/bin/sh
-- python-3.13.5-h1_0_cp313/bin/python link=python3.13 --
-- python-3.13.5-h1_0_cp313/lib/python3.13/os.py --
x = 1
-- python-3.13.5-h1_0_cp313/lib/python3.13/_sysconfig.py --
prefix = '@PREFIX@'
-- python-3.13.5-h1_0_cp313/lib/python3.13/badsyntax.py --
print 1
-- python-3.13.5-h1_0_cp313/lib64 link=lib --
-- lib-2-h1_0.tar.bz2 --
style: old
-- lib-2-h1_0/lib64/libx.so.1 mode=0755 prefix=binary escape --
\x7fELF\x00@PREFIX@/share/x:@PREFIX@/y\x00tail
-- lib-2-h1_0/lib64/libx.so link=libx.so.1 --
-- lib-2-h1_0/etc/keep.conf nolink --
keep
-- lib-2-h1_0/etc/copy.conf hardlink=etc/keep.conf --
-- lib-2-h1_0/share/both.txt --
from lib
-- app-1-pyh1_0.conda --
noarch: python
entry_point: app = app.cli:Main.run
-- app-1-pyh1_0/site-packages/app/__init__.py mode=0664 --
-- app-1-pyh1_0/site-packages/app/static/index.html --
<p>
-- app-1-pyh1_0/python-scripts/app-run mode=0755 --
#!@PREFIX@/bin/python -u
print('@PREFIX@')
-- app-1-pyh1_0/share/both.txt --
from app
-- app-1-pyh1_0/share/empty dir --
`

func worldSources(t testing.TB, txtar string) []source {
	t.Helper()
	archives, err := channeltest.FromTxtar([]byte(txtar))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	records, err := channeltest.Publish(dir, archives)
	if err != nil {
		t.Fatal(err)
	}
	var out []source
	for _, a := range archives { // the order of the text is the order of linking
		for _, r := range records {
			if strings.HasPrefix(r.FileName, a.Package.Name+"-") {
				data, err := os.ReadFile(dir + "/" + r.Subdir + "/" + r.FileName)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, source{r.FileName, data})
			}
		}
	}
	return out
}

// keyDir is the key in the name of a store folder. It follows the compressor's version.
var keyDir = regexp.MustCompile(`-[0-9a-f]{16}(/| |\n)`)

// listing is one line a path: type, mode, owner, size and sum or target. Keys and the
// records, which hold the sums of archives, are left out.
func listing(tree map[string]node) string {
	var b strings.Builder
	for _, p := range slices.Sorted(maps.Keys(tree)) {
		n := tree[p]
		fmt.Fprintf(&b, "%-7s %04o %d:%d %s", n.Type, n.Mode, n.UID, n.GID, p)
		switch n.Type {
		case filetree.Symlink:
			fmt.Fprintf(&b, " -> %s", n.Link)
		case filetree.File:
			if strings.Contains(p, "/conda-meta/") {
				break
			}
			fmt.Fprintf(&b, " %d %.12s", len(n.data), digest.Sum(n.data))
		}
		b.WriteByte('\n')
	}
	return keyDir.ReplaceAllString(b.String(), "-KEY$1")
}

// The whole image of an env, and the tree that programs see through the links.
func TestTree(t *testing.T) {
	env := Env{Prefix: "/srv/conda/envs/a", Python: py313(t)}
	packages := worldSources(t, world)
	l, err := install(t, env, store.Links, packages...)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "image.txt", listing(l.image))
	tree := l.env(t)
	for p, want := range map[string]string{
		"lib/python3.13/_sysconfig.py": "prefix = '/srv/conda/envs/a'\n",
		"share/both.txt":               "from app\n", // linked last
		"etc/copy.conf":                "keep\n",
		"bin/app-run":                  "#!/srv/conda/envs/a/bin/python -u\nprint('/srv/conda/envs/a')\n",
		"lib/python3.13/__pycache__/_sysconfig.cpython-313.pyc": "bytecode of lib/python3.13/_sysconfig.py",
	} {
		if got := string(tree[p].data); got != want {
			t.Errorf("%s holds %q, want %q", p, got, want)
		}
	}
	if _, ok := tree["lib/python3.13/__pycache__/badsyntax.cpython-313.pyc"]; ok {
		t.Error("bytecode of a file that does not compile is there")
	}
	if got, want := string(tree["lib/libx.so.1"].data), "\x7fELF\x00/srv/conda/envs/a/share/x:/srv/conda/envs/a/y"; !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "\x00tail\n") {
		t.Errorf("lib/libx.so.1 (brought as lib64/libx.so.1) holds %q", got)
	}
	if len(l.clobbers) != 1 || l.clobbers[0].Path != "share/both.txt" || l.clobbers[0].Winner != "app-1-pyh1_0" {
		t.Errorf("clobbers %+v, want share/both.txt won by app", l.clobbers)
	}
	// Both layouts give one tree.
	copies, err := install(t, env, store.Copies, packages...)
	if err != nil {
		t.Fatal(err)
	}
	plain := copies.env(t)
	for p, n := range tree {
		if m, ok := plain[p]; !ok || string(m.data) != string(n.data) || m.Link != n.Link || m.ModTime != n.ModTime {
			t.Errorf("%s differs with layout: copies", p)
		}
	}
	if len(plain) != len(tree) {
		t.Errorf("%d paths with copies, %d with links", len(plain), len(tree))
	}
}

// Two prefixes share every byte of the store.
func TestTreeShared(t *testing.T) {
	packages := worldSources(t, world)
	inStore := func(prefix string) image {
		l, err := install(t, Env{Prefix: prefix, Python: py313(t)}, store.Links, packages...)
		if err != nil {
			t.Fatal(err)
		}
		out := image{}
		for p, n := range l.image {
			if strings.HasPrefix(p, store.Root+"/") {
				out[p] = n
			}
		}
		return out
	}
	a, b := inStore("/srv/conda/envs/a"), inStore("/opt/another/prefix")
	if got, want := listing(b), listing(a); got != want {
		t.Errorf("the store depends on the prefix:\n%s\n---\n%s", want, got)
	}
	for p, n := range a {
		if string(b[p].data) != string(n.data) {
			t.Errorf("%s holds other bytes", p)
		}
	}
}

// A prefix longer than the placeholder is found before anything is streamed.
func TestTreePrefixTooLong(t *testing.T) {
	env := Env{Prefix: "/" + strings.Repeat("p", 300), Python: py313(t)}
	_, err := install(t, env, store.Links, worldSources(t, world)...)
	var long *PrefixTooLongError
	var member *MemberError
	if !errors.As(err, &long) || !errors.As(err, &member) || member.Package != "lib-2-h1_0.tar.bz2" {
		t.Errorf("%v, want a *PrefixTooLongError of lib-2", err)
	}
}
