package solve

import (
	"github.com/nasa-openscapes/corn/conda/matchspec"
	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/conda/version"
	"github.com/nasa-openscapes/corn/sat"
)

// pool holds what one solve knows: names, candidates and specs, each once, and the formula they
// make. Everything in it appears when it is first needed.
type pool struct {
	req     *Request
	idx     Index
	sat     *sat.Solver
	names   map[string]*name
	specs   map[string]*spec
	memo    *memo
	vars    []meaning // by variable
	tags    []clauseTag
	ranks   map[string]int  // of channels
	asked   map[string]bool // names that the request's specs ask for
	favored map[recordKey]bool
	stats   Stats
}

// memo keeps what texts say; pools of one request share it.
type memo struct {
	versions map[string]parsedVersion
	specs    map[string]parsedSpec
}

type parsedVersion struct {
	version.Version
	err error
}

type parsedSpec struct {
	*matchspec.Spec
	err error
}

func newMemo() *memo {
	return &memo{map[string]parsedVersion{}, map[string]parsedSpec{}}
}

// name is a package name and its candidates.
type name struct {
	text    string
	classes []*class       // in order of preference
	hidden  []hiddenRecord // records that the request's settings leave out
	loaded  bool
	virtual bool
	pending []*spec    // limits on a name that nothing needs so far
	extras  []*spec    // specs that ask for extras, once they are encoded
	keep    sat.Var    // holds where only the locked record is allowed; zero where none is locked
	chosen  *candidate // the one that is true now
	needAt  int        // where the guide's list has the name's first need
}

type hiddenRecord struct {
	rec *record.Record
	why LackKind
}

// body is what candidates of one class need and limit, in the same words: most builds of a version differ
// in little. Its variable holds where one of them is chosen.
type body struct {
	v      sat.Var // the candidate's own where there is only one
	cands  []*candidate
	fed    bool
	read   bool
	bad    error
	deps   []*spec
	limits []*spec
}

// candidate is a record that may be chosen.
type candidate struct {
	rec             *record.Record
	ver             version.Version
	name            *name
	class           *class
	body            *body
	v               sat.Var
	locked, favored bool
	bad             error // why its version or its dependencies cannot be read
	fed             bool
	read            bool
	deps            []*spec // what it depends on, in the record's order
	limits          []*spec // what it constrains
	extras          map[string][]*spec
}

// spec is a MatchSpec. The same text is the same spec.
type spec struct {
	text  string
	match *matchspec.Spec
	name  *name
	// need holds where a match of the spec must be chosen, only where nothing else of its name may.
	need, only sat.Var
	matching   []part // see pool.parts
	matched    bool
}

// tagKind says what a clause stands for, so that a refutation can be told in words.
type tagKind uint8

const (
	tagGlue     tagKind = iota // follows from how needs are written down
	tagAsked                   // a spec of the request
	tagAllowed                 // a constraint of the request
	tagDepends                 // cand depends on spec
	tagLimits                  // cand constrains spec
	tagChoice                  // one of the records that match spec is chosen
	tagExcludes                // spec leaves out cand, or all of class
	tagVirtual                 // the target has this virtual package
	tagBad                     // cand cannot be read
	tagFrame                   // cand must not get worse in this search
)

type clauseTag struct {
	kind  tagKind
	cand  *candidate
	class *class
	spec  *spec
	at    int // index into the request's Specs or Constraints
}

func newPool(idx Index, req *Request, memo *memo) *pool {
	p := &pool{
		req: req, idx: idx, sat: sat.New(),
		names: map[string]*name{}, specs: map[string]*spec{}, memo: memo,
		vars: make([]meaning, 1), tags: make([]clauseTag, 1),
		ranks: map[string]int{}, asked: map[string]bool{}, favored: map[recordKey]bool{},
	}
	for i, c := range req.Channels {
		if _, ok := p.ranks[c]; !ok {
			p.ranks[c] = i
		}
	}
	for _, r := range req.Favored {
		p.favored[keyOf(r)] = true
	}
	return p
}

// meaning says what a variable stands for: one of these, or nothing that an explanation tells.
type meaning struct {
	cand  *candidate
	class *class
	body  *body
	need  *spec
	only  *spec
	floor *candidate
}

// newVar returns a variable. The guide hears of candidates and needs that become true.
func (p *pool) newVar(m meaning) sat.Var {
	v := p.sat.NewVar()
	p.vars = append(p.vars, m)
	if m.cand != nil || m.need != nil {
		p.sat.Observe(v)
	}
	return v
}

// steps says what a refutation used. Implications have no tags: what their variables stand for tells
// what they say.
func (p *pool) steps(core *sat.Core) []clauseTag {
	var steps []clauseTag
	for _, t := range core.Tags {
		steps = append(steps, p.tags[t])
	}
	for _, pair := range core.Pairs {
		a, b := pair[0], pair[1]
		if b.Negative() && (!a.Negative() || p.vars[b.Var()].cand == nil && p.vars[b.Var()].class == nil) {
			a, b = b, a
		}
		from, to := p.vars[a.Var()], p.vars[b.Var()]
		switch {
		case from.body != nil && (to.need != nil || to.only != nil):
			p.fill(from.body.cands[0].class)
			for _, c := range from.body.cands {
				steps = append(steps, dependsOrLimits(c, to))
			}
		case from.cand != nil && (to.need != nil || to.only != nil):
			steps = append(steps, dependsOrLimits(from.cand, to))
		case from.only != nil && (to.cand != nil || to.class != nil):
			steps = append(steps, clauseTag{kind: tagExcludes, spec: from.only, cand: to.cand, class: to.class})
		case to.floor != nil && from.cand == nil:
			steps = append(steps, clauseTag{kind: tagFrame, cand: to.floor})
		}
	}
	return steps
}

// dependsOrLimits is the step from c to what it needs or limits.
func dependsOrLimits(c *candidate, to meaning) clauseTag {
	if to.need != nil {
		return clauseTag{kind: tagDepends, cand: c, spec: to.need}
	}
	return clauseTag{kind: tagLimits, cand: c, spec: to.only}
}

// clause adds a clause that stands for t.
func (p *pool) clause(t clauseTag, lits ...sat.Lit) {
	p.tags = append(p.tags, t)
	p.sat.AddClause(sat.Tag(len(p.tags)-1), lits...)
}

// nameOf returns the name, whose records are not looked at yet.
func (p *pool) nameOf(text string) *name {
	n := p.names[text]
	if n == nil {
		n = &name{text: text}
		p.names[text] = n
	}
	return n
}

// parse returns the version's value; each text is parsed once.
func (p *pool) parse(text string) (version.Version, error) {
	v, ok := p.memo.versions[text]
	if !ok {
		v.Version, v.err = version.Parse(text)
		p.memo.versions[text] = v
	}
	return v.Version, v.err
}

// specOf returns the spec with this text.
func (p *pool) specOf(text string) (*spec, error) {
	if s := p.specs[text]; s != nil {
		return s, nil
	}
	m, ok := p.memo.specs[text]
	if !ok {
		m.Spec, m.err = matchspec.Parse(text)
		p.memo.specs[text] = m
	}
	if m.err != nil {
		return nil, m.err
	}
	exact, ok := m.ExactName()
	if !ok {
		return nil, &NameError{Text: text}
	}
	s := &spec{text: text, match: m.Spec, name: p.nameOf(exact)}
	p.specs[text] = s
	return s, nil
}

// matches tells whether s wants c.
func (s *spec) matches(c *candidate) bool {
	return !c.ver.IsZero() && s.match.MatchVersionBuild(c.ver, c.rec.Build) &&
		(s.match.OnlyNameVersionBuild() || s.match.MatchRest(c.rec))
}
