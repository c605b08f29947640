package yamltree

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// print writes a tree with the place of everything.
func print(v *Value) string {
	at := fmt.Sprintf("@%d:%d", v.Place.Line, v.Place.Column)
	switch v.Kind {
	case Scalar:
		if v.Quoted {
			at += "q"
		}
		return fmt.Sprintf("%q%s", v.Text, at)
	case Mapping:
		var items []string
		for i, k := range v.Keys {
			items = append(items, fmt.Sprintf("%s@%d:%d=%s", k, v.KeyPlaces[i].Line, v.KeyPlaces[i].Column, print(v.Values[i])))
		}
		return "{" + strings.Join(items, " ") + "}"
	case List:
		var items []string
		for _, sub := range v.Values {
			items = append(items, print(sub))
		}
		return "[" + strings.Join(items, " ") + "]"
	}
	return "nothing"
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ why, text, want string }{
		{"nothing", "", "nothing"},
		{"a comment alone", "# x\n", "nothing"},
		{"numbers, booleans and dates are text", "a: 3.10\nb: no\nc: 2026-01-02\n", `{a@1:1="3.10"@1:4 b@2:1="no"@2:4 c@3:1="2026-01-02"@3:4}`},
		{"a key without a value", "a:\n", "{a@1:1=nothing}"},
		{"a list in a mapping, quotes", "a:\n  - 'x y'\n  - \"z\"\n", `{a@1:1=["x y"@2:5q "z"@3:5q]}`},
		{"spaces behind a text do not move its place", "a:\n  - x   # note\n", `{a@1:1=["x"@2:5]}`},
		{"an alias stands for its anchor", "a: &x [1]\nb: *x\n", `{a@1:1=["1"@1:8] b@2:1=["1"@1:8]}`},
		{"a mark of bytes and lines of Windows", "\ufeffa: 1\r\nb: 2\r\n", `{a@1:1="1"@1:4 b@2:1="2"@2:4}`},
		{"characters and not bytes", "é: ü\n", `{é@1:1="ü"@1:4}`},
	} {
		_, root, err := Parse("x.yml", []byte(c.text))
		if err != nil {
			t.Errorf("%s: Parse(%q): %v", c.why, c.text, err)
			continue
		}
		if diff := cmp.Diff(c.want, print(root)); diff != "" {
			t.Errorf("%s: Parse(%q) (-want +got):\n%s", c.why, c.text, diff)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ why, text, want string }{
		{"a key twice", "a: 1\na: 2\n", `x.yml:2:1: not valid YAML: mapping key "a" already defined at [1:1] in line "a: 2"`},
		{"a key that is nothing", "null: 1\n", "x.yml:1:1: a key has to be a plain word"},
		{"two documents", "a: 1\n---\nb: 2\n", "x.yml:3:1: a second YAML document: want one"},
		{"an alias of nothing", "a: *x\n", `the alias "x" has no anchor before it`},
		{"a merge that was not finished", "a: 1\n<<<<<<< HEAD\n", "x.yml:2: git conflict markers: finish the merge"},
		{"deep lists", strings.Repeat("- ", 60) + "x\n", "x.yml:1: lists nested too deep"},
		{"deep braces", strings.Repeat("[", 60) + strings.Repeat("]", 60), "nested too deep"},
		{"aliases of aliases", "a: &a [" + strings.Repeat("x,", 99) + "x]\nb: &b [" + strings.Repeat("*a,", 99) + "*a]\nc: [" + strings.Repeat("*b,", 99) + "*b]\n",
			"more than 100000 values"},
		{"no YAML", "a: [1\n", "not valid YAML"},
		{"credentials in the line", "a: https://ada:secret@example.org/x\na: 1\nhttps://ada:secret@example.org/t/tk-secret/x: 1\n<<<<<<< https://ada:secret@example.org\n", "git conflict markers"},
	} {
		_, _, err := Parse("x.yml", []byte(c.text))
		var bad *ParseError
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: Parse(%.40q): error %v, want a *ParseError with %q and no secret", c.why, c.text, err, c.want)
		}
	}
}

func TestTexts(t *testing.T) {
	f, root, err := Parse("x.yml", []byte("list: [a, b]\nnone:\nword: a\ndeep: [[a]]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := f.Texts(root.Get("list"), "list"); err != nil || !cmp.Equal(got, []string{"a", "b"}) {
		t.Errorf("texts of a list: %q, %v", got, err)
	}
	if got, err := f.Texts(root.Get("none"), "none"); err != nil || got != nil {
		t.Errorf("texts of nothing: %q, %v", got, err)
	}
	for key, want := range map[string]string{"word": "x.yml:3:7: word is a single value: want a list", "deep": "x.yml:4:8: an item of deep is a list: want a single value"} {
		if _, err := f.Texts(root.Get(key), key); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("texts of %s: error %v, want %s", key, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("a: &x [1, 'b']\nc: *x\nd:\n  - e: 3.10  # f\n"))
	f.Add([]byte("\ufeffa: |\r\n  b\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, root, err := Parse("x.yml", data)
		if err != nil {
			var bad *ParseError
			if !errors.As(err, &bad) {
				t.Fatalf("Parse(%q): error of type %T, want *ParseError", data, err)
			}
			return
		}
		var walk func(v *Value)
		walk = func(v *Value) {
			if (v.Kind == Mapping) != (len(v.Keys) > 0) && v.Kind != Mapping || len(v.Keys) != len(v.KeyPlaces) {
				t.Fatalf("Parse(%q): %s with %d keys at %d places", data, v.Kind, len(v.Keys), len(v.KeyPlaces))
			}
			_ = file.Line(v.Place)
			for _, sub := range v.Values {
				walk(sub)
			}
		}
		walk(root)
	})
}
