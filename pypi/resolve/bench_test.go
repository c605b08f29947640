package resolve

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/nasa-openscapes/corn/pypi/pep508"
)

// big is a world of 500 projects with up to 200 versions each, of which 100 are asked for and bring the other 400. Needs
// have lower bounds, upper bounds and markers as often as those of real projects, and one in fifty newest versions
// caps what another one wants newer, so that the search has to turn back.
func big(tb testing.TB) (*memIndex, Request) {
	const projects, roots = 500, 100
	r := rand.New(rand.NewPCG(7, 11))
	m := newMemIndex(tb)
	versions := make([]int, projects)
	for i := range versions {
		versions[i] = 10 + int(190*r.Float64()*r.Float64())
	}
	name := func(i int) string { return fmt.Sprintf("project-%03d", i) }
	version := func(i, v int) string { return fmt.Sprintf("%d.%d.0", v/10, v%10) }
	for i := range projects {
		// The first of those that nobody asks for hang on the roots, so that all 400 are reached.
		var kids []int
		for k := roots + i*4; i < roots && k < roots+i*4+4; k++ {
			kids = append(kids, k)
		}
		for range r.IntN(6) {
			if kid := i + 1 + r.IntN(projects-i); kid < projects {
				kids = append(kids, kid)
			}
		}
		habits := make([]int, len(kids)) // what all versions do
		for j := range habits {
			habits[j] = r.IntN(20)
		}
		for v := range versions[i] {
			var deps []string
			for j, k := range kids {
				age := float64(v) / float64(versions[i])
				low := int(age * 0.8 * float64(versions[k]))
				d := name(k) + ">=" + version(k, low)
				switch n := r.IntN(100); {
				case habits[j] == 0:
					d = name(k) + "<" + version(k, versions[k]*9/10)
				case habits[j] == 1 && age > 0.66:
					d = name(k) + ">=" + version(k, versions[k]*19/20)
				case n < 30:
					d += ",<" + version(k, versions[k]+10)
				case n < 32:
					d += ",<" + version(k, max(low+1, versions[k]*19/20))
				case n < 33 && v+1 < versions[i]:
					d = name(k) + "==" + version(k, low)
				case n < 34:
					d = name(k) + ">=" + version(k, versions[k]-1)
				case n < 40:
					d += "; python_version < \"3.9\""
				case n < 50:
					d += "; extra == 'test'"
				}
				deps = append(deps, d)
			}
			m.add(tb, name(i), version(i, v), "python=>=3.8 sdist wheel=py3-none-any", deps)
		}
	}
	var req Request
	req.Env, req.Tags = linux("3.12.1")
	for i := range roots {
		text := name(i)
		if i%3 == 0 {
			text += ">=" + version(i, versions[i]/2)
		}
		req.Requirements = append(req.Requirements, Requirement{Requirement: pep508.MustParse(text), Origin: Origin{"requirements.txt", i + 1}})
	}
	return m, req
}

// BenchmarkResolve is the aim of docs/design/pypi.md: 100 requirements with 400 further projects, from memory.
func BenchmarkResolve(b *testing.B) {
	m, req := big(b)
	r := rand.New(rand.NewPCG(1, 1))
	var res *Resolution
	for b.Loop() {
		b.StopTimer()
		idx := m.fresh(r)
		b.StartTimer()
		var err error
		if res, err = Solve(context.Background(), idx, req); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(res.Chosen)), "chosen")
	b.ReportMetric(float64(res.Stats.Candidates), "candidates")
	b.ReportMetric(float64(res.Stats.Metadata), "metadata")
	b.ReportMetric(float64(res.Stats.Conflicts), "conflicts")
}

// TestBig makes sure that the benchmark's world stays what it says.
func TestBig(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while under the race detector")
	}
	m, req := big(t)
	res, err := Solve(context.Background(), m, req)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(res.Chosen); n < 450 || res.Stats.Conflicts < 10 {
		t.Errorf("%d chosen after %d conflicts, want 450 and 10 at least", n, res.Stats.Conflicts)
	}
}
