package solve

import (
	"context"
	"errors"
	"slices"

	"github.com/nasa-openscapes/corn/sat"
)

// The first answer is the best in the order of its decisions, which says nothing of what was
// decided last, and nothing of what one decision cost many others. Two steps make it better:
//
//	rise: a package gets newer, and none gets older
//	trade: a package gets newer at the price of others, if fewer get older than newer, both
//	       among the names asked for and among all
//
// Both only ask the core again, with assumptions; what it learned before still holds.
const (
	// improveConflicts is how hard a step tries: what is possible shows after few conflicts.
	improveConflicts = 64
	// maxTrades bounds the answers that are looked at for a trade; each costs as much as a
	// first answer without conflicts.
	maxTrades = 48
	// maxPrice is how many packages may get older for one.
	maxPrice = 40
)

type improver struct {
	*problem
	chosen []*candidate
	past   [][]*candidate // the answers before chosen
	frame  sat.Var        // holds where no package is worse than in chosen
	trades int
}

// improve takes an answer and returns one that no rise and, within the bounds above, no trade
// makes better.
func (p *problem) improve(ctx context.Context, chosen []*candidate) ([]*candidate, error) {
	m := &improver{problem: p}
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
	m.frame = m.newFrame(nil)
}

// newFrame returns a variable that holds where no package is worse than in m.chosen, those of except
// aside.
func (m *improver) newFrame(except map[*candidate]bool) sat.Var {
	v := m.newVar(nil, nil)
	for _, c := range m.chosen {
		if !except[c] && m.hasWorse(c) {
			m.clause(clauseTag{kind: tagFrame, cand: c}, lit(v).Flip(), lit(m.floor(c, false)))
		}
	}
	return v
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

// rise makes package by package newer where none gets older.
func (m *improver) rise(ctx context.Context) error {
	for _, c := range m.todo() {
		if now := c.name.in(m.chosen); now != c {
			continue // moved by an earlier step
		}
		core, err := m.ask(ctx, m.frame, c)
		if err != nil {
			return err
		}
		if core == nil {
			m.accept(m.problem.chosen())
		}
	}
	return nil
}

// trade looks for one trade and makes it.
func (m *improver) trade(ctx context.Context) (bool, error) {
	for _, c := range m.todo() {
		price := map[*candidate]bool{}
		frame := m.frame
		for m.trades < maxTrades {
			core, err := m.ask(ctx, frame, c)
			if err != nil {
				return false, err
			}
			if core == nil {
				m.trades++
				next := m.problem.chosen()
				if m.best(next) {
					m.accept(next)
					return true, nil
				}
				break
			}
			before := len(price)
			for _, t := range core.Tags {
				if tag := m.tags[t]; tag.kind == tagFrame {
					price[tag.cand] = true
				}
			}
			if len(price) == before || len(price) > maxPrice {
				break // not at any price, or not at this one
			}
			frame = m.newFrame(price)
		}
	}
	return false, nil
}

// best tells whether an answer is better than every one before. To be better than the last would
// not do: three answers can be better than one another in a circle.
func (m *improver) best(next []*candidate) bool {
	return m.better(next, m.chosen) && !slices.ContainsFunc(m.past, func(past []*candidate) bool {
		return !m.better(next, past)
	})
}

// better tells whether an answer has more newer packages than older ones, compared to another.
func (m *improver) better(next, than []*candidate) bool {
	asked, all := 0, 0
	for _, c := range next {
		old := c.name.in(than)
		if old == nil {
			continue
		}
		d := -m.compareClass(c, old)
		if all += d; m.asked[c.name.text] {
			asked += d
		}
	}
	return asked >= 0 && all >= 0 && asked+all > 0
}

// ask searches for an answer in which c's package is newer and frame holds. A search that is too hard
// counts as refuted.
func (m *improver) ask(ctx context.Context, frame sat.Var, c *candidate) (*sat.Core, error) {
	m.guide.first = c.name
	defer func() { m.guide.first = nil }()
	core, err := m.search(ctx, sat.Limits{
		Assume:       []sat.Lit{lit(frame), lit(m.floor(c, true))},
		MaxConflicts: improveConflicts,
	})
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
	for _, o := range c.name.cands {
		if p.compareClass(o, c) >= 0 {
			return false
		}
		if !p.sat.Fixed(lit(o.v).Flip()) {
			return true
		}
	}
	return false
}

// hasWorse tells whether a candidate in a worse version than c exists.
func (p *problem) hasWorse(c *candidate) bool {
	last := c.name.cands[len(c.name.cands)-1]
	return p.compareClass(last, c) > 0
}

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
	v := p.newVar(nil, nil)
	p.floors[key] = v
	for _, o := range c.name.cands {
		if d := p.compareClass(o, c); d > 0 || strict && d == 0 {
			p.clause(clauseTag{kind: tagGlue}, lit(v).Flip(), lit(o.v).Flip())
		}
	}
	return v
}
