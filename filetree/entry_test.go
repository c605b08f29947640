package filetree_test

import (
	"errors"
	"path"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nasa-openscapes/corn/filetree"
)

func TestCheckPath(t *testing.T) {
	for _, ok := range []string{"a", "a/b", ".a", "a/.b", "..a", "a..", "a/...", "a b", "ä/日", `a\b`, "a/..b/c", "a:b", "-"} {
		if err := filetree.CheckPath(ok); err != nil {
			t.Errorf("CheckPath(%q) = %v, want nil", ok, err)
		}
	}
	for bad, why := range map[string]string{
		"": "empty", "/": "absolute", "/a": "absolute", "//a": "absolute", "..": "leaves", "../a": "leaves", "a/../b": "leaves", "a/..": "leaves",
		".": "shortest", "./a": "shortest", "a/.": "shortest", "a//b": "shortest", "a/": "shortest", "a/./b": "shortest", "a\x00b": "NUL",
	} {
		err := filetree.CheckPath(bad)
		var pe *filetree.PathError
		if !errors.As(err, &pe) || pe.Path != bad || !strings.Contains(err.Error(), why) {
			t.Errorf("CheckPath(%q) = %v, want a *PathError that says %q", bad, err, why)
		}
	}
}

func FuzzCheckPath(f *testing.F) {
	for _, s := range []string{"a/b", "../a", "a/../b", "/a", "a//b", "."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, p string) {
		if filetree.CheckPath(p) != nil {
			return
		}
		const root = "/tree"
		if got := path.Join(root, p); got != root+"/"+p || !strings.HasPrefix(got, root+"/") {
			t.Errorf("CheckPath takes %q, which joins to %q", p, got)
		}
	})
}

func TestRelative(t *testing.T) {
	for _, tt := range []struct{ from, to, want string }{
		{"a", "b", "b"},
		{"a", "a", "a"}, // a link to itself, for whoever asks
		{"a", "d/b", "d/b"},
		{"d/a", "b", "../b"},
		{"d/a", "d/b", "b"},
		{"d/a", "d/e/b", "e/b"},
		{"d/e/a", "d/b", "../b"},
		{"d/e/a", "d", "../../d"}, // the name of the target stays, though it is a parent
		{"d/a", "dd/a", "../dd/a"},
		{"srv/conda/envs/a/bin/x", "opt/corn/store/p-0/bin/x", "../../../../../opt/corn/store/p-0/bin/x"},
		{"opt/corn/a/bin/x", "opt/corn/store/p/bin/x", "../../store/p/bin/x"},
	} {
		if got := filetree.Relative(tt.from, tt.to); got != tt.want {
			t.Errorf("Relative(%q, %q) = %q, want %q", tt.from, tt.to, got, tt.want)
		}
	}
}

// A relative link leads where it should, whatever the depths, and never above the tree.
func TestRelativeResolves(t *testing.T) {
	name := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "ab", "..a"}), 1, 9)
	rapid.Check(t, func(t *rapid.T) {
		from := strings.Join(name.Draw(t, "from"), "/")
		to := strings.Join(name.Draw(t, "to"), "/")
		link := filetree.Relative(from, to)
		if got := path.Join(path.Dir(from), link); got != to {
			t.Fatalf("a link at %q to %q is %q, which leads to %q", from, to, link, got)
		}
		if up := strings.Count(link, "../"); up > strings.Count(from, "/") {
			t.Fatalf("a link at %q goes up %d times: %q", from, up, link)
		}
	})
}

func TestEpoch1980(t *testing.T) {
	want := time.Date(1980, 1, 2, 0, 0, 0, 0, time.UTC).Unix()
	if filetree.Epoch1980 != want {
		t.Errorf("Epoch1980 = %d, want %d", filetree.Epoch1980, want)
	}
}

func TestTypeString(t *testing.T) {
	for typ, want := range map[filetree.Type]string{
		filetree.File: "file", filetree.Dir: "dir", filetree.Symlink: "symlink", 0: "type(0)", 9: "type(9)",
	} {
		if got := typ.String(); got != want {
			t.Errorf("Type(%d) = %q, want %q", uint8(typ), got, want)
		}
	}
}
