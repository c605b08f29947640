package sat

import "slices"

// AddClause adds the clause that at least one of lits is true. It may be called at any time. The
// solver keeps no reference to lits.
func (s *Solver) AddClause(tag Tag, lits ...Lit) {
	s.stats.Clauses++
	if len(lits) == 2 && lits[0].Var() != lits[1].Var() {
		s.attach(lits, clause{tag: tag}) // most are like this
		return
	}
	s.scratch = append(s.scratch[:0], lits...)
	lits = s.scratch
	slices.Sort(lits)
	lits = slices.Compact(lits)
	for i := 1; i < len(lits); i++ {
		if lits[i] == lits[i-1].Flip() {
			return // always true
		}
	}
	s.attach(lits, clause{tag: tag})
}

// Imply adds that b, of another variable, holds where a does. It is a clause of two literals without a tag, at a tenth of the price: a
// Core names the pair itself.
func (s *Solver) Imply(a, b Lit) {
	s.stats.Clauses++
	s.implied[a] = append(s.implied[a], b)
	s.implied[b.Flip()] = append(s.implied[b.Flip()], a.Flip())
	switch {
	case s.values[a] == True:
		s.imply(b, reason{lit: a})
	case s.values[b] == False:
		s.imply(a.Flip(), reason{lit: b.Flip()})
	}
}

// litsOf returns the literals of a clause, in place.
func (s *Solver) litsOf(ci int32) []Lit {
	c := &s.clauses[ci]
	return s.lits[c.start:c.end:c.end]
}

// attach stores a clause, watches it, and draws its consequence where it has one already.
func (s *Solver) attach(lits []Lit, c clause) {
	c.start = int32(len(s.lits))
	s.lits = append(s.lits, lits...)
	c.end = int32(len(s.lits))
	ci := int32(len(s.clauses))
	s.clauses = append(s.clauses, c)
	lits = s.litsOf(ci)
	// Watch what is not false, then what became false last: a backjump frees that first.
	for i := range min(2, len(lits)) {
		for j := i + 1; j < len(lits); j++ {
			if s.watchRank(lits[j]) > s.watchRank(lits[i]) {
				lits[i], lits[j] = lits[j], lits[i]
			}
		}
	}
	if len(lits) > 1 {
		s.watch(ci, lits)
	}
	switch {
	case len(lits) == 0 || s.values[lits[0]] == False:
		if s.conflict == nil {
			s.conflict, s.because = lits, reason{clause: ci}
			if len(lits) == 0 {
				s.conflict = []Lit{} // not nil, which is none
			}
		}
	case len(lits) == 1 || s.values[lits[1]] == False:
		s.imply(lits[0], reason{clause: ci})
	}
}

func (s *Solver) watchRank(l Lit) int32 {
	if s.values[l] == False {
		return s.level[l.Var()]
	}
	return int32(len(s.levels)) + 1
}

func (s *Solver) watch(ci int32, lits []Lit) {
	binary := len(lits) == 2
	s.watches[lits[0]] = append(s.watches[lits[0]], watch{ci, lits[1], binary})
	s.watches[lits[1]] = append(s.watches[lits[1]], watch{ci, lits[0], binary})
}

// imply makes l true because of r, on the level where r holds. Where l is false already that
// is a conflict.
func (s *Solver) imply(l Lit, r reason) {
	switch s.values[l] {
	case True:
		return
	case False:
		if s.conflict == nil {
			s.conflict, s.because = s.literals(l, r), r
		}
		return
	}
	level := int32(0)
	if r.lit != 0 {
		level = s.level[r.lit.Var()]
	} else {
		for _, o := range s.litsOf(r.clause) {
			if o != l {
				level = max(level, s.level[o.Var()])
			}
		}
	}
	s.assign(l, level, r)
}

// literals returns the clause behind r as a list: l, and what is false besides.
func (s *Solver) literals(l Lit, r reason) []Lit {
	if r.lit != 0 {
		return []Lit{l, r.lit.Flip()}
	}
	return s.litsOf(r.clause)
}

func (s *Solver) assign(l Lit, level int32, r reason) {
	v := l.Var()
	s.values[l], s.values[l.Flip()] = True, False
	s.level[v], s.reasons[v] = level, r
	s.trail = append(s.trail, l)
	if s.observed[v] && !l.Negative() {
		s.seenTrue = append(s.seenTrue, v)
	}
}

// propagate draws every consequence of the trail; it stops at the first conflict.
func (s *Solver) propagate() {
	for s.head < len(s.trail) && s.conflict == nil {
		p := s.trail[s.head]
		s.head++
		if g := s.groupOf[p.Var()]; g != 0 && !p.Negative() {
			for _, u := range s.groups[g] {
				if u != p.Var() && s.values[Not(u)] != True {
					s.imply(Not(u), reason{lit: p})
				}
			}
		}
		for _, q := range s.implied[p] {
			if s.values[q] != True {
				s.imply(q, reason{lit: p})
			}
		}
		s.visit(p.Flip())
	}
}

// spread draws the consequences of a group's true member, if it has one.
func (s *Solver) spread(group []Var) {
	for _, v := range group {
		if s.values[Pos(v)] != True {
			continue
		}
		for _, u := range group {
			if u != v {
				s.imply(Not(u), reason{lit: Pos(v)})
			}
		}
		return
	}
}

// visit looks at every clause that watches l, which has become false.
func (s *Solver) visit(l Lit) {
	list := s.watches[l]
	kept := list[:0]
	for i, w := range list {
		if s.conflict != nil {
			kept = append(kept, list[i:]...)
			break
		}
		if s.values[w.blocker] == True {
			kept = append(kept, w)
			continue
		}
		if w.binary {
			kept = append(kept, w)
			s.imply(w.blocker, reason{clause: w.clause})
			continue
		}
		lits := s.litsOf(w.clause)
		if lits[0] == l {
			lits[0], lits[1] = lits[1], lits[0]
		}
		w.blocker = lits[0]
		if s.values[lits[0]] != True && s.rewatch(w.clause, lits) {
			continue
		}
		kept = append(kept, w)
		s.imply(lits[0], reason{clause: w.clause})
	}
	s.watches[l] = kept
}

// rewatch watches a literal that is not false in place of lits[1]; false where there is none.
func (s *Solver) rewatch(ci int32, lits []Lit) bool {
	for k := 2; k < len(lits); k++ {
		if s.values[lits[k]] != False {
			lits[1], lits[k] = lits[k], lits[1]
			s.watches[lits[1]] = append(s.watches[lits[1]], watch{clause: ci, blocker: lits[0]})
			return true
		}
	}
	return false
}

// backjump undoes what holds only above level. What was learnt late about a lower level stays.
func (s *Solver) backjump(level int) {
	if len(s.levels) <= level {
		return
	}
	start := s.levels[level]
	keep := s.trail[:start]
	for _, l := range s.trail[start:] {
		v := l.Var()
		if int(s.level[v]) <= level {
			keep = append(keep, l)
			continue
		}
		s.values[l], s.values[l.Flip()] = Unknown, Unknown
		s.reasons[v] = reason{}
	}
	s.trail = keep
	s.levels = s.levels[:level]
	s.head = min(s.head, start) // what stays is propagated again: its clauses may have lost their other watch
	s.forget()
	s.backjumps++
}

// forget drops from seenTrue what is no longer true.
func (s *Solver) forget() {
	n, first := 0, -1
	for i, v := range s.seenTrue {
		if s.values[Pos(v)] == True {
			s.seenTrue[n] = v
			n++
		} else if first < 0 {
			first = i
		}
	}
	s.seenTrue = s.seenTrue[:n]
	if first >= 0 {
		s.lowWater = min(s.lowWater, first)
	}
}
