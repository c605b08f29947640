package virtual_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/conda/virtual"
)

func show(s *virtual.Set) string {
	var out []string
	for _, r := range s.Records {
		out = append(out, r.Name+"="+r.Version+"="+r.Build)
	}
	for _, o := range s.Overrides {
		word := "used"
		if !o.Used {
			word = "ignored"
		}
		out = append(out, strings.TrimPrefix(o.Variable, "CONDA_OVERRIDE_")+":"+o.Value+":"+word)
	}
	for _, a := range s.Assumed {
		out = append(out, "assumed:"+a)
	}
	return strings.Join(out, " ")
}

func env(pairs map[string]string) virtual.Lookup {
	return func(name string) (string, bool) {
		v, ok := pairs[strings.TrimPrefix(name, "CONDA_OVERRIDE_")]
		return v, ok
	}
}

func TestNew(t *testing.T) {
	for _, c := range []struct {
		why   string
		facts virtual.Facts
		env   map[string]string
		want  string
	}{
		{"a base image", virtual.Facts{Subdir: "linux-64", Glibc: "2.36", Linux: "6.1"}, nil,
			"__archspec=1=x86_64 __glibc=2.36=0 __linux=6.1=0 __unix=0=0"},
		{"nothing known", virtual.Facts{Subdir: "linux-aarch64"}, nil,
			"__archspec=1=aarch64 __glibc=2.17=0 __linux=5.15=0 __unix=0=0 assumed:__glibc assumed:__linux"},
		{"another C library", virtual.Facts{Subdir: "linux-64", NoGlibc: true, Linux: "6.1"}, nil,
			"__archspec=1=x86_64 __linux=6.1=0 __unix=0=0"},
		{"cuda", virtual.Facts{Subdir: "linux-64", Glibc: "2.36", Linux: "6.1", Cuda: "12.8", CudaArch: "9.0", Archspec: "x86_64_v3"}, nil,
			"__archspec=1=x86_64_v3 __cuda=12.8=0 __cuda_arch=9.0=0 __glibc=2.36=0 __linux=6.1=0 __unix=0=0"},
		{"cuda_arch without cuda", virtual.Facts{Subdir: "linux-64", Glibc: "2.36", Linux: "6.1", CudaArch: "9.0"}, map[string]string{"CUDA_ARCH": "8.0"},
			"__archspec=1=x86_64 __glibc=2.36=0 __linux=6.1=0 __unix=0=0 CUDA_ARCH:8.0:ignored"},
		{"a machine that archspec does not know", virtual.Facts{Subdir: "linux-s390x", Glibc: "2.36", Linux: "6.1"}, nil,
			"__archspec=0=s390x __glibc=2.36=0 __linux=6.1=0 __unix=0=0"},
		{"a Mac", virtual.Facts{Subdir: "osx-arm64", Glibc: "2.36"}, map[string]string{"OSX": "14.2", "GLIBC": "2.40", "LINUX": "6"},
			"__archspec=1=aarch64 __osx=14.2=0 __unix=0=0 GLIBC:2.40:ignored LINUX:6:ignored OSX:14.2:used"},
		{"Windows", virtual.Facts{Subdir: "win-64"}, nil, "__archspec=1=x86_64 __win=0=0 assumed:__win"},
		{"overrides", virtual.Facts{Subdir: "linux-64", Glibc: "2.36", Linux: "6.1"},
			map[string]string{"GLIBC": "2.28", "CUDA": "11.8", "LINUX": "4.18.0", "ARCHSPEC": "zen4", "UNIX": "9"},
			"__archspec=1=zen4 __cuda=11.8=0 __glibc=2.28=0 __linux=4.18.0=0 __unix=0=0 ARCHSPEC:zen4:used CUDA:11.8:used GLIBC:2.28:used LINUX:4.18.0:used"},
		{"an override instead of an unknown fact", virtual.Facts{Subdir: "linux-64", Linux: "6.1", NoGlibc: true}, map[string]string{"GLIBC": "2.28"},
			"__archspec=1=x86_64 __glibc=2.28=0 __linux=6.1=0 __unix=0=0 GLIBC:2.28:used"},
		{"empty overrides take away what may be absent", virtual.Facts{Subdir: "linux-64", Glibc: "2.36", Linux: "6.1", Cuda: "12.8"},
			map[string]string{"GLIBC": "", "CUDA": "", "LINUX": "", "ARCHSPEC": ""},
			"__archspec=1=x86_64 __linux=6.1=0 __unix=0=0 ARCHSPEC::ignored CUDA::used GLIBC::used LINUX::ignored"},
	} {
		s, err := virtual.New(c.facts, env(c.env))
		if err != nil || show(s) != c.want {
			t.Errorf("%s: New(%+v) =\n%v, %v, want\n%s", c.why, c.facts, show(s), err, c.want)
		}
	}
	if _, err := virtual.New(virtual.Facts{Subdir: "linux-64"}, nil); err != nil {
		t.Errorf("New without a lookup: %v", err)
	}
}

// A glibc that an override gives is not assumed.
func TestOverrideIsNotAssumed(t *testing.T) {
	s, err := virtual.New(virtual.Facts{Subdir: "linux-64", Linux: "6"}, env(map[string]string{"GLIBC": "2.28"}))
	if err != nil || len(s.Assumed) != 0 {
		t.Errorf("Assumed = %v, %v, want none", s.Assumed, err)
	}
}

func TestNewRefuses(t *testing.T) {
	linux := virtual.Facts{Subdir: "linux-64"}
	for name, value := range map[string]string{"GLIBC": "two", "CUDA": "12 8", "LINUX": "6", "ARCHSPEC": "x86-64 v3"} {
		if name == "GLIBC" {
			value = "2..1"
		}
		_, err := virtual.New(linux, env(map[string]string{name: value}))
		e, ok := errors.AsType[*virtual.OverrideError](err)
		if !ok || e.Variable != "CONDA_OVERRIDE_"+name || e.Value != value {
			t.Errorf("New with CONDA_OVERRIDE_%s=%q: %v, want an *OverrideError", name, value, err)
		}
	}
	if _, err := virtual.New(virtual.Facts{Subdir: "linux-64", Glibc: "2 36"}, nil); err == nil {
		t.Error("New takes a glibc of \"2 36\"")
	}
	for _, subdir := range []record.Subdir{"", "noarch", "Linux"} {
		if _, err := virtual.New(virtual.Facts{Subdir: subdir}, nil); err == nil {
			t.Errorf("New takes the subdir %q", subdir)
		} else if _, ok := errors.AsType[*record.NameError](err); !ok {
			t.Errorf("New with subdir %q: %v, want a *record.NameError", subdir, err)
		}
	}
}

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"__glibc=2.36": "__glibc=2.36=0", "__unix": "__unix=0=0", "__archspec=1=x86_64_v3": "__archspec=1=x86_64_v3", " __win= ": "__win=0=0",
	} {
		r, err := virtual.Parse(in)
		if err != nil {
			t.Errorf("Parse(%q): %v", in, err)
		} else if got := r.Name + "=" + r.Version + "=" + r.Build; got != want {
			t.Errorf("Parse(%q) = %s, want %s", in, got, want)
		}
	}
	for _, in := range []string{"", "__", "glibc=2", "__glibc=2..1", "__a=1=b=c", "__a=1=", "__a b=1"} {
		r, err := virtual.Parse(in)
		if _, ok := errors.AsType[*virtual.ParseError](err); !ok {
			t.Errorf("Parse(%q) = %v, %v, want a *ParseError", in, r, err)
		}
	}
}

func TestWith(t *testing.T) {
	s, err := virtual.New(virtual.Facts{Subdir: "linux-64"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	before := show(s)
	cuda, err := virtual.Parse("__cuda=12.8")
	if err != nil {
		t.Fatal(err)
	}
	glibc, err := virtual.Parse("__glibc=2.36")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := show(s.With(cuda, glibc)), "__archspec=1=x86_64 __cuda=12.8=0 __glibc=2.36=0 __linux=5.15=0 __unix=0=0 assumed:__linux"; got != want {
		t.Errorf("With(...) = %s, want %s", got, want)
	}
	if show(s) != before {
		t.Errorf("With changed the set to %s", show(s))
	}
}

func FuzzParse(f *testing.F) {
	f.Add("__glibc=2.36")
	f.Add("__archspec=1=x86_64_v3")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := virtual.Parse(text)
		if err != nil {
			return
		}
		again, err := virtual.Parse(r.Name + "=" + r.Version + "=" + r.Build)
		if err != nil || again.Name != r.Name || again.Version != r.Version || again.Build != r.Build {
			t.Errorf("Parse(%q) = %v, which parses to %v, %v", text, r, again, err)
		}
	})
}
