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
	// try adds h where req has an answer. name is what the hint is about.
	try := func(h Hint, req *Request, name string) error {
		rec, ok, err := x.answer(ctx, req, name)
		if ok {
			h.Gets = rec
			hints = append(hints, h)
		}
		return err
	}
	if x.req.ChannelPriority == StrictPriority && len(x.req.Channels) > 1 {
		req := x.only(base)
		req.ChannelPriority = FlexiblePriority
		if err := try(Hint{Kind: RelaxPriority}, req, hidden(causes)); err != nil {
			return nil, err
		}
	}
	if !x.req.ExcludeNewer.IsZero() {
		req := x.only(base)
		req.ExcludeNewer = time.Time{}
		if err := try(Hint{Kind: RelaxNewer}, req, ""); err != nil {
			return nil, err
		}
	}
	for _, i := range set {
		if len(hints) >= maxHints {
			break
		}
		s := x.req.Specs[i]
		name := x.nameOf(s)
		without := slices.DeleteFunc(slices.Clone(base), func(j int) bool { return j == i })
		before := len(hints)
		if name != s.Text {
			req := x.only(without)
			req.Specs = append(req.Specs, Spec{Text: name, Origin: s.Origin})
			if err := try(Hint{Kind: Relax, Spec: s}, req, name); err != nil {
				return nil, err
			}
		}
		if len(hints) == before {
			if err := try(Hint{Kind: Drop, Spec: s}, x.only(without), name); err != nil {
				return nil, err
			}
		}
	}
	return hints, nil
}

// answer tells whether req has an answer, and what it has of name.
func (x *explainer) answer(ctx context.Context, req *Request, name string) (*record.Record, bool, error) {
	p, err := newProblem(x.idx, req, x.memo, nil)
	if err != nil {
		return nil, false, err
	}
	core, err := p.search(ctx, sat.Limits{MaxConflicts: explainConflicts})
	if isLimit(err) {
		return nil, false, nil
	}
	if err != nil || core != nil {
		return nil, false, err
	}
	if c := p.nameOf(name).in(p.chosen()); c != nil {
		return c.rec, true, nil
	}
	return nil, true, nil
}

// nameOf returns the name that a spec is about.
func (x *explainer) nameOf(s Spec) string {
	sp, err := newPool(x.idx, x.req, x.memo).specOf(s.Text)
	if err != nil {
		return s.Text
	}
	return sp.name.text
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
