package sat

import (
	"context"
	"errors"
)

// A Guide decides what the search tries.
type Guide interface {
	// Next returns the literal to make true next, or zero where what is true is enough for an
	// answer. It may add variables, clauses and members of groups first; if one of them has a
	// consequence, the literal is ignored, and Next is asked again afterwards. What it returns is of
	// unknown value when it is called.
	//
	// The answer is sound if every clause without a true literal has an unknown negative one.
	Next(s *Solver) Lit
}

// Limits bound one search. The zero value sets none.
type Limits struct {
	// Assume are literals that hold for this search only. They are decided first, in this order.
	Assume []Lit
	// MaxConflicts ends the search with ErrLimit after so many conflicts; zero is no limit.
	MaxConflicts int
	// Keep tells which pairs a Core that is returned shall list; nil means all. A refutation can rest on
	// ten thousand, and a caller may be looking for a few.
	Keep func(Pair) bool
}

// ErrLimit is returned where Limits.MaxConflicts is reached.
var ErrLimit = errors.New("sat: too many conflicts")

// Solve searches for values that make every clause true, and leaves them in s, where Value reads
// them until the next change of s. Where there are none it returns the reason, which is not
// nil. The error is ErrLimit or ctx's. In each case s can be used again: clauses that were
// added or learned stay.
func (s *Solver) Solve(ctx context.Context, guide Guide, limits Limits) (*Core, error) {
	s.backjump(s.shared(limits.Assume))
	s.assumed = append(s.assumed[:0], limits.Assume...)
	s.keep = limits.Keep
	conflicts := 0
	for steps := 0; ; steps++ {
		if steps&63 == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
		if s.core != nil {
			return s.core, nil
		}
		s.propagate()
		if s.conflict != nil {
			if limits.MaxConflicts > 0 && conflicts >= limits.MaxConflicts {
				s.postpone()
				return nil, ErrLimit
			}
			conflicts++
			s.stats.Conflicts++
			s.learn()
			continue
		}
		if depth := len(s.levels); depth < len(limits.Assume) {
			l := limits.Assume[depth]
			if s.values[l] == False {
				return s.coreOf([]Lit{l}, antecedent{level0: l.Var()}), nil
			}
			s.decide(l)
			continue
		}
		before := s.stats.Clauses
		l := guide.Next(s)
		if s.conflict != nil || s.head < len(s.trail) {
			continue
		}
		if l == 0 {
			if s.settled() {
				return nil, nil
			}
			continue
		}
		if s.values[l] != Unknown {
			if before == s.stats.Clauses {
				panic("sat: a guide decides what is decided")
			}
			continue
		}
		s.stats.Decisions++
		s.decide(l)
	}
}

// shared returns how many levels of the last search's assumptions stand and are the first of these:
// a series of searches that begin alike need not begin again.
func (s *Solver) shared(assume []Lit) int {
	n := 0
	for n < min(len(assume), len(s.assumed), len(s.levels)) && assume[n] == s.assumed[n] {
		n++
	}
	return n
}

// decide opens a level with l. An assumption that is true already opens an empty one.
func (s *Solver) decide(l Lit) {
	s.levels = append(s.levels, len(s.trail))
	if s.values[l] == Unknown {
		s.assign(l, int32(len(s.levels)), reason{})
	}
}

// postpone leaves a conflict in a state from which the next search finds it again.
func (s *Solver) postpone() {
	top := int32(0)
	for _, l := range s.conflict {
		top = max(top, s.level[l.Var()])
	}
	if top == 0 {
		return // it stays; the next search ends with it
	}
	s.conflict, s.because = nil, reason{}
	s.backjump(0)
}

// settled looks whether a clause or group has a consequence that nobody noticed: a clause that
// arrived late watches what a backjump then freed in another order, and of two conflicts that
// arrive together one is set aside. It draws the consequence and returns false if so. It runs once for
// each answer, not in the search.
func (s *Solver) settled() bool {
	for _, group := range s.groups {
		if s.spread(group); s.conflict != nil || s.head < len(s.trail) {
			return false
		}
	}
	for l, implied := range s.implied {
		if len(implied) == 0 || s.values[l] != True {
			continue
		}
		for _, q := range implied {
			if s.values[q] != True {
				s.imply(q, reason{lit: Lit(l)})
				return false
			}
		}
	}
	for ci := 1; ci < len(s.clauses); ci++ {
		open, last := 0, Lit(0)
		for _, l := range s.litsOf(int32(ci)) {
			if s.values[l] == True {
				open = 2
				break
			}
			if s.values[l] == Unknown {
				if open++; open == 2 {
					break
				}
				last = l
			}
		}
		if open == 2 {
			continue
		}
		if last == 0 {
			s.conflict, s.because = s.litsOf(int32(ci)), reason{clause: int32(ci)}
		} else {
			s.imply(last, reason{clause: int32(ci)})
		}
		return false
	}
	return true
}
