package tags

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/internal/testkit/conformancetest"
)

func TestConformance(t *testing.T) {
	type conformanceCase struct {
		TagsOf *struct {
			Kind, Interpreter string
			PythonVersion     []int `json:"python_version"`
			Abis, Platforms   []string
		} `json:"tags_of"`
		Tags        []string
		Tag         string
		Expands     []string
		PlatformTag string `json:"platform_tag"`
		Host        host
		Compatible  bool
		PlatformsOf *host `json:"platforms_of"`
		Platforms   []string
		Mac         *struct {
			Version  []int
			Arch     string
			Expected []string
		}
	}
	tried := 0
	for _, c := range conformancetest.Cases[conformanceCase](t, "tags.jsonl", 20) {
		tried++
		switch {
		case c.TagsOf != nil && len(c.TagsOf.PythonVersion) < 2:
			tried-- // packaging can leave the minor release open; a target has one
		case c.TagsOf != nil:
			v := Release{c.TagsOf.PythonVersion[0], c.TagsOf.PythonVersion[1]}
			var got []string
			if c.TagsOf.Kind == "compatible_tags" {
				got = Pure(v, c.TagsOf.Interpreter, c.TagsOf.Platforms)
			} else {
				got = binary(v, c.TagsOf.Abis, c.TagsOf.Platforms)
			}
			if !slices.Equal(got, c.Tags) {
				t.Errorf("tags of %+v = %q, want %q", *c.TagsOf, got, c.Tags)
			}
		case c.Tag != "":
			if got, err := Expand(c.Tag); err != nil || !slices.Equal(got, c.Expands) {
				t.Errorf("Expand(%q) = %q, %v, want %q", c.Tag, got, err, c.Expands)
			}
		case c.PlatformTag != "":
			if got := slices.Contains(c.Host.platform().Tags(), c.PlatformTag); got != c.Compatible {
				t.Errorf("%s on %+v = %v", c.PlatformTag, c.Host, got)
			}
		case c.PlatformsOf != nil:
			if got := c.PlatformsOf.platform().Tags(); !slices.Equal(got, c.Platforms) {
				t.Errorf("platforms of %+v = %q, want %q", *c.PlatformsOf, got, c.Platforms)
			}
		case c.Mac != nil:
			got := macFormats(Release{c.Mac.Version[0], c.Mac.Version[1]}, c.Mac.Arch)
			if !slices.Equal(got, c.Mac.Expected) {
				t.Errorf("formats of %+v = %q", *c.Mac, got)
			}
		default:
			t.Errorf("a case of an unknown shape: %+v", c)
		}
	}
	if tried < 20 {
		t.Errorf("%d cases tried, want 20 at least", tried)
	}
}

type host struct{ OS, Arch, Glibc, Musl string }

func (h host) platform() Platform {
	return Platform{Arch: h.Arch, Glibc: release(h.Glibc), Musl: release(h.Musl)}
}

func release(s string) (r Release) {
	major, minor, _ := strings.Cut(s, ".")
	for _, p := range []struct {
		text string
		to   *int
	}{{major, &r.Major}, {minor, &r.Minor}} {
		for _, c := range p.text {
			*p.to = *p.to*10 + int(c-'0')
		}
	}
	return r
}

func TestFor(t *testing.T) {
	linux := Platform{Arch: "x86_64", Glibc: Release{2, 28}}
	set := For(Target{Python: Release{3, 12}, Platform: linux})
	for _, c := range []struct {
		why         string
		better, not string
	}{
		{"a later glibc comes first", "cp312-cp312-manylinux_2_28_x86_64", "cp312-cp312-manylinux_2_17_x86_64"},
		{"the new name comes before the old one", "cp312-cp312-manylinux_2_17_x86_64", "cp312-cp312-manylinux2014_x86_64"},
		{"the own ABI comes before the stable one", "cp312-cp312-manylinux1_x86_64", "cp312-abi3-manylinux_2_28_x86_64"},
		{"the stable ABI of a later Python comes first", "cp310-abi3-manylinux2014_x86_64", "cp39-abi3-manylinux2014_x86_64"},
		{"binary comes before pure", "cp32-abi3-manylinux2014_x86_64", "py312-none-any"},
		{"a platform comes before any", "py3-none-manylinux2014_x86_64", "cp312-none-any"},
		{"the own Python comes first", "py312-none-any", "py3-none-any"},
		{"py3 comes before py311", "py3-none-any", "py311-none-any"},
	} {
		a, ok1 := set.Rank([]string{c.better})
		b, ok2 := set.Rank([]string{c.not, "cp27-none-any"})
		if !ok1 || !ok2 || a >= b {
			t.Errorf("%s: %s has rank %d %v, %s has rank %d %v", c.why, c.better, a, ok1, c.not, b, ok2)
		}
	}
	for _, tag := range []string{
		"cp311-cp311-manylinux2014_x86_64", "cp312-cp312-manylinux_2_29_x86_64", "cp313-abi3-manylinux2014_x86_64",
		"cp312-cp312-musllinux_1_1_x86_64", "cp312-cp312-manylinux2014_aarch64", "py2-none-any", "cp312-cp312-win_amd64", "cp312-cp312t-linux_x86_64",
	} {
		if r, ok := set.Rank([]string{tag}); ok {
			t.Errorf("%s has rank %d for glibc 2.28, want none", tag, r)
		}
	}
	if r, ok := set.Rank([]string{"py2-none-any", "py3-none-any"}); !ok || set.List()[r] != "py3-none-any" {
		t.Errorf("a set of tags ranks as %d %v", r, ok)
	}
}

func TestPlatforms(t *testing.T) {
	for _, c := range []struct {
		p       Platform
		has, no string
		first   string
	}{
		{Platform{Arch: "aarch64", Glibc: Release{2, 36}}, "manylinux2014_aarch64", "manylinux_2_16_aarch64", "linux_aarch64"},
		{Platform{Arch: "x86_64", Musl: Release{1, 2}}, "musllinux_1_0_x86_64", "manylinux1_x86_64", "linux_x86_64"},
		{Platform{Arch: "x86_64", MacOS: Release{10, 15}}, "macosx_10_9_universal2", "macosx_11_0_x86_64", "macosx_10_15_x86_64"},
		{Platform{Arch: "x86_64", MacOS: Release{13, 2}}, "macosx_10_9_x86_64", "macosx_11_0_arm64", "macosx_13_0_x86_64"},
		{Platform{Arch: "arm64", MacOS: Release{12, 3}}, "macosx_10_9_universal2", "macosx_10_9_arm64", "macosx_12_0_arm64"},
	} {
		tags := c.p.Tags()
		if !slices.Contains(tags, c.has) || slices.Contains(tags, c.no) || tags[0] != c.first {
			t.Errorf("%+v has the tags %q, want %s first, %s and not %s", c.p, tags, c.first, c.has, c.no)
		}
	}
}

func TestFreeThreaded(t *testing.T) {
	linux := Platform{Arch: "x86_64", Glibc: Release{2, 17}}
	set := For(Target{Python: Release{3, 13}, FreeThreaded: true, Platform: linux})
	for tag, want := range map[string]bool{
		"cp313-cp313t-manylinux2014_x86_64": true, "cp313-cp313-manylinux2014_x86_64": false,
		"cp310-abi3-manylinux2014_x86_64": false, "cp313-abi3t-manylinux2014_x86_64": true, "py3-none-any": true,
	} {
		if _, ok := set.Rank([]string{tag}); ok != want {
			t.Errorf("%s on cp313t = %v, want %v", tag, ok, want)
		}
	}
	if _, ok := For(Target{Python: Release{3, 7}, Platform: linux}).Rank([]string{"cp37-cp37m-manylinux1_x86_64"}); !ok {
		t.Error("Python 3.7 has the ABI cp37m")
	}
}

func TestExpandRefuses(t *testing.T) {
	for _, s := range []string{"", "py3-none", "py3-none-any-x", "3-none-any", "py3--any", "py3.-none-any", "py3-none-a/b",
		strings.Repeat("a.", 100) + "a-" + strings.Repeat("b.", 100) + "b-c"} {
		_, err := Expand(s)
		if _, ok := errors.AsType[*SetError](err); !ok {
			t.Errorf("Expand(%q): %v, want a *SetError", s, err)
		}
	}
}

func FuzzExpand(f *testing.F) {
	f.Add("py2.py3-none-any")
	f.Add("cp312-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64")
	f.Fuzz(func(t *testing.T, s string) {
		all, err := Expand(s)
		if err != nil {
			return
		}
		if len(all) == 0 || len(all) > maxTags || !slices.IsSorted(all) {
			t.Fatalf("Expand(%q) = %q", s, all)
		}
		if again, err := Expand(all[0]); err != nil || !slices.Equal(again, all[:1]) {
			t.Fatalf("Expand(%q) = %q, %v", all[0], again, err)
		}
	})
}
