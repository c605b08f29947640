package sat

import (
	"maps"
	"slices"
)

// Core is what a refutation used: these clauses and groups, under these assumptions, cannot
// hold together. It is not always the smallest such set.
type Core struct {
	Tags   []Tag   // of the caller's clauses, ascending, each once
	Groups []Group // ascending, each once
	Assume []Lit   // those of Limits.Assume that took part; in no use where the formula alone is refuted
}

// coreOf collects what stands behind the given steps.
func (s *Solver) coreOf(assumed []Lit, start ...antecedent) *Core {
	tags, groups := map[Tag]bool{}, map[Group]bool{}
	doneClause, doneVar := map[int32]bool{}, map[Var]bool{}
	todo := start
	for len(todo) > 0 {
		a := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		switch {
		case a.group != 0:
			groups[a.group] = true
		case a.clause != 0:
			if doneClause[a.clause] {
				continue
			}
			doneClause[a.clause] = true
			if c := s.clauses[a.clause]; c.from != nil {
				todo = append(todo, c.from...)
			} else {
				tags[c.tag] = true
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
				assumed = append(assumed, l)
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
	slices.Sort(assumed)
	return &Core{
		Tags:   slices.Sorted(maps.Keys(tags)),
		Groups: slices.Sorted(maps.Keys(groups)),
		Assume: assumed,
	}
}
