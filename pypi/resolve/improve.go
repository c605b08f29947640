package resolve

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/sat"
)

const (
	// maxTries is how many other orders are tried for a better answer.
	maxTries = 3
	// tryConflicts bounds each of those searches.
	tryConflicts = 2000
)

// improve looks for an answer in which no project that is asked for falls as far behind its newest version. The search
// takes them one after the other, and the first one's newest version can cost another one ten: then
// the other one goes first.
func (p *problem) improve(ctx context.Context, chosen []*candidate) ([]*candidate, error) {
	best := p.drops(chosen)
	tried := map[*project]bool{}
	for range maxTries {
		i := slices.IndexFunc(best, func(d drop) bool { return d.by > 1 && !tried[d.project] })
		if i < 0 {
			break
		}
		p.guide.first = best[i].project
		tried[p.guide.first] = true
		core, err := p.search(ctx, sat.Limits{MaxConflicts: tryConflicts})
		if isLimit(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if core != nil {
			break // cannot be: there was an answer
		}
		other := p.chosen()
		if drops := p.drops(other); compareDrops(drops, best) < 0 {
			chosen, best = other, drops
		}
	}
	return chosen, nil
}

// drop is by how many of the versions that match its requirement a project is behind.
type drop struct {
	project *project
	by      int
}

// drops returns those of the projects asked for, the largest first.
func (p *problem) drops(chosen []*candidate) []drop {
	var drops []drop
	for _, n := range p.guide.roots {
		d := drop{project: n}
		for _, need := range p.asked {
			if need.project == n {
				d.by = max(d.by, slices.IndexFunc(need.matching, func(c *candidate) bool { return slices.Contains(chosen, c) }))
			}
		}
		drops = append(drops, d)
	}
	slices.SortFunc(drops, func(a, b drop) int {
		return cmp.Or(cmp.Compare(b.by, a.by), strings.Compare(a.project.name, b.project.name))
	})
	return drops
}

func compareDrops(a, b []drop) int {
	return slices.CompareFunc(a, b, func(x, y drop) int { return cmp.Compare(x.by, y.by) })
}
