package sat

// farJump is how many levels a backjump may undo. Beyond that only the last level is undone, and the
// learned clause's consequence goes where it belongs: what was decided between is mostly decided
// again the same way, which with hundreds of packages is most of the work.
const farJump = 8

// learn turns the conflict at hand into a clause that excludes it, goes back to where that
// clause has a consequence, and draws it. A conflict that rests on no decision refutes
// the formula.
func (s *Solver) learn() {
	lits, because := s.conflict, s.because
	s.conflict, s.because = nil, reason{}

	// A clause that arrived late can be false on a level below the current one.
	top := int32(0)
	for _, l := range lits {
		top = max(top, s.level[l.Var()])
	}
	if top == 0 {
		var start []antecedent
		for _, l := range lits {
			start = append(start, antecedent{level0: l.Var()})
		}
		start = append(start, s.antecedent(because, lits))
		s.core = s.coreOf(nil, start...)
		return
	}
	s.backjump(int(top))

	learned := []Lit{0} // the asserting literal comes first
	var from []antecedent
	var touched []Var
	open := 0 // marked literals of the top level that are not resolved yet
	at := len(s.trail) - 1
	for {
		from = append(from, s.antecedent(because, lits))
		for _, q := range lits {
			v := q.Var()
			if s.marks[v] || s.values[q] == True {
				continue
			}
			s.marks[v] = true
			touched = append(touched, v)
			switch s.level[v] {
			case 0:
				from = append(from, antecedent{level0: v})
			case top:
				open++
			default:
				learned = append(learned, q)
			}
		}
		for !s.marks[s.trail[at].Var()] || s.level[s.trail[at].Var()] != top {
			at--
		}
		p := s.trail[at]
		at--
		if open--; open == 0 {
			learned[0] = p.Flip()
			break
		}
		because = s.reasons[p.Var()]
		lits = s.literals(p, because)
	}
	learned, from = s.shorten(learned, from)
	for _, v := range touched {
		s.marks[v] = false
	}

	back := int32(0)
	for _, l := range learned[1:] {
		back = max(back, s.level[l.Var()])
	}
	if top-back > farJump {
		back = top - 1
	}
	s.backjump(int(back))
	s.stats.Learned++
	s.proofs = append(s.proofs, from)
	s.attach(learned, clause{from: int32(len(s.proofs) - 1)})
}

// shorten drops literals that the others imply: those whose reason's literals are all in the
// clause, or false for good.
func (s *Solver) shorten(learned []Lit, from []antecedent) ([]Lit, []antecedent) {
	n := 1
next:
	for _, l := range learned[1:] {
		r := s.reasons[l.Var()]
		if r == (reason{}) {
			learned[n] = l
			n++
			continue
		}
		others := s.literals(l.Flip(), r)
		for _, o := range others {
			if o.Var() != l.Var() && !s.marks[o.Var()] && s.level[o.Var()] != 0 {
				learned[n] = l
				n++
				continue next
			}
		}
		from = append(from, s.antecedent(r, others))
		for _, o := range others {
			if s.level[o.Var()] == 0 {
				from = append(from, antecedent{level0: o.Var()})
			}
		}
	}
	return learned[:n], from
}

func (s *Solver) antecedent(r reason, lits []Lit) antecedent {
	if r.lit != 0 {
		if g := s.groupOf[lits[0].Var()]; g != 0 && g == s.groupOf[lits[1].Var()] && lits[0].Negative() && lits[1].Negative() {
			return antecedent{group: g}
		}
		return antecedent{pair: Pair{lits[0], lits[1]}.sorted()}
	}
	return antecedent{clause: r.clause}
}
