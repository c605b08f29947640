package solve

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/conda/matchspec"
	"github.com/nasa-openscapes/corn/conda/record"
)

// Check tells what is wrong with records as an answer to req: a request, dependency or constraint that does not
// hold, two records of one name, a record that nothing needs, that is too new, or that strict
// priority forbids. The error joins one for each fault; nil is none.
//
// It shares no code with the search, and is meant to judge it: it goes over the records and compares
// texts. idx is asked for what channels have a name, and may be nil.
func Check(idx Index, req *Request, records []*record.Record) error {
	c := checker{byName: map[string]*record.Record{}}
	for _, r := range slices.Concat(req.Virtual, records) {
		if other := c.byName[r.Name]; other != nil {
			c.fault("%s is chosen twice: %s and %s", r.Name, other.Dist(), r.Dist())
		}
		c.byName[r.Name] = r
	}
	needed := map[string]bool{}
	var todo []string
	need := func(who, text string) {
		spec := c.spec(who, text)
		if spec == nil || spec.When != nil && !spec.When.Holds(c.holds) {
			return
		}
		name, _ := spec.ExactName()
		r := c.byName[name]
		switch {
		case r == nil:
			c.fault("%s needs %q, and no %s is chosen", who, text, name)
			return
		case !spec.Match(r):
			c.fault("%s needs %q, and %s is chosen", who, text, r.Dist())
		}
		for _, e := range spec.Extras {
			todo = append(todo, name+" "+e)
		}
		todo = append(todo, name)
	}
	for _, s := range req.Specs {
		need("the request", s.Text)
	}
	for len(todo) > 0 {
		key := todo[0]
		todo = todo[1:]
		if needed[key] {
			continue
		}
		needed[key] = true
		name, extra, isExtra := strings.Cut(key, " ")
		r := c.byName[name]
		depends := r.Depends
		if isExtra {
			depends = r.ExtraDepends[extra]
		}
		for _, d := range depends {
			need(r.Dist().String(), d)
		}
	}
	for _, s := range req.Constraints {
		c.allow("the request", s.Text)
	}
	for _, r := range records {
		if !needed[r.Name] {
			c.fault("nothing needs %s", r.Dist())
		}
		for _, text := range r.Constrains {
			c.allow(r.Dist().String(), text)
		}
		if limit := req.ExcludeNewer; !limit.IsZero() && r.TimestampMillis > limit.UnixMilli() && !c.isLocked(req, r) {
			c.fault("%s is newer than %s", r.Dist(), limit)
		}
		if idx != nil && req.ChannelPriority == StrictPriority && !c.isLocked(req, r) {
			c.checkChannel(idx, req, r)
		}
	}
	return errors.Join(c.faults...)
}

type checker struct {
	byName map[string]*record.Record
	choose map[string]bool // names of which the request names the channel; nil until they are asked for
	faults []error
}

func (c *checker) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Errorf(format, args...))
}

func (c *checker) spec(who, text string) *matchspec.Spec {
	s, err := matchspec.Parse(text)
	if err != nil {
		c.fault("%s: %w", who, err)
		return nil
	}
	return s
}

func (c *checker) holds(s *matchspec.Spec) bool {
	name, _ := s.ExactName()
	r := c.byName[name]
	return r != nil && s.Match(r)
}

// allow checks a constraint: it says nothing where its name is not chosen.
func (c *checker) allow(who, text string) {
	spec := c.spec(who, text)
	if spec == nil {
		return
	}
	name, _ := spec.ExactName()
	if r := c.byName[name]; r != nil && !spec.Match(r) {
		c.fault("%s allows only %q, and %s is chosen", who, text, r.Dist())
	}
}

func (c *checker) isLocked(req *Request, r *record.Record) bool {
	return slices.ContainsFunc(req.Locked, func(l *record.Record) bool {
		return l.Channel == r.Channel && l.Subdir == r.Subdir && l.Dist() == r.Dist()
	})
}

// checkChannel finds out whether a channel of higher priority than r's has the name too.
func (c *checker) checkChannel(idx Index, req *Request, r *record.Record) {
	if c.choose == nil {
		c.choose = map[string]bool{}
		for _, s := range req.Specs {
			if spec, err := matchspec.Parse(s.Text); err == nil && !spec.Channel.IsAny() {
				name, _ := spec.ExactName()
				c.choose[name] = true
			}
		}
	}
	if c.choose[r.Name] {
		return
	}
	for _, o := range idx.Records(r.Name) {
		at, own := slices.Index(req.Channels, o.Channel), slices.Index(req.Channels, r.Channel)
		tooNew := !req.ExcludeNewer.IsZero() && o.TimestampMillis > req.ExcludeNewer.UnixMilli()
		if at >= 0 && (own < 0 || at < own) && !tooNew {
			c.fault("%s is of %s, and %s has the name too", r.Dist(), r.Channel, o.Channel)
			return
		}
	}
}
