package resolve

import (
	"slices"

	"github.com/nasa-openscapes/corn/pypi/pep440"
	"github.com/nasa-openscapes/corn/pypi/pep508"
	"github.com/nasa-openscapes/corn/sat"
)

// How a request becomes a formula. Each need, candidate and extra has a variable:
//
//	need       -> one of the candidates that it matches
//	need       -> not c                for every candidate c of its project that it does not match
//	candidate  -> need                 for each of its dependencies
//	candidate  -> extra                for each extra that a dependency asks for
//	candidate and extra -> need        for each dependency that belongs to the extra
//	not c                              for every candidate that a constraint leaves out
//	at most one candidate of a project: a group
//
// A candidate's own clauses are added when the search first looks at it, a project's candidates when something
// first needs the project. What stays unknown in the end is not installed.

// needVar returns the variable that holds where a match of d must be chosen.
func (p *pool) needVar(d *need) sat.Var {
	if d.v != 0 {
		return d.v
	}
	d.v = p.newVar(meaning{need: d})
	p.load(d.project)
	lits := []sat.Lit{lit(d.v).Flip()}
	for _, c := range d.project.cands {
		if d.matches(c) {
			d.matching = append(d.matching, c)
			lits = append(lits, lit(c.v))
		} else {
			p.sat.Imply(lit(d.v), lit(c.v).Flip())
		}
	}
	p.clause(clauseTag{kind: tagChoice, need: d}, lits...)
	return d.v
}

// feed adds the clauses of c, once.
func (p *pool) feed(c *candidate) {
	if c.fed || p.err != nil {
		return
	}
	c.fed = true
	requires, err := p.requires(c)
	if err == nil {
		c.deps, err = p.depsOf(c, "", requires)
	}
	if err != nil {
		p.rule(c, err)
		return
	}
	c.ready = true
	p.expect(c)
	for _, d := range slices.Clone(c.deps) {
		p.sat.Imply(lit(c.v), lit(p.needVar(d.need)))
		for _, e := range d.extras {
			p.sat.Imply(lit(c.v), lit(e.v))
		}
	}
	for i := 0; i < len(c.project.extras); i++ { // one may ask for another
		p.feedExtra(c, c.project.extras[i])
	}
}

// rule makes that c cannot be chosen, or ends the search where the index failed.
func (p *pool) rule(c *candidate, err error) {
	if !isUnusable(err) {
		p.fail(c.project, err)
		return
	}
	c.bad = err
	p.clause(clauseTag{kind: tagBad, cand: c}, lit(c.v).Flip())
}

// requires returns what c's metadata says it needs. Of what conda provides only extras count.
func (p *pool) requires(c *candidate) ([]*pep508.Requirement, error) {
	if c.provided != nil {
		all, err := parseAll(c.provided.RequiresDist)
		if err != nil {
			return nil, &UnusableError{&MetadataError{File: c.provided.Package, Reason: "a dependency cannot be read", Err: err}}
		}
		c.has = extrasIn(all)
		return slices.DeleteFunc(all, func(r *pep508.Requirement) bool { return !r.Marker.Uses("extra") }), nil
	}
	m, err := p.store.metadata(p.ctx, c.project.name, c.file)
	if err != nil {
		return nil, err
	}
	c.has = slices.Concat(m.extras, extrasIn(m.requires))
	if !m.version.IsZero() && pep440.Compare(m.version, c.version) != 0 {
		return nil, &UnusableError{&MetadataError{File: c.file.Name, Reason: "it is of version " + m.version.String()}}
	}
	if c.file.RequiresPython == "" && c.direct == "" {
		if why, capped := p.pythonFits(m.requiresPython); why != NoLack {
			return nil, &UnusableError{&MetadataError{File: c.file.Name, Reason: "it needs python " + m.requiresPython + ", which its index does not say"}}
		} else if capped {
			c.capped = m.requiresPython
		}
	}
	return m.requires, nil
}

// extrasIn returns the extras that requirements belong to: old metadata does not list them.
func extrasIn(requires []*pep508.Requirement) []string {
	var names []string
	for _, r := range requires {
		names = append(names, r.Marker.Extras()...)
	}
	return names
}

// depsOf returns what of requires counts on the target: for no extra, or for one.
func (p *pool) depsOf(c *candidate, extraName string, requires []*pep508.Requirement) ([]dep, error) {
	var deps []dep
	env := p.req.Env.WithExtra(extraName)
	for _, r := range requires {
		if extraName != "" && !r.Marker.Uses("extra") {
			continue
		}
		ok, err := r.Marker.Eval(env)
		if err != nil {
			return nil, &UnusableError{&MetadataError{File: c.label(), Reason: "the marker of " + r.Name + " cannot be evaluated", Err: err}}
		}
		if !ok || extraName != "" && p.holdsWithout(r) {
			continue
		}
		d := dep{need: p.needOf(r), when: extraName, text: Requirement{Requirement: r}.short()}
		for _, e := range r.ExtraKeys() {
			d.extras = append(d.extras, p.extraOf(d.need.project, e))
		}
		deps = append(deps, d)
	}
	return deps, nil
}

// holdsWithout tells whether r counts without any extra: then it is there already.
func (p *pool) holdsWithout(r *pep508.Requirement) bool {
	ok, err := r.Marker.Eval(p.req.Env.WithExtra(""))
	return ok && err == nil
}

// feedExtra adds what c needs where e, an extra of its project, is asked for, once.
func (p *pool) feedExtra(c *candidate, e *extra) {
	if c.bad != nil || p.err != nil || slices.Contains(c.fedFor, e) {
		return
	}
	c.fedFor = append(c.fedFor, e)
	requires, err := p.requires(c)
	var deps []dep
	if err == nil {
		deps, err = p.depsOf(c, e.name, requires)
	}
	if err != nil {
		p.rule(c, err)
		return
	}
	c.deps = append(c.deps, deps...)
	for _, d := range deps {
		t := clauseTag{kind: tagDepends, cand: c, need: d.need}
		p.clause(t, lit(c.v).Flip(), lit(e.v).Flip(), lit(p.needVar(d.need)))
		for _, also := range d.extras {
			p.clause(t, lit(c.v).Flip(), lit(e.v).Flip(), lit(also.v))
		}
	}
}

// expect tells the index which projects come next.
func (p *pool) expect(c *candidate) {
	x, ok := p.store.idx.(Expecter)
	if !ok {
		return
	}
	var names []string
	for _, d := range c.deps {
		if n := d.need.project; !n.loaded && p.providedOf(n) == nil && p.urlsOf(n) == nil {
			names = append(names, n.name)
		}
	}
	if len(names) > 0 {
		x.Expect(names)
	}
}

// label names c in errors.
func (c *candidate) label() string {
	if c.provided != nil {
		return c.provided.Package
	}
	return c.file.Name
}
