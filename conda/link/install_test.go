package link

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/conda/archive"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/store"
)

// This file is a linker in memory: what internal/pipeline does with frames, done with a
// map, so that a test sees the tree of an env. Bytecode is text that names its source.

// A node is one path of an image in memory.
type node struct {
	filetree.Entry
	data []byte
	mode uint32 // of the item: the archive's, where Entry.Mode is the store's
}

// An image is what plans write.
type image map[string]node

type linked struct {
	image    image
	prefix   string // without its leading slash
	clobbers []store.Clobber
}

// open reads a package's bytes.
func openPackage(t testing.TB, data []byte, fileName string) (*archive.Archive, *artifact.Facts) {
	t.Helper()
	a, err := archive.Open(bytes.NewReader(data), int64(len(data)), fileName)
	if err != nil {
		t.Fatal(err)
	}
	f, err := a.Facts(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if f.SHA256.IsZero() {
		f.SHA256, f.MD5, f.SizeBytes = digest.Sum(data), digest.SumMD5(data), int64(len(data))
	}
	return a, f
}

// A source is one package to be installed.
type source struct {
	fileName string
	data     []byte
}

// install links packages in the order given.
func install(t testing.TB, env Env, layout store.Layout, packages ...source) (*linked, error) {
	t.Helper()
	l := &linked{image: image{}, prefix: strings.TrimPrefix(env.Prefix, "/")}
	var arts []store.Artifact
	var archives []*archive.Archive
	var all []*artifact.Facts
	for _, p := range packages {
		a, f := openPackage(t, p.data, p.fileName)
		r, err := Items(f, env)
		if err != nil {
			return nil, err
		}
		archives, all = append(archives, a), append(all, f)
		arts = append(arts, store.Artifact{Dist: store.Dist(f), Items: r.Items, Record: RecordPath(f)})
	}
	shares, clobbers, err := store.Merge(arts)
	if err != nil {
		return nil, err
	}
	l.clobbers = clobbers
	for i, f := range all {
		key := store.ContentKey(f, arts[i].Items, store.Params{FormatVersion: 1, Platform: "linux-64"}, env.Python.Store())
		content, err := store.Content(f, arts[i].Items, key)
		if err != nil {
			return nil, err
		}
		placed, err := store.Place(f, shares[i], key, store.PlaceOptions{
			Prefix: env.Prefix, UID: 1000, GID: 100, Layout: layout, Record: RecordPath(f),
		})
		if err != nil {
			return nil, err
		}
		plans := []*store.Plan{placed}
		if layout == store.Links {
			plans = append(plans, content)
		}
		if err := l.write(archives[i], f, arts[i].Items, env.Prefix, plans); err != nil {
			return nil, fmt.Errorf("%s: %w", f.FileName, err)
		}
	}
	return l, nil
}

func (l *linked) put(e store.Planned, data []byte) error {
	if old, ok := l.image[e.Path]; ok && (old.Type != filetree.Dir || e.Type != filetree.Dir) {
		return fmt.Errorf("%s is written twice", e.Path)
	}
	if e.Type == filetree.File && e.Pyc == nil && !e.Record && int64(len(data)) != e.SizeBytes {
		return fmt.Errorf("%s has %d bytes, planned were %d", e.Path, len(data), e.SizeBytes)
	}
	n := node{Entry: e.Entry, data: data, mode: e.Mode}
	if e.Item != nil {
		n.mode = e.Item.Mode & 0o777
	}
	l.image[e.Path] = n
	return nil
}

// write feeds all the plans of one package from one walk.
func (l *linked) write(a *archive.Archive, f *artifact.Facts, items []store.Item, prefix string, plans []*store.Plan) error {
	for _, p := range plans {
		for _, e := range p.Lead {
			if err := l.put(e, e.Data); err != nil {
				return err
			}
		}
	}
	learnt := &Learnt{Sums: map[string]digest.SHA256{}, Pyc: map[string]bool{}}
	err := a.Walk(context.Background(), func(h archive.Header, r io.Reader) error {
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		for _, p := range plans {
			if e := p.Member(h.Path); e != nil {
				if err := l.file(*e, data, prefix, learnt); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, it := range items {
		if it.Pyc != nil && !strings.Contains(it.Pyc.Source, "badsyntax") {
			learnt.Pyc[it.Path] = true
		}
	}
	for _, p := range plans {
		for _, e := range p.Tail(func(pyc string) bool { return learnt.Pyc[pyc] }) {
			var data []byte
			switch {
			case e.Record:
				if data, err = Record(f, items, Origin{}, learnt); err != nil {
					return err
				}
			case e.Pyc != nil:
				data = []byte("bytecode of " + e.Pyc.Source.Path)
			}
			if err := l.put(e, data); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *linked) file(e store.Planned, data []byte, prefix string, learnt *Learnt) error {
	if e.Rewrite != nil {
		var b bytes.Buffer
		if err := Rewrite(&b, bytes.NewReader(data), e.Rewrite, prefix, int64(len(data))); err != nil {
			return err
		}
		data = b.Bytes()
		learnt.Sums[e.Item.Path] = digest.Sum(data)
	}
	return l.put(e, data)
}

// env is the tree below the prefix, read through the links into the store: files and the
// packages' own links, by path, without directories and conda-meta.
func (l *linked) env(t testing.TB) map[string]node {
	t.Helper()
	out := map[string]node{}
	for p, n := range l.image {
		rel, in := strings.CutPrefix(p, l.prefix+"/")
		if !in || n.Type == filetree.Dir || strings.HasPrefix(rel, "conda-meta/") {
			continue
		}
		if to := path.Join(path.Dir(p), n.Link); n.Type == filetree.Symlink && strings.HasPrefix(to, store.Root+"/") {
			end, ok := l.image[to]
			if !ok || end.Type != filetree.File {
				t.Errorf("%s leads to %s, where no file is", p, to)
			}
			n = end
		}
		out[rel] = n
	}
	return out
}
