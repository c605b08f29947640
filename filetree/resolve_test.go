package filetree

import "testing"

func TestResolve(t *testing.T) {
	links := map[string]string{
		"lib64": "lib", "lib/libz.so": "libz.so.1", "lib/libz.so.1": "../lib64/libz.so.1.3", "share/up": "../..",
		"abs": "/usr", "a": "b", "b": "a", "self": ".", "lib/here": "../lib/./x//y",
	}
	for _, c := range []struct {
		why, path, want string // want "" where there is no answer
	}{
		{"no link", "bin/python", "bin/python"},
		{"a folder on the way", "lib64/x", "lib/x"},
		{"a link to a link, through a folder that is one", "lib/libz.so", "lib/libz.so.1.3"},
		{"dots and doubled slashes in a target", "lib/here", "lib/x/y"},
		{"out of the tree", "share/up", ""},
		{"out of the tree and back counts as out", "share/up/x", ""},
		{"an absolute target", "abs/lib", ""},
		{"a circle", "a", ""},
		{"the tree itself", "self", ""},
		{"back up by a path's own dots", "lib/../bin", "bin"},
	} {
		got, ok := Resolve(c.path, func(p string) (string, bool) { l, ok := links[p]; return l, ok })
		if got != c.want && ok || ok != (c.want != "") {
			t.Errorf("%s: Resolve(%q) = %q, %v, want %q", c.why, c.path, got, ok, c.want)
		}
	}
}

func TestClimbs(t *testing.T) {
	for p, want := range map[string]bool{
		"": false, "a/b": false, "/a": false, "a/../b": false, "./a/./..": false,
		"..": true, "a/../../b": true, "/../etc": true, "a/b/../../../c/d": true,
	} {
		if got := Climbs(p); got != want {
			t.Errorf("Climbs(%q) = %v, want %v", p, got, want)
		}
	}
}
