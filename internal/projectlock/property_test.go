package projectlock_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/projectlock"
	"github.com/nasa-openscapes/corn/oci/plan"
)

// request draws what an image holds: packages of a few names and versions in a few envs.
func request(rnd *rand.Rand, envs int) plan.Request {
	r := plan.Request{First: "e0", Params: plan.Params{BaseLayers: []int{1, 40, 85}[rnd.IntN(3)], MaxAlone: []int{0, 4}[rnd.IntN(2)]}}
	for i := range 60 {
		name := fmt.Sprintf("p%d", i/(1+rnd.IntN(2)))
		dist := fmt.Sprintf("%s-%d.%d", name, i, rnd.IntN(2))
		c := plan.Content{Key: sum(dist), Name: name, Dist: dist, SizeBytes: rnd.Int64N(1 << (15 + rnd.IntN(11)))}
		for e := range envs {
			if rnd.IntN(envs) < 2 {
				c.Users = append(c.Users, fmt.Sprintf("e%d", e))
			}
		}
		if c.Users == nil {
			continue
		}
		r.Contents = append(r.Contents, c)
		for _, u := range c.Users {
			r.Placements = append(r.Placements, plan.Placement{Key: sum(u + " " + dist), Env: u, Name: name, Dist: dist})
		}
	}
	return r
}

// next changes a few packages, so that a history makes exceptions.
func next(rnd *rand.Rand, r plan.Request, drop string) plan.Request {
	out := plan.Request{First: r.First, Params: r.Params}
	for _, c := range r.Contents {
		switch rnd.IntN(8) {
		case 0:
			c.Dist += "+"
			c.Key = sum(c.Dist)
			c.SizeBytes = c.SizeBytes*2 + 1
		case 1:
			c.Users = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(c.Users), "e1"))))
		}
		c.Users = slices.DeleteFunc(slices.Clone(c.Users), func(u string) bool { return u == drop })
		if len(c.Users) == 0 {
			continue
		}
		out.Contents = append(out.Contents, c)
		for _, u := range c.Users {
			out.Placements = append(out.Placements, plan.Placement{Key: sum(u + " " + c.Dist), Env: u, Name: c.Name, Dist: c.Dist})
		}
	}
	return out
}

func layoutText(l plan.Layout) string {
	var b strings.Builder
	for _, y := range l.Layers {
		fmt.Fprintln(&b, y.ID, len(y.Frames), digest.Sum(fmt.Append(nil, y.Frames)))
	}
	return b.String()
}

// The layout that follows from corn.lock is the one that was remembered in full, through any
// history; and the file does not depend on the order of anything.
func TestLayoutComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 7))
		r := request(rnd, 1+rnd.IntN(6))
		var full *plan.State
		file := &projectlock.Lock{}
		for step := range 4 {
			if step > 0 {
				r = next(rnd, r, fmt.Sprintf("e%d", rnd.IntN(12)))
			}
			if len(r.Contents) == 0 {
				return
			}
			r.Previous = full
			l, err := plan.New(r)
			if err != nil {
				t.Fatal(err)
			}
			least, err := plan.Exceptions(r, l)
			if err != nil {
				t.Fatal(err)
			}
			write := func(r plan.Request) *projectlock.Lock {
				out, err := projectlock.Parse("corn.lock", file.Bytes())
				if err != nil {
					t.Fatal(err)
				}
				out.SetState("linux-64", least, projectlock.OwnersOf(r, l), file)
				return out
			}
			written := write(r)
			turned := r
			turned.Contents, turned.Placements = slices.Clone(r.Contents), slices.Clone(r.Placements)
			slices.Reverse(turned.Contents)
			slices.Reverse(turned.Placements)
			if got := write(turned); string(got.Bytes()) != string(written.Bytes()) {
				t.Fatalf("step %d: in another order (-want +got)\n%s", step, cmp.Diff(string(written.Bytes()), string(got.Bytes())))
			}
			if file, err = projectlock.Parse("corn.lock", written.Bytes()); err != nil {
				t.Fatalf("step %d: %v", step, err)
			}
			turned.Previous = file.State("linux-64")
			again, err := plan.New(turned)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(layoutText(l), layoutText(again)); d != "" {
				t.Fatalf("step %d (-remembered +from the file)\n%s\n%s", step, d, file.Bytes())
			}
			// And what would be written then is what is there.
			leastAgain, err := plan.Exceptions(turned, again)
			if err != nil {
				t.Fatal(err)
			}
			fixed, err := projectlock.Parse("corn.lock", file.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			fixed.SetState("linux-64", leastAgain, projectlock.OwnersOf(turned, again), file)
			if d := cmp.Diff(string(file.Bytes()), string(fixed.Bytes())); d != "" {
				t.Fatalf("step %d: written again (-want +got)\n%s", step, d)
			}
			s := l.State()
			full = &s
		}
	})
}
