package solve

import (
	"fmt"

	"github.com/nasa-openscapes/corn/sat"
)

// How a request becomes a formula. Each spec S has two variables, shared by all who say S:
//
//	need S   -> only S                 something that depends on S also limits its name to S
//	need S   -> one of S's matches
//	only S   -> not r                  for every record r of the name that S does not match
//	record   -> need S                 for each of its dependencies
//	record   -> only S                 for each of its constraints
//	at most one record of a name       a group
//
// A record's own clauses are added when the search first looks at it, a name's records are
// loaded when something first needs the name. What stays unknown in the end is not installed.

func lit(v sat.Var) sat.Lit { return sat.Pos(v) }

// matching returns the candidates that s matches.
func (p *pool) matching(s *spec) []*candidate {
	if !s.matched {
		s.matched = true
		p.load(s.name)
		for _, c := range s.name.cands {
			if c.bad == nil && s.match.Match(c.rec, c.ver) {
				s.matching = append(s.matching, c)
			}
		}
	}
	return s.matching
}

// needVar returns the variable that holds where a match of s must be chosen.
func (p *pool) needVar(s *spec) sat.Var {
	if s.need != 0 {
		return s.need
	}
	s.need = p.newVar(nil, s)
	p.load(s.name)
	p.clause(clauseTag{kind: tagGlue, spec: s}, lit(s.need).Flip(), lit(p.onlyVar(s)))
	matching := p.matching(s)
	lits := make([]sat.Lit, 0, len(matching)+1)
	lits = append(lits, lit(s.need).Flip())
	for _, c := range matching {
		lits = append(lits, lit(c.v))
	}
	p.clause(clauseTag{kind: tagChoice, spec: s}, lits...)
	return s.need
}

// onlyVar returns the variable that holds where nothing but matches of s may be chosen.
func (p *pool) onlyVar(s *spec) sat.Var {
	if s.only != 0 {
		return s.only
	}
	s.only = p.newVar(nil, nil)
	if s.name.loaded {
		p.encodeOnly(s)
	} else {
		s.name.pending = append(s.name.pending, s) // nothing needs the name so far
	}
	return s.only
}

func (p *pool) encodeOnly(s *spec) {
	matching := p.matching(s)
	is := make(map[*candidate]bool, len(matching))
	for _, c := range matching {
		is[c] = true
	}
	for _, c := range s.name.cands {
		if !is[c] {
			p.clause(clauseTag{kind: tagExcludes, spec: s, cand: c}, lit(s.only).Flip(), lit(c.v).Flip())
		}
	}
}

// read parses c's dependencies and constraints, once. Where one cannot be read, c cannot be
// chosen: what it needs is not known.
func (p *pool) read(c *candidate) {
	if c.read {
		return
	}
	c.read = true
	for _, text := range c.rec.Depends {
		s, err := p.specOf(text)
		if err != nil {
			c.bad = fmt.Errorf("dependency: %w", err)
			return
		}
		c.deps = append(c.deps, s)
	}
	for _, text := range c.rec.Constrains {
		s, err := p.specOf(text)
		if err != nil {
			c.bad = fmt.Errorf("constraint: %w", err)
			return
		}
		c.limits = append(c.limits, s)
	}
}

// feed adds the clauses of c, once.
func (p *pool) feed(c *candidate) {
	if c.fed {
		return
	}
	c.fed = true
	if c.name.virtual {
		return
	}
	p.read(c)
	if c.bad != nil {
		p.clause(clauseTag{kind: tagBad, cand: c}, lit(c.v).Flip())
		return
	}
	for _, s := range c.deps {
		p.clause(clauseTag{kind: tagDepends, cand: c, spec: s}, lit(c.v).Flip(), lit(p.needVar(s)))
	}
	for _, s := range c.limits {
		p.clause(clauseTag{kind: tagLimits, cand: c, spec: s}, lit(c.v).Flip(), lit(p.onlyVar(s)))
	}
}
