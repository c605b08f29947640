package locks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

// DefaultVirtual are the virtual packages of the demo's base image, Debian 13 on
// x86-64.
var DefaultVirtual = map[string]string{
	"__archspec": "1", "__glibc": "2.41", "__linux": "0", "__unix": "0",
}

// An UnsatisfiableError says which request no package could answer, where the
// search got furthest.
type UnsatisfiableError struct {
	Name   string
	Wanted []string // "spec (asked by whom)"
	Have   []string // the channel's candidates of that name
}

func (e *UnsatisfiableError) Error() string {
	have := "the channel has none"
	if len(e.Have) > 0 {
		have = "the channel has " + strings.Join(e.Have, ", ")
	}
	return fmt.Sprintf("no %s satisfies %s; %s", e.Name, strings.Join(e.Wanted, " and "), have)
}

// maxSteps ends a search that does not get anywhere. The demo's environments need a few
// hundred.
const maxSteps = 200_000

// wish is a spec and who asked for it.
type wish struct {
	spec
	by        string
	constrain bool // applies only if the package is there
}

type search struct {
	ch      *Channel
	virtual map[string]version
	wishes  map[string][]wish
	order   []string // names asked for, oldest first
	chosen  map[string]*candidate
	steps   int
	deepest int
	failure *UnsatisfiableError
}

// Solve chooses one package of every name that specs need, directly or not, the
// preferred ones first, and returns them with dependencies before dependents. virtual
// maps the target's virtual packages to their versions.
func Solve(ch *Channel, specs []string, virtual map[string]string) ([]channeltest.Record, error) {
	s := &search{ch: ch, virtual: map[string]version{}, wishes: map[string][]wish{}, chosen: map[string]*candidate{}, deepest: -1}
	for name, text := range virtual {
		v, err := parseVersion(text)
		if err != nil {
			return nil, fmt.Errorf("virtual package %s: %w", name, err)
		}
		s.virtual[name] = v
	}
	for _, text := range specs {
		sp, err := parseSpec(text)
		if err != nil {
			return nil, err
		}
		if !s.add(wish{spec: sp, by: "the environment"}) {
			return nil, s.failure
		}
	}
	// The interpreter decides most about the rest: choose it first.
	if i := slices.Index(s.order, "python"); i > 0 {
		s.order = slices.Insert(slices.Delete(s.order, i, i+1), 0, "python")
	}
	if !s.run() {
		if s.steps >= maxSteps {
			return nil, fmt.Errorf("gave up after %d steps; last: %w", s.steps, s.failure)
		}
		return nil, s.failure
	}
	return sorted(s.chosen), nil
}

// run chooses a package for the next open name, and comes back to try the next best
// when that leads nowhere.
func (s *search) run() bool {
	name := ""
	for _, n := range s.order {
		if s.chosen[n] == nil && slices.ContainsFunc(s.wishes[n], func(w wish) bool { return !w.constrain }) {
			name = n
			break
		}
	}
	if name == "" {
		return true
	}
	tried := false
	for _, c := range s.ch.byName[name] {
		if s.steps++; s.steps >= maxSteps {
			return false
		}
		if !s.fits(c) {
			continue
		}
		tried = true
		mark := s.mark()
		s.chosen[name] = c
		if s.require(c) && s.run() {
			return true
		}
		s.undo(mark)
		delete(s.chosen, name)
	}
	if !tried {
		s.fail(name)
	}
	return false
}

// fits tells whether the candidate satisfies every wish for its name.
func (s *search) fits(c *candidate) bool {
	for _, w := range s.wishes[c.Index.Name] {
		if !w.matches(c.v, c.Index.Build) {
			return false
		}
	}
	return true
}

// require adds what a chosen package asks for.
func (s *search) require(c *candidate) bool {
	by := c.Index.Name + " " + c.Index.Version
	for _, sp := range c.depends {
		if !s.add(wish{spec: sp, by: by}) {
			return false
		}
	}
	for _, sp := range c.constrains {
		if !s.add(wish{spec: sp, by: by, constrain: true}) {
			return false
		}
	}
	return true
}

// add notes a wish; false means that it contradicts what is chosen or what the
// target is.
func (s *search) add(w wish) bool {
	if strings.HasPrefix(w.name, "__") {
		v, ok := s.virtual[w.name]
		if ok && w.matches(v, "0") || !ok && w.constrain {
			return true
		}
		s.wishes[w.name] = append(s.wishes[w.name], w)
		s.fail(w.name)
		s.wishes[w.name] = s.wishes[w.name][:len(s.wishes[w.name])-1]
		return false
	}
	if len(s.wishes[w.name]) == 0 {
		s.order = append(s.order, w.name)
	}
	s.wishes[w.name] = append(s.wishes[w.name], w)
	if c := s.chosen[w.name]; c != nil && !w.matches(c.v, c.Index.Build) {
		s.fail(w.name)
		return false
	}
	return true
}

// fail remembers why the search stopped, if it never got further than here.
func (s *search) fail(name string) {
	if len(s.chosen) <= s.deepest {
		return
	}
	s.deepest = len(s.chosen)
	e := &UnsatisfiableError{Name: name}
	for _, w := range s.wishes[name] {
		e.Wanted = append(e.Wanted, fmt.Sprintf("%q (asked by %s)", w.text, w.by))
	}
	for _, c := range s.ch.byName[name] {
		e.Have = append(e.Have, c.Index.Version+" "+c.Index.Build)
	}
	if v, ok := s.virtual[name]; ok {
		e.Have = append(e.Have, v.text+" (the target)")
	}
	s.failure = e
}

// mark and undo restore the wishes to what they were.
type mark struct {
	order  []string
	counts map[string]int
}

func (s *search) mark() mark {
	m := mark{order: slices.Clone(s.order), counts: make(map[string]int, len(s.wishes))}
	for name, list := range s.wishes {
		m.counts[name] = len(list)
	}
	return m
}

func (s *search) undo(m mark) {
	s.order = m.order
	for name, list := range s.wishes {
		s.wishes[name] = list[:m.counts[name]]
	}
}

// sorted returns dependencies before dependents, names in alphabetical order where
// that leaves a choice. Of a cycle, the alphabetically first goes first.
func sorted(chosen map[string]*candidate) []channeltest.Record {
	var records []channeltest.Record
	placed := map[string]bool{}
	names := slices.Sorted(maps.Keys(chosen))
	var place func(name string, above map[string]bool)
	place = func(name string, above map[string]bool) {
		if placed[name] || above[name] {
			return
		}
		above[name] = true
		var deps []string
		for _, d := range chosen[name].depends {
			if chosen[d.name] != nil {
				deps = append(deps, d.name)
			}
		}
		slices.Sort(deps)
		for _, d := range deps {
			place(d, above)
		}
		delete(above, name)
		placed[name] = true
		records = append(records, chosen[name].Record)
	}
	for _, name := range names {
		place(name, map[string]bool{})
	}
	return records
}
