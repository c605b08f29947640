package store

import (
	"errors"
	"path"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestGlobs(t *testing.T) {
	for _, tt := range []struct {
		pattern, path string
		want          bool
	}{
		{"*.a", "lib/libx.a", true},                    // no slash: any folder
		{"*.a", "libx.a", true},                        // the top, too
		{"*.a", "lib/libx.a/y", false},                 // the last part only
		{"lib/*.a", "lib/libx.a", true},                // a slash: from the top
		{"lib/*.a", "x/lib/libx.a", false},             //
		{"lib/*.a", "lib/x/libx.a", false},             // * stays within a part
		{"/libx.a", "libx.a", true},                    // tied to the top
		{"/libx.a", "lib/libx.a", false},               //
		{"**/tests/**", "lib/a/tests/b/c.py", true},    //
		{"**/tests/**", "tests/c.py", true},            // ** may be nothing
		{"**/tests/**", "lib/a/testsx/c.py", false},    //
		{"lib/**/x", "lib/x", true},                    //
		{"lib/**/x", "lib/a/b/x", true},                //
		{"lib/**", "lib/a", true},                      //
		{"**", "a/b", true},                            //
		{"a?[bc]", "axb", true},                        //
		{"a?[bc]", "axd", false},                       //
		{"**/a/**/b", "x/a/y/a/z/b", true},             // the way back
		{"**/a/*/b", "a/x/c/a/y/b", true},              //
		{"share/man/**", "share/manual/x", false},      //
		{"**/*.pyc", "lib/__pycache__/x.pyc", true},    //
		{"share/doc/*/html", "share/doc/x/html", true}, //
	} {
		g, err := ParseGlobs([]string{tt.pattern})
		if err != nil {
			t.Errorf("ParseGlobs(%q): %v", tt.pattern, err)
			continue
		}
		if got := g.Match(tt.path); got != tt.want {
			t.Errorf("%q matches %q is %v, want %v", tt.pattern, tt.path, got, tt.want)
		}
	}
	for _, bad := range []string{"", " ", "/", "a//b", "../x", "a/./b", "[a", "a/"} {
		var ge *GlobError
		if _, err := ParseGlobs([]string{bad}); !errors.As(err, &ge) {
			t.Errorf("ParseGlobs(%q): %v, want a *GlobError", bad, err)
		}
	}
}

// matchSlow is the definition: ** tries every number of parts.
func matchSlow(pattern, parts []string) bool {
	if len(pattern) == 0 {
		return len(parts) == 0
	}
	if pattern[0] == "**" {
		for i := range len(parts) + 1 {
			if matchSlow(pattern[1:], parts[i:]) {
				return true
			}
		}
		return false
	}
	if len(parts) == 0 {
		return false
	}
	ok, _ := path.Match(pattern[0], parts[0])
	return ok && matchSlow(pattern[1:], parts[1:])
}

func TestMatchPartsEquivalence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "*", "**", "a*"}), 1, 7).Draw(t, "pattern")
		parts := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "ab", "c"}), 1, 9).Draw(t, "parts")
		if got, want := matchParts(pattern, parts), matchSlow(pattern, parts); got != want {
			t.Fatalf("%s matches %s is %v, want %v", strings.Join(pattern, "/"), strings.Join(parts, "/"), got, want)
		}
	})
}

func TestStrip(t *testing.T) {
	items := []Item{{Path: "lib/a.a"}, {Path: "lib/a.py"}, {Path: "lib/__pycache__/a.pyc", Pyc: &Pyc{Source: "lib/a.py"}}, {Path: "x"}}
	got, err := Strip(items, []string{"*.a", "*.py"})
	if err != nil || len(got) != 1 || got[0].Path != "x" {
		t.Errorf("Strip = %v, %v, want x alone: bytecode goes with its source", got, err)
	}
	if got, err := Strip(items, nil); err != nil || len(got) != len(items) {
		t.Errorf("Strip of nothing = %v, %v", got, err)
	}
	if _, err := Strip(items, []string{"["}); err == nil {
		t.Error("a broken glob was taken")
	}
}
