package solve

import (
	"fmt"
	"strings"

	"github.com/nasa-openscapes/corn/conda/matchspec"
	"github.com/nasa-openscapes/corn/sat"
)

// How a request becomes a formula. Each spec S has two variables, shared by all who say S:
//
//	need S   -> only S                 something that depends on S also limits its name to S
//	need S   -> one of the classes that S matches something of
//	only S   -> not k                  for every class k of the name that S matches nothing of
//	only S   -> not r                  for every record r of another that S does not match
//	record   -> its class
//	class    -> one of its records     once the search has entered it
//	record   -> its body               where several of a class need and limit the same
//	body     -> need S                 for each of its dependencies
//	body     -> only S                 for each of its constraints
//	at most one class of a name, one record of a class: groups
//
// A dependency that holds only when a condition does has the condition's variable in its clause
// besides, and records that satisfy the condition imply that variable. An extra's dependencies
// follow from the need that asks for the extra and the record that has it, together.
//
// A record's own clauses are added when the search first looks at it, a name's records are
// loaded when something first needs the name. What stays unknown in the end is not installed.

func lit(v sat.Var) sat.Lit { return sat.Pos(v) }

// needVar returns the variable that holds where a match of s must be chosen.
func (p *pool) needVar(s *spec) sat.Var {
	if s.need != 0 {
		return s.need
	}
	s.need = p.newVar(meaning{need: s})
	p.load(s.name)
	p.sat.Imply(lit(s.need), lit(p.onlyVar(s)))
	parts := p.parts(s)
	lits := make([]sat.Lit, 0, len(parts)+1)
	lits = append(lits, lit(s.need).Flip())
	for _, t := range parts {
		lits = append(lits, lit(t.v)) // what of the class does not match, only S forbids
	}
	p.clause(clauseTag{kind: tagChoice, spec: s}, lits...)
	if len(s.match.Extras) > 0 {
		s.name.extras = append(s.name.extras, s)
		for _, t := range parts {
			for _, c := range t.cands {
				if c.fed && s.matches(c) {
					p.feedExtras(c, s)
				}
			}
		}
	}
	return s.need
}

// onlyVar returns the variable that holds where nothing but matches of s may be chosen.
func (p *pool) onlyVar(s *spec) sat.Var {
	if s.only != 0 {
		return s.only
	}
	s.only = p.newVar(meaning{only: s})
	if strings.HasPrefix(s.name.text, "__") {
		p.load(s.name) // what the target has is there without being needed
	}
	if s.name.loaded {
		p.encodeOnly(s)
	} else {
		s.name.pending = append(s.name.pending, s) // nothing needs the name so far
	}
	return s.only
}

func (p *pool) encodeOnly(s *spec) {
	parts := p.parts(s)
	for _, k := range s.name.classes {
		switch {
		case len(parts) == 0 || parts[0].class != k:
			p.sat.Imply(lit(s.only), lit(k.v).Flip())
			continue
		case !parts[0].whole:
			matching := parts[0].some // in the order of k.cands
			for _, c := range k.cands {
				if len(matching) > 0 && matching[0] == c {
					matching = matching[1:]
				} else {
					p.sat.Imply(lit(s.only), lit(c.v).Flip())
				}
			}
		}
		parts = parts[1:]
	}
}

// needWhen adds that given makes s needed, if its condition holds where it has one.
func (p *pool) needWhen(t clauseTag, s *spec, given ...sat.Lit) error {
	if s.match.When != nil {
		v, err := p.conditionVar(s.match.When)
		if err != nil {
			return err
		}
		given = append(given, lit(v).Flip())
	}
	if t.kind == tagDepends && len(given) == 1 {
		p.sat.Imply(given[0].Flip(), lit(p.needVar(s)))
	} else {
		p.clause(t, append(given, lit(p.needVar(s)))...)
	}
	return nil
}

// conditionVar returns a variable that holds where the condition does. It may hold where the condition does
// not: nothing follows from its being false.
func (p *pool) conditionVar(c *matchspec.Condition) (sat.Var, error) {
	v := p.newVar(meaning{})
	if c.Spec != nil {
		s, err := p.specOf(c.Spec.String())
		if err != nil {
			return 0, err
		}
		for _, t := range p.parts(s) {
			if t.whole {
				p.sat.Imply(lit(t.v), lit(v))
			}
			for _, c := range t.some {
				p.sat.Imply(lit(c.v), lit(v))
			}
		}
		return v, nil
	}
	all := []sat.Lit{lit(v)}
	for _, k := range c.Kids {
		kv, err := p.conditionVar(k)
		if err != nil {
			return 0, err
		}
		if all = append(all, lit(kv).Flip()); !c.And {
			p.sat.Imply(lit(kv), lit(v))
		}
	}
	if c.And {
		p.clause(clauseTag{kind: tagGlue}, all...)
	}
	return v, nil
}

// read parses c's dependencies and constraints, once. Where one cannot be read, c cannot be
// chosen: what it needs is not known.
func (p *pool) read(c *candidate) {
	if c.read {
		return
	}
	c.read = true
	parse := func(bad *error, what string, texts []string) (specs []*spec) {
		for _, text := range texts {
			s, err := p.specOf(text)
			if err != nil {
				*bad = fmt.Errorf("%s: %w", what, err)
				return nil
			}
			specs = append(specs, s)
		}
		return specs
	}
	b := c.body
	if !b.read {
		b.read = true
		b.deps = parse(&b.bad, "dependency", c.rec.Depends)
		b.limits = parse(&b.bad, "constraint", c.rec.Constrains)
	}
	c.deps, c.limits = b.deps, b.limits
	if b.bad != nil {
		c.bad = b.bad
	}
	for extra, texts := range c.rec.ExtraDepends {
		if c.extras == nil {
			c.extras = map[string][]*spec{}
		}
		c.extras[extra] = parse(&c.bad, "dependency of extra "+extra, texts)
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
	p.feedBody(c)
	if c.bad != nil {
		p.clause(clauseTag{kind: tagBad, cand: c}, lit(c.v).Flip())
		return
	}
	for _, s := range c.name.extras {
		if s.matches(c) {
			p.feedExtras(c, s)
		}
	}
}

// feedBody adds what c and its like need and limit, once.
func (p *pool) feedBody(c *candidate) {
	b := c.body
	if b.fed {
		if b.bad != nil {
			c.bad = b.bad
		}
		return
	}
	b.fed = true
	for _, s := range b.deps {
		if err := p.needWhen(clauseTag{kind: tagDepends, cand: c, spec: s}, s, lit(b.v).Flip()); err != nil {
			b.bad = err
		}
	}
	if b.bad != nil {
		c.bad = b.bad
		return
	}
	for _, s := range b.limits {
		p.sat.Imply(lit(b.v), lit(p.onlyVar(s)))
	}
}

// feedExtras adds what c needs besides where s, which asks for extras, is needed. An extra that c does
// not have adds nothing.
func (p *pool) feedExtras(c *candidate, s *spec) {
	for _, extra := range s.match.Extras {
		for _, d := range c.extras[extra] {
			t := clauseTag{kind: tagDepends, cand: c, spec: d}
			if err := p.needWhen(t, d, lit(s.need).Flip(), lit(c.v).Flip()); err != nil {
				c.bad = err
				p.clause(clauseTag{kind: tagBad, cand: c}, lit(c.v).Flip())
			}
		}
	}
}
