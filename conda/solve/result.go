package solve

import (
	"cmp"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/conda/matchspec"
)

// solution puts the chosen candidates, given by name, into order and says who asked for them.
func (p *problem) solution(chosen []*candidate) *Solution {
	byName := map[*name]*candidate{}
	for _, c := range chosen {
		byName[c.name] = c
	}
	s := &Solution{Stats: p.counts()}
	at := map[*candidate]int{}
	for i, c := range topological(chosen, byName) {
		at[c] = i
		s.Packages = append(s.Packages, Package{Record: c.rec})
	}
	for i, sp := range p.specs {
		if c := byName[sp.name]; c != nil {
			pkg := &s.Packages[at[c]]
			pkg.Requested = append(pkg.Requested, i)
		}
	}
	for _, c := range chosen {
		for _, d := range c.deps {
			if to := byName[d.name]; to != nil && p.applies(d, byName) {
				pkg := &s.Packages[at[to]]
				pkg.RequiredBy = append(pkg.RequiredBy, Edge{From: at[c], Depends: d.text})
			}
		}
	}
	for i := range s.Packages {
		slices.SortStableFunc(s.Packages[i].RequiredBy, func(a, b Edge) int { return cmp.Compare(a.From, b.From) })
	}
	return s
}

// applies tells whether d counts as a dependency: whether its condition holds, if it has one.
func (p *problem) applies(d *spec, byName map[*name]*candidate) bool {
	return d.match.When == nil || d.match.When.Holds(func(m *matchspec.Spec) bool {
		text, _ := m.ExactName()
		n := p.nameOf(text)
		c := byName[n]
		if c == nil && n.virtual && len(n.classes) > 0 {
			c = n.classes[0].cands[0]
		}
		return c != nil && m.Match(c.rec)
	})
}

func (p *problem) counts() Stats {
	s, core := p.stats, p.sat.Stats()
	s.Decisions, s.Conflicts = core.Decisions, core.Conflicts
	return s
}

// topological orders candidates so that each stands after what it depends on. A cycle is entered at
// its first name. Python comes as early as it can: what depends on it although Python
// depends on that too (pip did) comes after it, as conda has it.
func topological(chosen []*candidate, byName map[*name]*candidate) []*candidate {
	var order []*candidate
	done := map[*candidate]bool{}
	var visit func(c *candidate)
	visit = func(c *candidate) {
		if done[c] {
			return
		}
		done[c] = true
		var deps []*candidate
		for _, d := range c.deps {
			to := byName[d.name]
			if to != nil && !(c.name.text == "python" && dependsOn(to, c.name)) {
				deps = append(deps, to)
			}
		}
		slices.SortFunc(deps, func(a, b *candidate) int { return strings.Compare(a.name.text, b.name.text) })
		for _, d := range deps {
			visit(d)
		}
		order = append(order, c)
	}
	for _, c := range chosen {
		if c.name.text == "python" {
			visit(c)
		}
	}
	for _, c := range chosen {
		visit(c)
	}
	return order
}

func dependsOn(c *candidate, n *name) bool {
	return slices.ContainsFunc(c.deps, func(d *spec) bool { return d.name == n })
}
