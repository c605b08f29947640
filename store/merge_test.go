package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/filetree"
)

// art reads items from words: "path" a file, "path/" a directory, "path->target" a link,
// "path<source" bytecode of source.
func art(dist string, words ...string) Artifact {
	a := Artifact{Dist: dist, Record: "conda-meta/" + dist + ".json"}
	for _, w := range words {
		a.Items = append(a.Items, item(w))
	}
	return a
}

func item(w string) Item {
	it := Item{Mode: 0o644, ModTime: 1_700_000_000}
	if p, target, ok := strings.Cut(w, "->"); ok {
		it.Path, it.Type, it.Link = p, filetree.Symlink, target
		return it
	}
	if p, source, ok := strings.Cut(w, "<"); ok {
		it.Path, it.Type, it.Pyc, it.ModTime = p, filetree.File, &Pyc{Source: source}, filetree.Epoch1980
		return it
	}
	if p, ok := strings.CutSuffix(w, "/"); ok {
		it.Path, it.Type = p, filetree.Dir
		return it
	}
	it.Path, it.Type, it.Member, it.SizeBytes = w, filetree.File, w, int64(len(w))
	return it
}

// tree is what stands where: "path=dist" or "path=dist:item path" where it moved.
func tree(env []Artifact, shares []Share) []string {
	var out []string
	for a, s := range shares {
		for _, k := range s.Kept {
			line := k.Path + "=" + env[a].Dist
			if k.Path != k.Item.Path {
				line += ":" + k.Item.Path
			}
			out = append(out, line)
		}
	}
	slices.Sort(out)
	return out
}

func TestMerge(t *testing.T) {
	for _, tt := range []struct {
		why      string
		env      []Artifact
		want     string
		clobbers string
	}{
		{"nothing in common", []Artifact{art("a", "x/1"), art("b", "x/2")}, "x/1=a x/2=b", ""},
		{"the last linked wins", []Artifact{art("a", "x", "y"), art("b", "x"), art("c", "x")}, "x=c y=a", "x:a,b,c>c"},
		{"a link gives way to a file", []Artifact{art("a", "x->y", "y"), art("b", "x")}, "x=b y=a", "x:a,b>b"},
		{"a file gives way to a link", []Artifact{art("a", "x"), art("b", "x->y", "y")}, "x=b y=b", "x:a,b>b"},
		{"a link gives way to a link", []Artifact{art("a", "x->y"), art("b", "x->z")}, "x=b", "x:a,b>b"},
		{"through a link of another", []Artifact{art("a", "lib/l", "lib64->lib"), art("b", "lib64/x")}, "lib/l=a lib/x=b:lib64/x lib64=a", ""},
		{"through a link to a folder that comes later", []Artifact{art("a", "lib64->lib"), art("b", "lib64/x"), art("c", "lib/y")}, "lib/x=b:lib64/x lib/y=c lib64=a", ""},
		{"through two links, up and down", []Artifact{art("a", "a/b->../c", "c/d->./e/.."), art("b", "a/b/d/x")}, "a/b=a c/d=a c/x=b:a/b/d/x", ""},
		{"a clobber through a link", []Artifact{art("a", "lib/x", "lib64->lib"), art("b", "lib64/x")}, "lib/x=b:lib64/x lib64=a", "lib/x:a,b>b"},
		{"the same folder", []Artifact{art("a", "d/"), art("b", "d/", "d/x")}, "d=a d/x=b", ""},
		{"a folder that a link serves", []Artifact{art("a", "lib/x", "d->lib"), art("b", "d/")}, "d=a lib/x=a", ""},
		{"an empty folder gives way", []Artifact{art("a", "d/"), art("b", "d")}, "d=b", ""},
		{"a listed folder after its files", []Artifact{art("a", "d/x"), art("b", "d/")}, "d/x=a d=b", ""},
		{"bytecode of both is no news", []Artifact{art("a", "x.py", "x.pyc<x.py"), art("b", "x.py", "x.pyc<x.py")}, "x.py=b x.pyc=b", "x.py:a,b>b"},
		{"bytecode goes with its source", []Artifact{art("a", "x.py", "x.pyc<x.py"), art("b", "x.py")}, "x.py=b", "x.py:a,b>b"},
		{"shipped bytecode against compiled is news", []Artifact{art("a", "x.pyc"), art("b", "x.py", "x.pyc<x.py")}, "x.py=b x.pyc=b", "x.pyc:a,b>b"},
		{"its own record", []Artifact{art("a", "conda-meta/a.json", "x")}, "x=a", "conda-meta/a.json:a,a>a"},
		{"the record of a later one", []Artifact{art("a", "conda-meta/b.json"), art("b")}, "", "conda-meta/b.json:a,b>b"},
		{"a wheel", []Artifact{art("a", "x"), {Dist: "w", Items: []Item{item("x")}}}, "x=w", "x:a,w>w"},
	} {
		shares, clobbers, err := Merge(tt.env)
		if err != nil {
			t.Errorf("%s: %v", tt.why, err)
			continue
		}
		want := strings.Fields(tt.want)
		slices.Sort(want)
		if got := tree(tt.env, shares); !slices.Equal(got, want) {
			t.Errorf("%s: tree %q, want %q", tt.why, got, want)
		}
		var got []string
		for _, c := range clobbers {
			got = append(got, fmt.Sprintf("%s:%s>%s", c.Path, strings.Join(c.Owners, ","), c.Winner))
		}
		if s := strings.Join(got, " "); s != tt.clobbers {
			t.Errorf("%s: clobbers %q, want %q", tt.why, s, tt.clobbers)
		}
		for a, s := range shares {
			n := len(s.Lost)
			for _, k := range s.Kept {
				if k.Item.Type != filetree.Dir {
					n++
				}
			}
			files := 0
			for _, it := range tt.env[a].Items {
				if it.Type != filetree.Dir {
					files++
				}
			}
			if n != files {
				t.Errorf("%s: %s keeps and loses %d files, it has %d", tt.why, tt.env[a].Dist, n, files)
			}
		}
	}
}

func TestMergeClashes(t *testing.T) {
	for _, tt := range []struct {
		why           string
		env           []Artifact
		first, second string
	}{
		{"a file where a folder is needed", []Artifact{art("a", "d"), art("b", "d/x")}, "a", "b"},
		{"a file over a folder with files", []Artifact{art("a", "d/x"), art("b", "d")}, "a", "b"},
		{"a link over a folder with files", []Artifact{art("a", "d/x"), art("b", "d->e")}, "a", "b"},
		{"a folder over a file", []Artifact{art("a", "d"), art("b", "d/")}, "a", "b"},
		{"a folder over a link to a file", []Artifact{art("a", "e", "d->e"), art("b", "d/")}, "a", "b"},
		{"through an absolute link", []Artifact{art("a", "d->/etc"), art("b", "d/passwd")}, "a", "b"},
		{"through a link that leaves the prefix", []Artifact{art("a", "d->../../etc"), art("b", "d/passwd")}, "b", "b"},
		{"through a loop", []Artifact{art("a", "d->e", "e->d"), art("b", "d/x")}, "a", "b"},
		{"another package's record", []Artifact{art("a"), art("b", "conda-meta/a.json")}, "a", "b"},
		{"records moved away", []Artifact{art("a", "conda-meta->m")}, "a", "a"},
		{"within one package", []Artifact{art("a", "d", "d/x")}, "a", "a"},
	} {
		_, _, err := Merge(tt.env)
		var ce *ClashError
		if !errors.As(err, &ce) {
			t.Errorf("%s: %v, want a *ClashError", tt.why, err)
			continue
		}
		if ce.First != tt.first || ce.Second != tt.second || !strings.Contains(err.Error(), tt.second) {
			t.Errorf("%s: %v (first %s, second %s), want %s and %s", tt.why, err, ce.First, ce.Second, tt.first, tt.second)
		}
	}
	for _, p := range []string{"../x", "/x", "a/../b", ""} {
		var pe *filetree.PathError
		if _, _, err := Merge([]Artifact{{Dist: "a", Items: []Item{{Path: p, Type: filetree.File}}}}); !errors.As(err, &pe) {
			t.Errorf("path %q: %v, want a *filetree.PathError", p, err)
		}
	}
}
