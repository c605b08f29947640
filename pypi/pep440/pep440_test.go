package pep440

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestOrder has the ordered examples of the specification.
func TestOrder(t *testing.T) {
	for _, line := range []string{
		"1.dev0 1.0.dev456 1.0a1 1.0a2.dev456 1.0a12.dev456 1.0a12 1.0b1.dev456 1.0b2 1.0b2.post345.dev456 1.0b2.post345 " +
			"1.0rc1.dev456 1.0rc1 1.0 1.0+abc.5 1.0+abc.7 1.0+5 1.0.post456.dev34 1.0.post456 1.0.15 1.1.dev1",
		"2013.10 2014.04 1!1.0 1!1.1 1!2.0",
		"0.9 0.9.1 0.9.2 0.9.10 0.9.11 1.0 1.0.1 1.1 2.0 2.0.1",
		"1.9 1.10 20231231235959123456 20231231235959123457", // larger than a machine word
	} {
		vs := strings.Fields(line)
		for i := range vs {
			for j := range vs {
				want := 0
				if i != j {
					want = (i - j) / max(i-j, j-i)
				}
				if got := Compare(MustParse(vs[i]), MustParse(vs[j])); got != want {
					t.Errorf("Compare(%q, %q) = %d, want %d", vs[i], vs[j], got, want)
				}
			}
		}
	}
}

func TestNormalForm(t *testing.T) {
	for in, want := range map[string]string{
		"1.1RC1": "1.1rc1", "00": "0", "09000": "9000", "1.0+foo0100": "1.0+foo0100", "1.0+0100": "1.0+100",
		"1.1.a1": "1.1a1", "1.1-a1": "1.1a1", "1.1a.1": "1.1a1", "1.1alpha1": "1.1a1", "1.1beta2": "1.1b2", "1.1c3": "1.1rc3",
		"1.1pre": "1.1rc0", "1.1preview4": "1.1rc4", "1.2a": "1.2a0", "1.2-post2": "1.2.post2", "1.2post2": "1.2.post2",
		"1.2.post-2": "1.2.post2", "1.0-r4": "1.0.post4", "1.0rev": "1.0.post0", "1.0-1": "1.0.post1", "1.2-dev2": "1.2.dev2",
		"1.2dev": "1.2.dev0", "1.0+ubuntu-1": "1.0+ubuntu.1", "v1.0": "1.0", " \t1.0\n": "1.0", "V1!2": "1!2", "1.0a-1": "1.0a1",
		"1.0.a": "1.0a0", "1.0a.": "1.0a0", "1.0a--1": "1.0a0.post1",
	} {
		v, err := Parse(in)
		if err != nil {
			t.Error(err)
		} else if v.String() != want || v.Text() != strings.TrimSpace(in) {
			t.Errorf("Parse(%q) = %q, written %q, want %q", in, v, v.Text(), want)
		}
	}
}

func TestRefused(t *testing.T) {
	for in, at := range map[string]int{
		"": 0, "  ": 0, "french toast": 0, "1.0+": 4, "1.0+a+": 5, "1.0+_foobar": 4, "1.0+foo&asd": 7, "1 .0": 1, "1!": 2,
		"1.0 a": 3, "1..0": 1, "v": 1, "1.0rc1x": 6, "1.0\u0131": 3, " 1.0x": 4, strings.Repeat("9", 251): 251,
	} {
		_, err := Parse(in)
		e, ok := errors.AsType[*ParseError](err)
		if !ok {
			t.Errorf("Parse(%q) gives %v, want a *ParseError", in, err)
		} else if e.Offset != at && strings.TrimSpace(in) != "" {
			t.Errorf("Parse(%q) stops at %d, want %d: %v", in, e.Offset, at, e)
		}
	}
	for in, at := range map[string]int{
		"1.0": 0, ">=1.0, 2": 7, "==": 2, "=1": 0, ">=1.0.*": 5, "~=1": 2, ">1.0+a": 4, "==1.0rc1.*": 8, "===": 3, "=== a b": 5,
		">= 1.0 x": 6, "!=1.0+a.*": 7,
	} {
		_, err := ParseSpecifiers(in)
		if e, ok := errors.AsType[*ParseError](err); !ok || e.Offset != at || e.Input != in {
			t.Errorf("ParseSpecifiers(%q) gives %v, want a *ParseError at %d", in, err, at)
		}
	}
	const want = `specifier ">=1.0, 2", at character 8: want one of ~= == != <= >= < > ===`
	if _, err := ParseSpecifiers(">=1.0, 2"); err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct{ spec, yes, no string }{
		{"~=2.2", "2.2 2.2.post3 2.9+x", "2.1 3.0 3.0.dev0 2.2rc1"},
		{"~=1.4.5a4", "1.4.5a4 1.4.9", "1.4.5a3 1.5.0"},
		{"~=2.2.0", "2.2 2.2.9", "2.3"},
		{"==1.1", "1.1 1.1.0 1.1+local", "1.1.post1 1.1.dev1 1.1a1"},
		{"==1.1.post1", "1.1.post1 1.1-1", "1.1"},
		{"==1.1.*", "1.1 1.1.post1 1.1a1 1.1.9 1.1+x", "1.2.dev0 1.0 1!1.1"},
		{"==1.1+ubuntu.1", "1.1+ubuntu-1", "1.1 1.1+ubuntu.2"},
		{"!=1.1", "1.1.post1 1.1a1", "1.1 1.1.0+x"},
		{"!=1.1.*", "1.2 1.0", "1.1 1.1.post1"},
		{">1.7", "1.7.1 1.8.dev0", "1.7 1.7.0.post1 1.7+x 1.7.post1.dev1"},
		{">1.7.post2", "1.7.1 1.7.post3", "1.7.0 1.7.post2 1.7.post2+x"},
		{"<3", "2.9 2.9rc1", "3 3rc1 3.dev0 3+x"},
		{"<3rc1", "3b1 3.dev0", "3rc1"},
		{"<1.0.post1", "1.0 1.0a1 1.0.post0", "1.0.post1.dev0"},
		{"<=3", "3 3+x 3rc1", "3.post1"},
		{">=3", "3 3+x", "3rc1"},
		{"===foo", "FOO", "1"},
		{"===1.0", "1.0", "1.0.0"},
		{"", "1 1rc1 foo", ""},
		{">=1,<2,", "1.5", "2"},
	} {
		s := MustParseSpecifiers(c.spec)
		for _, v := range strings.Fields(c.yes) {
			if !s.MatchText(v) {
				t.Errorf("%q does not match %s", c.spec, v)
			}
		}
		for _, v := range strings.Fields(c.no) {
			if s.MatchText(v) {
				t.Errorf("%q matches %s", c.spec, v)
			}
		}
	}
}

// TestUnsatisfiable has sets whose emptiness shows only when what stands between two versions is counted.
func TestUnsatisfiable(t *testing.T) {
	for _, c := range []struct {
		spec           string
		always, finals bool // nothing matches; nothing that is no pre-release
	}{
		{"", false, false},
		{">=2,<2", true, true},
		{">1.0,<1.0.post3", true, true},           // post-releases are not above
		{">2.0b3,<2.0b4.dev0", true, true},        // the next version after 2.0b3's own
		{">1.0.post3,<1.0.post4", true, true},     //
		{"!=5.*,>=5,<6", true, true},              //
		{"<0.dev0", true, true},                   // there is nothing before it
		{"==2.1,!=2.1.*", true, true},             //
		{">=1.0,<1.0.1.dev0,!=1.0", false, false}, // 1.0.post0, 1.0.0.1
		{">=2.0a1,<2.0", true, true},              // no pre-release of 2.0 is below 2.0
		{">=2.0a1,<2.0b1", false, true},           //
		{"==2.0.dev3", false, true},               //
		{"===x,===y", true, true},                 //
		{"===X,===x", false, false},               //
		{"===1.0rc1", false, true},                //
		{"===1.0,>1", true, true},                 //
		{"==1.0+a,!=1.0+b", false, false},         //
	} {
		s := MustParseSpecifiers(c.spec)
		if got := s.IsUnsatisfiable(PrereleasesLast); got != c.always {
			t.Errorf("IsUnsatisfiable of %q = %v", c.spec, got)
		}
		if got := s.IsUnsatisfiable(RefusePrereleases); got != c.finals {
			t.Errorf("IsUnsatisfiable of %q without pre-releases = %v", c.spec, got)
		}
	}
}

func TestSpecifiersValue(t *testing.T) {
	s := MustParseSpecifiers("<2, >=1.0 ,>=1.0,!=1.5.*")
	if got, want := s.String(), "!=1.5.*,<2,>=1.0"; got != want {
		t.Errorf("String = %q, want %q", got, want)
	}
	if got := s.And(MustParseSpecifiers("==1.2")); got.String() != "!=1.5.*,<2,==1.2,>=1.0" || !got.IsPinned() || s.IsPinned() {
		t.Errorf("And = %q, pinned %v", got, got.IsPinned())
	}
	if MustParseSpecifiers("==1.0,>2").Canonical() != MustParseSpecifiers(">2.0, ==1").Canonical() {
		t.Error("spelling shows in the canonical form")
	}
	if MustParseSpecifiers("~=1.0").Canonical() == MustParseSpecifiers("~=1.0.0").Canonical() {
		t.Error("~=1.0 and ~=1.0.0 have one canonical form")
	}
	if r := (Specifiers{}).Ranges(); !r.IsAll() || !MustParseSpecifiers("").IsAny() {
		t.Error("no clause is not every version")
	}
}

func TestSort(t *testing.T) {
	vs := []Version{MustParse("2"), MustParse("1.0"), MustParse("1"), MustParse("1rc1")}
	Sort(vs)
	if got := []string{vs[0].String(), vs[1].String(), vs[2].String(), vs[3].String()}; !slices.Equal(got, []string{"1rc1", "1", "1.0", "2"}) {
		t.Errorf("Sort = %q", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"1!1.0a1.post2.dev3+local.4", " v1-c.1--2", "1.0-1", "1_pre_", "1+a_b-c.0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := Parse(s)
		if err != nil {
			if e, ok := errors.AsType[*ParseError](err); !ok || e.Offset < 0 || e.Offset > len(s) {
				t.Fatalf("Parse(%q): %v", s, err)
			}
			return
		}
		again, err := Parse(v.String())
		if err != nil || again.Key() != v.Key() || again.String() != v.String() {
			t.Fatalf("%q prints as %q, which reads as %q, %v", s, v, again, err)
		}
	})
}

func FuzzParseSpecifiers(f *testing.F) {
	for _, s := range []string{">=1.0,<2", "~=1.4.5a4, !=1.4.7", "==1.*", "===foo", "!=1+a.b", " < 3 ,"} {
		f.Add(s, "1.0")
	}
	f.Fuzz(func(t *testing.T, s, version string) {
		set, err := ParseSpecifiers(s)
		if err != nil {
			if e, ok := errors.AsType[*ParseError](err); !ok || e.Offset < 0 || e.Offset > len(s) {
				t.Fatalf("ParseSpecifiers(%q): %v", s, err)
			}
			return
		}
		again, err := ParseSpecifiers(set.String())
		if err != nil || again.String() != set.String() || again.Canonical() != set.Canonical() {
			t.Fatalf("%q prints as %q, which reads as %q, %v", s, set, again, err)
		}
		if set.MatchText(version) && set.IsUnsatisfiable(AllowPrereleases) {
			t.Fatalf("%q is unsatisfiable and matches %q", s, version)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := Parse("2024.10.1rc1"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	s, v := MustParseSpecifiers(">=1.20,!=1.24.*,<3"), MustParse("2.1.3")
	for b.Loop() {
		s.Match(v)
	}
}
