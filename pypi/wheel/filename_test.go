package wheel

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/internal/testkit/conformancetest"
)

func TestParseFileName(t *testing.T) {
	for _, c := range []struct {
		in   string
		want FileName
	}{
		{"numpy-2.2.4-cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", FileName{Name: "numpy", Version: "2.2.4",
			Tags: []string{"cp313-cp313-manylinux2014_x86_64", "cp313-cp313-manylinux_2_17_x86_64"}}},
		{"six-1.16.0-py2.py3-none-any.whl", FileName{Name: "six", Version: "1.16.0", Tags: []string{"py2-none-any", "py3-none-any"}}},
		{"torch-2.1.0+cu118-1-py3-none-any.whl", FileName{Name: "torch", Version: "2.1.0+cu118", Build: "1", Tags: []string{"py3-none-any"}}},
		{"ruamel.yaml-0.18.6-py3-none-any.whl", FileName{Name: "ruamel.yaml", Version: "0.18.6", Tags: []string{"py3-none-any"}}},
		{"a-1!2.0rc1.post2.dev3-py3-none-any.whl", FileName{Name: "a", Version: "1!2.0rc1.post2.dev3", Tags: []string{"py3-none-any"}}},
		{"a-1.0_local-2b-py3-none-any.whl", FileName{}}, // a local version takes a plus
		{"a-1.0-b2-py3-none-any.whl", FileName{}},       // a build tag starts with a digit
		{"../a-1.0-py3-none-any.whl", FileName{}},       // no path
		{"a-1.0-py3-none-any.zip", FileName{}},          // another ending
		{"a-1.0-py3-none-any.whl.whl", FileName{}},      // the platform would hold a dot and "whl"
		{"a-1.0-py3-none-a/b.whl", FileName{}},          // no path in a tag
		{"a-1.0-py3-none-any-x-y.whl", FileName{}},      // too many parts
		{"\xff-1.0-py3-none-any.whl", FileName{}},       // no UTF-8
	} {
		got, err := ParseFileName(c.in)
		if c.want.Name == "" {
			if c.in == "a-1.0-py3-none-any.whl.whl" {
				if err != nil || !cmp.Equal(got.Tags, []string{"py3-none-any", "py3-none-whl"}) {
					t.Errorf("ParseFileName(%q) = %v, %v", c.in, got, err)
				}
				continue
			}
			if _, ok := errors.AsType[*FileNameError](err); !ok {
				t.Errorf("ParseFileName(%q) = %v, %v, want a *FileNameError", c.in, got, err)
			}
			continue
		}
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("ParseFileName(%q): %v (-want +got):\n%s", c.in, err, diff)
		}
	}
}

// TestConformance tries the cases of pypa/packaging, where they are at hand.
func TestConformance(t *testing.T) {
	type conformanceCase struct {
		Wheel, Sdist  string
		Name, Version string
		Build         []any
		Tags          []string
		Invalid       any
	}
	for _, c := range conformancetest.Cases[conformanceCase](t, "wheel_filenames.jsonl", 1) {
		if c.Sdist != "" {
			got, err := ParseSdistFileName(c.Sdist, "")
			if (err != nil) != (c.Invalid == true) || err == nil && (got.Normalized() != c.Name || got.Version != c.Version) {
				t.Errorf("ParseSdistFileName(%q) = %+v, %v, want %s %s, invalid: %v", c.Sdist, got, err, c.Name, c.Version, c.Invalid)
			}
			continue
		}
		got, err := ParseFileName(c.Wheel)
		if c.Invalid == true {
			if err == nil {
				t.Errorf("ParseFileName(%q) = %v, want an error", c.Wheel, got)
			}
			continue
		}
		if err != nil {
			t.Errorf("ParseFileName(%q): %v", c.Wheel, err)
			continue
		}
		if c.Name != "" && (got.Normalized() != c.Name || got.Version != c.Version || !cmp.Equal(got.Tags, c.Tags)) {
			t.Errorf("ParseFileName(%q) = %+v, want %s %s %q", c.Wheel, got, c.Name, c.Version, c.Tags)
		}
		if number, rest := got.BuildTag(); len(c.Build) > 0 && (number != fmt.Sprint(c.Build[0]) || rest != c.Build[1]) {
			t.Errorf("ParseFileName(%q) has the build tag %s %s, want %v", c.Wheel, number, rest, c.Build)
		}
	}
}

func FuzzParseFileName(f *testing.F) {
	f.Add("numpy-2.2.4-cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64.whl")
	f.Add("a-1-2b-py3-none-any.whl")
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseFileName(s)
		if err != nil {
			return
		}
		if n.Name == "" || n.Version == "" || len(n.Tags) == 0 {
			t.Errorf("ParseFileName(%q) = %+v with empty parts", s, n)
		}
		if again := NormalizeName(n.Normalized()); again != n.Normalized() {
			t.Errorf("NormalizeName(%q) = %q", n.Normalized(), again)
		}
	})
}

func TestBuildTags(t *testing.T) {
	var last FileName
	for i, build := range []string{"", "0", "1", "1a", "1b", "2", "0010", "10local"} {
		n := FileName{Build: build}
		if i > 0 && (CompareBuilds(last, n) >= 0 || CompareBuilds(n, last) <= 0 || CompareBuilds(n, n) != 0) {
			t.Errorf("build tag %q does not come after %q", build, last.Build)
		}
		last = n
	}
}

func TestParseSdistFileName(t *testing.T) {
	for _, c := range []struct{ file, project, name, version string }{
		{"numpy-2.2.4.tar.gz", "", "numpy", "2.2.4"},
		{"jupyter-desktop-server-0.1.3.tar.gz", "", "jupyter-desktop-server", "0.1.3"}, // the last dash
		{"a_b-1.0.zip", "", "a_b", "1.0"},
		{"a-b-1.0-1.tar.gz", "a-b", "a-b", "1.0-1"}, // a post-release in its old spelling
		{"A.B-1.0.tar.bz2", "a-b", "A.B", "1.0"},
		{"a-1.0.tar.bz2", "", "", ""},   // not standard, and the project is not known
		{"a-b-1.0.tar.gz", "a", "", ""}, // of another project
		{"b-1.0.tar.gz", "a", "", ""},
		{"a-1.x.tar.gz", "", "", ""},
		{"../a-1.0.tar.gz", "", "", ""},
		{"-1.0.tar.gz", "", "", ""},
		{"a1.0.tar.gz", "", "", ""},
		{"a-1.0.whl", "", "", ""},
	} {
		got, err := ParseSdistFileName(c.file, c.project)
		if c.name == "" {
			if _, ok := errors.AsType[*FileNameError](err); !ok {
				t.Errorf("ParseSdistFileName(%q, %q) = %+v, %v, want a *FileNameError", c.file, c.project, got, err)
			}
		} else if err != nil || got.Name != c.name || got.Version != c.version {
			t.Errorf("ParseSdistFileName(%q, %q) = %+v, %v", c.file, c.project, got, err)
		}
	}
}

func FuzzParseSdistFileName(f *testing.F) {
	f.Add("numpy-2.2.4.tar.gz", "")
	f.Add("a-b-1.0-1.tar.bz2", "a-b")
	f.Fuzz(func(t *testing.T, file, project string) {
		n, err := ParseSdistFileName(file, project)
		if err == nil && (n.Name == "" || n.Version == "" || project != "" && n.Normalized() != project) {
			t.Errorf("ParseSdistFileName(%q, %q) = %+v", file, project, n)
		}
	})
}
