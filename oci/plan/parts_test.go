package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/oci/plan"
)

// lone is a project of one kernel with n small packages of 1 MB each.
func lone(n int) plan.Request {
	var r plan.Request
	for i := range n {
		r.Contents = append(r.Contents, content(fmt.Sprintf("p%d-1", i), mb, "a"))
	}
	return place(r)
}

// private lists the private layers and how many artifacts each has.
func private(l plan.Layout) map[string]int {
	out := map[string]int{}
	for _, y := range l.Layers {
		if y.Kind == plan.ContentPrivate {
			out[y.ID] = len(y.Frames)
		}
	}
	return out
}

func TestPrivateBucketsAreSplit(t *testing.T) {
	if got := private(layout(t, lone(5))); len(got) != 1 || got["private:a"] != 5 {
		t.Errorf("5 MB: %v, want one bucket", got)
	}
	r := lone(20)
	before := layout(t, r)
	got := private(before)
	if len(got) != 4 {
		t.Fatalf("20 MB: %v, want 4 parts", got)
	}
	for id, n := range got {
		if !strings.HasPrefix(id, "private:a#") || !strings.HasSuffix(id, "/4") || n < 1 || n > 11 {
			t.Errorf("20 MB: part %s has %d artifacts of 20, want about 5", id, n)
		}
	}
	for i, c := range r.Contents {
		bumped := slices.Clone(r.Contents)
		bumped[i] = content(c.Name+"-2", mb, "a")
		after := layout(t, next(r, before, bumped...))
		if m := moved(before, after); len(m) != 2 || m[1] != "place:a" {
			t.Errorf("%s moves: layers %v change, want its part and the placements", c.Name, m)
		}
	}
}

// TestPartsAreRemembered: a bucket that grows or shrinks keeps its parts, through the order of layers alone.
func TestPartsAreRemembered(t *testing.T) {
	r := lone(20)
	before := layout(t, r)
	for _, n := range []int{4, 19, 21, 90} {
		grown := lone(n)
		least, err := plan.Exceptions(r, before)
		if err != nil {
			t.Fatal(err)
		}
		if len(least.Classes) > 0 {
			t.Errorf("exceptions list %v, want the rule to do", least.Classes)
		}
		grown.Previous = &least
		for id := range private(layout(t, grown)) {
			if !strings.HasSuffix(id, "/4") {
				t.Errorf("20 MB become %d MB: there is a layer %s, want 4 parts as before", n, id)
			}
		}
	}
	small := lone(3)
	least, err := plan.Exceptions(small, layout(t, small))
	if err != nil {
		t.Fatal(err)
	}
	r.Previous = &least
	if got := private(layout(t, r)); len(got) != 1 {
		t.Errorf("3 MB become 20 MB: %v, want one bucket as before: --relayout splits it", got)
	}
}

// TestPartsGoFirst: where layers are few, buckets are whole before anything else is given up.
func TestPartsGoFirst(t *testing.T) {
	r := lone(20)
	for free, want := range map[int]int{2 + 4: 4, 2 + 3: 3, 2 + 1: 1} { // the placement and the metadata
		r.Params.BaseLayers = plan.DefaultMaxLayers - plan.DefaultReserve - free
		l := layout(t, r)
		if got := private(l); len(got) != want || len(l.Layers) > free {
			t.Errorf("%d layers are left: %v in %d layers, want %d parts", free, got, len(l.Layers), want)
		}
	}
}
