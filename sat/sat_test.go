package sat_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/nasa-openscapes/corn/sat"
)

// formula is a formula in the open, to be tried in every way.
type formula struct {
	vars    int
	clauses [][]sat.Lit
	groups  [][]sat.Var // disjoint
}

func drawFormula(t *rapid.T) formula {
	f := formula{vars: rapid.IntRange(1, 9).Draw(t, "vars")}
	lit := rapid.Custom(func(t *rapid.T) sat.Lit {
		return sat.Pos(sat.Var(rapid.IntRange(1, f.vars).Draw(t, "var"))) ^ sat.Lit(rapid.IntRange(0, 1).Draw(t, "sign"))
	})
	f.clauses = rapid.SliceOfN(rapid.SliceOfN(lit, 1, 4), 0, 30).Draw(t, "clauses")
	var g []sat.Var
	for v := range f.vars {
		if rapid.IntRange(0, 2).Draw(t, "new group") == 0 {
			f.groups = append(f.groups, g)
			g = nil
		}
		g = append(g, sat.Var(v+1))
	}
	f.groups = append(f.groups, g)
	return f
}

// holds tells whether the values, a bit for each variable, satisfy f.
func (f formula) holds(values uint) bool {
	is := func(l sat.Lit) bool { return (values>>(l.Var()-1)&1 == 1) != l.Negative() }
	for _, c := range f.clauses {
		if !slices.ContainsFunc(c, is) {
			return false
		}
	}
	for _, g := range f.groups {
		n := 0
		for _, v := range g {
			if is(sat.Pos(v)) {
				n++
			}
		}
		if n > 1 {
			return false
		}
	}
	return true
}

// best returns the first model in the order in which inOrder tries, or false.
func (f formula) best(assume []sat.Lit) (uint, bool) {
	for i := range uint(1) << f.vars {
		values := uint(0) // true before false, variable 1 first
		for v := range f.vars {
			if i>>(f.vars-1-v)&1 == 0 {
				values |= 1 << v
			}
		}
		ok := f.holds(values)
		for _, l := range assume {
			ok = ok && (values>>(l.Var()-1)&1 == 1) != l.Negative()
		}
		if ok {
			return values, true
		}
	}
	return 0, false
}

// inOrder tries each variable true, in order. It feeds what is left of the formula as it goes.
type inOrder struct {
	f              formula
	clauses, joins int
	every          int // feed this many pieces at each question
}

func (g *inOrder) Next(s *sat.Solver) sat.Lit {
	for range g.every {
		g.feed(s)
	}
	for v := sat.Var(1); int(v) <= g.f.vars; v++ {
		if s.Value(sat.Pos(v)) == sat.Unknown {
			return sat.Pos(v)
		}
	}
	if g.feed(s) {
		return g.Next(s)
	}
	return 0
}

// feed adds one clause or one member of a group.
func (g *inOrder) feed(s *sat.Solver) bool {
	if g.clauses < len(g.f.clauses) {
		if c := g.f.clauses[g.clauses]; len(c) == 2 && g.clauses%2 == 0 && c[0].Var() != c[1].Var() {
			s.Imply(c[0].Flip(), c[1])
		} else {
			s.AddClause(sat.Tag(g.clauses), c...)
		}
		g.clauses++
		return true
	}
	if g.joins == 0 {
		for _, vars := range g.f.groups {
			id := s.NewGroup()
			for _, v := range vars {
				s.Join(id, v)
			}
		}
		g.joins++
		return true
	}
	return false
}

func load(f formula, every int) (*sat.Solver, *inOrder) {
	s := sat.New()
	for range f.vars {
		s.Observe(s.NewVar())
	}
	g := &inOrder{f: f, every: every}
	if every == 0 {
		for g.feed(s) {
		}
	}
	return s, g
}

func TestSolveAgreesWithTryingEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFormula(t)
		s, g := load(f, rapid.IntRange(0, 3).Draw(t, "every"))
		// Several searches with one solver: what one learned must not harm the next.
		for range 3 {
			var assume []sat.Lit
			for v := 1; v <= f.vars; v++ {
				if rapid.IntRange(0, 5).Draw(t, "assume") == 0 {
					assume = append(assume, sat.Pos(sat.Var(v))^sat.Lit(rapid.IntRange(0, 1).Draw(t, "sign")))
				}
			}
			core, err := s.Solve(context.Background(), g, sat.Limits{Assume: assume})
			if err != nil {
				t.Fatalf("Solve: %v", err)
			}
			want, ok := f.best(assume)
			if (core == nil) != ok {
				t.Fatalf("Solve satisfied = %v, want %v", core == nil, ok)
			}
			if core != nil {
				checkCore(t, f, core, assume)
				continue
			}
			got := uint(0)
			for v := range f.vars {
				if s.Value(sat.Pos(sat.Var(v+1))) == sat.True {
					got |= 1 << v
				}
			}
			if got != want {
				t.Fatalf("Solve gives %b, want the first model %b", got, want)
			}
		}
	})
}

// checkCore refutes the core by trying everything.
func checkCore(t *rapid.T, f formula, core *sat.Core, assume []sat.Lit) {
	part := formula{vars: f.vars}
	for _, tag := range core.Tags {
		part.clauses = append(part.clauses, f.clauses[tag])
	}
	for _, pair := range core.Pairs {
		if !slices.ContainsFunc(f.clauses, func(c []sat.Lit) bool {
			return slices.Equal(slices.Sorted(slices.Values(c)), pair[:])
		}) {
			t.Fatalf("core has the pair %v, which nobody said", pair)
		}
		part.clauses = append(part.clauses, pair[:])
	}
	for _, g := range core.Groups {
		part.groups = append(part.groups, f.groups[g-1])
	}
	for _, l := range core.Assume {
		if !slices.Contains(assume, l) {
			t.Fatalf("core assumes %v, which was not", l)
		}
	}
	if values, ok := part.best(core.Assume); ok {
		t.Fatalf("core %+v is satisfied by %b", core, values)
	}
}

// pigeons says that n+1 pigeons sit in n holes, one in each.
func pigeons(n int) formula {
	f := formula{vars: (n + 1) * n, groups: make([][]sat.Var, n)}
	for p := range n + 1 {
		var somewhere []sat.Lit
		for h := range n {
			v := sat.Var(p*n + h + 1)
			somewhere = append(somewhere, sat.Pos(v))
			f.groups[h] = append(f.groups[h], v)
		}
		f.clauses = append(f.clauses, somewhere)
	}
	return f
}

func TestLimits(t *testing.T) {
	f := pigeons(6)
	s, g := load(f, 0)
	if _, err := s.Solve(context.Background(), g, sat.Limits{MaxConflicts: 5}); !errors.Is(err, sat.ErrLimit) {
		t.Errorf("Solve with a limit of 5 conflicts: %v, want ErrLimit", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Solve(ctx, g, sat.Limits{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Solve with a context that is done: %v, want context.Canceled", err)
	}
	core, err := s.Solve(context.Background(), g, sat.Limits{})
	if err != nil || core == nil {
		t.Fatalf("Solve after that = %v, %v, want a core", core, err)
	}
	if len(core.Tags) != 7 || len(core.Groups) != 6 {
		t.Errorf("core = %+v, want all 7 clauses and 6 groups: no pigeon can be left out", core)
	}
	again, err := s.Solve(context.Background(), g, sat.Limits{})
	if err != nil || again != core {
		t.Errorf("Solve of a refuted formula = %v, %v, want the core again", again, err)
	}
}

func TestObserved(t *testing.T) {
	s := sat.New()
	a, b, c := s.NewVar(), s.NewVar(), s.NewVar()
	s.Observe(c)
	s.Observe(b)
	s.AddClause(1, sat.Not(a), sat.Pos(b))
	s.AddClause(2, sat.Not(a), sat.Not(b), sat.Pos(c))
	core, err := s.Solve(context.Background(), only(a), sat.Limits{})
	if core != nil || err != nil {
		t.Fatalf("Solve = %v, %v, want an answer", core, err)
	}
	if got := s.Observed(); !slices.Equal(got, []sat.Var{b, c}) {
		t.Errorf("Observed() = %v, want b and c (%v, %v) in the order in which they became true", got, b, c)
	}
}

// only is a guide that asks for one variable.
type only sat.Var

func (v only) Next(s *sat.Solver) sat.Lit {
	if l := sat.Pos(sat.Var(v)); s.Value(l) == sat.Unknown {
		return l
	}
	return 0
}

func BenchmarkPigeons(b *testing.B) {
	f := pigeons(7)
	for b.Loop() {
		s, g := load(f, 0)
		if core, err := s.Solve(context.Background(), g, sat.Limits{}); core == nil || err != nil {
			b.Fatalf("Solve = %v, %v, want a core", core, err)
		}
	}
}
