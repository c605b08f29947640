package sat_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/nasa-openscapes/corn/sat"
)

var errGaveUp = errors.New("gave up")

func gaveUp(err error) bool { return errors.Is(err, errGaveUp) }

func TestMinimalAgreesWithTryingEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFormula(t)
		s, g := load(f, 0)
		var assume []sat.Lit
		for v := 1; v <= f.vars; v++ {
			if rapid.Bool().Draw(t, "assume") {
				assume = append(assume, sat.Pos(sat.Var(v))^sat.Lit(rapid.IntRange(0, 1).Draw(t, "sign")))
			}
		}
		set, err := sat.Minimal(assume, func(a []sat.Lit) (*sat.Core, error) {
			return s.Solve(context.Background(), g, sat.Limits{Assume: a})
		}, gaveUp)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := f.best(assume); ok != (set == nil) {
			t.Fatalf("all of %v can hold: %v, and Minimal says %v", assume, ok, set)
		}
		if set == nil {
			return
		}
		if _, ok := f.best(set); ok {
			t.Fatalf("%v can all hold", set)
		}
		for i := range set {
			if _, ok := f.best(slices.Delete(slices.Clone(set), i, i+1)); !ok {
				t.Fatalf("%v fails without %v, too", set, set[i])
			}
		}
	})
}

// A search that gives up is no proof: what it was to leave out stays.
func TestMinimalOfSearchesThatGiveUp(t *testing.T) {
	a, b, c := sat.Pos(1), sat.Pos(2), sat.Pos(3)
	all := []sat.Lit{a, b, c}
	other := errors.New("other")
	for name, tt := range map[string]struct {
		fail func(set []sat.Lit) error // of a search; nil: it finds that b fails
		want []sat.Lit
		err  error
	}{
		"never":     {func([]sat.Lit) error { return nil }, []sat.Lit{b}, nil},
		"at first":  {func([]sat.Lit) error { return errGaveUp }, all, nil},
		"later":     {func(set []sat.Lit) error { return when(len(set) < 3, errGaveUp) }, all, nil},
		"an error":  {func(set []sat.Lit) error { return when(len(set) < 3, other) }, nil, other},
		"all wrong": {func([]sat.Lit) error { return other }, nil, other},
	} {
		got, err := sat.Minimal(all, func(set []sat.Lit) (*sat.Core, error) {
			if err := tt.fail(set); err != nil || !slices.Contains(set, b) {
				return nil, err
			}
			return &sat.Core{Assume: set}, nil // not the smallest, as cores are
		}, gaveUp)
		if !slices.Equal(got, tt.want) || !errors.Is(err, tt.err) {
			t.Errorf("%s: Minimal = %v, %v; want %v, %v", name, got, err, tt.want, tt.err)
		}
		if len(got) > 0 && &got[0] == &all[0] {
			t.Errorf("%s: the answer is the caller's own list", name)
		}
	}
}

func when(is bool, err error) error {
	if is {
		return err
	}
	return nil
}
