package plan

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/digest"
)

// An assignment says which layer everything is in, by layer ID.
type assignment struct {
	content []string          // by index of world.contents
	place   map[string]string // by env
	private map[string]string // by env with a private bucket
	steps   map[string]int    // by env: when it came
}

func (a *assignment) count() limits {
	var n limits
	seen := map[string]bool{}
	add := func(id string) {
		if !seen[id] {
			seen[id] = true
			*n.of(KindOf(id))++
		}
	}
	for _, id := range a.content {
		add(id)
	}
	for _, id := range a.place {
		add(id)
	}
	return n
}

// assign follows the rule after what prev says. lim binds what the rule decides.
func (w *world) assign(prev *State, first string, lim limits) *assignment {
	a := &assignment{content: make([]string, len(w.contents)), steps: w.steps(prev)}
	envKept := map[Kind]map[string]string{Placements: {}, ContentPrivate: {}}
	if prev != nil {
		w.keep(a, prev)
		for _, e := range prev.Envs {
			if m := envKept[KindOf(e.Layer)]; m != nil {
				m[e.Env] = e.Layer
			}
		}
	}
	w.alone(a, lim.alone)
	var owners []string
	for i, c := range w.contents {
		if a.content[i] != "" {
			continue
		}
		if users := a.earliest(c); len(users) > 1 {
			a.content[i] = bucket(c.Name, lim.shared)
		} else {
			owners = append(owners, users[0])
		}
	}
	// Who came first is served first, so that who came later finds what is left.
	byArrival := func(x, y string) int { return cmp.Or(cmp.Compare(a.steps[x], a.steps[y]), compareEnv(first, x, y)) }
	slices.SortFunc(owners, byArrival)
	a.private = group(slices.Compact(owners), privatePrefix, "", lim.private, envKept[ContentPrivate])
	for i, c := range w.contents {
		if a.content[i] == "" {
			a.content[i] = a.private[a.earliest(c)[0]]
		}
	}
	for env, layer := range envKept[ContentPrivate] {
		// Nothing new went there, and what comes next still has to.
		if _, ok := a.private[env]; !ok && a.steps[env] > 0 && slices.Contains(a.content, layer) {
			a.private[env] = layer
		}
	}
	envs := slices.Clone(w.envs)
	slices.SortStableFunc(envs, byArrival)
	a.place = group(envs, placePrefix, first, lim.place, envKept[Placements])
	return a
}

// steps says when each env of the request came: as prev knows, and those that it does not
// know last.
func (w *world) steps(prev *State) map[string]int {
	known := map[string]int{}
	last := 0
	if prev != nil {
		for _, a := range prev.Arrivals {
			if at, ok := known[a.Env]; !ok || a.Step < at {
				known[a.Env] = a.Step
			}
			last = max(last, a.Step)
		}
	}
	steps := map[string]int{}
	came := func(env string) {
		if step, ok := known[env]; ok {
			steps[env] = step
		} else {
			steps[env] = last + 1
		}
	}
	for env := range w.placements {
		came(env)
	}
	for _, c := range w.contents {
		for _, env := range c.Users {
			came(env)
		}
	}
	return steps
}

// earliest lists those users of a content that came in the first step of any: the place
// that they give it is not changed by who comes later.
func (a *assignment) earliest(c Content) []string {
	step := a.step(c)
	var out []string
	for _, u := range c.Users {
		if a.steps[u] == step {
			out = append(out, u)
		}
	}
	return out
}

// step is the one in which a content came.
func (a *assignment) step(c Content) int {
	step := a.steps[c.Users[0]]
	for _, u := range c.Users {
		step = min(step, a.steps[u])
	}
	return step
}

// bucket is the shared bucket of a name. The name, not the key: a new version has to land
// in the bucket of the old one.
func bucket(name string, n int) string {
	sum := digest.Sum([]byte(name))
	return fmt.Sprintf("%s%02d", sharedPrefix, binary.BigEndian.Uint64(sum[:8])%uint64(n))
}

// keep gives artifacts the place they had: the same artifact first, then one of the same
// name whose predecessor is gone.
func (w *world) keep(a *assignment, prev *State) {
	had := map[string]string{}
	for _, c := range prev.Classes {
		if k := KindOf(c.Layer); k != "" && k != Placements {
			had[c.ID] = c.Layer
		}
	}
	taken := map[string]bool{} // stand-alone layers
	use := func(i int, layer string) bool {
		if KindOf(layer) == ContentAlone {
			if taken[layer] {
				return false
			}
			taken[layer] = true
		}
		a.content[i] = layer
		return true
	}
	for i, c := range w.contents {
		if layer, ok := had[IDOf(c.Key)]; ok && use(i, layer) {
			delete(had, IDOf(c.Key))
		}
	}
	gone := map[string][]string{} // by name; sorted because prev is
	for _, c := range prev.Classes {
		if _, ok := had[c.ID]; ok {
			gone[c.Name] = append(gone[c.Name], c.Layer)
			delete(had, c.ID)
		}
	}
	for i, c := range w.contents {
		if a.content[i] != "" {
			continue
		}
		list := gone[c.Name]
		at := slices.IndexFunc(list, func(layer string) bool {
			env, private := strings.CutPrefix(layer, privatePrefix)
			return (!private || slices.Contains(c.Users, env)) && use(i, layer)
		})
		if at >= 0 {
			gone[c.Name] = slices.Delete(list, at, at+1)
		}
	}
}

// alone gives the largest artifacts layers of their own, those of earlier steps first.
func (w *world) alone(a *assignment, limit int) {
	used := map[string]bool{}
	var kept, want []int
	for i, c := range w.contents {
		switch {
		case KindOf(a.content[i]) == ContentAlone:
			kept = append(kept, i)
		case a.content[i] == "" && c.SizeBytes >= w.params.AloneBytes:
			want = append(want, i)
		}
	}
	bySize := func(x, y int) int {
		return cmp.Or(cmp.Compare(w.contents[y].SizeBytes, w.contents[x].SizeBytes), cmp.Compare(x, y))
	}
	slices.SortFunc(kept, bySize)
	for n, i := range kept {
		if n >= limit {
			a.content[i] = ""
			continue
		}
		used[a.content[i]] = true
	}
	byStep := func(x, y int) int { return cmp.Compare(a.step(w.contents[x]), a.step(w.contents[y])) }
	slices.SortFunc(want, func(x, y int) int { return cmp.Or(byStep(x, y), bySize(x, y)) })
	want = want[:min(len(want), max(limit-len(kept), 0))]
	// Of several versions of a name, each keeps its layer while its env bumps it: names are
	// given by env, which says more about which is which than the version.
	slices.SortFunc(want, func(x, y int) int {
		return cmp.Or(byStep(x, y), cmp.Compare(a.earliest(w.contents[x])[0], a.earliest(w.contents[y])[0]), cmp.Compare(x, y))
	})
	for _, i := range want {
		id := alonePrefix + w.contents[i].Name
		for n := 2; used[id]; n++ {
			id = fmt.Sprintf("%s%s#%d", alonePrefix, w.contents[i].Name, n)
		}
		used[id] = true
		a.content[i] = id
	}
}

// group gives every env a layer: the one it had, else one of its own while there are
// fewer than limit, else the one with the fewest envs. first shares with nobody unless
// there is one layer only. A layer has the name of the env it was made for.
func group(envs []string, prefix, first string, limit int, kept map[string]string) map[string]string {
	out := map[string]string{}
	size := map[string]int{}
	join := func(env, layer string) {
		out[env] = layer
		size[layer]++
	}
	for _, env := range envs {
		layer, ok := kept[env]
		if _, open := size[layer]; ok && (open || len(size) < limit) {
			join(env, layer)
		}
	}
	for _, env := range envs {
		if out[env] != "" {
			continue
		}
		if len(size) < limit {
			join(env, prefix+env)
			continue
		}
		best := ""
		for layer := range size {
			if len(size) > 1 && layer == out[first] {
				continue
			}
			if best == "" || size[layer] < size[best] || size[layer] == size[best] && layer < best {
				best = layer
			}
		}
		join(env, best)
	}
	return out
}
