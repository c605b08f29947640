package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
)

// show is one line an entry, below the plan's root.
func show(p *Plan, entries []Planned) []string {
	var out []string
	for _, e := range entries {
		s := fmt.Sprintf("%s %04o %d:%d %s", e.Type, e.Mode, e.UID, e.GID, strings.TrimPrefix(strings.TrimPrefix(e.Path, p.Root), "/"))
		if e.Type == filetree.File {
			s += fmt.Sprintf(" %d bytes", e.SizeBytes)
		}
		if e.Link != "" {
			s += " -> " + e.Link
		}
		if e.Member != "" {
			s += " of " + e.Member
		}
		if e.Rewrite != nil {
			s += " rewritten"
		}
		if e.Pyc != nil {
			s += " pyc of " + e.Pyc.Name
		}
		if e.Record {
			s += " record"
		}
		out = append(out, s)
	}
	return out
}

func lines(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s\n got\n  %s\nwant\n  %s", what, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func all(string) bool  { return true }
func none(string) bool { return false }

// sample is an artifact with one of everything; its members stream in an order of their own.
func sample() (*artifact.Facts, []Item) {
	f := facts("pkg", "lib/z.so", "m/r.py", "m/a.py", "bin/tool", "bin/elf", "etc/secret")
	f.SHA256 = digest.Sum([]byte("pkg"))
	items := []Item{
		item("bin/elf"), item("bin/l->../lib/z.so"), item("bin/tool"), item("etc/secret"), item("lib/z.so"),
		item("m/a.py"), item("m/r.py"), item("share/empty/"),
		{Path: "bin/ep", Type: filetree.File, Generated: true, Data: []byte("#!"), Mode: 0o775, ModTime: filetree.Epoch1980, SizeBytes: 2},
		item("m/c/a.pyc<m/a.py"), item("m/c/r.pyc<m/r.py"),
	}
	at := byPath(items)
	at["bin/elf"].Traits, at["bin/elf"].Mode = artifact.ELFExecutable, 0o6750
	at["bin/tool"].Prefix, at["bin/tool"].Mode = &artifact.PrefixUse{Mode: artifact.Text}, 0o755
	at["m/r.py"].Prefix = &artifact.PrefixUse{Mode: artifact.Text}
	at["etc/secret"].Mode = 0o600
	return f, items
}

func TestContent(t *testing.T) {
	f, items := sample()
	key := digest.Sum([]byte("key"))
	p, err := Content(f, items, key)
	if err != nil {
		t.Fatal(err)
	}
	if want := "opt/corn/store/pkg-1.0-0-" + key.String()[:16]; p.Root != want {
		t.Errorf("Root = %s, want %s", p.Root, want)
	}
	lines(t, "lead", show(p, p.Lead), "dir 0755 0:0 ", "dir 0755 0:0 bin", "symlink 0777 0:0 bin/l -> ../lib/z.so", "dir 0755 0:0 etc",
		"dir 0755 0:0 lib", "dir 0755 0:0 m", "dir 0755 0:0 share", "dir 0755 0:0 share/empty")
	lines(t, "fed", show(p, p.Fed), "file 0644 0:0 lib/z.so 8 bytes of lib/z.so", "file 0644 0:0 m/a.py 6 bytes of m/a.py",
		"file 0755 0:0 bin/elf 7 bytes of bin/elf", "file 0644 0:0 etc/secret 10 bytes of etc/secret")
	lines(t, "tail", show(p, p.Tail(all)), "dir 0755 0:0 m/c", "file 0644 0:0 m/c/a.pyc 0 bytes pyc of /"+p.Root+"/m/a.py")
	lines(t, "tail without bytecode", show(p, p.Tail(none)))
	if c := p.Compiles(); len(c) != 1 || c[0].Pyc != "m/c/a.pyc" || c[0].Source.Path != "m/a.py" {
		t.Errorf("Compiles = %+v", c)
	}
	if e := p.Member("m/a.py"); e == nil || e.Member != "m/a.py" {
		t.Errorf("Member(m/a.py) = %+v", e)
	}
	if e := p.Member("bin/tool"); e != nil {
		t.Errorf("a rewritten member is in the content: %+v", e)
	}
}

func TestContentClash(t *testing.T) {
	f := facts("x")
	for _, words := range [][]string{{"d", "d/x"}, {"d->e", "d/x"}, {"x", "x"}} {
		var items []Item
		for _, w := range words {
			items = append(items, item(w))
		}
		var ce *ClashError
		if _, err := Content(f, items, digest.SHA256{}); !errors.As(err, &ce) {
			t.Errorf("%q: %v, want a *ClashError", words, err)
		}
	}
	var pe *filetree.PathError
	if _, err := Content(f, []Item{{Path: "../x", Type: filetree.File}}, digest.SHA256{}); !errors.As(err, &pe) {
		t.Errorf("../x: %v, want a *filetree.PathError", err)
	}
}

func place(t *testing.T, f *artifact.Facts, items []Item, o PlaceOptions) *Plan {
	t.Helper()
	shares, _, err := Merge([]Artifact{{Dist: Dist(f), Items: items, Record: o.Record}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := Place(f, shares[0], digest.Sum([]byte("key")), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPlace(t *testing.T) {
	f, items := sample()
	o := PlaceOptions{Prefix: "/srv/conda/envs/a", UID: 1000, GID: 100, Record: "conda-meta/pkg-1.0-0.json"}
	p := place(t, f, items, o)
	dir := ContentDir(f, digest.Sum([]byte("key")))
	up := strings.Repeat("../", 5) + dir
	lines(t, "lead", show(p, p.Lead), "dir 0755 1000:100 ", "dir 0755 1000:100 bin", "file 0775 1000:100 bin/ep 2 bytes",
		"symlink 0777 1000:100 bin/l -> ../lib/z.so", "dir 0755 1000:100 etc", "symlink 0777 1000:100 etc/secret -> "+up+"/etc/secret",
		"dir 0755 1000:100 lib", "symlink 0777 1000:100 lib/z.so -> "+up+"/lib/z.so", "dir 0755 1000:100 m",
		"symlink 0777 1000:100 m/a.py -> "+up+"/m/a.py", "dir 0755 1000:100 share", "dir 0755 1000:100 share/empty")
	lines(t, "fed", show(p, p.Fed), "file 0644 1000:100 m/r.py 6 bytes of m/r.py rewritten",
		"file 0755 1000:100 bin/tool 8 bytes of bin/tool rewritten", "file 0750 1000:100 bin/elf 7 bytes of bin/elf")
	lines(t, "tail", show(p, p.Tail(all)), "dir 0755 1000:100 conda-meta", "dir 0755 1000:100 m/c",
		"symlink 0777 1000:100 m/c/a.pyc -> ../"+up+"/m/c/a.pyc pyc of /"+dir+"/m/a.py",
		"file 0644 1000:100 m/c/r.pyc 0 bytes pyc of /srv/conda/envs/a/m/r.py",
		"file 0644 1000:100 conda-meta/pkg-1.0-0.json 0 bytes record")
	lines(t, "tail without bytecode", show(p, p.Tail(none)), "dir 0755 1000:100 conda-meta",
		"file 0644 1000:100 conda-meta/pkg-1.0-0.json 0 bytes record")
	one := func(pyc string) bool { return pyc == "m/c/r.pyc" }
	if got := show(p, p.Tail(one)); len(got) != 4 || !strings.Contains(got[1], "m/c") {
		t.Errorf("tail with one file of bytecode: %q", got)
	}
	if c := p.Compiles(); len(c) != 1 || c[0].Pyc != "m/c/r.pyc" {
		t.Errorf("the placement compiles %+v, want the rewritten source alone", c)
	}
	for _, e := range slices.Concat(p.Lead, p.Late) {
		if e.ModTime != filetree.Epoch1980 {
			t.Errorf("%s has the time %d, want %d", e.Path, e.ModTime, filetree.Epoch1980)
		}
	}
	for _, e := range p.Fed {
		if e.ModTime != 1_700_000_000 {
			t.Errorf("%s has the time %d, want the archive's", e.Path, e.ModTime)
		}
	}
}

func TestPlaceCopies(t *testing.T) {
	f, items := sample()
	p := place(t, f, items, PlaceOptions{Prefix: "/p", Layout: Copies})
	for _, e := range slices.Concat(p.Lead, p.Tail(all)) {
		if e.Type == filetree.Symlink && e.Path != "p/bin/l" {
			t.Errorf("layout: copies has the link %s -> %s", e.Path, e.Link)
		}
	}
	if len(p.Fed) != 6 || len(p.Compiles()) != 2 {
		t.Errorf("%d files and %d compilations, want 6 and 2", len(p.Fed), len(p.Compiles()))
	}
}

// A prefix whose parents are links in the base: entries stand at the real path, bytecode and
// rewritten files name the one that programs see.
func TestPlaceRoot(t *testing.T) {
	f, items := sample()
	p := place(t, f, items, PlaceOptions{Prefix: "/srv/conda/envs/a", Root: "data/a"})
	if p.Root != "data/a" || p.Lead[0].Path != "data/a" {
		t.Errorf("Root = %s, first entry %s, want data/a", p.Root, p.Lead[0].Path)
	}
	for _, e := range p.Lead {
		if strings.HasSuffix(e.Path, "lib/z.so") && !strings.HasPrefix(e.Link, "../../../opt/corn/store/") {
			t.Errorf("%s -> %s", e.Path, e.Link)
		}
	}
	if c := p.Compiles(); c[0].Name != "/srv/conda/envs/a/m/r.py" {
		t.Errorf("bytecode names %s", c[0].Name)
	}
}

// A rewritten file that lost its path is still summed, and nothing of it is written.
func TestPlaceLost(t *testing.T) {
	f, items := sample()
	shares, clobbers, err := Merge([]Artifact{{Dist: "a", Items: items}, art("b", "bin/tool", "m/a.py")})
	if err != nil || len(clobbers) != 2 {
		t.Fatal(err, clobbers)
	}
	p, err := Place(f, shares[0], digest.SHA256{}, PlaceOptions{Prefix: "/p"})
	if err != nil {
		t.Fatal(err)
	}
	lines(t, "sums", show(p, p.Sums), "file 0755 0:0 bin/tool 8 bytes of bin/tool rewritten")
	for _, e := range slices.Concat(p.Lead, p.Fed, p.Tail(all)) {
		switch strings.TrimPrefix(e.Path, "p/") {
		case "bin/tool", "m/a.py", "m/c/a.pyc":
			t.Errorf("%s lost its path and is written", e.Path)
		}
	}
}

func TestDist(t *testing.T) {
	for fn, want := range map[string]string{
		"numpy-2.2.4-py313h0_0.conda": "numpy-2.2.4-py313h0_0", "a-1!2.0+x-0.tar.bz2": "a-1!2.0+x-0", "xq-0.0.4-py3-none-any.whl": "xq-0.0.4-py3-none-any",
		"../../etc/x-1-0.conda": "x-1-0", "..conda": "", "a b-1-0.conda": "a_b-1-0", "ü-1-0.conda": "_-1-0", "x.conda.conda": "x.conda",
	} {
		if got := Dist(&artifact.Facts{FileName: fn}); got != want {
			t.Errorf("Dist(%q) = %q, want %q", fn, got, want)
		}
	}
}

func TestContentKey(t *testing.T) {
	f, items := sample()
	base := Params{FormatVersion: 1, Platform: "linux-64", Strip: []string{"a", "b"}}
	py := &Python{SitePackages: "lib/python3.13/site-packages", CacheTag: "cpython-313", Artifact: digest.Sum([]byte("python"))}
	key := func(edit func(f *artifact.Facts, items *[]Item, p *Params, py *Python)) digest.SHA256 {
		f2, p2, py2, items2 := *f, base, *py, slices.Clone(items)
		edit(&f2, &items2, &p2, &py2)
		return ContentKey(&f2, items2, p2, &py2)
	}
	same := func(*artifact.Facts, *[]Item, *Params, *Python) {}
	want := key(same)
	noPyc := func(_ *artifact.Facts, items *[]Item, _ *Params, _ *Python) {
		*items = slices.DeleteFunc(*items, func(it Item) bool { return it.Path == "m/c/a.pyc" })
	}
	for why, edit := range map[string]func(*artifact.Facts, *[]Item, *Params, *Python){
		"archive":                func(f *artifact.Facts, _ *[]Item, _ *Params, _ *Python) { f.SHA256 = digest.Sum([]byte("other")) },
		"format":                 func(_ *artifact.Facts, _ *[]Item, p *Params, _ *Python) { p.FormatVersion = 2 },
		"platform":               func(_ *artifact.Facts, _ *[]Item, p *Params, _ *Python) { p.Platform = "linux-aarch64" },
		"strip":                  func(_ *artifact.Facts, _ *[]Item, p *Params, _ *Python) { p.Strip = []string{"a"} },
		"compiler":               func(_ *artifact.Facts, _ *[]Item, _ *Params, py *Python) { py.Artifact = digest.Sum([]byte("3.13.6")) },
		"tag":                    func(_ *artifact.Facts, _ *[]Item, _ *Params, py *Python) { py.CacheTag = "cpython-312" },
		"folder":                 func(_ *artifact.Facts, _ *[]Item, _ *Params, py *Python) { py.SitePackages = "x" },
		"list of compiled files": noPyc,
		"list of paths":          func(_ *artifact.Facts, items *[]Item, _ *Params, _ *Python) { *items = (*items)[1:] },
	} {
		if key(edit) == want {
			t.Errorf("another %s gives the same content key", why)
		}
	}
	for why, edit := range map[string]func(*artifact.Facts, *[]Item, *Params, *Python){
		"order of strip":     func(_ *artifact.Facts, _ *[]Item, p *Params, _ *Python) { p.Strip = []string{"b", "a", "b"} },
		"name of the file":   func(f *artifact.Facts, _ *[]Item, _ *Params, _ *Python) { f.FileName = "other.conda" },
		"rewritten bytecode": func(_ *artifact.Facts, items *[]Item, _ *Params, _ *Python) { *items = (*items)[:len(*items)-1] },
	} {
		if key(edit) != want {
			t.Errorf("another %s gives another content key", why)
		}
	}
	// Without anything to compile, Python does not count: one content for all of them.
	plain := func(name string, noarch string) digest.SHA256 {
		f := facts("data")
		f.Noarch = noarch
		return ContentKey(f, []Item{item("share/x")}, base, &Python{SitePackages: name, CacheTag: name, Artifact: digest.Sum([]byte(name))})
	}
	if plain("a", "") != plain("b", "") || plain("a", "generic") != plain("b", "generic") {
		t.Error("content of data alone depends on the Python")
	}
	if plain("a", "python") == plain("b", "python") {
		t.Error("content of noarch python does not depend on site-packages")
	}
}

func TestPlacementKey(t *testing.T) {
	f, items := sample()
	shares, _, err := Merge([]Artifact{{Dist: "a", Items: items}})
	if err != nil {
		t.Fatal(err)
	}
	lost, _, err := Merge([]Artifact{{Dist: "a", Items: items}, art("b", "lib/z.so")})
	if err != nil {
		t.Fatal(err)
	}
	type in struct {
		share   Share
		content digest.SHA256
		p       Params
		o       PlaceOptions
		py      *Python
		record  string
	}
	base := in{share: shares[0], content: digest.Sum([]byte("c")), p: Params{FormatVersion: 1},
		o: PlaceOptions{Prefix: "/p", UID: 1000, GID: 100, Copy: []string{"a", "b"}}, py: &Python{CacheTag: "x"}, record: "{}"}
	key := func(i in) digest.SHA256 { return PlacementKey(f, i.share, i.content, i.p, i.o, i.py, []byte(i.record)) }
	want := key(base)
	for why, edit := range map[string]func(*in){
		"content": func(i *in) { i.content = digest.Sum([]byte("d")) },
		"format":  func(i *in) { i.p.FormatVersion = 2 },
		"prefix":  func(i *in) { i.o.Prefix = "/q" },
		"root":    func(i *in) { i.o.Root = "q" },
		"uid":     func(i *in) { i.o.UID = 1001 },
		"gid":     func(i *in) { i.o.GID = 1001 },
		"layout":  func(i *in) { i.o.Layout = Copies },
		"copy":    func(i *in) { i.o.Copy = nil },
		"paths":   func(i *in) { i.share = lost[0] },
		"record":  func(i *in) { i.record = `{"requested_spec": "x"}` },
		"python":  func(i *in) { i.py = &Python{CacheTag: "y"} },
		"entry point": func(i *in) {
			k := slices.Clone(i.share.Kept)
			j := slices.IndexFunc(k, func(p Placed) bool { return p.Item.Generated })
			it := *k[j].Item
			it.Data = []byte("other")
			k[j].Item = &it
			i.share.Kept = k
		},
	} {
		i := base
		edit(&i)
		if key(i) == want {
			t.Errorf("another %s gives the same placement key", why)
		}
	}
	i := base
	i.o.Copy = []string{"b", "a", "a"}
	if key(i) != want {
		t.Error("the order of copy rules counts")
	}
}
