package version_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/conda/version"
)

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		in     string
		offset int
		why    string
	}{
		{"", 0, "no version"},
		{"  ", 2, "no version"},
		{"1.", 1, "empty"},
		{".", 0, "empty"},
		{"1..2", 2, "empty"},
		{"1._2", 2, "empty"},
		{"1___", 2, "empty"},
		{"_1", 0, "empty"},
		{"1+", 2, "empty"},
		{"1+2_", 3, "empty"},
		{"+1", 0, "before the local part"},
		{"1!", 2, "no version"},
		{"1!+2", 2, "no version"},
		{"!1", 0, "not a number"},
		{"a!1", 0, "not a number"},
		{"-1!1", 0, "not a number"},
		{"1!2!3", 3, "second '!'"},
		{"1+2!3", 0, "not a number"},
		{" 1+2+3", 4, "second '+'"},
		{"1-2_3", 1, "not both"},
		{"1 2", 1, "not part"},
		{"1.é", 2, "'é' is not part"},
		{"1.\x00", 2, "not part"},
		{"1/2", 1, "not part"},
		{strings.Repeat("1.", 130), 255, "255"},
	} {
		v, err := version.Parse(c.in)
		e, ok := errors.AsType[*version.ParseError](err)
		if !ok || e.Offset != c.offset || e.Input != c.in || !strings.Contains(e.Reason, c.why) {
			t.Errorf("Parse(%q) = %q, %#v, want a *ParseError at %d about %q", c.in, v, err, c.offset, c.why)
		}
	}
}

func TestParseKeepsText(t *testing.T) {
	for in, want := range map[string]string{
		" 1.2 ": "1.2", "1.2RC1": "1.2rc1", "1-2-3": "1_2_3", "1!2+3.4": "1!2+3.4", "1.0.1_": "1.0.1_", "1__": "1__", "007": "007",
	} {
		v, err := version.Parse(in)
		if err != nil || v.String() != want {
			t.Errorf("Parse(%q) = %q, %v, want %q", in, v, err, want)
		}
	}
	if !(version.Version{}).IsZero() || version.MustParse("0").IsZero() {
		t.Errorf("IsZero: want true of no version, and false of version 0")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"1.2.3", "1!2.3_4+5.post1", "1.0.1_", "2.dev*0", "0.0.0.0.a"} {
		f.Add(s, "1.0")
	}
	f.Fuzz(func(t *testing.T, s, other string) {
		v, err := version.Parse(s)
		if err != nil {
			if _, ok := errors.AsType[*version.ParseError](err); !ok {
				t.Fatalf("Parse(%q): %T, want a *ParseError", s, err)
			}
			return
		}
		if again, err := version.Parse(v.String()); err != nil || again != v {
			t.Fatalf("Parse(%q) = %q, %v, want %q again", v.String(), again, err, v)
		}
		w, err := version.Parse(other)
		if err != nil {
			return
		}
		if got, want := version.Compare(v, w), plainCompare(v.String(), w.String()); got != want {
			t.Fatalf("Compare(%q, %q) = %d, want %d", v, w, got, want)
		}
		if got, want := v.HasPrefix(w), plainHasPrefix(v.String(), w.String()); got != want {
			t.Fatalf("%q.HasPrefix(%q) = %v, want %v", v, w, got, want)
		}
	})
}
