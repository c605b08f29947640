package sat

import "slices"

// Core is what a refutation used: these clauses and groups, under these assumptions, cannot
// hold together. It is not always the smallest such set.
type Core struct {
	Tags   []Tag   // of the caller's clauses, ascending, each once
	Groups []Group // ascending, each once
	Pairs  []Pair  // what was said by Imply, as clauses, in order
	Assume []Lit   // those of Limits.Assume that took part; none where the formula alone is refuted
}

// Pair is an implication as a clause: one of its literals holds. The lower comes first.
type Pair [2]Lit

func (p Pair) sorted() Pair {
	if p[0] > p[1] {
		return Pair{p[1], p[0]}
	}
	return p
}

// coreOf collects what stands behind the given steps, and what was assumed.
func (s *Solver) coreOf(assumed []Lit, start ...antecedent) *Core {
	core := &Core{Assume: assumed}
	doneClause := make([]bool, len(s.clauses))
	doneGroup := make([]bool, len(s.groups))
	doneVar := make([]bool, len(s.level))
	for todo := start; len(todo) > 0; {
		a := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		switch {
		case a.group != 0:
			if !doneGroup[a.group] {
				doneGroup[a.group] = true
				core.Groups = append(core.Groups, a.group)
			}
		case a.pair != (Pair{}):
			if s.keep == nil || s.keep(a.pair) {
				core.Pairs = append(core.Pairs, a.pair)
			}
		case a.clause != 0:
			if doneClause[a.clause] {
				continue
			}
			doneClause[a.clause] = true
			if c := s.clauses[a.clause]; c.from != 0 {
				todo = append(todo, s.proofs[c.from]...)
			} else {
				core.Tags = append(core.Tags, c.tag)
			}
		case a.level0 != 0 && !doneVar[a.level0]:
			v := a.level0
			doneVar[v] = true
			l := Pos(v)
			if s.values[l] == False {
				l = Not(v)
			}
			r := s.reasons[v]
			if r == (reason{}) {
				core.Assume = append(core.Assume, l)
				continue
			}
			lits := s.literals(l, r)
			todo = append(todo, s.antecedent(r, lits))
			for _, o := range lits {
				if o != l {
					todo = append(todo, antecedent{level0: o.Var()})
				}
			}
		}
	}
	slices.Sort(core.Tags)
	core.Tags = slices.Compact(core.Tags)
	slices.Sort(core.Groups)
	slices.SortFunc(core.Pairs, func(a, b Pair) int { return slices.Compare(a[:], b[:]) })
	core.Pairs = slices.Compact(core.Pairs)
	slices.Sort(core.Assume)
	core.Assume = slices.Compact(core.Assume)
	return core
}
