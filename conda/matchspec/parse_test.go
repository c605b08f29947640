package matchspec_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/conda/matchspec"
)

// What is parsed is shown by its normal form.
func TestParse(t *testing.T) {
	for _, c := range []struct{ in, want, why string }{
		{"numpy", "numpy", ""},
		{" NumPy ", "numpy", "names are in lower case"},
		{"numpy 1.26", "numpy==1.26", "a space: exact"},
		{"numpy=1.26", "numpy=1.26", "one equals sign: a prefix"},
		{"numpy =1.26", "numpy=1.26", ""},
		{"numpy==1.26", "numpy==1.26", ""},
		{"numpy 1.26.*", "numpy=1.26", ""},
		{"numpy=1.26.*", "numpy=1.26", ""},
		{"numpy 1.26*", "numpy=1.26", ""},
		{"numpy=1.26*", "numpy=1.26", ""},
		{"numpy>=1.26", "numpy[version='>=1.26']", ""},
		{"numpy >= 1.26", "numpy[version='>=1.26']", "spaces"},
		{"h5py>= 3.9", "h5py[version='>=3.9']", "spaces"},
		{"numpy >=1.26 , < 2", "numpy[version='>=1.26,<2']", "spaces"},
		{"numpy\t>=1.26", "numpy[version='>=1.26']", "a tab"},
		{"numpy!=1.26", "numpy!=1.26", ""},
		{"numpy ~=1.26", "numpy~=1.26", ""},
		{"numpy=*", "numpy", ""},
		{"numpy *", "numpy", ""},
		{`python="3.10"`, "python=3.10", "quotes in YAML's plain text"},
		{`python=="3.10"`, "python==3.10", ""},
		{`python ">=3.10,<3.12"`, "python[version='>=3.10,<3.12']", ""},
		{"python '3.10.*'", "python=3.10", ""},
		{"numpy 1.26 py312_0", "numpy==1.26=py312_0", ""},
		{"numpy=1.26=py312_0", "numpy==1.26=py312_0", "two single equals signs: exact"},
		{"numpy==1.26=py312_0", "numpy==1.26=py312_0", ""},
		{"numpy =1.26 py312_0", "numpy=1.26[build=py312_0]", "CEP 29: a prefix"},
		{"numpy=1.26 py312_0", "numpy=1.26[build=py312_0]", "likewise"},
		{"numpy=1.26|2=py312_0", "numpy[version='1.26.*|==2',build=py312_0]", "conda: more than one clause"},
		{"numpy = 1.26 = py312_0", "numpy==1.26=py312_0", "spaces"},
		{"numpy 1.26 py312*", "numpy==1.26[build=py312*]", ""},
		{"numpy=1.*=*_openblas", "numpy=1[build=*_openblas]", ""},
		{"python=3.8.12=*_cpython", "python==3.8.12[build=*_cpython]", ""},
		{"libblas=*=*openblas", "libblas[build=*openblas]", ""},
		{"libblas * *openblas", "libblas[build=*openblas]", ""},
		{"x264 >=1 !164.3095,<1!165", "x264[version='>=1!164.3095,<1!165']", "conda-forge has such"},
		{"blas * openblas", "blas[build=openblas]", ""},
		{"libcblas   3.11.0   6*_openblas", "libcblas==3.11.0[build=6*_openblas]", "conda-forge has such"},
		{"liblapacke =3.9.0=27*_openblas", "liblapacke==3.9.0[build=27*_openblas]", "likewise"},
		{"openmp 21.1.8|21.1.8.*", "openmp[version='==21.1.8|21.1.8.*']", ""},
		{"libnetcdf *,>=4.10.0,<4.10.1.0a0", "libnetcdf[version='>=4.10.0,<4.10.1.0a0']", ""},
		{"x >1,<2|==1.7 py34_0", "x[version='>1,<2|==1.7',build=py34_0]", ""},
		{"_r-mutex 1.* anacondar_1", "_r-mutex=1[build=anacondar_1]", ""},
		{"__glibc >=2.17", "__glibc[version='>=2.17']", ""},
		{"py*", "py*", "a glob"},
		{"*", "*", ""},
		{"* 1.2", "*==1.2", ""},
		{"^py(thon|py)$ >3", "^py(thon|py)$[version='>3']", "a regular expression"},
		{`numpy ^1\.2[67]$`, `numpy[version='^1\\.2[67]$']`, "brackets inside one"},
		{"numpy # fast", "numpy", "a comment"},
		{"numpy=", "numpy", "conda lets it pass"},
		{"mkl@", "*[track_features=mkl]", "conda 4.3"},
		{"numpy (optional)", "numpy[optional=true]", "conda 4.4"},
		{"numpy[optional]", "numpy[optional=true]", ""},

		{"conda-forge::numpy", "conda-forge::numpy", ""},
		{"conda-forge :: numpy 1.2", "conda-forge::numpy==1.2", ""},
		{"conda-forge/linux-64::numpy", "conda-forge/linux-64::numpy", ""},
		{"conda-forge/label/dev::numpy", "conda-forge/label/dev::numpy", "a label is no subdir"},
		{"conda-forge/linux-64:ns:numpy", "conda-forge/linux-64::numpy", "the namespace is ignored"},
		{"*/win-32::numpy", "numpy[subdir=win-32]", ""},
		{"conda-*::numpy", "numpy[channel=conda-*]", ""},
		{"https://conda.anaconda.org/conda-forge::numpy", "conda-forge::numpy", "the URL of a name"},
		{"https://conda.anaconda.org/t/secret/mine/noarch::numpy", "mine/noarch::numpy", "no secrets"},
		{"https://u:secret@h:8080/chan/::numpy", "https://h:8080/chan::numpy", "no secrets"},
		{"file:///srv/chan/noarch::numpy", "file:///srv/chan/noarch::numpy", ""},
		{"pkgs/main::numpy", "defaults::numpy", "conda's canonical name"},

		{"numpy[version='>=1.2,<2', build=py*]", "numpy[version='>=1.2,<2',build=py*]", ""},
		{"numpy[version=1.2 build=py_0]", "numpy==1.2=py_0", "a space parts, too"},
		{"numpy 1.3[version=1.2]", "numpy==1.2", "brackets win"},
		{"numpy[version=\"=1.2\"]", "numpy=1.2", ""},
		{"numpy[version<2]", "numpy[version='<2']", "conda lets it pass"},
		{"numpy[build_number='>6']", "numpy[build_number='>6']", ""},
		{"numpy[build_number=6]", "numpy[build_number=6]", ""},
		{"numpy[channel=conda-forge/noarch]", "conda-forge/noarch::numpy", ""},
		{"a::numpy[channel=b,subdir=noarch]", "b/noarch::numpy", ""},
		{"numpy[subdir='linux-64,noarch']", "numpy[subdir='linux-64,noarch']", ""},
		{"*[md5=0123456789abcdef0123456789abcdef]", "*[md5=0123456789abcdef0123456789abcdef]", ""},
		{"*[sha256=ABC]", "*[sha256=ABC]", ""},
		{"numpy[license='BSD*', license_family=bsd]", "numpy[license=bsd*,license_family=bsd]", ""},
		{"numpy[fn=numpy-1-0.conda]", "numpy[fn=numpy-1-0.conda]", ""},
		{"x[track_features='b, a b']", "x[track_features='a b']", ""},
		{"x[features=a]", "x[features=a]", ""},
		{`x[license='a\'b\\c"d']`, `x[license='a\'b\\c"d']`, "quotes in quotes"},
		{`x[license="a]b"]`, `x[license='a]b']`, "a bracket in quotes"},
		{"x[]", "x", ""},
		{"dask[complete]~=2024.10", "dask~=2024.10", "corn's own environments have such"},
		{"x[build=b]=1.2", "x=1.2[build=b]", ""},
		{"x[ ]", "x", ""},
		{"x[extras=[b, 'a']]", "x[extras=[a,b]]", ""},
		{"x[extras=a]", "x[extras=[a]]", ""},
		{"x[flags=[gpu, blas:*]]", "x[flags=[blas:*,gpu]]", ""},
		{"x[when=__win]", "x[when=__win]", ""},
		{"x[when='python>=3 and (__win or __osx)', extras=a]", "x[when='python[version=\\'>=3\\'] and (__win or __osx)',extras=[a]]", ""},
		{"x[when='a or b and c']", "x[when='a or b and c']", "and binds tighter"},
		{"x[when='(a or b) or (c and d)']", "x[when='a or b or c and d']", ""},

		{"https://h/chan/linux-64/x-1.2-h_0.conda", "https://h/chan/linux-64::x==1.2=h_0[url=https://h/chan/linux-64/x-1.2-h_0.conda]", ""},
		{"https://conda.anaconda.org/c/noarch/x-1.2-h_0.tar.bz2#0123456789abcdef0123456789abcdef",
			"c/noarch::x==1.2=h_0[url=https://conda.anaconda.org/c/noarch/x-1.2-h_0.tar.bz2,md5=0123456789abcdef0123456789abcdef]", "a hash"},
		{"/tmp/x-1.2-h_0.conda", "x==1.2=h_0[url=file:///tmp/x-1.2-h_0.conda]", ""},
		{"./x-1.2-h_0.conda", "x==1.2=h_0[url=./x-1.2-h_0.conda]", "the caller knows from where"},
		{"x-1.2-h_0.conda", "x==1.2=h_0[url=x-1.2-h_0.conda]", ""},
		{`C:\pkgs\x-1.2-h_0.conda`, "x==1.2=h_0[url=file:///C:/pkgs/x-1.2-h_0.conda]", ""},
		{"https://h/c/linux-64/x264-1%21164-h1_2.conda", "https://h/c/linux-64::x264==1!164=h1_2[url=https://h/c/linux-64/x264-1%21164-h1_2.conda]", "encoded"},
	} {
		s, err := matchspec.Parse(c.in)
		if err != nil {
			t.Errorf("Parse(%q): %v", c.in, err)
			continue
		}
		if s.String() != c.want {
			t.Errorf("Parse(%q) = %q, want %q (%s)", c.in, s, c.want, c.why)
		}
		again, err := matchspec.Parse(s.String())
		if err != nil {
			t.Errorf("Parse(%q) prints %q, which does not parse: %v", c.in, s, err)
			continue
		}
		if s.Warnings, again.Warnings = nil, nil; again.String() != s.String() || !strings.Contains(c.in, "secret") && !sameSpec(s, again) {
			t.Errorf("Parse(%q) prints %q, which parses to %q:\n%#v\n%#v", c.in, s, again, s, again)
		}
	}
}

func sameSpec(a, b *matchspec.Spec) bool { return reflect.DeepEqual(a, b) }

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		in     string
		offset int
		why    string
	}{
		{"", 0, "no package name"},
		{"  # numpy", 2, "no package name"},
		{">=1.2", 0, "no package name"},
		{"conda-forge::", 13, "no package name"},
		{"'package'", 0, "'\\''"},
		{"pack@ge", 4, "'@'"},
		{"conda-forge::x-1-0.Conda", 13, "archive"},
		{"pkg--name", 4, "'-'"},
		{".pkg", 0, "'.'"},
		{"!xyz 1.3", 0, "no package name"},
		{"pkg, other", 3, "','"},
		{"pÿ", 1, "'ÿ'"},
		{"^(aaaa$", 0, "RE2"},
		{"^aaaa", 0, "'$'"},
		{"*/lin(ux-65::x", 0, "no channel"},
		{"numpy >=", 8, "without a version"},
		{"numpy ==", 8, "without a version"},
		{"numpy =>1.2", 7, "no operator"},
		{"numpy=>=1.2=py_0", 6, "no operator"},
		{"numpy 1.2 1.3 py_0", 9, "' '"},
		{"numpy >=1.2<2", 11, "'<'"},
		{"numpy 1..2", 8, "empty"},
		{`numpy="1..2"`, 9, "empty"},
		{`numpy=""`, 6, "without a version"},
		{"  numpy >=1.2,", 14, "want a version"},
		{"numpy[version", 5, "'[' without"},
		{"numpy[version=", 5, "'[' without"},
		{"numpy[version=]", 14, "no value"},
		{"numpy[version='1.2]", 5, "'[' without"},
		{"numpy[a=1][b=2]", 10, "a second '['"},
		{"numpy[build=a]>=1..2", 18, "empty"},
		{"numpy[colour=red]", 6, "no key"},
		{"numpy[=1]", 6, "want key=value"},
		{"numpy[version='1..2']", 17, "empty"},
		{"numpy[build_number=abc]", 19, "numbers"},
		{"numpy[license=a'b]", 5, "'[' without"},
		{"numpy[license=a[b]]", 15, "goes in quotes"},
		{"numpy[version=[1.2]]", 15, "not a list"},
		{"numpy[build='^($']", 13, "RE2"},
		{"x[extras=[a,,b]]", 12, "empty"},
		{"x[extras=[a b]]", 10, "no name of an extra"},
		{"x[extras=A]", 9, "no name of an extra"},
		{"x[extras=bar,baz]]", 17, "']'"},
		{"x[flags=a:b:c]", 8, "no flag"},
		{"x[flags=]", 8, "no value"},
		{"x[when='a[b]']", 10, "no value"},
		{"x[when='y[when=a]']", 15, "another condition"},
		{"x[when='(a']", 8, "partner"},
		{"x[when='a) or b']", 9, "cannot stand here"},
		{"x[when='a and']", 13, "no package name"},
		{"https://h/c/noarch/x.conda", 19, "archive"},
		{"https://h/c/noarch/x-1-0.conda#12", 31, "no hash"},
		{strings.Repeat("x", 10000), 64, "10000"},
	} {
		s, err := matchspec.Parse(c.in)
		e, ok := errors.AsType[*matchspec.ParseError](err)
		if !ok || e.Offset != c.offset || !strings.Contains(e.Reason, c.why) {
			t.Errorf("Parse(%q) = %v, %v, want a *ParseError at %d about %q", c.in, s, err, c.offset, c.why)
		}
	}
}

func TestWarnings(t *testing.T) {
	for in, want := range map[string]string{
		"dask[complete]":                 "[complete] has no value and is ignored",
		"dask[complete,distributed] >=2": "[distributed] has no value",
		"numpy=":                         "'=' without a version",
		"conda-forge:numpy":              `the namespace "conda-forge" is ignored`,
		"numpy if python":                "is ignored",
		"numpy[name=scipy]":              "name= in brackets is ignored",
		"numpy[build=a,build=b]":         "more than once",
		"numpy >=1":                      "none",
	} {
		s, err := matchspec.Parse(in)
		if want == "" {
			if err == nil {
				t.Errorf("Parse(%q) = %q, want an error", in, s)
			}
			continue
		}
		if err != nil {
			t.Errorf("Parse(%q): %v", in, err)
			continue
		}
		if got := strings.Join(s.Warnings, "; "); want == "none" && got != "" || want != "none" && !strings.Contains(got, want) {
			t.Errorf("Parse(%q) warns %q, want %q", in, got, want)
		}
	}
}

func TestErrorPointsAtTheCharacter(t *testing.T) {
	_, err := matchspec.Parse("numpy\t>=1.2<2")
	e, ok := errors.AsType[*matchspec.ParseError](err)
	if !ok {
		t.Fatal(err)
	}
	if got, want := e.Mark(), "numpy\t>=1.2<2\n     \t     ^"; got != want {
		t.Errorf("Mark() = %q, want %q", got, want)
	}
	if got, want := e.Error(), "package spec \"numpy\\t>=1.2<2\": '<' is not part of a version at character 12"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"conda-forge/linux-64:ns:numpy >=1.2,<2|3.* py*", "x[when='a and (b or c[version=1])', extras=[a,b], flags=q:*]", `p="1"`, "^a$ ^1$",
		"https://u:p@h/c/noarch/x-1-0.conda#0123456789abcdef0123456789abcdef", "a[license='\\'x', build_number='>3']", "x=1=b (optional)", "mkl@", "./x-1-0.conda",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := matchspec.Parse(text)
		if err != nil {
			if e, ok := errors.AsType[*matchspec.ParseError](err); !ok || e.Offset < 0 || e.Offset > len(e.Input) {
				t.Fatalf("Parse(%q): %#v, want a *ParseError inside the text", text, err)
			}
			return
		}
		again, err := matchspec.Parse(s.String())
		if err != nil || again.String() != s.String() {
			t.Fatalf("Parse(%q) prints %q, which parses to %q, %v", text, s, again, err)
		}
	})
}
