package pep508

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestParse has the examples of the specification and shapes of real metadata.
func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		`A`:                   `A`,
		`A.B-C_D`:             `A.B-C_D`,
		`aa`:                  `aa`,
		`name`:                `name`,
		`name<=1`:             `name<=1`,
		`name>=3`:             `name>=3`,
		`name>=3,<2`:          `name<2,>=3`,
		`name@http://foo.com`: `name @ http://foo.com`,
		`name [fred,bar] @ http://foo.com ; python_version=='2.7'`:           `name[bar,fred] @ http://foo.com ; python_version == "2.7"`,
		`name[quux, strange];python_version<'2.7' and platform_version=='2'`: `name[quux,strange]; python_version < "2.7" and platform_version == "2"`,
		`name; os_name=='a' or os_name=='b'`:                                 `name; os_name == "a" or os_name == "b"`,
		`name; os_name=='a' and os_name=='b' or os_name=='c'`:                `name; os_name == "a" and os_name == "b" or os_name == "c"`,
		`name; os_name=='a' and (os_name=='b' or os_name=='c')`:              `name; os_name == "a" and (os_name == "b" or os_name == "c")`,
		`name; ((os_name=='a') or ((os_name=='b' and os_name == "c")))`:      `name; os_name == "a" or (os_name == "b" and os_name == "c")`,
		`pip @ https://github.com/pypa/pip/archive/1.3.1.zip#sha1=da9234ee`:  `pip @ https://github.com/pypa/pip/archive/1.3.1.zip#sha1=da9234ee`,
		`zope.interface (>3.5.0)`:                                            `zope.interface>3.5.0`,
		`pytz (>dev)`:                                                        ``,
		`a (==1.0,)`:                                                         `a==1.0`,
		`a[ ] >= 1`:                                                          `a>=1`,
		`a; extra == 'Dev_Tools'`:                                            `a; extra == "dev-tools"`,
		`a; 'x"y' == os.name`:                                                `a; 'x"y' == os_name`,
		`a; "\x41\u00e9\101\d" == os_name`:                                   `a; "Aé` + `A\\d" == os_name`,
		`a; "x" not  in extras`:                                              `a; "x" not in extras`,
	} {
		r, err := Parse(in)
		switch {
		case want == "":
			if err == nil {
				t.Errorf("Parse(%q) = %q, want an error", in, r)
			}
		case err != nil:
			t.Error(err)
		case r.String() != want:
			t.Errorf("%q prints as %q, want %q", in, r, want)
		}
	}
}

func TestErrorsPoint(t *testing.T) {
	for _, c := range []struct {
		in     string
		at     int
		reason string
	}{
		{"", 0, "name of a project"},
		{"-a", 0, "name of a project"},
		{"a b", 2, "want a marker"},
		{"a-", 1, "want a marker"},
		{"a[b", 3, "want ]"},
		{"a[b c]", 4, "want ]"},
		{"a[b,]", 4, "want an extra"},
		{"a (>=1", 6, "want )"},
		{"a >= 1, x", 8, "want one of"},
		{"a,>=1", 1, "want a marker"},
		{"a >=1,,<2", 6, "version clause"},
		{"a >=1.0.*", 7, "no part of a version"},
		{"a @", 3, "want a URL"},
		{"a @ http://x y", 13, "after the URL"},
		{"a;", 2, "want a variable"},
		{"a; os_nam == 'x'", 3, "os_nam is no variable"},
		{"a; os_name = 'x'", 11, "want one of =="},
		{"a; os_name not 'x'", 15, "want \"in\""},
		{"a; os_name == 'x", 14, "no closing quote"},
		{`a; os_name == "C:\"`, 17, "backslash"},
		{"a; os_name == 'x' or", 20, "want a variable"},
		{"a; (os_name == 'x'", 18, "want )"},
		{"a; os_name == 'x' x", 18, "want \"and\""},
		{"a\n>=1", 1, "line break"},
		{"a; " + strings.Repeat("(", 200), 104, "too many parentheses"},
	} {
		_, err := Parse(c.in)
		e, ok := errors.AsType[*ParseError](err)
		if !ok || e.Offset != c.at || !strings.Contains(e.Reason, c.reason) {
			t.Errorf("Parse(%q): %v, want a *ParseError at %d with %q", c.in, err, c.at, c.reason)
		}
	}
	const want = `requirement "a[b", at character 4: want ] after the extras`
	if _, err := Parse("a[b"); err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestEval(t *testing.T) {
	env := CPython("3.12.4", "Linux", "x86_64")
	if env.PythonVersion != "3.12" || env.SysPlatform != "linux" {
		t.Errorf("CPython = %+v", env)
	}
	env.Extras = []string{"Fast_Path"}
	for marker, want := range map[string]bool{
		`python_version >= "3.9"`:                                 true, // as versions, not as texts
		`"3.9" < python_version`:                                  true,
		`python_version < "3.9"`:                                  false,
		`python_version == "3.*"`:                                 true,
		`python_version in "3.11 3.12"`:                           true,
		`python_full_version ~= "3.12.0"`:                         true,
		`python_full_version < "3.12.4rc1"`:                       false,
		`implementation_version === "3.12.4"`:                     true,
		`sys_platform == "win32" or os_name == "posix"`:           true,
		`os_name < "z"`:                                           false, // texts have no order
		`os_name <= "posix"`:                                      true,
		`platform_machine != "x86_64"`:                            false,
		`extra == "x"`:                                            false,
		`extra == ""`:                                             true,
		`"fast-path" in extras`:                                   true,
		`"docs" in dependency_groups`:                             false,
		`"docs" not in dependency_groups`:                         true,
		`platform_release >= "5"`:                                 false, // unknown
		`platform_version == ""`:                                  true,
		`os_name == sys_platform`:                                 false,
		`"a" == "a"`:                                              true,
		`os_name == "a" and os_name == "b" or os_name == "posix"`: true,
		`os_name == "posix" or os_name == "b" and os_name == "a"`: true,
	} {
		if got, err := MustParseMarker(marker).Eval(env); err != nil || got != want {
			t.Errorf("%s = %v, %v, want %v", marker, got, err, want)
		}
	}
	if ok, err := MustParseMarker(`extra == "Dev.Tools"`).Eval(env.WithExtra("dev_tools")); !ok || err != nil {
		t.Errorf("extras are compared normalised: %v, %v", ok, err)
	}
	if ok, err := (Marker{}).Eval(env); !ok || err != nil {
		t.Errorf("no marker = %v, %v", ok, err)
	}
	for _, marker := range []string{`os_name ~= "x"`, `os_name == "posix" or os_name === "x"`, `python_version ~= "x"`, `extras == "x"`, `"x" == extras`, `extras in "x"`} {
		_, err := MustParseMarker(marker).Eval(env)
		if _, ok := errors.AsType[*EvalError](err); !ok {
			t.Errorf("%s: %v, want an *EvalError", marker, err)
		}
	}
}

func TestUses(t *testing.T) {
	m := MustParseMarker(`os_name == "a" and (extra == "b" or python_version > "3")`)
	if !m.Uses("extra") || !m.Uses("os_name") || m.Uses("sys_platform") {
		t.Errorf("Uses is wrong for %s", m)
	}
	if got := MustParseMarker(`extra == "b.c" or ("d" == extra and os_name == "e") or extra == "b_c"`).Extras(); strings.Join(got, " ") != "b-c d" {
		t.Errorf("Extras = %q", got)
	}
}

// TestPrintedMeansTheSame draws markers, prints them and evaluates both.
func TestPrintedMeansTheSame(t *testing.T) {
	var draw func(t *rapid.T, depth int) string
	draw = func(t *rapid.T, depth int) string {
		if depth == 0 || rapid.Bool().Draw(t, "leaf") {
			l := rapid.SampledFrom([]string{"os_name", "python_version", "extra", "'3.12'", `"posix"`}).Draw(t, "left")
			r := rapid.SampledFrom([]string{"'posix'", "'3.9'", `"X_Y"`, "sys_platform", `'a"\\'`}).Draw(t, "right")
			return l + rapid.SampledFrom([]string{"==", "!=", " in ", " not in ", ">="}).Draw(t, "op") + r
		}
		s := draw(t, depth-1) + rapid.SampledFrom([]string{" and ", " or "}).Draw(t, "word") + draw(t, depth-1)
		if rapid.Bool().Draw(t, "group") {
			s = "(" + s + ")"
		}
		return s
	}
	env := CPython("3.12.4", "Linux", "x86_64").WithExtra("x.y")
	rapid.Check(t, func(t *rapid.T) {
		text := draw(t, 3)
		m, err := ParseMarker(text)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseMarker(m.String())
		if err != nil || again.String() != m.String() {
			t.Fatalf("%q prints as %q, which reads as %q, %v", text, m, again, err)
		}
		a, err := m.Eval(env)
		b, err2 := again.Eval(env)
		if a != b || (err == nil) != (err2 == nil) {
			t.Fatalf("%q = %v, %v, printed %v, %v", text, a, err, b, err2)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`a[b,c]>=1,<2;python_version<"3" and (extra=='x' or "y" in extras)`, `a @ http://x ; os_name=="\x41"`, `a (==1.*)`} {
		f.Add(s)
	}
	env := CPython("3.12.4", "Linux", "x86_64")
	f.Fuzz(func(t *testing.T, s string) {
		r, err := Parse(s)
		if err != nil {
			if e, ok := errors.AsType[*ParseError](err); !ok || e.Offset < 0 || e.Offset > len(s) {
				t.Fatalf("Parse(%q): %v", s, err)
			}
			return
		}
		again, err := Parse(r.String())
		if err != nil || again.String() != r.String() || !again.Equal(r) {
			t.Fatalf("%q prints as %q, which reads as %v, %v", s, r, again, err)
		}
		if _, err := r.Marker.Eval(env); err != nil {
			if _, ok := errors.AsType[*EvalError](err); !ok {
				t.Fatal(err)
			}
		}
	})
}
