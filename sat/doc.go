// Package sat decides propositional formulas that grow while they are searched.
//
//	s := sat.New()
//	a, b := s.NewVar(), s.NewVar()
//	s.AddClause(1, sat.Not(a), sat.Pos(b)) // a needs b
//	s.AddClause(2, sat.Pos(a))
//	model, err := s.Solve(ctx, guide)
//
// It is conflict-driven clause learning after Eén and Sörensson's MiniSat paper ("An Extensible
// SAT-solver", 2003): two watched literals, learning at the first unique implication
// point, backjumping. It departs where package resolution needs something else:
//
//   - The caller decides, through a Guide, which literal to try next; there is no activity order and no restart.
//     A Guide that always asks in one order of preference therefore gets the
//     lexicographically best model first: a decision is only ever undone because what was
//     decided before it refutes it.
//   - Clauses and variables may be added at any time, also by the Guide in the middle of the
//     search, so that only what is visited is ever encoded. A clause may arrive when it is
//     already unit or false. Its consequence is then put on the level where it belongs, not on
//     the current one, so that a backjump keeps it; the trail is therefore not in order of levels
//     (Nadel and Ryvchin, "Chronological Backtracking", 2018).
//   - At most one of a Group's variables is true. Groups are native: a group of n costs n
//     entries, not n*n clauses.
//   - A failed search gives a Core: the caller's own clauses that took part in the refutation.
//
// The same calls in the same order give the same answer. A Solver is for one goroutine.
package sat
