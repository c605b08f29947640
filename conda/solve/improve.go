package solve

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/conda/version"
	"github.com/nasa-openscapes/corn/sat"
)

// The first answer is the best in the order of its decisions, which says nothing of what was
// decided last, and nothing of what one decision cost many others. Two steps make it better:
//
//	rise: a package gets newer, and none gets older
//	trade: a package gets newer at the price of others, if the whole is better for it
//
// Both only ask the core again, with assumptions; what it learned before still holds.
const (
	// riseConflicts is how hard a rise tries: what is possible shows after few conflicts.
	riseConflicts = 64
	// tradeConflicts is the same for a trade, which looks further.
	tradeConflicts = 256
	// maxTrades bounds the answers that are looked at for a trade; each costs as much as a first
	// one. That a package cannot be newer at any price is found out at once.
	maxTrades = 24
)

type improver struct {
	*problem
	chosen []*candidate
	past   [][]*candidate // the answers before chosen
	frame  sat.Var        // holds where no package is worse than in chosen
	// stuck are the packages that cannot rise, and which packages' staying as they are forbids it.
	stuck  []stuck
	tried  map[*candidate]bool // trades that are not worth another try
	trades int                 // answers that were looked at
}

type stuck struct {
	c        *candidate
	blockers string // their names in order
}

// improve takes an answer and returns one that no rise and, within the bounds above, no trade
// makes better.
func (p *problem) improve(ctx context.Context, chosen []*candidate) ([]*candidate, error) {
	m := &improver{problem: p, tried: map[*candidate]bool{}}
	m.accept(chosen)
	for {
		if err := m.rise(ctx); err != nil {
			return nil, err
		}
		traded, err := m.trade(ctx)
		if err != nil {
			return nil, err
		}
		if !traded {
			return m.chosen, nil
		}
	}
}

// accept makes an answer the one to improve.
func (m *improver) accept(chosen []*candidate) {
	if m.chosen != nil {
		m.past = append(m.past, m.chosen)
	}
	m.chosen = chosen
	m.frame = m.newVar(meaning{})
	for _, c := range m.chosen {
		if m.hasWorse(c) {
			m.sat.Imply(lit(m.frame), lit(m.floor(c, false)))
		}
	}
}

// todo are the chosen packages that could be newer, those asked for first.
func (m *improver) todo() []*candidate {
	var todo []*candidate
	for _, c := range m.chosen {
		if !c.locked && m.canRise(c) {
			todo = append(todo, c)
		}
	}
	slices.SortStableFunc(todo, func(a, b *candidate) int {
		return trueFirst(m.asked[a.name.text], m.asked[b.name.text])
	})
	return todo
}

// rise makes package by package newer where none gets older, and notes what is in the way of the rest.
func (m *improver) rise(ctx context.Context) error {
	m.stuck = nil
	for _, c := range m.todo() {
		if now := c.name.in(m.chosen); now != c {
			continue // moved by an earlier step
		}
		core, err := m.ask(ctx, sat.Limits{
			Assume:       []sat.Lit{lit(m.frame), lit(m.floor(c, true))},
			MaxConflicts: riseConflicts,
		})
		switch {
		case err != nil:
			return err
		case core == nil:
			m.accept(m.problem.chosen())
		default:
			m.stuck = append(m.stuck, stuck{c, m.blockers(core)})
		}
	}
	return nil
}

// blockers are the names of a core's packages that must not get worse.
func (m *improver) blockers(core *sat.Core) string {
	var names []string
	for _, tag := range m.steps(core) {
		if tag.kind == tagFrame {
			names = append(names, tag.cand.name.text)
		}
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), " ")
}

// trade looks for one trade and makes it. Of packages that the same others hold back, one is
// tried; first those asked for, then where most are held back.
func (m *improver) trade(ctx context.Context) (bool, error) {
	held := map[string]int{}
	for _, s := range m.stuck {
		held[s.blockers]++
	}
	slices.SortStableFunc(m.stuck, func(a, b stuck) int {
		return cmp.Or(trueFirst(m.asked[a.c.name.text], m.asked[b.c.name.text]), -cmp.Compare(held[a.blockers], held[b.blockers]))
	})
	for _, s := range m.stuck {
		if s.blockers == "" || held[s.blockers] == 0 || m.tried[s.c] || m.trades >= maxTrades {
			continue // at no price, tried by a fellow, or tried before
		}
		held[s.blockers] = 0
		m.tried[s.c] = true
		m.guide.wish(s.c.name, m.wishes())
		core, err := m.ask(ctx, sat.Limits{
			Assume:       []sat.Lit{lit(m.floor(s.c, true))},
			MaxConflicts: tradeConflicts,
		})
		m.guide.wish(nil, nil)
		if err != nil {
			return false, err
		}
		if core == nil {
			m.trades++
			if next := m.problem.chosen(); m.best(next) {
				m.accept(next)
				return true, nil
			}
		}
	}
	return false, nil
}

// wishes are the floors of all chosen packages, to be kept where they can: those asked for first.
func (m *improver) wishes() []sat.Var {
	var asked, rest []sat.Var
	for _, c := range m.chosen {
		if !m.hasWorse(c) {
			continue
		}
		if m.asked[c.name.text] {
			asked = append(asked, m.floor(c, false))
		} else {
			rest = append(rest, m.floor(c, false))
		}
	}
	return append(asked, rest...)
}

// best tells whether an answer is better than every one before. To be better than the last would
// not do: three answers can be better than one another in a circle.
func (m *improver) best(next []*candidate) bool {
	return m.better(next, m.chosen) && !slices.ContainsFunc(m.past, func(past []*candidate) bool {
		return !m.better(next, past)
	})
}

// better tells whether an answer is better than another: more packages are newer than older, of those
// asked for too where any of them gets older, and what gets older does not fall further back than the
// rest comes forward.
func (m *improver) better(next, than []*candidate) bool {
	var asked, all tally
	for _, c := range next {
		old := c.name.in(than)
		if old == nil {
			continue
		}
		d := cmp.Compare(c.class.at, old.class.at)
		switch {
		case d == 0:
			continue
		case old.locked:
			return false // at no price
		case standsIn(c, old):
			continue
		}
		lag := m.lag(c) - m.lag(old)
		all.add(d < 0, lag)
		if m.asked[c.name.text] {
			asked.add(d < 0, lag)
		}
	}
	gain := asked.newer > asked.older || asked.newer > 0 && asked.newer == asked.older && asked.lag < 0
	return (gain || asked.older == 0) && asked.lag <= 0 && all.newer >= all.older && (gain || all.newer > all.older)
}

// standsIn tells whether one of two builds of a version is pure Python and the other compiled: conda-forge has those,
// weighed down by track_features, so that a package that is not compiled for a Python yet does not hold it back.
func standsIn(a, b *candidate) bool {
	return version.Compare(a.ver, b.ver) == 0 && (a.rec.Noarch == record.NoarchPython) != (b.rec.Noarch == record.NoarchPython)
}

type tally struct{ newer, older, lag int }

func (t *tally) add(newer bool, lag int) {
	if newer {
		t.newer++
	} else {
		t.older++
	}
	t.lag += lag
}

// lag says how far behind c's version is: the logarithm of the number of better versions that
// were possible, in thousandths. So two versions from the best are much worse than one, forty-two little
// worse than forty-one.
func (m *improver) lag(c *candidate) int {
	n := 0
	for _, k := range c.name.classes[:c.class.at] {
		if !m.sat.Fixed(lit(k.v).Flip()) {
			n++
		}
	}
	return int(math.Round(1000 * math.Log2(float64(1+n))))
}

// ask searches for another answer. A search that is too hard counts as refuted, by nothing.
func (m *improver) ask(ctx context.Context, limits sat.Limits) (*sat.Core, error) {
	limits.Keep = func(pair sat.Pair) bool {
		return m.vars[pair[0].Var()].floor != nil || m.vars[pair[1].Var()].floor != nil // what blockers reads
	}
	core, err := m.search(ctx, limits)
	if _, ok := errors.AsType[*LimitError](err); ok {
		return &sat.Core{}, nil
	}
	return core, err
}

// in returns the candidate of n among chosen, which are in order of their names, or nil.
func (n *name) in(chosen []*candidate) *candidate {
	i, ok := slices.BinarySearchFunc(chosen, n, func(c *candidate, n *name) int { return compareText(c.name, n) })
	if !ok {
		return nil
	}
	return chosen[i]
}

// canRise tells whether a better version than c's exists that is not refuted for good.
func (p *problem) canRise(c *candidate) bool {
	return slices.ContainsFunc(c.name.classes[:c.class.at], func(k *class) bool { return !p.sat.Fixed(lit(k.v).Flip()) })
}

// hasWorse tells whether a candidate in a worse version than c exists.
func (p *problem) hasWorse(c *candidate) bool { return c.class.at < len(c.name.classes)-1 }

type floorKey struct {
	c      *candidate
	strict bool
}

// floor returns a variable that holds where c's name, if chosen, is not chosen in a worse version
// than c's; strictly: in a better one.
func (p *problem) floor(c *candidate, strict bool) sat.Var {
	key := floorKey{c, strict}
	if v, ok := p.floors[key]; ok {
		return v
	}
	v := p.newVar(meaning{floor: c})
	p.floors[key] = v
	from := c.class.at + 1
	if strict {
		from--
	}
	for _, k := range c.name.classes[from:] {
		p.sat.Imply(lit(v), lit(k.v).Flip())
	}
	return v
}
