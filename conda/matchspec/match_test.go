package matchspec_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nasa-openscapes/corn/conda/matchspec"
	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/conda/version"
	"github.com/nasa-openscapes/corn/digest"
)

func TestMatch(t *testing.T) {
	sum := digest.SumMD5([]byte("x"))
	r := &record.Record{
		Name: "numpy", Version: "1.26.4", Build: "py312h_1", BuildNumber: 1, Subdir: "linux-64", Channel: "https://conda.anaconda.org/conda-forge",
		FileName: "numpy-1.26.4-py312h_1.conda", MD5: sum, License: "BSD-3-Clause", LicenseFamily: "BSD",
		TrackFeatures: record.Features{"b", "a"}, Features: record.Features{"f"}, Flags: []string{"blas:mkl", "cuda"},
	}
	for want, specs := range map[bool][]string{
		true: {
			"numpy", "NUMPY", "num*", "*", "^num.*$", "numpy=1.26", "numpy 1.26.4 PY312H_1", "numpy * *_1", "numpy[build='^py\\d+h_1$']",
			"conda-forge::numpy", "conda-forge/linux-64::numpy", "https://conda.anaconda.org/conda-forge::numpy", "conda-*::numpy", "*::numpy",
			"numpy[subdir='noarch,linux-64']", "numpy[build_number=1]", "numpy[build_number='>=1,<2']", "numpy[build_number='!=0']",
			"*[md5=" + sum.String() + "]", "*[md5=" + strings.ToUpper(sum.String()) + "]", "numpy[fn=numpy-1.26.4-py312h_1.conda]",
			"https://conda.anaconda.org/conda-forge/linux-64/numpy-1.26.4-py312h_1.conda", "https://u:p@conda.anaconda.org/t/x/conda-forge/linux-64/numpy-1.26.4-py312h_1.conda",
			"numpy[license='bsd*']", "numpy[license_family=bsd]", "numpy[track_features='a b']", "numpy[features=f]", "numpy[flags=[cuda,'blas:*']]",
			"numpy[extras=[test]]", "numpy[when=__win]",
		},
		false: {
			"scipy", "num", "numpy 1.26", "numpy=1.2", "numpy>2", "numpy * py311*", "defaults::numpy", "forge::numpy", "conda-forge/noarch::numpy",
			"https://h/conda-forge::numpy", "numpy[subdir=noarch]", "numpy[build_number=0]", "*[md5=00]", "*[sha256=" + digest.Sum(nil).String() + "]",
			"https://conda.anaconda.org/conda-forge/noarch/numpy-1.26.4-py312h_1.conda", "https://h/linux-64/numpy-1.26.4-py312h_1.conda",
			"numpy[license=BSD]", "numpy[track_features=a]", "numpy[track_features='a b c']", "numpy[features='f g']", "numpy[flags=cpu]", "numpy[flags=[cuda,blas:openblas]]",
		},
	} {
		for _, text := range specs {
			s := matchspec.MustParse(text)
			if got := s.Match(r); got != want {
				t.Errorf("Parse(%q).Match(%s) = %v, want %v", text, r.FileName, got, want)
			}
			v := version.MustParse(r.Version)
			if byParts := s.Name.Match(r.Name) && s.MatchVersionBuild(v, r.Build) && s.MatchRest(r); byParts != want {
				t.Errorf("%q: name, MatchVersionBuild and MatchRest give %v, want %v", text, byParts, want)
			}
			if s.OnlyNameVersionBuild() && !s.MatchRest(r) {
				t.Errorf("%q: OnlyNameVersionBuild, but MatchRest is false", text)
			}
		}
	}
	for url, spec := range map[string]string{
		"https://repo.anaconda.com/pkgs/main": "defaults::x", "https://repo.anaconda.com/pkgs/r": "pkgs/main::x", "file:///srv/conda-forge": "conda-forge::x",
		"https://repo.anaconda.com/pkgs/free": "pkgs/free::x", "https://mirror/conda-forge/": "conda-forge::x",
	} {
		if !matchspec.MustParse(spec).Match(&record.Record{Name: "x", Channel: url}) {
			t.Errorf("%q does not match a record of %s", spec, url)
		}
	}
	if matchspec.MustParse("x >=0").Match(&record.Record{Name: "x", Version: "not a version"}) || !matchspec.MustParse("x").Match(&record.Record{Name: "x", Version: "not a version"}) {
		t.Error("a record with a bad version is for specs of any version alone")
	}
}

func TestCondition(t *testing.T) {
	c := matchspec.MustParse("x[when='a and (b or c>=2) or d']").When
	for have, want := range map[string]bool{"": false, "a": false, "a b": true, "a c": true, "b c": false, "d": true} {
		got := c.Holds(func(s *matchspec.Spec) bool {
			for _, name := range strings.Fields(have) {
				if s.Match(&record.Record{Name: name, Version: "2"}) {
					return true
				}
			}
			return false
		})
		if got != want {
			t.Errorf("%q holds of %q = %v, want %v", c, have, got, want)
		}
	}
}

func TestMerge(t *testing.T) {
	merge := func(texts ...string) (string, error) {
		var specs []*matchspec.Spec
		for _, s := range texts {
			specs = append(specs, matchspec.MustParse(s))
		}
		m, err := matchspec.Merge(specs...)
		if err != nil {
			return "", err
		}
		return m.String(), nil
	}
	for want, texts := range map[string][]string{
		"*":                                   {},
		"x":                                   {"x", "x"},
		"x[version='<2,>=1']":                 {"x <2", "x >=1", "x <2"},
		"c::x==1=b[extras=[d,e]]":             {"x[build='b*', extras=e]", "c::x=1=b", "*[extras=[d]]"},
		"x[build_number='>1,<3',flags=[f,g]]": {"x[build_number='>1',flags=g]", "x[build_number='<3',flags=f]"},
	} {
		if got, err := merge(texts...); err != nil || got != want {
			t.Errorf("Merge(%q) = %q, %v, want %q", texts, got, err, want)
		}
	}
	for _, texts := range [][]string{
		{"x", "y"}, {"x * a", "x * b"}, {"x * a*", "x * *b"}, {"a::x", "b::x"}, {"x[build_number=1]", "x[build_number=2]"}, {"x[when=a]", "x"},
		{"x[track_features=a]", "x[track_features=b]"}, {"x[url=a]", "x[url=b]"},
	} {
		if got, err := merge(texts...); err == nil {
			t.Errorf("Merge(%q) = %q, want an error", texts, got)
		}
	}
}

// Specs put together of parts: each keeps what its parts say, in whatever form it is written.
func TestFormsAgree(t *testing.T) {
	pick := func(t *rapid.T, what string, list ...string) string { return rapid.SampledFrom(list).Draw(t, what) }
	rapid.Check(t, func(t *rapid.T) {
		channel := pick(t, "channel", "", "conda-forge::", "conda-forge/noarch::", "https://h/c::")
		name := pick(t, "name", "x", "_x-y.z", "__v", "x*")
		v := pick(t, "version", "1", "1.2.*", ">=1,<2", "1|2.*", "!=1.5", "~=1.2", "^1\\..$", "1.*.3", "*")
		build := pick(t, "build", "", "b_0", "*b", "b*_0")
		number := pick(t, "number", "", "build_number='>=1'")
		first := strings.TrimRight(channel+name+" "+v+" "+build, " ")
		if number != "" {
			first += "[" + number + "]"
		}
		second := channel + name + "[version='" + strings.ReplaceAll(v, `\`, `\\`) + "'"
		if build != "" {
			second += ", build=\"" + build + "\""
		}
		if number != "" {
			second += " " + number
		}
		second += "]"
		a, errA := matchspec.Parse(first)
		b, errB := matchspec.Parse(second)
		if errA != nil || errB != nil || a.String() != b.String() {
			t.Fatalf("%q is %v, %v; %q is %v, %v", first, a, errA, second, b, errB)
		}
		again, err := matchspec.Parse(a.String())
		if err != nil || !sameSpec(a, again) {
			t.Fatalf("%q prints %q, which parses to %#v, %v", first, a, again, err)
		}
	})
}
