package layertest

import (
	"archive/tar"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func TestFlatten(t *testing.T) {
	img := Image(&v1.ConfigFile{},
		Layer(H{Name: "./"}, H{Name: "a/"}, H{Name: "a/x", Data: "1"}, H{Name: "a/y", Data: "2"}, H{Name: "b/"}, H{Name: "b/z", Data: "3"},
			H{Name: "c/"}, H{Name: "c/deep/"}, H{Name: "c/deep/f", Data: "4"}, H{Name: "l", Link: "/a"}, H{Name: "file", Data: "5"}),
		Layer(H{Name: "a/", Mode: 0o700, UID: 1000}, H{Name: "a/.wh.x"}, H{Name: "b/"}, H{Name: "b/new", Data: "6"}, H{Name: "b/.wh..wh..opq"},
			H{Name: "c", Data: "now a file"}, H{Name: "hard", Type: tar.TypeLink, Link: "b/new"}, H{Name: ".wh.file"}),
	)
	tree, err := Flatten(img)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a", "a/y", "b", "b/new", "c", "hard", "l"}
	if got := tree.Paths(""); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("paths = %v, want %v", got, want)
	}
	if e := tree.Entries["a"]; e.Mode != 0o700 || e.UID != 1000 {
		t.Errorf("a = %s, want mode 0700 of user 1000", e)
	}
	if got, err := tree.ReadFile("l/y"); string(got) != "2" || err != nil {
		t.Errorf("ReadFile(l/y) = %q, %v, want 2", got, err)
	}
	if got, err := tree.ReadFile("hard"); string(got) != "6" || err != nil {
		t.Errorf("ReadFile(hard) = %q, %v, want 6", got, err)
	}
	if _, err := tree.ReadFile("a/x"); err == nil {
		t.Error("a/x is still there")
	}
}

func TestDiffAndDangling(t *testing.T) {
	a, err := FlattenLayers([]v1.Layer{Layer(H{Name: "x/"}, H{Name: "x/f", Data: "1"}, H{Name: "x/l", Link: "nowhere"})})
	if err != nil {
		t.Fatal(err)
	}
	b, err := FlattenLayers([]v1.Layer{Layer(H{Name: "x/"}, H{Name: "x/f", Data: "2"}, H{Name: "x/l", Link: "f"})})
	if err != nil {
		t.Fatal(err)
	}
	if d := Diff(a, a, ""); d != "" {
		t.Errorf("a tree differs from itself:\n%s", d)
	}
	if d := Diff(a, b, "x"); strings.Count(d, "\n") != 4 || !strings.Contains(d, "- symlink") || !strings.Contains(d, "+ file") {
		t.Errorf("Diff =\n%swant two lines for the file and two for the link", d)
	}
	if got := a.Dangling(""); len(got) != 1 || got[0] != "x/l -> nowhere" {
		t.Errorf("Dangling = %q, want the link x/l", got)
	}
}

func TestRefusals(t *testing.T) {
	for name, layers := range map[string][]v1.Layer{
		"leaves the root":      {Layer(H{Name: "../x", Data: "1"})},
		"hard link downwards":  {Layer(H{Name: "f", Data: "1"}), Layer(H{Name: "g", Type: tar.TypeLink, Link: "f"})},
		"two types, one layer": {Layer(H{Name: "f", Data: "1"}, H{Name: "f/"})},
	} {
		if _, err := FlattenLayers(layers); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
