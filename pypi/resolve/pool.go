package resolve

import (
	"context"

	"github.com/nasa-openscapes/corn/pypi/pep440"
	"github.com/nasa-openscapes/corn/pypi/pep508"
	"github.com/nasa-openscapes/corn/sat"
)

// pool holds what one search knows: projects, candidates and needs, each once, and the formula they
// make. Everything in it appears when it is first needed.
type pool struct {
	ctx      context.Context // of the one call of Solve that made the pool; Guide.Next has no place for it
	err      error           // of the index: the guide stops where there is one
	req      *Request
	store    *store
	sat      *sat.Solver
	projects map[string]*project
	needs    map[string]*need
	vars     []meaning // by variable
	tags     []clauseTag
}

// project is a name and its candidates.
type project struct {
	name    string
	loaded  bool
	missing bool           // no index has it
	cands   []*candidate   // in order of preference
	hidden  []hidden       // versions that cannot be chosen, highest first
	extras  []*extra       // that something can ask for
	user    []*Requirement // of the user that are about the project, constraints included
	chosen  *candidate     // the one that is true now
	needAt  int            // where the guide's list has the project's first need
}

// candidate is a version that may be chosen, with the file that would be used.
type candidate struct {
	project  *project
	version  pep440.Version
	file     *File
	provided *Provided
	sdist    bool
	direct   string // the URL that asks for it
	capped   string // Requires-Python, where the target's Python is later than that
	v        sat.Var
	fed      bool
	ready    bool // deps has what no extra is needed for
	deps     []dep
	fedFor   []*extra
	has      []string // extras
	bad      error    // why its metadata cannot be used
}

// dep is one dependency of a candidate that counts on the target.
type dep struct {
	need   *need
	extras []*extra // of need's project, that are asked for with it
	when   string   // the extra of the candidate to which it belongs; empty for none
	text   string   // as the metadata says, without the marker
}

// need asks for a project and limits its versions. The same words are the same need.
type need struct {
	project  *project
	text     string
	specs    pep440.Specifiers
	url      string
	v        sat.Var // zero until something needs it
	matching []*candidate
}

// extra is an extra of a project; its variable holds where something asks for it.
type extra struct {
	project *project
	name    string
	v       sat.Var
}

// tagKind says what a clause stands for, so that a refutation can be told in words.
type tagKind uint8

const (
	tagAsked   tagKind = iota // a requirement of the request
	tagAllowed                // a constraint of the request leaves out cand
	tagDepends                // cand needs need, for one of its extras
	tagChoice                 // need wants one of what matches
	tagBad                    // cand cannot be used
)

type clauseTag struct {
	kind tagKind
	cand *candidate
	need *need
	at   int // index into the request's Requirements or Constraints
}

// meaning says what a variable stands for: one of these, or nothing that an explanation tells.
type meaning struct {
	cand  *candidate
	need  *need
	extra *extra
}

func lit(v sat.Var) sat.Lit { return sat.Pos(v) }

// newVar returns a variable. The guide hears of candidates and needs that become true.
func (p *pool) newVar(m meaning) sat.Var {
	v := p.sat.NewVar()
	p.vars = append(p.vars, m)
	if m.cand != nil || m.need != nil {
		p.sat.Observe(v)
	}
	return v
}

// clause adds a clause that stands for t.
func (p *pool) clause(t clauseTag, lits ...sat.Lit) {
	p.tags = append(p.tags, t)
	p.sat.AddClause(sat.Tag(len(p.tags)-1), lits...)
}

// projectOf returns the project, whose files are not looked at yet.
func (p *pool) projectOf(name string) *project {
	n := p.projects[name]
	if n == nil {
		n = &project{name: name}
		p.projects[name] = n
	}
	return n
}

// extraOf returns the extra of a project.
func (p *pool) extraOf(n *project, name string) *extra {
	for _, e := range n.extras {
		if e.name == name {
			return e
		}
	}
	e := &extra{project: n, name: name}
	e.v = p.newVar(meaning{extra: e})
	n.extras = append(n.extras, e)
	for _, c := range n.cands {
		if c.ready {
			p.feedExtra(c, e)
		}
	}
	return e
}

// needOf returns the need that r states.
func (p *pool) needOf(r *pep508.Requirement) *need {
	name := r.Key()
	key := name + r.Specifiers.Canonical()
	text := name + r.Specifiers.String()
	if r.URL != "" {
		key = name + " @ " + r.URL
		text = name + " @ " + redact(r.URL)
	}
	d := p.needs[key]
	if d == nil {
		d = &need{project: p.projectOf(name), text: text, specs: r.Specifiers, url: r.URL}
		p.needs[key] = d
	}
	return d
}

// matches tells whether d wants c.
func (d *need) matches(c *candidate) bool {
	if d.url != "" {
		return c.direct == d.url
	}
	return d.specs.Match(c.version)
}
