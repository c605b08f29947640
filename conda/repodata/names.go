package repodata

import (
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/conda/matchspec"
)

// namesOf returns the names that the records depend on, and the other ones that they mention: in
// constrains and in conditions. Both are sorted, each name once.
func (b *builder) namesOf() (depends, mentions []string) {
	const isDepend, isMention = 1, 2
	seen := make([]uint8, len(b.texts))
	seenList := make([]uint8, len(b.listIDs))
	visit := func(list uint32, kind uint8) {
		if seenList[list]&kind != 0 {
			return
		}
		seenList[list] |= kind
		for _, id := range b.listIDs[list] {
			if seen[id]&kind != 0 {
				continue
			}
			seen[id] |= kind
			spec := b.texts[id]
			if name := DependName(spec); name == "" {
				continue
			} else if kind == isDepend {
				depends = append(depends, name)
			} else {
				mentions = append(mentions, name)
			}
			if kind == isDepend && strings.Contains(spec, "when") {
				mentions = append(mentions, conditionNames(spec)...)
			}
		}
	}
	for i := range b.records {
		p := &b.records[i]
		visit(p.depends, isDepend)
		visit(p.constrains, isMention)
		for j := 1; j < len(b.listIDs[p.extras]); j += 2 {
			visit(b.listIDs[p.extras][j], isDepend)
		}
	}
	slices.Sort(depends)
	depends = slices.Compact(depends)
	slices.Sort(mentions)
	mentions = slices.DeleteFunc(slices.Compact(mentions), func(n string) bool {
		_, found := slices.BinarySearch(depends, n)
		return found
	})
	return depends, mentions
}

// DependName returns the name that a dependency asks for, in lower case as MatchSpecs compare
// it, or "" where it names none. It looks at the beginning of the text alone, which is many times
// faster than parsing: "conda-forge::numpy >=1.2" gives "numpy".
func DependName(spec string) string {
	rest := strings.TrimSpace(spec)
	if i := strings.Index(rest, "::"); i >= 0 && !strings.ContainsAny(rest[:i], " [") {
		rest = strings.TrimSpace(rest[i+2:])
	}
	end := strings.IndexAny(rest, " \t=<>!~[;,(|@")
	if end < 0 {
		end = len(rest)
	}
	return strings.ToLower(rest[:end])
}

// conditionNames are the names in the condition of a dependency (CEP 43).
func conditionNames(spec string) []string {
	s, err := matchspec.Parse(spec)
	if err != nil {
		return nil
	}
	var names []string
	var walk func(*matchspec.Condition)
	walk = func(c *matchspec.Condition) {
		if c == nil {
			return
		}
		if c.Spec != nil {
			if n, ok := c.Spec.ExactName(); ok {
				names = append(names, n)
			}
		}
		for _, k := range c.Kids {
			walk(k)
		}
	}
	walk(s.When)
	return names
}
