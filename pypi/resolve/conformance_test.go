package resolve

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/internal/testkit/conformancetest"
	"github.com/nasa-openscapes/corn/pypi/pep508"
	"github.com/nasa-openscapes/corn/pypi/tags"
)

// A scenario is one of astral-sh/packse.
type scenario struct {
	Name         string
	RootRequires []string `json:"root_requires"`
	Python       string
	Packages     map[string]map[string]struct {
		Requires       []string
		Extras         map[string][]string
		RequiresPython string   `json:"requires_python"`
		WheelTags      []string `json:"wheel_tags"`
		Sdist, Wheel   bool
		Yanked         bool
	}
	Options struct {
		Universal      bool
		Prereleases    bool
		TargetPython   string   `json:"target_python"`
		NoBinary       []string `json:"no_binary"`
		NoBuild        []string `json:"no_build"`
		PythonPlatform string   `json:"python_platform"`
	}
	Expected struct {
		Satisfiable bool
		Packages    map[string]string
	}
}

// forking names scenarios that hold for a lock of all platforms at once: corn resolves each by itself.
var forking = map[string]string{
	"fork-non-local-fork-marker-transitive": "two versions of c, each on a platform of its own",
}

// TestScenarios resolves the scenarios of packse. The universal ones are resolved for several platforms, of which
// each must have an answer.
func TestScenarios(t *testing.T) {
	tried := 0
	for _, s := range conformancetest.Cases[scenario](t, "pypi_scenarios.jsonl", 60) {
		if forking[s.Name] != "" {
			continue
		}
		tried++
		t.Run(s.Name, s.run)
	}
	if tried < 60 {
		t.Errorf("%d scenarios were tried, want 60 at least", tried)
	}
}

func (s *scenario) run(t *testing.T) {
	systems := []string{"linux"}
	if s.Options.Universal {
		systems = append(systems, "darwin", "win32", "os1", "os2", "illumos")
	}
	for _, system := range systems {
		idx, req := s.request(t, system)
		res, err := Solve(context.Background(), idx, req)
		u, refused := errors.AsType[*Unsolvable](err)
		switch {
		case refused:
			if s.Expected.Satisfiable {
				t.Errorf("on %s refused:\n%v", system, err)
			}
			if !strings.Contains(u.Error(), "requirements.txt:") {
				t.Errorf("the explanation names no line:\n%v", u)
			}
			return
		case err != nil:
			t.Fatal(err)
		}
		if !s.Options.Universal && !s.Expected.Satisfiable {
			t.Errorf("resolved to %+v, want a refusal", res.Chosen)
		}
		got := map[string]string{}
		for _, c := range res.Chosen {
			got[c.Name] = c.Version
		}
		if diff := cmp.Diff(s.Expected.Packages, got); s.Expected.Satisfiable && len(s.Expected.Packages) > 0 && diff != "" {
			t.Errorf("on %s (-want +got):\n%s", system, diff)
		}
	}
	if !s.Expected.Satisfiable {
		t.Errorf("resolved on every platform, want a refusal on one")
	}
}

func (s *scenario) request(t *testing.T, system string) (*memIndex, Request) {
	python := s.Python
	if s.Options.TargetPython != "" {
		python = s.Options.TargetPython
	}
	if strings.Count(python, ".") == 1 {
		python += ".0"
	}
	req := Request{AllowSdists: true, Prereleases: s.Options.Prereleases,
		NoBinary: Formats{Names: s.Options.NoBinary}, OnlyBinary: Formats{Names: s.Options.NoBuild}}
	req.Env, req.Tags = linux(python)
	req.Env.SysPlatform = system
	if s.Options.PythonPlatform == "x86_64-manylinux2014" {
		req.Tags = tags.For(tags.Target{Python: tags.Release{Major: 3, Minor: 12}, Platform: tags.Platform{Arch: "x86_64", Glibc: tags.Release{Major: 2, Minor: 17}}})
	}
	if s.Options.Universal {
		req.Tags = s.everyTag(t) // a wheel for some Python of the range, on some platform, will do
	}
	for i, text := range s.RootRequires {
		req.Requirements = append(req.Requirements, Requirement{Requirement: pep508.MustParse(text), Origin: Origin{"requirements.txt", i + 1}})
	}
	m := newMemIndex(t)
	for name, versions := range s.Packages {
		for v, p := range versions {
			deps := p.Requires
			extras := []string{}
			for extra, more := range p.Extras {
				extras = append(extras, extra)
				for _, d := range more {
					r := pep508.MustParse(d)
					marker := "extra == '" + extra + "'"
					if !r.Marker.IsAny() {
						marker = "(" + r.Marker.String() + ") and " + marker
						r.Marker = pep508.Marker{}
					}
					deps = append(deps, r.String()+"; "+marker)
				}
			}
			keys := []string{"extras=" + strings.Join(extras, ",")}
			if p.RequiresPython != "" {
				keys = append(keys, "python="+p.RequiresPython)
			}
			if p.Yanked {
				keys = append(keys, "yanked")
			}
			if p.Sdist {
				keys = append(keys, "sdist")
			}
			if p.Wheel {
				for _, tag := range p.WheelTags {
					keys = append(keys, "wheel="+tag)
				}
			}
			m.add(t, name, v, strings.Join(keys, " "), deps)
		}
	}
	return m, req
}

// everyTag is the set of all tags in the scenario.
func (s *scenario) everyTag(t *testing.T) *tags.Set {
	var all []string
	for _, versions := range s.Packages {
		for _, p := range versions {
			for _, set := range p.WheelTags {
				more, err := tags.Expand(set)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, more...)
			}
		}
	}
	slices.Sort(all)
	return tags.NewSet(all)
}
