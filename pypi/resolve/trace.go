package resolve

import "slices"

// fail keeps the first error, which ends the search, with the chain that led to n.
func (p *pool) fail(n *project, err error) {
	if p.err != nil {
		return
	}
	e := &IndexError{Project: n.name, Err: err}
	e.Origin, e.Chain = p.chain(n)
	p.err = e
}

// chain returns the shortest way from a requirement of the user's to n, over candidates whose dependencies
// have been read.
func (p *pool) chain(n *project) (Origin, []string) {
	type step struct {
		project *project
		text    string
		from    *step
		at      int // index into the request's requirements, where there is no from
	}
	var queue []*step
	seen := map[*project]bool{}
	add := func(s *step) {
		if !seen[s.project] {
			seen[s.project] = true
			queue = append(queue, s)
		}
	}
	for i := range p.req.Requirements {
		r := &p.req.Requirements[i]
		add(&step{project: p.projectOf(r.Key()), text: r.short(), at: i})
	}
	for i := 0; i < len(queue); i++ {
		s := queue[i]
		if s.project == n {
			var chain []string
			for ; ; s = s.from {
				chain = append(chain, s.text)
				if s.from == nil {
					slices.Reverse(chain)
					return p.req.Requirements[s.at].Origin, chain
				}
			}
		}
		for _, c := range s.project.cands {
			for _, d := range c.deps {
				add(&step{project: d.need.project, text: d.text, from: s})
			}
		}
	}
	return Origin{}, nil
}
