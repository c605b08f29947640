package solve

import (
	"context"
	"slices"
	"time"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/sat"
)

// maxHints is how many ways out are shown for one problem.
const maxHints = 3

// hints tries changes to the request that would solve the problem of set, which causes explain, while
// others, which take part in other problems, are left out.
func (x *explainer) hints(ctx context.Context, causes []Cause, set, others []int) ([]Hint, error) {
	var base []int
	for _, i := range inOrder(x.req.Specs) {
		if !slices.Contains(others, i) {
			base = append(base, i)
		}
	}
	var hints []Hint
	// add notes h, of which core and err say whether the search p made found an answer.
	add := func(h Hint, p *problem, name string, core *sat.Core, err error) error {
		if isLimit(err) || err == nil && core != nil {
			return nil
		}
		if err == nil {
			if c := p.nameOf(name).in(p.chosen()); c != nil {
				h.Gets = c.rec
			}
			hints = append(hints, h)
		}
		return err
	}
	limits := sat.Limits{MaxConflicts: explainConflicts}
	// The settings change which records there are, and need a formula of their own.
	settings := func(h Hint, name string, change func(*Request)) error {
		req := x.only(base)
		change(req)
		p, err := newProblem(x.idx, req, x.memo, nil)
		if err != nil {
			return err
		}
		core, err := p.search(ctx, limits)
		return add(h, p, name, core, err)
	}
	if x.req.ChannelPriority == StrictPriority && len(x.req.Channels) > 1 {
		err := settings(Hint{Kind: RelaxPriority}, hidden(causes), func(r *Request) { r.ChannelPriority = FlexiblePriority })
		if err != nil {
			return nil, err
		}
	}
	if !x.req.ExcludeNewer.IsZero() {
		err := settings(Hint{Kind: RelaxNewer}, "", func(r *Request) { r.ExcludeNewer = time.Time{} })
		if err != nil {
			return nil, err
		}
	}
	for _, i := range set {
		if len(hints) >= maxHints {
			break
		}
		s := x.req.Specs[i]
		n := x.p.specs[i].name
		limits.Assume = x.assume(slices.DeleteFunc(slices.Clone(base), func(j int) bool { return j == i }))
		before := len(hints)
		if n.text != s.Text {
			alone, err := x.p.specOf(n.text)
			if err != nil {
				return nil, err
			}
			weaker := limits
			weaker.Assume = append(slices.Clone(limits.Assume), lit(x.p.needVar(alone)))
			core, err := x.p.search(ctx, weaker)
			if err := add(Hint{Kind: Relax, Spec: s}, x.p, n.text, core, err); err != nil {
				return nil, err
			}
		}
		if len(hints) == before {
			core, err := x.p.search(ctx, limits)
			if err := add(Hint{Kind: Drop, Spec: s}, x.p, n.text, core, err); err != nil {
				return nil, err
			}
		}
	}
	return hints, nil
}

// hidden returns the first name in causes of which strict priority hides what is wanted, or "".
func hidden(causes []Cause) string {
	for _, c := range causes {
		if c.Lack.Kind == HiddenByPriority {
			return c.Name
		}
		if name := hidden(c.Because); name != "" {
			return name
		}
	}
	return ""
}

// cached wraps an index so that each name is asked for once, however many searches follow.
func cached(idx Index) Index {
	c := &cachedIndex{idx: idx, names: map[string][]*record.Record{}}
	if lister, ok := idx.(NameLister); ok {
		return &cachedLister{c, lister}
	}
	return c
}

type cachedIndex struct {
	idx   Index
	names map[string][]*record.Record
}

func (c *cachedIndex) Records(name string) []*record.Record {
	recs, ok := c.names[name]
	if !ok {
		recs = c.idx.Records(name)
		c.names[name] = recs
	}
	return recs
}

type cachedLister struct {
	*cachedIndex
	NameLister
}
