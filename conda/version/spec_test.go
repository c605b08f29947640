package version_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nasa-openscapes/corn/conda/version"
)

func TestSpecMatch(t *testing.T) {
	for _, c := range []struct{ spec, yes, no string }{
		{"", "1 0dev 1!2", ""},
		{"*", "1 0dev 1!2", ""},
		{"1.7", "1.7 1.7.0", "1.7.1 1.7a 1.7+1"},
		{"==1.7", "1.7 1.7.0", "1.7.1"},
		{"= 1.7", "1.7 1.7.0 1.7.1 1.7a 1.7.dev1 1.7+2", "1.8 1.70 1!1.7"},
		{"1.7.*", "1.7 1.7.0 1.7.1 1.7a", "1.8 1.70"},
		{"1.7*", "1.7 1.7.1", "1.70 1.8"}, // conda: as 1.7.*
		{"=1.7*", "1.7 1.7.1", "1.70 1.8"},
		{"=1.7.*", "1.7 1.7.1", "1.8"},
		{"==1.7.*", "1.7 1.7.1", "1.8"}, // as mamba; rattler reads ==1.7
		{"1.7.*.*", "1.7 1.7.1", "1.8"},
		{"1.0.*", "1 1.0 1.0.0.5", "1.1"},
		{"1a.*", "1a 1alpha 1a5", "1 1b 1!1a"},
		{"1dev.*", "1dev 1dev5", "1devx 1"},
		{"1.1.1+4.*", "1.1.1+4 1.1.1+4.5 1.1.1.0+4", "1.1.1 1.1.1.2+4 1.1.1+5"},
		{"!=1.7", "1.7.1 1.8", "1.7 1.7.0"},
		{"!=1.7.*", "1.8 1.70", "1.7 1.7.1 1.7a"},
		{"!=1.7*", "1.8", "1.7 1.7.1"},
		{"<1.7", "1.6 1.7a 1.7.dev1", "1.7 1.7.0 1.8"},
		{"<=1.7", "1.7 1.7.0 1.7rc1", "1.7.1 1.7.0.0.1"},
		{">1.7", "1.7.1 1.8 1.7post1 1!0", "1.7 1.7.0 1.7a"},
		{">=1.7", "1.7 1.8", "1.7a 1.6"},
		{">=1.7.*", "1.7 1.8", "1.6"},
		{">=2.*.*", "2 2.5", "1.9"},
		{">1.7.*", "1.7.1 1.8", "1.7"}, // as conda; rattler reads >=1.7
		{"<1.7.*", "1.6", "1.7 1.7.1"},
		{"<=1.7.*", "1.7 1.6", "1.7.1"},
		{">1.0.0*", "1.0.0 1.0.0a 1.0.0dev", "0.9 1.0.0*"}, // a star in a literal is below all that goes on there
		{"~=1.8.3", "1.8.3 1.8.9 1.8.3post1", "1.8.2 1.9 2"},
		{"~=1.8*", "1.8 1.8a 1.9", "1.7 2"}, // conda: a star in a literal, as above
		{"~=1.8", "1.8 1.9.7", "1.7 2.0 1.8a"},
		{"~=1", "1 1.8 2", "0.9"}, // as mamba
		{"~=1!1.8", "1!1.8 1!1.9", "1.8 1!2 2!1.8"},
		{"~=1.8.3+2", "1.8.3+2 1.8.4", "1.8.3+1 1.9"},
		{"=*", "1", ""},
		{">=*", "1", ""},
		{"*.*", "1.2 1.2.3", "3"},
		{"1.*.3", "1.2.3 1.2.3.3", "1.3 1.2.4 2.1.3"},
		{"=1.*.3", "1.2.3", "1.3 1.2.4"},
		{"!=1.*.3", "1.3 1.2.4", "1.2.3"},
		{"*.0.*", "2.0.1 1.0.0", "2.0"},
		{"*rc*", "1.0rc1 1.RC2", "1.0"},
		{"^1\\.[78]$", "1.7 1.8", "1.7.1 1.9"},
		{"^.*RC1$", "2rc1", "2"},
		{"^1|2$|3", "1.5 3 12", "4.1"}, // the "|" is in the expression, up to the "$"
		{">=1.2,<2", "1.2 1.9", "1.1 2"},
		{" >= 1.2 , < 2 ", "1.2 1.9", "1.1 2"},
		{"1.2|2.3|>=3,<4", "1.2 2.3 3.5", "1.3 4"}, // "," binds tighter
		{">=1,<2|1.5|3", "1 1.5 3", "2"},
		{"(1|2),(2|3)", "2", "1 3"},
		{"((1.5|((1.6|1.7), 1.6), 1.9 |2.0))|2.1", "1.5 2.0 2.1", "1.7 1.9 1.6"},
		{"*,>=4.10.0,<4.10.1.0a0", "4.10.0.5", "4.9 4.10.1"},
		{"1.7|*", "9", ""},
		{"!=2.0.*,!=2.1.*,<3", "2.2 1", "2.0.5 2.1 3"},
		{"13.0|13.0.*", "13.0 13.0.2", "13.1"},
	} {
		s, err := version.ParseSpec(c.spec)
		if err != nil {
			t.Errorf("ParseSpec(%q): %v", c.spec, err)
			continue
		}
		for want, list := range map[bool]string{true: c.yes, false: c.no} {
			for _, v := range strings.Fields(list) {
				if got := s.Match(version.MustParse(v)); got != want {
					t.Errorf("ParseSpec(%q).Match(%q) = %v, want %v", c.spec, v, got, want)
				}
			}
		}
		again, err := version.ParseSpec(s.String())
		if err != nil || again.String() != s.String() {
			t.Errorf("ParseSpec(%q) prints %q, which parses to %q, %v", c.spec, s, again, err)
		}
	}
}

func TestSpecString(t *testing.T) {
	for in, want := range map[string]string{
		"": "*", "*": "*", "=*": "*", "*,*": "*", "1|*": "*", "<=*": "*", "~=*": "*",
		"1.7": "==1.7", "=1.7": "1.7.*", "1.7*": "1.7.*", "!=1.7*": "!=1.7.*", ">=1.7.*": ">=1.7",
		"((1.2.3)|(4.5.6))|<=7.8.9": "==1.2.3|==4.5.6|<=7.8.9", "(>=1,<2),>3": ">=1,<2,>3", "(>=1,<2)|>3": ">=1,<2|>3",
		"(1|2),3": "(==1|==2),==3", "*,>1": ">1", "^1.*$|2": "^1.*$|==2", "1.2RC1": "==1.2rc1", "*.0.*": "*.0.*",
	} {
		if s, err := version.ParseSpec(in); err != nil || s.String() != want {
			t.Errorf("ParseSpec(%q) = %q, %v, want %q", in, s, err, want)
		}
	}
}

func TestParseSpecRefuses(t *testing.T) {
	for _, c := range []struct {
		in     string
		offset int
		why    string
	}{
		{"!", 0, "'!'"},
		{"=", 1, "without a version"},
		{"<=", 2, "without a version"},
		{"~", 0, "'~'"},
		{"===3", 2, "no operator"},
		{"<>1", 1, "no operator"},
		{"!=!1", 2, "no operator"},
		{">=1,<2<3", 6, "'<'"},
		{"1.5)", 3, "cannot stand here"},
		{"(1.5", 0, "partner"},
		{"(1.5)1", 5, "cannot stand here"},
		{"1.5||1.6", 4, "want a version"},
		{"1.5,", 4, "want a version"},
		{"|1", 0, "want a version"},
		{"()", 1, "want a version"},
		{"1.2+", 4, "empty"},
		{"^1.2.3", 0, "'$'"},
		{"1.2.3$", 5, "'$'"},
		{"^(1$", 0, "RE2"},
		{"^(?=1)1$", 0, "RE2"}, // no lookaround: it can take for ever
		{">*", 1, "beyond"},
		{"!=*", 2, "beyond"},
		{"~=3.3.*", 5, "without '*'"},
		{"c +, 0/|0 *", 1, "' '"},
		{"1 2", 1, "' '"},
		{strings.Repeat("(", 5000), 64, "5000"},
		{strings.Repeat("(", 100) + "1", 40, "too deep"},
	} {
		s, err := version.ParseSpec(c.in)
		e, ok := errors.AsType[*version.ParseError](err)
		if !ok || e.Offset != c.offset || !strings.Contains(e.Reason, c.why) {
			t.Errorf("ParseSpec(%q) = %q, %v, want a *ParseError at %d about %q", c.in, s, err, c.offset, c.why)
		}
	}
}

func TestSpecParts(t *testing.T) {
	v := version.MustParse("1.2")
	if got, ok := version.MustParseSpec("1.2").Exact(); !ok || got != v {
		t.Errorf("Exact() = %q, %v, want 1.2", got, ok)
	}
	if got, ok := version.MustParseSpec("=1.2").Prefix(); !ok || got != v {
		t.Errorf("Prefix() = %q, %v, want 1.2", got, ok)
	}
	for _, s := range []string{"*", ">1", "1|2", "1.*.3"} {
		if _, ok := version.MustParseSpec(s).Exact(); ok {
			t.Errorf("%q is exact", s)
		}
		if _, ok := version.MustParseSpec(s).Prefix(); ok {
			t.Errorf("%q is a prefix", s)
		}
	}
	if !(version.Spec{}).IsAny() || !version.MustParseSpec("*").IsAny() || version.MustParseSpec("*.*").IsAny() {
		t.Errorf("IsAny: want true of \"\" and *, and false of *.*")
	}
	if got := version.Exactly(v).String() + " " + version.StartingWith(v).String(); got != "==1.2 1.2.*" {
		t.Errorf("Exactly and StartingWith print %q", got)
	}
	all := version.All(version.MustParseSpec(">=1"), version.Any(), version.MustParseSpec("<2,!=1.5"), version.MustParseSpec(">=1"), version.MustParseSpec("1|2"))
	if got, want := all.String(), ">=1,<2,!=1.5,(==1|==2)"; got != want {
		t.Errorf("All(...) = %q, want %q", got, want)
	}
	if !version.All().IsAny() {
		t.Errorf("All() of nothing is not any")
	}
}

// specTexts draws specs with their meaning in the plain way.
func TestSpecMatchesAsItsClausesDo(t *testing.T) {
	clause := rapid.Custom(func(t *rapid.T) string {
		text := strings.ReplaceAll(texts().Draw(t, "version"), "*", "x")
		return rapid.SampledFrom([]string{"==", "!=", "<", "<=", ">", ">=", "=", ""}).Draw(t, "op") + text
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := clause.Draw(t, "a"), clause.Draw(t, "b"), clause.Draw(t, "c")
		v := versions().Draw(t, "v")
		m := func(s string) bool { return version.MustParseSpec(s).Match(v) }
		for _, x := range []struct {
			spec string
			want bool
		}{
			{a + "," + b + "|" + c, m(a) && m(b) || m(c)},
			{a + ",(" + b + "|" + c + ")", m(a) && (m(b) || m(c))},
			{a + "|" + b + "," + c, m(a) || m(b) && m(c)},
		} {
			if got := m(x.spec); got != x.want {
				t.Fatalf("ParseSpec(%q).Match(%q) = %v, want %v", x.spec, v, got, x.want)
			}
		}
	})
}

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"a", "a", true}, {"a", "ab", false}, {"*", "", true}, {"a*", "ab", true}, {"*b", "ab", true}, {"a*a", "a", false},
		{"a*b*c", "axbxbc", true}, {"*ab*ab", "ab", false}, {"*ab*ab", "abab", true}, {"**", "x", true}, {"", "", true}, {"", "a", false},
		{"a.c", "abc", false},
	} {
		if got := version.Glob(c.pattern, c.text); got != c.want {
			t.Errorf("Glob(%q, %q) = %v, want %v", c.pattern, c.text, got, c.want)
		}
	}
}

func FuzzParseSpec(f *testing.F) {
	for _, s := range []string{">=1,<2|(3|4),!=5.*", "^1.$|~=2.3", "1.*.3", ">1.0*", "=*", "1.0_.*"} {
		f.Add(s, "1.2.3")
	}
	f.Fuzz(func(t *testing.T, s, lit string) {
		spec, err := version.ParseSpec(s)
		if err != nil {
			if e, ok := errors.AsType[*version.ParseError](err); !ok || e.Offset < 0 || e.Offset > len(e.Input) {
				t.Fatalf("ParseSpec(%q): %#v, want a *ParseError inside the text", s, err)
			}
			return
		}
		again, err := version.ParseSpec(spec.String())
		if err != nil || again.String() != spec.String() {
			t.Fatalf("ParseSpec(%q) prints %q, which parses to %q, %v", s, spec, again, err)
		}
		if v, err := version.Parse(lit); err == nil && spec.Match(v) != again.Match(v) {
			t.Fatalf("ParseSpec(%q) and its normal form %q match %q differently", s, spec, v)
		}
	})
}
