package solve

import (
	"cmp"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/conda/version"
)

// compareBuilds orders candidates of one class, the preferred one first. What coarse leaves equal is decided by
// refine.
func (p *pool) compareBuilds(a, b *candidate) int {
	if c := p.coarse(a, b); c != 0 {
		return c
	}
	return p.fine(a, b)
}

// coarse is the order by what records of one class say of themselves: DESIGN.md section 4.
func (p *pool) coarse(a, b *candidate) int {
	if c := p.compareChannel(a.rec.Channel, b.rec.Channel); c != 0 {
		return c
	}
	if c := trueFirst(a.favored, b.favored); c != 0 {
		return c
	}
	return -cmp.Compare(a.rec.BuildNumber, b.rec.BuildNumber)
}

// compareVersion puts the preferred version first.
func (p *pool) compareVersion(n *name, a, b version.Version) int {
	c := -version.Compare(a, b)
	if p.req.Strategy == Lowest || p.req.Strategy == LowestDirect && p.asked[n.text] {
		return -c
	}
	return c
}

// fine decides between candidates that coarse and their dependencies leave equal.
func (p *pool) fine(a, b *candidate) int {
	// Not in one cmp.Or: it would compare everything, each time.
	if c := -cmp.Compare(a.rec.TimestampMillis, b.rec.TimestampMillis); c != 0 {
		return c
	}
	if c := trueFirst(a.rec.Noarch == record.NoarchNone && a.rec.Subdir != record.Noarch,
		b.rec.Noarch == record.NoarchNone && b.rec.Subdir != record.Noarch); c != 0 {
		return c
	}
	if c := -strings.Compare(a.rec.Build, b.rec.Build); c != 0 {
		return c
	}
	if c := strings.Compare(a.rec.Version, b.rec.Version); c != 0 { // "1.0" and "1.00" are equal
		return c
	}
	return compareBytes(a.rec, b.rec)
}

// compareChannel puts the channel with the higher priority first.
func (p *pool) compareChannel(a, b string) int {
	if a == b {
		return 0
	}
	return cmp.Or(cmp.Compare(p.channelRank(a), p.channelRank(b)), strings.Compare(a, b))
}

func (p *pool) channelRank(channel string) int {
	if i, ok := p.ranks[channel]; ok {
		return i
	}
	return len(p.req.Channels)
}

func trueFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// build is candidates of a class that coarse leaves equal: variants of one build, as a rule.
type build struct {
	variants []*candidate // a part of class.cands
	refined  bool         // they are in their final order
}

// buildsOf cuts candidates, in order, into builds.
func (p *pool) buildsOf(cands []*candidate) []build {
	var builds []build
	for start := 0; start < len(cands); {
		end := start + 1
		for end < len(cands) && p.coarse(cands[start], cands[end]) == 0 {
			end++
		}
		builds = append(builds, build{variants: cands[start:end]})
		start = end
	}
	return builds
}

// refine brings variants into their final order: the one whose own dependencies resolve to higher versions
// comes first. Only dependencies that all of them have are compared, Python first, then by name. This
// needs the records of the dependencies, so it waits until a choice between the variants is at hand.
func (p *pool) refine(b *build) {
	if len(b.variants) < 2 || b.refined {
		return
	}
	b.refined = true
	variants := b.variants
	common := p.commonNames(variants)
	best := map[*candidate][]*class{}
	for _, c := range variants {
		row := make([]*class, len(common))
		for i, n := range common {
			row[i] = p.highest(c, n)
		}
		best[c] = row
	}
	slices.SortFunc(variants, func(a, b *candidate) int {
		for i, n := range common {
			x, y := best[a][i], best[b][i]
			if x == nil || y == nil {
				if c := trueFirst(x != nil, y != nil); c != 0 {
					return c
				}
				continue
			}
			if c := cmp.Or(cmp.Compare(x.features, y.features), p.compareVersion(n, x.ver, y.ver)); c != 0 {
				return c
			}
		}
		return p.fine(a, b)
	})
}

// commonNames are the names that every variant depends on, Python first.
func (p *pool) commonNames(variants []*candidate) []*name {
	count := map[*name]int{}
	for _, c := range variants {
		p.read(c)
		own := map[*name]bool{}
		for _, d := range c.deps {
			own[d.name] = true
		}
		for n := range own {
			count[n]++
		}
	}
	var common []*name
	for n, k := range count {
		if k == len(variants) {
			common = append(common, n)
		}
	}
	slices.SortFunc(common, func(a, b *name) int {
		return cmp.Or(trueFirst(a.text == "python", b.text == "python"), strings.Compare(a.text, b.text))
	})
	return common
}

// highest returns the best class of n that has a record which all of c's dependencies on n admit; nil if
// none.
func (p *pool) highest(c *candidate, n *name) *class {
	var on []*spec
	for _, d := range c.deps {
		if d.name == n {
			on = append(on, d)
		}
	}
	for _, t := range p.parts(on[0]) {
		if len(on) == 1 {
			return t.class
		}
		p.fill(t.class)
		for _, m := range t.cands {
			if !slices.ContainsFunc(on, func(d *spec) bool { return !d.matches(m) }) {
				return t.class
			}
		}
	}
	return nil
}
