package environment_test

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/conda/environment"
	"github.com/nasa-openscapes/corn/conda/matchspec"
	"github.com/nasa-openscapes/corn/conda/record"
)

// show prints what a test compares, one thing a line with its place.
func show(e *environment.Environment) string {
	var b strings.Builder
	line := func(p environment.Place, what, text string, sel *environment.Selector) {
		fmt.Fprintf(&b, "%d:%d %s %s", p.Line, p.Column, what, text)
		if sel != nil {
			fmt.Fprintf(&b, " [%s]", sel)
		}
		b.WriteString("\n")
	}
	if e.Name != "" {
		line(e.NamePlace, "name", e.Name, nil)
	}
	for _, c := range e.Channels {
		line(c.Place, "channel", c.Text, c.Selector)
	}
	if e.NoDefaults {
		b.WriteString("nodefaults\n")
	}
	for _, d := range e.Dependencies {
		line(d.Place, "spec", d.Spec.String(), d.Selector)
	}
	for _, p := range e.Pip {
		line(p.Place, "pip", p.Text, p.Selector)
	}
	for _, v := range e.Variables {
		line(v.Place, "variable", v.Name+"="+v.Value, v.Selector)
	}
	for _, p := range e.Platforms {
		line(p.Place, "platform", string(p.Subdir), p.Selector)
	}
	for _, w := range e.Warnings {
		line(w.Place, "warning", w.Text, nil)
	}
	return b.String()
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ why, file, want string }{
		{"nothing", "", ""},
		{"a comment alone", "# nothing yet\n", ""},
		{"empty sections", "name:\nchannels:\ndependencies:\nvariables:\nplatforms:\n", ""},
		{"everything", `name: climate
channels:
  - conda-forge
  - https://conda.anaconda.org/t/tk-1/private
  - nodefaults
dependencies:
  - python=3.11
  - numpy >=1.26,<2   # fast
  - conda-forge::xarray
  - gdal>=3.8  # [linux]
  - pywin32  #[win]
  - "h5py>= 3.9"
  - pip
  - pip:
    - requests >=2
    - -r more.txt
    - -c limits.txt   # [unix]
    - git+https://github.com/a/b@main#egg=b
    - ./local
variables:
  GDAL_CACHE: 512
  FLAG: "on"
  YES: yes
platforms: [linux-64, osx-arm64]
prefix: /home/me/envs/climate
`, `1:7 name climate
3:5 channel conda-forge
4:5 channel https://conda.anaconda.org/t/tk-1/private
nodefaults
7:5 spec python=3.11
8:5 spec numpy[version='>=1.26,<2']
9:5 spec conda-forge::xarray
10:5 spec gdal[version='>=3.8'] [linux]
11:5 spec pywin32 [win]
12:5 spec h5py[version='>=3.9']
13:5 spec pip
15:7 pip requests >=2
16:7 pip -r more.txt
17:7 pip -c limits.txt [unix]
18:7 pip git+https://github.com/a/b@main#egg=b
19:7 pip ./local
21:3 variable GDAL_CACHE=512
22:3 variable FLAG=on
23:3 variable YES=yes
24:13 platform linux-64
24:23 platform osx-arm64
`},
		{"what YAML would make a number of", "name: 1.10\ndependencies:\n- python=3.10\n- 7zip\n- x 1.10\n", `1:7 name 1.10
3:3 spec python=3.10
4:3 spec 7zip
5:3 spec x==1.10
`},
		{"CRLF and a byte order mark", "\ufeffname: a\r\ndependencies:\r\n- b # [osx]\r\n- 'c'\r\n", `1:7 name a
3:3 spec b [osx]
4:3 spec c
`},
		{"quotes inside", "dependencies:\n- python=\"3.10\"\n- 'numpy=1.*=*_openblas'\n", `2:3 spec python=3.10
3:3 spec numpy=1[build=*_openblas]
`},
		{"spaces behind", "dependencies:\n  - pip   \n  - a  # x  \n", "2:5 spec pip\n3:5 spec a\n"},
		{"mamba's selectors", "dependencies:\n- sel(win): a\n- sel(unix): b >=1\n- sel(linux):\n  - c\n  - d\n", `2:13 spec a [win]
3:14 spec b[version='>=1'] [unix]
5:5 spec c [linux]
6:5 spec d [linux]
`},
		{"anchors", "x-common: &common\n- a\ndependencies: *common\n", `2:3 spec a
1:1 warning the key "x-common" is not known and is ignored
`},
		{"warnings", "Name: a\nchanels: [b]\ndependencies:\n- dask[complete]\n- a # [py310]\n- b # [see the docs]\n- conda-forge:c\ncategory: dev\ntotally: new\n", `4:3 spec dask
5:3 spec a
6:3 spec b
7:3 spec c
1:1 warning the key "Name" is not known and is ignored: did you mean name?
2:1 warning the key "chanels" is not known and is ignored: did you mean channels?
4:3 warning [complete] has no value and is ignored, as conda does; a group of dependencies is asked for with [extras=[complete]]
5:3 warning the comment looks like a selector, but is none, and the line counts on every platform: selector "py310": "py310" is no platform: want words such as linux, osx, win, unix, linux64, aarch64
6:3 warning the comment looks like a selector, but is none, and the line counts on every platform: selector "see the docs": "see" is no platform: want words such as linux, osx, win, unix, linux64, aarch64
7:3 warning the namespace "conda-forge" is ignored, as conda does: a channel is followed by two colons
9:1 warning the key "totally" is not known and is ignored
`},
	} {
		e, err := environment.Parse("environment.yml", []byte(c.file))
		if err != nil {
			t.Errorf("%s: %v", c.why, err)
			continue
		}
		if d := cmp.Diff(c.want, show(e)); d != "" {
			t.Errorf("%s (-want +got)\n%s", c.why, d)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"- a\n", `e.yml:1:1: the file is a list: want a mapping with name, channels and dependencies in line "- a"`},
		{"name: [a]\n", `e.yml:1:7: name is a list: want a single value in line "name: [a]"`},
		{"channels: conda-forge\n", `e.yml:1:11: channels is a single value: want a list in line "channels: conda-forge"`},
		{"channels: ['']\n", `e.yml:1:12: the channel is empty in line "channels: ['']"`},
		{"dependencies:\n  numpy: 1\n", `e.yml:2:3: dependencies is a mapping: want a list in line "numpy: 1"`},
		{"dependencies:\n- numpy\n- [a]\n", `e.yml:3:3: a dependency is a list: want a single value or pip: in line "- [a]"`},
		{"dependencies:\n- npm:\n  - a\n", `e.yml:2:3: dependencies of npm are not known: want pip in line "- npm:"`},
		{"dependencies:\n- sel(tuesday): a\n", `e.yml:2:3: selector "tuesday": "tuesday" is no platform: want words such as linux, osx, win, unix, linux64, aarch64 in line "- sel(tuesday): a"`},
		{"dependencies:\n  - numpy >=1.2<2\n", `e.yml:2:16: '<' is not part of a version in line "- numpy >=1.2<2"`},
		{"dependencies:\n  - 'numpy >=1.2<2'\n", `e.yml:2:17: '<' is not part of a version in line "- 'numpy >=1.2<2'"`},
		{"dependencies:\n  - \"num\\x70y >=1.2<2\"\n", `e.yml:2:5: '<' is not part of a version in line "- \"num\\x70y >=1.2<2\""`},
		{"dependencies:\n- pip:\n  - a: b\n", `e.yml:3:5: a requirement is a mapping: want a single value in line "- a: b"`},
		{"dependencies:\n- pip: [ '' ]\n", `e.yml:2:10: the requirement is empty in line "- pip: [ '' ]"`},
		{"variables:\n  A-B: c\n", `e.yml:2:3: variable A-B: want letters, digits and underscores in line "A-B: c"`},
		{"variables: [A]\n", `e.yml:1:12: variables is a list: want a mapping in line "variables: [A]"`},
		{"variables:\n  A: [b]\n", `e.yml:2:6: variable A is a list: want a single value in line "A: [b]"`},
		{"platforms: [noarch]\n", `e.yml:1:13: "noarch" is no platform: want one such as linux-64 in line "platforms: [noarch]"`},
		{"name: a\nname: b\n", `e.yml:2:1: not valid YAML: mapping key "name" already defined at [1:1] in line "name: b"`},
		{"name: a\n---\nname: b\n", `e.yml:3:1: a second YAML document: want one in line "name: b"`},
		{"dependencies: *a\n", `e.yml:1:15: the alias "a" has no anchor before it in line "dependencies: *a"`},
		{"dependencies:\n<<<<<<< HEAD\n- a\n", `e.yml:2: git conflict markers: finish the merge in line "<<<<<<< HEAD"`},
		{"name: \xff\n", "e.yml:1: the line is not UTF-8 in line \"name: \\xff\""},
		{"channels: [https://u:secret@h/c\n", ""},
		{"channels:\n- https://u:secret@h/t/secret/c: 1\n", `e.yml:2:3: an item of channels is a mapping: want a single value in line "- https://***@h/t/***/c: 1"`},
		{"name: a\n\tb: c\n", ""},
		{"a: " + strings.Repeat("[", 20000), ""},
		{strings.Repeat("- ", 2000) + "a", ""},
		{strings.Repeat(" ", 2<<20), "e.yml: the file has 2097152 bytes, want at most 1048576"},
		{"a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n" +
			"d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e]\n", ""},
	} {
		e, err := environment.Parse("e.yml", []byte(c.file))
		bad, ok := errors.AsType[*environment.ParseError](err)
		if !ok {
			t.Errorf("Parse(%.60q) = %v, %v, want a *ParseError", c.file, e, err)
			continue
		}
		if c.want != "" && err.Error() != c.want {
			t.Errorf("Parse(%.60q):\n%v, want\n%s", c.file, err, c.want)
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("Parse(%.60q) tells a secret: %v", c.file, err)
		}
		if len(bad.Text) > 200 {
			t.Errorf("Parse(%.60q) shows a line of %d bytes", c.file, len(bad.Text))
		}
	}
	_, err := environment.Parse("e.yml", []byte("dependencies: ['a >']"))
	if e, ok := errors.AsType[*matchspec.ParseError](err); !ok || e.Input != "a >" {
		t.Errorf("a bad spec gives %v, want the *matchspec.ParseError inside", err)
	}
}

// A file that is one long line takes no time that grows with its square.
func TestLongLine(t *testing.T) {
	start := time.Now()
	e, err := environment.Parse("e.yml", []byte("dependencies: ["+strings.Repeat("a, ", 60_000)+"b]"))
	if err != nil || len(e.Dependencies) != 60_001 {
		t.Fatalf("%v, want 60001 dependencies", err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("Parse took %v", took)
	}
}

func TestFor(t *testing.T) {
	e, err := environment.Parse("e.yml", []byte(`channels: [a]
dependencies:
- all
- lin  # [linux]
- mac  # [osx]
- m1   # [osx and arm64]
- both # [linux64 or (osx and not arm64)]
- pip:
  - p
  - q  # [win]
variables:
  A: 1 # [unix]
  B: 2 # [win]
`))
	if err != nil {
		t.Fatal(err)
	}
	for subdir, want := range map[record.Subdir]string{
		"linux-64": "all lin both | p | A", "linux-aarch64": "all lin | p | A", "osx-arm64": "all mac m1 | p | A", "osx-64": "all mac both | p | A", "win-64": "all | p q | B",
	} {
		var got []string
		on := e.For(subdir)
		for _, d := range on.Dependencies {
			got = append(got, d.Spec.Name.String())
		}
		got = append(got, "|")
		for _, p := range on.Pip {
			got = append(got, p.Text)
		}
		got = append(got, "|")
		for _, v := range on.Variables {
			got = append(got, v.Name)
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("For(%s) has %s, want %s", subdir, text, want)
		}
	}
	if len(e.Dependencies) != 5 {
		t.Errorf("For changed the environment: it has %d dependencies", len(e.Dependencies))
	}
}

func TestParseSelector(t *testing.T) {
	for _, in := range []string{"", "and", "linux and", "(linux", "linux)", "linux osx", "not", "python", strings.Repeat("not ", 200) + "linux"} {
		s, err := environment.ParseSelector(in)
		if _, ok := errors.AsType[*environment.SelectorError](err); !ok {
			t.Errorf("ParseSelector(%.40q) = %v, %v, want a *SelectorError", in, s, err)
		}
	}
	s, err := environment.ParseSelector("linux or win and arm64") // "and" binds tighter
	if err != nil || !s.Selects("linux-64") || s.Selects("win-64") || !s.Selects("win-arm64") {
		t.Errorf("linux or win and arm64: wrong platforms, %v", err)
	}
}

func TestRealFiles(t *testing.T) {
	const dir = "../../../shared/data/index/envs"
	files, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("no %s beside the module", dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 100 {
		t.Fatalf("%s has %d files, want 100 at least", dir, len(files))
	}
	specs := 0
	for _, f := range files {
		data, err := os.ReadFile(path.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		e, err := environment.Parse(f.Name(), data)
		if err != nil {
			t.Error(err)
			continue
		}
		specs += len(e.Dependencies)
		lines := strings.Split(string(data), "\n")
		for _, d := range e.Dependencies {
			if at := lines[d.Line-1][d.Column-1:]; !strings.HasPrefix(strings.TrimLeft(at, `"'`), d.Text) {
				t.Errorf("%s:%d:%d is %q, want %q", f.Name(), d.Line, d.Column, at, d.Text)
			}
		}
		for _, w := range e.Warnings {
			if !strings.Contains(w.Text, "extras=") {
				t.Errorf("%s:%d warns %s", f.Name(), w.Line, w.Text)
			}
		}
	}
	if specs < 1500 {
		t.Errorf("the files ask for %d packages, want 1500 at least", specs)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("name: a\nchannels: [b]\ndependencies:\n- c >=1 # [linux]\n- pip:\n  - d\n- sel(win): e\nvariables: {A: 1}\nplatforms: [linux-64]\n"))
	f.Add([]byte("a: &x [1, *x]\n"))
	f.Add([]byte("a: &x\n  b: *x\n? c\n: |\n  d\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := environment.Parse("e.yml", data)
		if err != nil {
			if _, ok := errors.AsType[*environment.ParseError](err); !ok {
				t.Fatalf("%T: %v, want a *ParseError", err, err)
			}
			return
		}
		for _, subdir := range record.KnownSubdirs() {
			e.For(subdir)
		}
	})
}
