package virtual

import (
	"errors"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/conda/record"
)

func text(packages []*record.Record) string {
	var out []string
	for _, p := range packages {
		out = append(out, p.Name+"="+p.Version+"="+p.Build)
	}
	return strings.Join(out, " ")
}

func TestPackages(t *testing.T) {
	for _, c := range []struct {
		target Target
		want   string
	}{
		{Target{Subdir: "linux-64", Glibc: "2.36"}, "__archspec=1=x86_64 __glibc=2.36=0 __linux=5.10=0 __unix=0=0"},
		{Target{Subdir: "linux-aarch64"}, "__archspec=1=aarch64 __glibc=2.28=0 __linux=5.10=0 __unix=0=0"},
		{Target{Subdir: "osx-arm64"}, "__archspec=1=m1 __osx=11.0=0 __unix=0=0"},
		{Target{Subdir: "win-64"}, "__archspec=1=x86_64 __win=0=0"},
		{Target{Subdir: "noarch"}, ""},
	} {
		if got := text(c.target.Packages()); got != c.want {
			t.Errorf("%+v has %s, want %s", c.target, got, c.want)
		}
	}
}

func TestWith(t *testing.T) {
	base := Target{Subdir: "linux-64", Glibc: "2.17"}.Packages()
	before := text(base)
	got := text(With(base, Package("__cuda", "12.4", ""), Package("__glibc", "2.36", ""), Package("__linux", "", "")))
	if want := "__archspec=1=x86_64 __cuda=12.4=0 __glibc=2.36=0 __unix=0=0"; got != want {
		t.Errorf("With = %s, want %s", got, want)
	}
	if text(base) != before {
		t.Errorf("With changed its argument to %s", text(base))
	}
}

func TestOverrides(t *testing.T) {
	env := map[string]string{"CONDA_OVERRIDE_CUDA": "", "CONDA_OVERRIDE_GLIBC": "2.17", "CONDA_OVERRIDE_ARCHSPEC": "haswell", "CONDA_OVERRIDE_X": "1"}
	packages, variables, err := Overrides(func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	if err != nil {
		t.Fatal(err)
	}
	if got, want := text(packages), "__archspec=1=haswell __cuda==0 __glibc=2.17=0"; got != want {
		t.Errorf("packages %s, want %s", got, want)
	}
	if got, want := strings.Join(variables, " "), "CONDA_OVERRIDE_ARCHSPEC=haswell CONDA_OVERRIDE_CUDA= CONDA_OVERRIDE_GLIBC=2.17"; got != want {
		t.Errorf("variables %s, want %s", got, want)
	}
	if packages, variables, err := Overrides(func(string) (string, bool) { return "", false }); packages != nil || variables != nil || err != nil {
		t.Errorf("nothing set: %v %v %v", packages, variables, err)
	}
	env["CONDA_OVERRIDE_GLIBC"] = "not a version"
	if _, _, err := Overrides(func(name string) (string, bool) { v, ok := env[name]; return v, ok }); err == nil || !strings.Contains(err.Error(), "CONDA_OVERRIDE_GLIBC") {
		t.Errorf("a bad value: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"__glibc=2.36", "__archspec=1=x86_64_v3", "__cuda=", "glibc=1", "__a", "__a=1=2=3", "__A=1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := Parse(s)
		if err != nil {
			if _, ok := errors.AsType[*ParseError](err); !ok {
				t.Errorf("error of type %T", err)
			}
			return
		}
		if again, err := Parse(p.Name + "=" + p.Version + "=" + p.Build); err != nil || text([]*record.Record{again}) != text([]*record.Record{p}) {
			t.Errorf("Parse(%q) is %+v, and again %+v, %v", s, p, again, err)
		}
	})
}
