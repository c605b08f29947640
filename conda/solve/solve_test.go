package solve

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/conda/matchspec"
	"github.com/nasa-openscapes/corn/conda/record"
)

func TestASolutionSaysWhoAskedForWhat(t *testing.T) {
	w := parseWorld(t, `
name: who
app 1: lib >=1, python, only[when="python >=4"]
lib 1, 2: python >=3.9
only 1: python
python 3.12
solve app, python 3.12, lib, only`)
	sol, err := Solve(context.Background(), w.index, w.req)
	if err != nil {
		t.Fatalf("Solve: %v", err)
	}
	var got []string
	for _, p := range sol.Packages {
		line := fmt.Sprintf("%s %s asked by %v", p.Record.Name, p.Record.Version, p.Requested)
		for _, e := range p.RequiredBy {
			line += ", " + sol.Packages[e.From].Record.Name + " needs " + e.Depends
		}
		got = append(got, line)
	}
	want := []string{
		"python 3.12 asked by [1], lib needs python >=3.9, only needs python, app needs python",
		"lib 2 asked by [2], app needs lib >=1",
		"only 1 asked by [3]",
		"app 1 asked by [0]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
}

func TestSolveEnds(t *testing.T) {
	// Each of n packages needs one of n-1 versions of x that no other takes: hopeless, and hard to see.
	var b strings.Builder
	b.WriteString("name: hard\n")
	const n = 7
	var specs []string
	for p := range n {
		for h := range n - 1 {
			fmt.Fprintf(&b, "p%d %d: h%d %d\n", p, h+1, h, p+1)
		}
		specs = append(specs, fmt.Sprintf("p%d", p))
	}
	for h := range n - 1 {
		for p := range n {
			fmt.Fprintf(&b, "h%d %d\n", h, p+1)
		}
	}
	w := parseWorld(t, b.String()+"solve "+strings.Join(specs, ", "))

	limited := w.req
	limited.MaxConflicts = 5
	_, err := Solve(context.Background(), w.index, limited)
	if limit, ok := errors.AsType[*LimitError](err); !ok || limit.Conflicts != 5 {
		t.Errorf("Solve with a limit of 5 conflicts: %v, want a *LimitError that says 5", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Solve(ctx, w.index, w.req); !errors.Is(err, context.Canceled) {
		t.Errorf("Solve with a context that is done: %v, want context.Canceled", err)
	}
	_, err = Solve(context.Background(), w.index, w.req)
	if u, ok := errors.AsType[*Unsolvable](err); !ok || len(u.Problems) != 1 || len(u.Problems[0].Causes) != n {
		t.Errorf("Solve: %v, want one problem in which all %d requests take part", err, n)
	}
}

func TestRequestsThatCannotBeRead(t *testing.T) {
	for _, c := range []struct{ spec, want string }{
		{"numpy >>2", `env.yml:4: package spec "numpy >>2": ">>" is no operator at character 8`},
		{"*", `env.yml:4: spec "*": want the name of one package, without patterns`},
		{"num*", `env.yml:4: spec "num*": want the name of one package, without patterns`},
	} {
		_, err := Solve(context.Background(), mapIndex{}, Request{Specs: []Spec{{Text: c.spec, Origin: Origin{File: "env.yml", Line: 4}}}})
		if _, ok := errors.AsType[*SpecError](err); !ok || err.Error() != c.want {
			t.Errorf("Solve of %q: %v, want the *SpecError %s", c.spec, err, c.want)
		}
	}
	_, err := Solve(context.Background(), mapIndex{}, Request{Constraints: []Spec{{Text: "a >>1"}}})
	if _, ok := errors.AsType[*matchspec.ParseError](err); !ok {
		t.Errorf("Solve with a constraint that cannot be read: %v, want the parser's error inside", err)
	}
}

func TestCheckFindsFaults(t *testing.T) {
	w := parseWorld(t, `
name: faults
channels first, second
channel first
a 1, 2: b >=2 ! c <2
b 1, 2
c 1, 2
d 1 [time=2026-01-01]
channel second
b 3
constraint c >=1
newer 2025-01-01
solve a`)
	pick := func(names ...string) (recs []*record.Record) {
		for _, n := range names {
			recs = append(recs, w.find(t, n))
		}
		return recs
	}
	for _, c := range []struct {
		recs []*record.Record
		want string // empty: no fault
	}{
		{pick("a 1", "b 2"), ""},
		{pick("b 2"), `the request needs "a", and no a is chosen`},
		{pick("a 1"), `a-1-0 needs "b >=2", and no b is chosen`},
		{pick("a 1", "b 1"), `a-1-0 needs "b >=2", and b-1-0 is chosen`},
		{pick("a 1", "b 2", "c 1"), "nothing needs c-1-0"},
		{pick("a 1", "b 2", "c 2"), `a-1-0 allows only "c <2", and c-2-0 is chosen`},
		{pick("a 1", "b 2", "d 1"), "d-1-0 is newer than"},
		{pick("a 1", "b 2", "a 2"), "a is chosen twice"},
		{pick("a 1", "b 3"), "b-3-0 is of second, and first has the name too"},
	} {
		err := Check(w.index, &w.req, c.recs)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("Check of %s: %v, want %q", show(c.recs), err, c.want)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"numpy", "numba", "scikit-learn", "python", "geopandas", "geopandas-base", "r-base"}
	for _, c := range []struct {
		text string
		want []string
	}{
		{"numpi", []string{"numpy"}},
		{"nupmy", []string{"numpy"}}, // neighbours swapped
		{"scikit_learn", []string{"scikit-learn"}},
		{"geopanda", []string{"geopandas", "geopandas-base"}},
		{"something-else-entirely", nil},
		{"", nil},
	} {
		if diff := cmp.Diff(c.want, nearest(c.text, names)); diff != "" {
			t.Errorf("nearest(%q) (-want +got):\n%s", c.text, diff)
		}
	}
}
