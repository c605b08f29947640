package layers

import (
	"archive/tar"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/nasa-openscapes/corn/bench/oldway"
	"github.com/nasa-openscapes/corn/internal/testkit/layertest"
)

func image(t *testing.T) []v1.Layer {
	t.Helper()
	dir := func(name string) layertest.H { return layertest.H{Name: name, Type: tar.TypeDir, Mode: 0o755} }
	return []v1.Layer{
		layertest.Layer(dir("opt"), dir("opt/corn"), dir(Store), dir(Store+"/a"), layertest.H{Name: Store + "/a/x", Data: "shared", Mode: 0o644},
			dir(Store+"/b"), layertest.H{Name: Store + "/b/y", Data: "shared", Mode: 0o644}),
		layertest.Layer(dir("srv"), dir("srv/env"), layertest.H{Name: "srv/env/x", Type: tar.TypeSymlink, Link: "../../" + Store + "/a/x"},
			layertest.H{Name: "srv/env/own", Data: "own", Mode: 0o755}),
	}
}

func TestCount(t *testing.T) {
	got, err := Count(image(t), oldway.None)
	if err != nil {
		t.Fatal(err)
	}
	if got.UniqueBytes%512 != 0 || got.UniqueBytes < 4*512 {
		t.Errorf("distinct files in a tar stream: %d bytes", got.UniqueBytes)
	}
	got.UniqueBytes = 0
	if want := (Tally{Files: 3, Links: 1, Dirs: 7, FileBytes: 15, DistinctBytes: 9}); got != want {
		t.Errorf("Count = %+v, want %+v", got, want)
	}
}

func TestNewBytes(t *testing.T) {
	ls := image(t)
	size, err := ls[1].Size()
	if err != nil {
		t.Fatal(err)
	}
	got, n, err := NewBytes(ls[:1], ls)
	if err != nil || got != size || n != 1 {
		t.Errorf("NewBytes = %d in %d layers, %v, want %d in 1", got, n, err, size)
	}
}

func TestSpread(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	if err := Unpack(image(t), root); err != nil {
		t.Fatal(err)
	}
	if u, err := DiskUsage(root); err != nil || u.Inodes != 12 {
		t.Errorf("unpacked: %d inodes, %v, want 12", u.Inodes, err)
	}
	for _, c := range []struct {
		layers int
		link   bool
	}{{1, false}, {2, true}, {3, true}, {5, true}} {
		files, err := Spread(root, filepath.Join(t.TempDir(), "out"), c.layers)
		if err != nil {
			t.Fatal(err)
		}
		img, err := FromFiles(empty.Image, files)
		if err != nil {
			t.Fatal(err)
		}
		tree, err := layertest.Flatten(img)
		if err != nil {
			t.Fatal(err)
		}
		if len(files) != c.layers {
			t.Errorf("%d layers, want %d", len(files), c.layers)
		}
		data, err := tree.ReadFile("srv/env/x")
		if err != nil || string(data) != "shared" {
			t.Errorf("%d layers: srv/env/x holds %q, %v, want shared", c.layers, data, err)
		}
		if got := tree.Entries["srv/env/x"].Type == "symlink"; got != c.link {
			t.Errorf("%d layers: srv/env/x is a link: %v, want %v", c.layers, got, c.link)
		}
		if e := tree.Entries[Store]; c.link && e.Mode&0o777 != 0o755 {
			t.Errorf("%d layers: mode of the store is %o, want 755", c.layers, e.Mode)
		}
	}
}

func TestArchiveOfMarkedBase(t *testing.T) {
	base, err := Marked(empty.Image, "mark")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "base.tar")
	if err := WriteArchive(file, "bench/base:1", base); err != nil {
		t.Fatal(err)
	}
	img, err := tarball.ImageFromPath(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := layertest.Flatten(img)
	if err != nil {
		t.Fatal(err)
	}
	if data, err := tree.ReadFile(".bench"); err != nil || string(data) != "mark" {
		t.Errorf(".bench holds %q, %v, want mark", data, err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}
