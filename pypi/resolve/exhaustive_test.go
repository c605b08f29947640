package resolve

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nasa-openscapes/corn/pypi/pep440"
	"github.com/nasa-openscapes/corn/pypi/pep508"
)

// small is a world that can be solved by trying everything.
type small struct {
	versions map[string][]string // by project, the highest first
	deps     map[string][]*pep508.Requirement
	roots    []*pep508.Requirement
	limits   []*pep508.Requirement
	fixed    map[string]string
}

var smallNames = []string{"a", "b", "c", "d"}

func drawSmall(t *rapid.T) *small {
	w := &small{versions: map[string][]string{}, deps: map[string][]*pep508.Requirement{}, fixed: map[string]string{}}
	need := func(label string, marker bool) *pep508.Requirement {
		text := rapid.SampledFrom(smallNames).Draw(t, label)
		text += rapid.SampledFrom([]string{"", "", "", "[x]", "[y]", "[x,y]"}).Draw(t, "extras")
		text += rapid.SampledFrom([]string{"", "", ">=2", "<3", "<2", "==2", "!=2", "~=1.0", ">=3"}).Draw(t, "spec")
		if marker {
			text += rapid.SampledFrom([]string{"", "", "", "; extra == 'x'", "; extra == 'y'", "; os_name == 'nt'"}).Draw(t, "marker")
		}
		return pep508.MustParse(text)
	}
	for _, n := range smallNames {
		w.versions[n] = rapid.SampledFrom([][]string{{"3", "2", "1"}, {"2", "1"}, {"3", "1"}, {"2"}, {}}).Draw(t, "versions of "+n)
		for _, v := range w.versions[n] {
			for range rapid.IntRange(0, 2).Draw(t, "needs") {
				w.deps[n+v] = append(w.deps[n+v], need("of "+n+v, true))
			}
		}
	}
	for range rapid.IntRange(1, 3).Draw(t, "roots") {
		w.roots = append(w.roots, need("root", false))
	}
	if rapid.IntRange(0, 2).Draw(t, "limited") == 0 {
		w.limits = append(w.limits, need("limit", false))
	}
	if rapid.IntRange(0, 2).Draw(t, "provided") == 0 {
		w.fixed[rapid.SampledFrom(smallNames).Draw(t, "fixed")] = rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "at")
	}
	return w
}

// valid tells whether the versions chosen satisfy these roots, and need all of what is chosen.
func (w *small) valid(chosen map[string]string, roots []*pep508.Requirement) (ok, needed bool) {
	env, _ := linux("3.12.1")
	reached := map[string]map[string]bool{} // extras by project; "" for the project itself
	var follow func(r *pep508.Requirement) bool
	follow = func(r *pep508.Requirement) bool {
		name := r.Key()
		v, ok := chosen[name]
		if !ok || !r.Specifiers.Match(pep440.MustParse(v)) {
			return false
		}
		for _, extra := range append([]string{""}, r.ExtraKeys()...) {
			if reached[name] == nil {
				reached[name] = map[string]bool{}
			}
			if reached[name][extra] {
				continue
			}
			reached[name][extra] = true
			if w.fixed[name] != "" {
				continue // conda's: drawn without metadata
			}
			for _, d := range w.deps[name+v] {
				if holds, err := d.Marker.Eval(env.WithExtra(extra)); err != nil || holds && !follow(d) {
					return false
				}
			}
		}
		return true
	}
	for _, r := range roots {
		if !follow(r) {
			return false, false
		}
	}
	for _, l := range w.limits {
		if v, ok := chosen[l.Key()]; ok && !l.Specifiers.Match(pep440.MustParse(v)) {
			return false, false
		}
	}
	return true, len(reached) == len(chosen)
}

// satisfiable tries everything.
func (w *small) satisfiable(roots []*pep508.Requirement) bool {
	var try func(i int, chosen map[string]string) bool
	try = func(i int, chosen map[string]string) bool {
		if i == len(smallNames) {
			ok, _ := w.valid(chosen, roots)
			return ok
		}
		n := smallNames[i]
		delete(chosen, n)
		if try(i+1, chosen) {
			return true
		}
		for _, v := range w.choices(n) {
			chosen[n] = v
			if try(i+1, chosen) {
				return true
			}
		}
		delete(chosen, n)
		return false
	}
	return try(0, map[string]string{})
}

func (w *small) choices(n string) []string {
	if v := w.fixed[n]; v != "" {
		return []string{v}
	}
	return w.versions[n]
}

func (w *small) request(t testing.TB) (*memIndex, Request) {
	m := newMemIndex(t)
	for _, n := range smallNames {
		for _, v := range w.versions[n] {
			var deps []string
			for _, d := range w.deps[n+v] {
				deps = append(deps, d.String())
			}
			m.add(t, n, v, "extras=x,y", deps)
		}
	}
	var req Request
	req.Env, req.Tags = linux("3.12.1")
	for i, r := range w.roots {
		req.Requirements = append(req.Requirements, Requirement{Requirement: r, Origin: Origin{"r.txt", i + 1}})
	}
	for _, r := range w.limits {
		req.Constraints = append(req.Constraints, Requirement{Requirement: r})
	}
	for n, v := range w.fixed {
		req.Provided = append(req.Provided, Provided{Name: n, Version: v, Package: n + " " + v})
	}
	return m, req
}

// TestEqualsTryingEverything compares answers and refusals with those of brute force.
func TestEqualsTryingEverything(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawSmall(rt)
		idx, req := w.request(t)
		res, err := Solve(context.Background(), idx, req)
		want := w.satisfiable(w.roots)
		if err != nil {
			u, ok := errors.AsType[*Unsolvable](err)
			if !ok {
				rt.Fatal(err)
			}
			if want {
				rt.Fatalf("refused although there is an answer:\n%v", err)
			}
			w.explained(rt, u)
			return
		}
		if !want {
			rt.Fatalf("an answer where there is none: %+v", res.Chosen)
		}
		chosen := map[string]string{}
		for _, c := range res.Chosen {
			chosen[c.Name] = c.Version
		}
		for _, u := range res.Used {
			chosen[u.Name] = u.Version
		}
		if ok, needed := w.valid(chosen, w.roots); !ok || !needed {
			rt.Fatalf("%v is no answer (valid %v, all needed %v)", chosen, ok, needed)
		}
		for n, v := range chosen {
			for _, higher := range w.choices(n) {
				if higher == v {
					break
				}
				chosen[n] = higher
				if ok, _ := w.valid(chosen, w.roots); ok {
					rt.Fatalf("%s %s would do in place of %s: %v", n, higher, v, chosen)
				}
			}
			chosen[n] = v
		}
	})
}

// explained checks that each problem names requirements that cannot all hold, although any one can be left out.
func (w *small) explained(t *rapid.T, u *Unsolvable) {
	for _, p := range u.Problems {
		var set []*pep508.Requirement
		for _, c := range p.Causes {
			if c.Kind == Requested {
				set = append(set, w.roots[c.Origin.Line-1])
			}
		}
		if w.satisfiable(set) {
			t.Fatalf("%v can all hold:\n%v", set, u)
		}
		for i := range set {
			if rest := slices.Delete(slices.Clone(set), i, i+1); !w.satisfiable(rest) {
				t.Fatalf("%v cannot hold without %v:\n%v", rest, set[i], u)
			}
		}
		for _, line := range strings.Split(u.Error(), "\n") {
			if strings.TrimSpace(line) == "" {
				t.Fatalf("an empty line in\n%v", u)
			}
		}
	}
}

// TestHintsHold follows each hint that changes a requirement and solves again.
func TestHintsHold(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawSmall(rt)
		idx, req := w.request(t)
		_, err := Solve(context.Background(), idx, req)
		u, ok := errors.AsType[*Unsolvable](err)
		if !ok || len(u.Problems) != 1 {
			return
		}
		for _, h := range u.Problems[0].Hints {
			var roots []*pep508.Requirement
			for i, r := range w.roots {
				switch {
				case h.Kind == Drop && h.Requirement.Origin.Line == i+1:
				case h.Kind == Relax && h.Requirement.Origin.Line == i+1:
					weaker := *r
					weaker.Specifiers = pep440.Specifiers{}
					roots = append(roots, &weaker)
				default:
					roots = append(roots, r)
				}
			}
			other := *w
			if h.Kind == AskConda {
				other.fixed = map[string]string{}
			}
			if !other.satisfiable(roots) {
				rt.Fatalf("the hint %q does not help:\n%v", h, u)
			}
		}
	})
}
