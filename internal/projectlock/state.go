package projectlock

import (
	"cmp"
	"slices"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/oci/plan"
)

// State returns the layout of a platform as oci/plan takes it; nil: none is remembered.
func (l *Lock) State(subdir string) *plan.State {
	var s plan.State
	ranks := map[string]int{}
	some := false
	for _, e := range l.Envs {
		p := e.For(subdir)
		if p == nil {
			continue
		}
		if p.Since > 0 {
			s.Arrivals = append(s.Arrivals, plan.Arrival{Env: e.Slug, Step: p.Since})
			some = true
		}
		for _, y := range p.Layers {
			if rank, ok := ranks[y.ID]; !ok || y.Rank < rank { // merged branches may both have brought it
				ranks[y.ID] = y.Rank
			}
		}
		s.Classes = append(s.Classes, p.Classes...)
		for _, id := range p.Places {
			s.Envs = append(s.Envs, plan.EnvClass{Env: e.Slug, Layer: id})
		}
	}
	if !some && len(ranks) == 0 && len(s.Classes) == 0 {
		return nil
	}
	s.AloneBytes, s.MaxAlone, s.Buckets = l.Params.AloneBytes, l.Params.MaxAlone, l.Params.Buckets
	for id := range ranks {
		s.Order = append(s.Order, id)
	}
	slices.SortFunc(s.Order, func(a, b string) int { return cmp.Or(cmp.Compare(ranks[a], ranks[b]), cmp.Compare(a, b)) })
	s.Sort()
	return &s
}

// ranks are the places of the layers of a platform.
func (l *Lock) ranks(subdir string) map[string]int {
	out := map[string]int{}
	if s := l.State(subdir); s != nil {
		for _, e := range l.Envs {
			if p := e.For(subdir); p != nil {
				for _, y := range p.Layers {
					if old, ok := out[y.ID]; !ok || y.Rank < old {
						out[y.ID] = y.Rank
					}
				}
			}
		}
	}
	return out
}

// Owners say because of which environment a fact is remembered, by layer id and by id of
// class.
type Owners struct{ Layers, Classes map[string]string }

// OwnersOf gives each fact of a layout to the environment that came first of those that have
// what it is about, so that what a new one brings stands with the new one. r is what the
// layout was made of.
func OwnersOf(r plan.Request, l plan.Layout) Owners {
	o := Owners{Layers: map[string]string{}, Classes: map[string]string{}}
	steps := map[string]int{}
	for _, a := range l.State().Arrivals {
		steps[a.Env] = a.Step
	}
	first := func(have, env string) string {
		if have == "" || steps[env] < steps[have] || steps[env] == steps[have] && env < have {
			return env
		}
		return have
	}
	users := map[digest.SHA256][]string{}
	for _, c := range r.Contents {
		users[c.Key] = append(users[c.Key], c.Users...)
	}
	for _, y := range l.Layers {
		for _, env := range y.Envs {
			o.Layers[y.ID] = first(o.Layers[y.ID], env)
		}
		for _, key := range y.Frames {
			for _, env := range users[key] {
				o.Layers[y.ID] = first(o.Layers[y.ID], env)
				o.Classes[plan.IDOf(key)] = first(o.Classes[plan.IDOf(key)], env)
			}
		}
	}
	return o
}

// SetState replaces the layout of a platform. Layers that before has keep their rank, so
// that their lines stay as they are; new ones follow. s is what plan.Exceptions gave.
func (l *Lock) SetState(subdir string, s plan.State, o Owners, before *Lock) {
	l.Params = Params{s.AloneBytes, s.MaxAlone, s.Buckets}
	for i := range l.Envs {
		if p := l.Envs[i].For(subdir); p != nil {
			*p = EnvPlatform{Subdir: subdir, Pythons: p.Pythons, Steps: p.Steps}
		}
	}
	for _, a := range s.Arrivals {
		l.env(a.Env).on(subdir).Since = a.Step
	}
	old := before.ranks(subdir)
	last := map[plan.Kind]int{}
	for id, rank := range old {
		last[plan.KindOf(id)] = max(last[plan.KindOf(id)], rank)
	}
	if !inOrder(s.Order, old) { // laid out anew
		old, last = nil, map[plan.Kind]int{}
	}
	for _, id := range s.Order {
		rank, ok := old[id]
		if !ok {
			last[plan.KindOf(id)]++
			rank = last[plan.KindOf(id)]
		}
		p := l.env(o.Layers[id]).on(subdir)
		p.Layers = append(p.Layers, Layer{id, rank})
	}
	for _, c := range s.Classes {
		p := l.env(o.Classes[c.ID]).on(subdir)
		p.Classes = append(p.Classes, c)
	}
	for _, e := range s.Envs {
		p := l.env(e.Env).on(subdir)
		p.Places = append(p.Places, e.Layer)
	}
}

// SetPythons replaces the interpreters of a platform, each with the environment because of
// which it is remembered.
func (l *Lock) SetPythons(subdir string, byEnv map[string][]Python) {
	for i := range l.Envs {
		if p := l.Envs[i].For(subdir); p != nil {
			p.Pythons = nil
		}
	}
	for slug, list := range byEnv {
		l.env(slug).on(subdir).Pythons = list
	}
}

// SetSteps replaces the results of a platform: those of steps above the base, whose facts are there,
// and those of steps above environments, by slug.
func (l *Lock) SetSteps(subdir string, base []Step, byEnv map[string][]Step) {
	if p := l.Base.For(subdir); p != nil {
		p.Steps = base
	}
	for i := range l.Envs {
		if p := l.Envs[i].For(subdir); p != nil {
			p.Steps = nil
		}
	}
	for slug, list := range byEnv {
		l.env(slug).on(subdir).Steps = list
	}
}

// inOrder tells whether the old ranks, with new layers on top, give this order.
func inOrder(order []string, old map[string]int) bool {
	type last struct {
		rank int
		id   string
		new  bool
	}
	top := map[plan.Kind]last{}
	for _, id := range order {
		k := plan.KindOf(id)
		rank, known := old[id]
		before := top[k]
		if known && (before.new || rank < before.rank || rank == before.rank && id < before.id) {
			return false
		}
		top[k] = last{rank, id, !known}
	}
	return true
}
