package store

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
)

// drawArtifact makes an artifact whose own paths do not clash: files, links to files,
// bytecode, rewritten and generated ones. Other artifacts draw from the same names.
func drawArtifact(t *rapid.T, n int) (*artifact.Facts, []Item) {
	f := facts(fmt.Sprintf("p%d", n))
	f.SHA256 = digest.Sum([]byte(f.Name))
	used := map[string]bool{}
	var items []Item
	paths := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) string {
		dir := rapid.SampledFrom([]string{"", "lib/", "lib/a/", "lib/a/b/", "bin/", "x/y/z/"}).Draw(t, "dir")
		return dir + rapid.SampledFrom([]string{"1.py", "2.so", "3", "4.html"}).Draw(t, "name")
	}), 1, 8, rapid.ID[string]).Draw(t, "paths")
	slices.Sort(paths)
	for _, p := range paths {
		it := item(p)
		it.Mode = rapid.SampledFrom([]uint32{0o644, 0o755, 0o600, 0o4755}).Draw(t, "mode")
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0:
			it.Prefix = &artifact.PrefixUse{Mode: artifact.Text}
		case 1:
			it = Item{Path: p, Type: filetree.Symlink, Link: rapid.SampledFrom([]string{"3", "nowhere"}).Draw(t, "target")}
		case 2:
			it = Item{Path: p, Type: filetree.File, Generated: true, Data: []byte(p), Mode: 0o775, SizeBytes: int64(len(p))}
		case 3:
			it.Traits = artifact.ELFExecutable
		}
		used[p] = true
		items = append(items, it)
		if it.Member != "" {
			f.Members = append(f.Members, artifact.Member{Path: p, Type: it.Type})
		}
		if strings.HasSuffix(p, ".py") && it.Member != "" && rapid.Bool().Draw(t, "pyc") {
			items = append(items, item(path.Dir(p)+"/__pycache__/"+path.Base(p)+"c<"+p))
			items[len(items)-1].Path = path.Clean(items[len(items)-1].Path)
		}
	}
	// The stream has an order of its own.
	if rapid.Bool().Draw(t, "reversed stream") {
		slices.Reverse(f.Members)
	}
	return f, items
}

// written is everything that plans write, and it checks each plan's own rules.
func written(t *rapid.T, p *Plan, exists func(string) bool, into map[string]Planned) {
	seen := map[string]bool{}
	f := slices.Concat(p.Lead, p.Fed, p.Tail(exists))
	if f[0].Path != p.Root || f[0].Type != filetree.Dir {
		t.Fatalf("plan %s starts with %s", p.Root, f[0].Path)
	}
	for _, e := range f {
		if err := filetree.CheckPath(e.Path); err != nil {
			t.Fatal(err)
		}
		if seen[e.Path] {
			t.Fatalf("plan %s writes %s twice", p.Root, e.Path)
		}
		if d := path.Dir(e.Path); e.Path != p.Root && !seen[d] {
			t.Fatalf("plan %s writes %s before its directory", p.Root, e.Path)
		}
		seen[e.Path] = true
		sources := 0
		for _, has := range []bool{e.Member != "", e.Item != nil && e.Item.Generated, e.Pyc != nil, e.Record} {
			if has {
				sources++
			}
		}
		if e.Type == filetree.File && sources != 1 {
			t.Fatalf("%s has %d sources of bytes", e.Path, sources)
		}
		if old, ok := into[e.Path]; ok && (old.Type != filetree.Dir || e.Type != filetree.Dir) {
			t.Fatalf("two plans write %s", e.Path)
		}
		into[e.Path] = e
	}
}

// follow reads relative links of the tree until a file.
func follow(tree map[string]Planned, p string) (Planned, bool) {
	for range 10 {
		e, ok := tree[p]
		if !ok || e.Type != filetree.Symlink {
			return e, ok
		}
		p = path.Join(path.Dir(p), e.Link)
	}
	return Planned{}, false
}

// For any env: every path exactly once, every item in the content or the placement, every
// link into the store at a file with the same bytes, and clobbers change placements only.
func TestPlansOfAnyEnv(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 3).Draw(t, "artifacts")
		prefix := rapid.SampledFrom([]string{"/p", "/srv/conda/envs/a", "/opt/corn/x"}).Draw(t, "prefix")
		layout := rapid.SampledFrom([]Layout{Links, Copies}).Draw(t, "layout")
		compiled := rapid.Bool().Draw(t, "compilation works")
		exists := func(string) bool { return compiled }
		params := Params{FormatVersion: 1, Platform: "linux-64"}
		py := &Python{SitePackages: "lib/python3.13/site-packages"}

		var env []Artifact
		var all []*artifact.Facts
		for i := range n {
			f, items := drawArtifact(t, i)
			all = append(all, f)
			env = append(env, Artifact{Dist: f.Name, Items: items, Record: "conda-meta/" + f.Name + ".json"})
		}
		shares, clobbers, err := Merge(env)
		if err != nil {
			t.Fatal(err) // names of files and folders are apart, so nothing clashes
		}
		tree := map[string]Planned{}
		owner := map[string]int{}
		for i, f := range all {
			key := ContentKey(f, env[i].Items, params, py)
			o := PlaceOptions{Prefix: prefix, UID: 1000, GID: 100, Layout: layout, Record: env[i].Record}
			content, err := Content(f, env[i].Items, key)
			if err != nil {
				t.Fatal(err)
			}
			placed, err := Place(f, shares[i], key, o)
			if err != nil {
				t.Fatal(err)
			}
			written(t, content, exists, tree)
			written(t, placed, exists, tree)
			for _, k := range shares[i].Kept {
				owner[k.Path] = i
			}
			checkStore(t, content, tree, env[i].Items, compiled)
			checkStream(t, f, content)
			checkStream(t, f, placed)
		}
		root := strings.TrimPrefix(prefix, "/")
		for i := range env {
			for j := range env[i].Items {
				checkPlaced(t, tree, root, &env[i].Items[j], owner, i, compiled)
			}
		}
		// Alone, an artifact has the same content, and its placement key differs only if
		// it lost something.
		for i, f := range all {
			alone, _, err := Merge(env[i : i+1])
			if err != nil {
				t.Fatal(err)
			}
			key := ContentKey(f, env[i].Items, params, py)
			o := PlaceOptions{Prefix: prefix, Record: env[i].Record, Layout: layout}
			a := PlacementKey(f, alone[0], key, params, o, py, nil)
			b := PlacementKey(f, shares[i], key, params, o, py, nil)
			if (a == b) != (len(shares[i].Lost) == 0) {
				t.Fatalf("%s lost %d paths, and its placement key is the same: %v", f.Name, len(shares[i].Lost), a == b)
			}
		}
		for _, c := range clobbers {
			if len(c.Owners) < 2 || c.Winner != c.Owners[len(c.Owners)-1] || env[owner[c.Path]].Dist != c.Winner {
				t.Fatalf("clobber %+v, and %s is there", c, env[owner[c.Path]].Dist)
			}
		}
	})
}

func checkStore(t *rapid.T, p *Plan, tree map[string]Planned, items []Item, compiled bool) {
	src := byPath(items)
	for i := range items {
		it := &items[i]
		e, ok := tree[p.Root+"/"+it.Path]
		want := it.Type == filetree.Symlink || shared(it) || it.Pyc != nil && compiled && shared(src[it.Pyc.Source])
		if ok != want {
			t.Fatalf("%s is in the store: %v, want %v", it.Path, ok, want)
		}
		if ok && e.Type == filetree.File && (e.UID != 0 || e.Mode&0o444 != 0o444 || e.Mode&^0o777 != 0 || it.Mode&0o100 != 0 && e.Mode&0o111 != 0o111) {
			t.Fatalf("%s in the store has mode %04o of %04o, uid %d", it.Path, e.Mode, it.Mode, e.UID)
		}
	}
}

func checkStream(t *rapid.T, f *artifact.Facts, p *Plan) {
	at := 0
	for _, e := range p.Fed {
		for at < len(f.Members) && f.Members[at].Path != e.Member {
			at++
		}
		if at == len(f.Members) {
			t.Fatalf("%s is fed out of the stream's order", e.Member)
		}
		if p.Member(e.Member).Path != e.Path {
			t.Fatalf("Member(%s) finds another entry", e.Member)
		}
	}
}

// checkPlaced looks at one item of one artifact in the whole tree.
func checkPlaced(t *rapid.T, tree map[string]Planned, root string, it *Item, owner map[string]int, art int, compiled bool) {
	at := root + "/" + it.Path
	e, ok := tree[at]
	if o, has := owner[it.Path]; !has || o != art {
		if ok && e.Item == it {
			t.Fatalf("%s lost its path and is there", at)
		}
		return
	}
	if it.Pyc != nil && !compiled {
		if ok {
			t.Fatalf("bytecode %s is there although the compilation failed", at)
		}
		return
	}
	if !ok || e.Item != it || e.UID != 1000 {
		t.Fatalf("%s is not in the env, or is somebody else's: %+v", at, e)
	}
	if it.Type == filetree.Symlink {
		if e.Link != it.Link {
			t.Fatalf("%s leads to %s, want the package's own %s", at, e.Link, it.Link)
		}
		return
	}
	end, ok := follow(tree, at)
	if !ok || end.Type != filetree.File || end.Item != it {
		t.Fatalf("%s -> %s ends at %+v", at, e.Link, end)
	}
	if end.Rewrite != it.Prefix {
		t.Fatalf("%s: rewriting is %v, want %v", at, end.Rewrite, it.Prefix)
	}
	if it.Traits&artifact.ELFExecutable != 0 && e.Type != filetree.File {
		t.Fatalf("executable %s is a link", at)
	}
}
