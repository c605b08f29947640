package pipeline

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/pypi/pep508"
	"github.com/nasa-openscapes/corn/pypi/tags"
)

// A pipTarget is what wheels and markers are looked at for: the Python that conda chose, on
// the platform, with the C library of the base image.
type pipTarget struct {
	env  pep508.Environment
	tags *tags.Set
}

// assumedMacOS is taken where nobody says what colleagues' machines have: conda-lock assumes the
// same. virtual_packages: {__osx: ...} in corn.yaml says otherwise.
var assumedMacOS = tags.Release{Major: 11}

// machines are platforms as tags and markers call them.
var machines = map[string]struct{ system, machine string }{
	"linux-64":      {"Linux", "x86_64"},
	"linux-aarch64": {"Linux", "aarch64"},
	"linux-ppc64le": {"Linux", "ppc64le"},
	"osx-64":        {"Darwin", "x86_64"},
	"osx-arm64":     {"Darwin", "arm64"},
}

// pipTarget is the target of an answer.
func (s *solved) pipTarget() (*pipTarget, error) {
	m, ok := machines[s.platform]
	if !ok {
		return nil, fmt.Errorf("wheels are not chosen for %s: want linux-64, linux-aarch64, linux-ppc64le, osx-64 or osx-arm64", s.platform)
	}
	python := s.python()
	if python == nil {
		return nil, errNoPython
	}
	release, err := releaseOf(python.Version)
	if err != nil {
		return nil, fmt.Errorf("python %s: %w", python.Version, err)
	}
	t := tags.Target{Python: release, Platform: tags.Platform{Arch: m.machine}}
	// CPython without the global lock names its ABI at the end: "h0123_0_cp313t".
	t.FreeThreaded = strings.HasSuffix(python.Build, "t") && strings.Contains(python.Build, "_cp")
	system := map[string]*tags.Release{"__glibc": &t.Platform.Glibc, "__osx": &t.Platform.MacOS}
	for _, r := range s.virtual {
		if to := system[r.Name]; to != nil && strings.HasPrefix(s.platform, "osx") == (r.Name == "__osx") {
			if *to, err = releaseOf(r.Version); err != nil {
				return nil, fmt.Errorf("%s %s: %w", r.Name, r.Version, err)
			}
		}
	}
	if strings.HasPrefix(s.platform, "osx-") && t.Platform.MacOS.Major < 10 {
		t.Platform.MacOS = assumedMacOS
	}
	return &pipTarget{env: pep508.CPython(python.Version, m.system, m.machine), tags: tags.For(t)}, nil
}

// python is the interpreter that was chosen; nil: none.
func (s *solved) python() *record.Record {
	for _, r := range s.solution.Records() {
		if r.Name == "python" {
			return r
		}
	}
	return nil
}

// releaseOf reads the first two numbers of a version.
func releaseOf(version string) (tags.Release, error) {
	parts := strings.SplitN(version, ".", 3)
	major, err := strconv.Atoi(parts[0])
	if err != nil {
		return tags.Release{}, fmt.Errorf("the version does not begin with a number")
	}
	minor := 0
	if len(parts) > 1 {
		if minor, err = strconv.Atoi(parts[1]); err != nil {
			return tags.Release{}, fmt.Errorf("the second part of the version is no number")
		}
	}
	return tags.Release{Major: major, Minor: minor}, nil
}
