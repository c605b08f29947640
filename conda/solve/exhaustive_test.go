package solve

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nasa-openscapes/corn/conda/record"
)

// drawWorld makes an index of few records and a request.
func drawWorld(t *rapid.T) (mapIndex, Request) {
	names := []string{"a", "b", "c", "d", "e"}
	spec := rapid.Custom(func(t *rapid.T) string {
		n := rapid.SampledFrom(names).Draw(t, "name")
		v := strconv.Itoa(rapid.IntRange(1, 3).Draw(t, "v"))
		switch rapid.IntRange(0, 9).Draw(t, "op") {
		case 0:
			return n + " " + v
		case 1:
			return n + " <" + v
		case 2, 3:
			return n + " >=" + v
		case 4:
			return n + " * y"
		case 5:
			return n + `[when="` + rapid.SampledFrom(names).Draw(t, "if") + " >=" + v + `"]`
		}
		return n
	})
	idx := mapIndex{}
	for _, n := range names {
		for range rapid.IntRange(0, 4).Draw(t, "records of "+n) {
			r := &record.Record{Name: n, Version: strconv.Itoa(rapid.IntRange(1, 3).Draw(t, "version")),
				Build: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "build"), BuildNumber: int64(rapid.IntRange(0, 1).Draw(t, "number")),
				Channel: "main", Subdir: "linux-64"}
			r.FileName = r.Dist().String() + ".conda"
			r.Depends = rapid.SliceOfN(spec, 0, 3).Draw(t, "depends")
			r.Constrains = rapid.SliceOfN(spec, 0, 1).Draw(t, "constrains")
			r.Constrains = slices.DeleteFunc(r.Constrains, func(s string) bool { return strings.Contains(s, "when") })
			if !slices.ContainsFunc(idx[n], func(o *record.Record) bool { return o.FileName == r.FileName }) {
				idx[n] = append(idx[n], r)
			}
		}
	}
	req := Request{Channels: []string{"main"}}
	for i, s := range rapid.SliceOfN(spec, 1, 3).Draw(t, "specs") {
		req.Specs = append(req.Specs, Spec{Text: s, Origin: Origin{File: "env.yml", Line: i + 1}})
	}
	if rapid.IntRange(0, 3).Draw(t, "lowest") == 0 {
		req.Strategy = Lowest
	}
	return idx, req
}

// everything returns all answers to req, those with packages that nothing needs aside.
func everything(idx mapIndex, req *Request) [][]*record.Record {
	var all [][]*record.Record
	names := []string{"a", "b", "c", "d", "e"}
	var pick func(chosen []*record.Record, at int)
	pick = func(chosen []*record.Record, at int) {
		if at == len(names) {
			if Check(idx, req, chosen) == nil {
				all = append(all, slices.Clone(chosen))
			}
			return
		}
		pick(chosen, at+1)
		for _, r := range idx[names[at]] {
			pick(append(chosen, r), at+1)
		}
	}
	pick(nil, 0)
	return all
}

// rank is higher for the preferred version.
func rank(req *Request, r *record.Record) int {
	v, _ := strconv.Atoi(r.Version)
	if req.Strategy == Lowest {
		return -v
	}
	return v
}

func ranks(req *Request, recs []*record.Record) map[string]int {
	m := map[string]int{}
	for _, r := range recs {
		m[r.Name] = rank(req, r)
	}
	return m
}

func TestSolveAgreesWithTryingEverything(t *testing.T) {
	solved, failed := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		idx, req := drawWorld(t)
		all := everything(idx, &req)
		sol, err := Solve(context.Background(), idx, req)
		u, unsat := errors.AsType[*Unsolvable](err)
		if err != nil && !unsat {
			t.Fatalf("Solve: %v", err)
		}
		if unsat == (len(all) > 0) {
			t.Fatalf("Solve finds an answer = %v, and there are %d", !unsat, len(all))
		}
		if unsat {
			failed++
			checkExplanation(t, idx, &req, u)
			return
		}
		solved++
		if err := Check(idx, &req, sol.Records()); err != nil {
			t.Fatalf("Check of the answer: %v", err)
		}
		checkPreference(t, &req, sol.Records(), all)
	})
	if solved == 0 || failed == 0 {
		t.Errorf("%d worlds solved, %d failed: the test is blind on one side", solved, failed)
	}
}

// checkPreference looks for an answer in which something is better and nothing worse; of a request for
// one name, also for one in which that is better.
func checkPreference(t *rapid.T, req *Request, got []*record.Record, all [][]*record.Record) {
	mine := ranks(req, got)
	for _, other := range all {
		better, worse := "", false
		for n, v := range ranks(req, other) {
			have, common := mine[n]
			switch {
			case common && v > have:
				better = n
			case common && v < have:
				worse = true
			}
			if common && v > have && len(req.Specs) == 1 && strings.HasPrefix(req.Specs[0].Text, n) {
				t.Fatalf("%s is better in %v than in %v, and nothing else was asked for", n, show(other), show(got))
			}
		}
		if better != "" && !worse {
			t.Fatalf("%s is better in %v than in %v, and nothing is worse", better, show(other), show(got))
		}
	}
}

// checkExplanation makes sure that the requests of each problem fail together, that none of them is there
// without need, and that hints help.
func checkExplanation(t *rapid.T, idx mapIndex, req *Request, u *Unsolvable) {
	has := func(specs []Spec) bool {
		r := *req
		r.Specs = specs
		return len(everything(idx, &r)) > 0
	}
	specsOf := func(p Problem) (specs []Spec) {
		for _, c := range p.Causes {
			specs = append(specs, Spec{Text: c.Specs[0], Origin: *c.Origin})
		}
		return specs
	}
	if len(u.Problems) == 0 || u.Error() == "" {
		t.Fatalf("no problem is named")
	}
	for k, p := range u.Problems {
		specs := specsOf(p)
		if has(specs) {
			t.Fatalf("the requests %v can be met together", specs)
		}
		for i := range specs {
			if rest := slices.Delete(slices.Clone(specs), i, i+1); !has(rest) {
				t.Fatalf("the requests %v fail without %v too", rest, specs[i])
			}
		}
		others := map[Origin]bool{}
		for j, o := range u.Problems {
			for _, s := range specsOf(o) {
				others[s.Origin] = others[s.Origin] || j != k
			}
		}
		for _, h := range p.Hints {
			var changed []Spec
			for _, s := range req.Specs {
				switch {
				case s == h.Spec && h.Kind == Relax:
					changed = append(changed, Spec{Text: s.Text[:1], Origin: s.Origin})
				case s != h.Spec && !others[s.Origin]:
					changed = append(changed, s)
				}
			}
			if !has(changed) {
				t.Fatalf("hint %q does not help", h)
			}
		}
	}
}

func show(recs []*record.Record) string {
	var out []string
	for _, r := range recs {
		out = append(out, r.Dist().String())
	}
	slices.Sort(out)
	return fmt.Sprint(out)
}

func TestTheAnswerDoesNotDependOnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		idx, req := drawWorld(t)
		for _, n := range []string{"a", "b", "c"} {
			if recs := idx[n]; len(recs) > 0 && rapid.IntRange(0, 2).Draw(t, "locked "+n) == 0 {
				req.Locked = append(req.Locked, recs[0])
				req.Favored = append(req.Favored, recs[len(recs)-1])
			}
		}
		first := outcome(idx, req)
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		for range 3 {
			mixed := mapIndex{}
			for n, recs := range idx {
				recs = slices.Clone(recs)
				rng.Shuffle(len(recs), func(i, j int) { recs[i], recs[j] = recs[j], recs[i] })
				mixed[n] = recs
			}
			r := req
			r.Specs, r.Locked, r.Favored = slices.Clone(req.Specs), slices.Clone(req.Locked), slices.Clone(req.Favored)
			rng.Shuffle(len(r.Specs), func(i, j int) { r.Specs[i], r.Specs[j] = r.Specs[j], r.Specs[i] })
			slices.Reverse(r.Locked)
			slices.Reverse(r.Favored)
			if got := outcome(mixed, r); got != first {
				t.Fatalf("in another order: %s\nwant %s", got, first)
			}
		}
	})
}

// outcome is the whole answer or explanation as text.
func outcome(idx Index, req Request) string {
	sol, err := Solve(context.Background(), idx, req)
	if u, ok := errors.AsType[*Unsolvable](err); ok {
		return u.Error() + "\n" + u.Hint()
	}
	if err != nil {
		return err.Error()
	}
	var out []string
	for _, r := range sol.Records() {
		out = append(out, r.Dist().String())
	}
	return strings.Join(out, " ")
}
