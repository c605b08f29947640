package tags

import (
	"fmt"
	"slices"
	"strings"
)

// Target is a CPython on a platform.
type Target struct {
	Python       Release // 3.12
	FreeThreaded bool    // built without the global interpreter lock
	Platform     Platform
}

// Set is the tags that a target can use, in order. It is immutable.
type Set struct {
	tags []string
	rank map[string]int
}

// For returns the tags of a target.
func For(t Target) *Set {
	name := cpython(t.Python)
	abi := name
	if t.Python.less(Release{3, 8}) {
		abi += "m"
	}
	if t.FreeThreaded {
		abi += "t"
	}
	platforms := t.Platform.Tags()
	return NewSet(slices.Concat(binary(t.Python, []string{abi}, platforms), Pure(t.Python, name, platforms)))
}

// NewSet returns the set of these tags, the best one first.
func NewSet(tags []string) *Set {
	s := &Set{tags: tags, rank: make(map[string]int, len(tags))}
	for i, tag := range tags {
		if _, ok := s.rank[tag]; !ok {
			s.rank[tag] = i
		}
	}
	return s
}

// List returns the tags, the best one first.
func (s *Set) List() []string { return slices.Clone(s.tags) }

// Rank tells how well a wheel with these tags suits the target: by the best of them, zero being the best of
// all. It is false where the target can use none.
func (s *Set) Rank(tags []string) (int, bool) {
	best, ok := 0, false
	for _, tag := range tags {
		if r, known := s.rank[tag]; known && (!ok || r < best) {
			best, ok = r, true
		}
	}
	return best, ok
}

func cpython(v Release) string { return fmt.Sprintf("cp%d%d", v.Major, v.Minor) }

// binary returns the tags of wheels made for CPython: for this one, for the stable ABI, for none,
// then for the stable ABI of its predecessors.
func binary(v Release, abis, platforms []string) []string {
	stable := "abi3"
	if slices.ContainsFunc(abis, func(abi string) bool { return strings.HasPrefix(abi, "cp") && strings.HasSuffix(abi, "t") }) {
		stable = "abi3t" // PEP 803
	}
	var tags []string
	add := func(python, abi string) {
		for _, p := range platforms {
			tags = append(tags, python+"-"+abi+"-"+p)
		}
	}
	for _, abi := range abis {
		if abi != stable && abi != "none" {
			add(cpython(v), abi)
		}
	}
	hasStable := !v.less(Release{3, 2})
	if hasStable {
		add(cpython(v), stable)
	}
	add(cpython(v), "none")
	for minor := v.Minor - 1; hasStable && minor >= 2; minor-- {
		add(cpython(Release{v.Major, minor}), stable)
	}
	return tags
}

// Pure returns the tags of wheels that need no ABI. Interpreter is "cp312", or empty where it does not matter.
func Pure(v Release, interpreter string, platforms []string) []string {
	pythons := []string{fmt.Sprintf("py%d%d", v.Major, v.Minor), fmt.Sprintf("py%d", v.Major)}
	for minor := v.Minor - 1; minor >= 0; minor-- {
		pythons = append(pythons, fmt.Sprintf("py%d%d", v.Major, minor))
	}
	var tags []string
	for _, py := range pythons {
		for _, p := range platforms {
			tags = append(tags, py+"-none-"+p)
		}
	}
	if interpreter != "" {
		tags = append(tags, interpreter+"-none-any")
	}
	for _, py := range pythons {
		tags = append(tags, py+"-none-any")
	}
	return tags
}
