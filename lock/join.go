package lock

import (
	"slices"
	"strings"
)

// joinDepends makes one constraint for each name, sorted by name: a mapping has room for
// one.
func joinDepends(depends []Dependency) []Dependency {
	out := make([]Dependency, 0, len(depends))
	at := make(map[string]int, len(depends))
	for _, d := range depends {
		if i, ok := at[d.Name]; ok {
			out[i].Constraint = joinConstraints(out[i].Constraint, d.Constraint)
			continue
		}
		at[d.Name] = len(out)
		out = append(out, d)
	}
	slices.SortStableFunc(out, func(a, b Dependency) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// joinConstraints asks for what both ask for: versions join with a comma, and since a comma
// binds tighter than "|", each alternative of one with each of the other. Of two builds the
// longer glob stays, which is the narrower one in all that channels hold ("*_cpython" of
// "*" and "*_cpython"); the format has no way to say both.
func joinConstraints(a, b string) string {
	aVersion, aBuild := cutBuild(a)
	bVersion, bBuild := cutBuild(b)
	build := aBuild
	if len(bBuild) > len(aBuild) {
		build = bBuild
	}
	version := joinVersions(aVersion, bVersion)
	switch {
	case build == "":
		return version
	case version == "":
		version = "*"
	}
	return version + " " + build
}

// cutBuild parts the version from the build. Blanks after operators and commas belong to
// the version.
func cutBuild(constraint string) (version, build string) {
	words := strings.Fields(constraint)
	for i, w := range words {
		if i > 0 && !strings.HasSuffix(version, ",") && !strings.HasSuffix(version, "|") && !strings.ContainsAny(version[len(version)-1:], "=<>!~") &&
			w[0] != ',' && w[0] != '|' {
			return version, strings.Join(words[i:], " ")
		}
		version += w
	}
	return version, ""
}

func joinVersions(a, b string) string {
	switch {
	case a == b, b == "", b == "*":
		return a
	case a == "", a == "*":
		return b
	}
	var out []string
	for x := range strings.SplitSeq(a, "|") {
		for y := range strings.SplitSeq(b, "|") {
			if x == y {
				out = append(out, x)
				continue
			}
			out = append(out, x+","+y)
		}
	}
	return strings.Join(out, "|")
}
