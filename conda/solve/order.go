package solve

import (
	"cmp"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/conda/version"
)

// compare orders candidates of one name, the preferred one first. What it leaves equal is
// decided by refine.
func (p *pool) compare(a, b *candidate) int {
	return cmp.Or(p.coarse(a, b), p.fine(a, b))
}

// coarse is the order by what the records say of themselves: DESIGN.md section 4.
func (p *pool) coarse(a, b *candidate) int {
	return cmp.Or(
		p.compareClass(a, b),
		p.compareChannel(a.rec, b.rec),
		trueFirst(p.favored[keyOf(a.rec)], p.favored[keyOf(b.rec)]),
		-cmp.Compare(a.rec.BuildNumber, b.rec.BuildNumber),
	)
}

// compareClass is the part of coarse that says which version is preferred, whatever its build.
func (p *pool) compareClass(a, b *candidate) int {
	if c := trueFirst(a.locked, b.locked); c != 0 {
		return c
	}
	if p.req.Favor == FavorVersions && !p.asked[a.name.text] {
		if c := trueFirst(p.favored[keyOf(a.rec)], p.favored[keyOf(b.rec)]); c != 0 {
			return c
		}
	}
	if c := cmp.Compare(len(a.rec.TrackFeatures), len(b.rec.TrackFeatures)); c != 0 {
		return c
	}
	if p.req.ChannelPriority == FlexiblePriority {
		if c := p.compareChannel(a.rec, b.rec); c != 0 {
			return c
		}
	}
	return p.compareVersion(a, b)
}

// compareVersion puts the preferred version first.
func (p *pool) compareVersion(a, b *candidate) int {
	c := -version.Compare(a.ver, b.ver)
	if p.req.Strategy == Lowest || p.req.Strategy == LowestDirect && p.asked[a.name.text] {
		return -c
	}
	return c
}

// fine decides between candidates that coarse and their dependencies leave equal.
func (p *pool) fine(a, b *candidate) int {
	return cmp.Or(
		-cmp.Compare(a.rec.TimestampMillis, b.rec.TimestampMillis),
		trueFirst(a.rec.Noarch == record.NoarchNone && a.rec.Subdir != record.Noarch,
			b.rec.Noarch == record.NoarchNone && b.rec.Subdir != record.Noarch),
		-strings.Compare(a.rec.Build, b.rec.Build),
		strings.Compare(a.rec.Version, b.rec.Version), // "1.0" and "1.00" are equal
		compareBytes(a.rec, b.rec),
	)
}

// compareChannel puts the channel with the higher priority first.
func (p *pool) compareChannel(a, b *record.Record) int {
	if a.Channel == b.Channel {
		return 0
	}
	return cmp.Or(cmp.Compare(p.channelRank(a.Channel), p.channelRank(b.Channel)), strings.Compare(a.Channel, b.Channel))
}

func (p *pool) channelRank(channel string) int {
	if i, ok := p.rank[channel]; ok {
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

// upTo brings n's candidates into their final order as far as position at.
//
// Where coarse leaves several equal, they are variants of one build: the one whose own dependencies
// resolve to higher versions comes first. Only dependencies that all of them have are compared, Python
// first, then by name. This needs the records of the dependencies, so it waits until a choice
// between the variants is at hand.
func (p *pool) upTo(n *name, at int) {
	for n.refined <= at && n.refined < len(n.cands) {
		start := n.refined
		end := start + 1
		for end < len(n.cands) && p.coarse(n.cands[start], n.cands[end]) == 0 {
			end++
		}
		if end-start > 1 {
			p.refine(n.cands[start:end])
			for i := start; i < end; i++ {
				n.cands[i].at = i
			}
		}
		n.refined = end
	}
}

func (p *pool) refine(variants []*candidate) {
	common := p.commonNames(variants)
	best := map[*candidate][]*candidate{}
	for _, c := range variants {
		row := make([]*candidate, len(common))
		for i, n := range common {
			row[i] = p.highest(c, n)
		}
		best[c] = row
	}
	slices.SortFunc(variants, func(a, b *candidate) int {
		for i := range common {
			x, y := best[a][i], best[b][i]
			if x == nil || y == nil {
				if c := trueFirst(x != nil, y != nil); c != 0 {
					return c
				}
				continue
			}
			c := cmp.Compare(len(x.rec.TrackFeatures), len(y.rec.TrackFeatures))
			if c == 0 {
				c = p.compareVersion(x, y)
			}
			if c != 0 {
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

// highest returns the best record of n that all of c's dependencies on n admit; nil if none.
func (p *pool) highest(c *candidate, n *name) *candidate {
	p.load(n)
	var on []*spec
	for _, d := range c.deps {
		if d.name == n {
			on = append(on, d)
		}
	}
next:
	for _, m := range p.matching(on[0]) {
		for _, d := range on[1:] {
			if !d.matches(m) {
				continue next
			}
		}
		return m
	}
	return nil
}
