package plan_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/oci/plan"
)

var update = flag.Bool("update", false, "rewrite golden files")

const mb = 1 << 20

func key(s string) digest.SHA256 { return digest.Sum([]byte(s)) }

func content(dist string, size int64, users ...string) plan.Content {
	name, _, _ := strings.Cut(dist, "-")
	return plan.Content{Key: key("content " + dist), Name: name, Dist: dist, SizeBytes: size, Users: users}
}

// place adds the placements that the users of the contents have.
func place(r plan.Request) plan.Request {
	for _, c := range r.Contents {
		for _, u := range c.Users {
			r.Placements = append(r.Placements, plan.Placement{Key: key("placement " + u + " " + c.Key.String()), Env: u, Name: c.Name, Dist: c.Dist})
		}
	}
	return r
}

func team() plan.Request {
	return place(plan.Request{
		First: "notebook",
		Contents: []plan.Content{
			content("python-3.11.2", 30*mb, "notebook", "a"),
			content("python-3.9.1", 28*mb, "b"),
			content("scipy-1.11", 18*mb, "a", "b"),
			content("libllvm-14", 35*mb, "a"),
			content("numpy-1.26", 7*mb, "a", "notebook"),
			content("numpy-1.19", 7*mb, "b"),
			content("xarray-0.17", mb, "a"),
			content("xarray-0.14", mb, "b"),
			content("idna-3.4", mb/4, "a", "b", "notebook"),
			content("six-1.16", mb/4, "a", "b"),
			content("jupyterlab-4.0", 9*mb, "notebook"),
			content("jupyterhub-4.0", 2*mb, "notebook"),
		},
		Execs: []plan.Exec{{ID: "exec:apt"}, {ID: "exec:postbuild", Env: "notebook", Rank: 1}, {ID: "exec:post-link", Env: "notebook"}},
	})
}

func names(r plan.Request) map[digest.SHA256]string {
	m := map[digest.SHA256]string{}
	for _, c := range r.Contents {
		m[c.Key] = c.Dist
	}
	for _, p := range r.Placements {
		m[p.Key] = p.Env + "/" + p.Dist
	}
	return m
}

func text(r plan.Request, l plan.Layout) string {
	m := names(r)
	var b strings.Builder
	for _, y := range l.Layers {
		fmt.Fprintf(&b, "%s %s", y.ID, y.Kind)
		for _, f := range y.Frames {
			fmt.Fprintf(&b, " %s", m[f])
		}
		b.WriteString("\n")
	}
	return b.String()
}

func layout(t testing.TB, r plan.Request) plan.Layout {
	t.Helper()
	l, err := plan.New(r)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestGolden(t *testing.T) {
	r := team()
	l := layout(t, r)
	state, err := l.State().MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	got := text(r, l) + "\n" + string(state)
	golden := path.Join("testdata", "team.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// moved lists the layers of after that before did not have with the same frames.
func moved(before, after plan.Layout) []string {
	var out []string
	for _, y := range after.Layers {
		if !slices.ContainsFunc(before.Layers, func(x plan.Layer) bool { return x.ID == y.ID && slices.Equal(x.Frames, y.Frames) }) {
			out = append(out, y.ID)
		}
	}
	return out
}

func next(r plan.Request, l plan.Layout, contents ...plan.Content) plan.Request {
	s := l.State()
	return place(plan.Request{First: r.First, Execs: r.Execs, Params: r.Params, Previous: &s, Contents: contents})
}

func TestChanges(t *testing.T) {
	r := team()
	before := layout(t, r)
	replace := func(dist string, c plan.Content) []plan.Content {
		out := slices.Clone(r.Contents)
		for i := range out {
			if out[i].Dist == dist {
				out[i] = c
			}
		}
		return out
	}
	for _, tt := range []struct {
		why      string
		contents []plan.Content
		want     []string
	}{
		{"nothing changes", r.Contents, nil},
		{"a bump of a stand-alone one", replace("scipy-1.11", content("scipy-1.12", 19*mb, "a", "b")), []string{"alone:scipy", "place:a", "place:b"}},
		{"one that shrinks below the limit stays alone", replace("scipy-1.11", content("scipy-1.12", 7*mb, "a", "b")), []string{"alone:scipy", "place:a", "place:b"}},
		{"a bump of a private one", replace("xarray-0.14", content("xarray-0.15", mb, "b")), []string{"private:b", "place:b"}},
		{"a private one that grows over the limit stays", replace("xarray-0.14", content("xarray-0.15", 9*mb, "b")), []string{"private:b", "place:b"}},
		{"one of two versions of a name", replace("numpy-1.19", content("numpy-1.20", 7*mb, "b")), []string{"private:b", "place:b"}},
		{"a new env shares what was private: no layer that exists is written again",
			append(replace("xarray-0.14", content("xarray-0.14", mb, "b", "c")), content("gdal-3", 9*mb, "c")),
			[]string{"alone:gdal", "place:c"}},
		{"an env leaves", without("b", r.Contents), nil},
	} {
		after := layout(t, next(r, before, tt.contents...))
		if d := cmp.Diff(tt.want, moved(before, after)); d != "" {
			t.Errorf("%s: changed layers (-want +got)\n%s", tt.why, d)
		}
	}
}

// Of two versions that stand alone each has its layer, whichever is bumped past the other, and
// without a record of which is which.
func TestVersionsKeepTheirLayers(t *testing.T) {
	of := func(x, y string) plan.Request {
		return place(plan.Request{Contents: []plan.Content{content(x, 9*mb, "x"), content(y, 9*mb, "y")}})
	}
	r := of("python-3.9.1", "python-3.9.2")
	before := layout(t, r)
	least, err := plan.Exceptions(r, before)
	if err != nil {
		t.Fatal(err)
	}
	for _, next := range []plan.Request{of("python-3.9.5", "python-3.9.2"), of("python-3.9.1", "python-3.9.0")} {
		next.Previous = &least
		after := layout(t, next)
		if got := moved(before, after); len(got) != 2 { // the bumped one and its placement
			t.Errorf("changed layers %v\n%s", got, text(next, after))
		}
	}
}

// without takes an env away.
func without(env string, contents []plan.Content) []plan.Content {
	var out []plan.Content
	for _, c := range contents {
		c.Users = slices.DeleteFunc(slices.Clone(c.Users), func(u string) bool { return u == env })
		if len(c.Users) > 0 {
			out = append(out, c)
		}
	}
	return out
}

// What is new stands above what was there.
func TestAppends(t *testing.T) {
	r := team()
	before := layout(t, r)
	after := layout(t, next(r, before, append(slices.Clone(r.Contents), content("aaa-1", 100*mb, "0"), content("bbb-1", mb, "0"))...))
	var ids []string
	for _, y := range after.Layers {
		if !slices.Contains([]string{"alone:aaa", "private:0", "place:0"}, y.ID) {
			ids = append(ids, y.ID)
		}
	}
	var want []string
	for _, y := range before.Layers {
		want = append(want, y.ID)
	}
	if d := cmp.Diff(want, ids); d != "" {
		t.Errorf("the order of old layers changed (-want +got)\n%s", d)
	}
	at := func(id string) int {
		return slices.IndexFunc(after.Layers, func(y plan.Layer) bool { return y.ID == id })
	}
	if at("alone:aaa") != at("alone:jupyterlab")+1 || at("place:0") != at("place:b")+1 {
		t.Errorf("new layers do not stand on top of their kind:\n%s", text(r, after))
	}
}

func TestChangesOrderStandAlone(t *testing.T) {
	hot := content("aaa-1", 50*mb, "a")
	hot.Changes = 9
	l := layout(t, place(plan.Request{Contents: []plan.Content{hot, content("big-1", 40*mb, "a"), content("small-1", 9*mb, "a")}}))
	var ids []string
	for _, y := range l.Layers[:3] {
		ids = append(ids, y.ID)
	}
	if d := cmp.Diff([]string{"alone:big", "alone:small", "alone:aaa"}, ids); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestRefuses(t *testing.T) {
	ok := content("a-1", mb, "e")
	for _, tt := range []struct {
		why  string
		r    plan.Request
		want string
	}{
		{"no users", plan.Request{Contents: []plan.Content{content("a-1", mb)}}, "plan: content a-1 needs a key, a size and a user"},
		{"two artifacts, one key", plan.Request{Contents: []plan.Content{ok, {Key: ok.Key, Name: "b", Dist: "b-1", Users: []string{"e"}}}}, "plan: content b-1 has the key of a-1"},
		{"a name that would break a line", plan.Request{Contents: []plan.Content{{Key: ok.Key, Name: "a b", Dist: "b-1", Users: []string{"e"}}}}, "plan: content b-1 needs a name and a dist without spaces"},
		{"placement twice", plan.Request{Placements: []plan.Placement{{Key: ok.Key, Env: "e", Name: "a", Dist: "a-1"}, {Key: ok.Key, Env: "e", Name: "a", Dist: "a-1"}}}, "plan: placement a-1 has the key of another frame"},
		{"exec of no env", plan.Request{Execs: []plan.Exec{{ID: "x", Env: "e"}}}, `plan: exec x belongs to env "e", which has no placement`},
		{"exec twice", plan.Request{Execs: []plan.Exec{{ID: "x"}, {ID: "x"}}}, "plan: exec x needs an id of its own"},
		{"exec named as a layer", plan.Request{Execs: []plan.Exec{{ID: "alone:x"}}}, "plan: exec alone:x needs an id of its own"},
	} {
		_, err := plan.New(tt.r)
		var bad *plan.RequestError
		if !errors.As(err, &bad) || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: New = %v, want %s", tt.why, err, tt.want)
		}
	}
}

func TestBudget(t *testing.T) {
	r := team()
	for base := 0; base <= 127; base++ {
		r.Params.BaseLayers = base
		l, err := plan.New(r)
		// 3 exec layers, 20 reserved, metadata, and one each of shared, private, placement.
		if need := 3 + 20 + 1 + 3; base+need > 127 {
			var over *plan.BudgetError
			if !errors.As(err, &over) || over.NeedLayers != 4 {
				t.Errorf("base of %d layers: New = %v, want a *BudgetError that needs 4", base, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("base of %d layers: %v", base, err)
		}
		if len(l.Layers)+base+20 > 127 {
			t.Errorf("base of %d layers: %d more", base, len(l.Layers))
		}
		complete(t, r, l)
	}
}

func complete(t interface {
	Helper()
	Fatalf(string, ...any)
}, r plan.Request, l plan.Layout) {
	t.Helper()
	m := names(r)
	count := map[digest.SHA256]int{}
	ids := map[string]bool{}
	for _, y := range l.Layers {
		if ids[y.ID] {
			t.Fatalf("layer %s twice", y.ID)
		}
		ids[y.ID] = true
		if len(y.Frames) == 0 && y.Kind != plan.ExecStep && y.Kind != plan.Meta {
			t.Fatalf("layer %s is empty", y.ID)
		}
		if y.Kind == plan.ContentAlone && len(y.Frames) != 1 {
			t.Fatalf("layer %s has %d frames", y.ID, len(y.Frames))
		}
		for _, f := range y.Frames {
			count[f]++
			if isPlacement := strings.Contains(m[f], "/"); isPlacement != (y.Kind == plan.Placements) {
				t.Fatalf("layer %s of kind %s holds %s", y.ID, y.Kind, m[f])
			}
		}
	}
	for k, name := range m {
		if count[k] != 1 {
			t.Fatalf("%s is in %d layers, want 1", name, count[k])
		}
	}
	if len(count) != len(m) {
		t.Fatalf("%d frames, want %d", len(count), len(m))
	}
	if last := l.Layers[len(l.Layers)-1]; last.Kind != plan.Meta {
		t.Fatalf("the last layer is %s", last.ID)
	}
	for i, y := range l.Layers {
		if y.Kind == plan.ExecStep && len(y.Envs) > 0 {
			p := slices.IndexFunc(l.Layers, func(z plan.Layer) bool { return z.Kind == plan.Placements && slices.Contains(z.Envs, y.Envs[0]) })
			if p < 0 || p > i {
				t.Fatalf("exec layer %s stands below its env", y.ID)
			}
		}
	}
}

// world draws a request of up to 12 envs and 150 artifacts.
func world(t *rapid.T) plan.Request {
	envs := rapid.IntRange(1, 12).Draw(t, "envs")
	var r plan.Request
	r.First = "e0"
	seed := rapid.Uint64().Draw(t, "seed")
	rnd := rand.New(rand.NewPCG(seed, 2))
	for i := range rapid.IntRange(0, 150).Draw(t, "artifacts") {
		var users []string
		for e := range envs {
			if rnd.IntN(envs) < 2 {
				users = append(users, fmt.Sprintf("e%d", e))
			}
		}
		if users == nil {
			users = []string{fmt.Sprintf("e%d", rnd.IntN(envs))}
		}
		r.Contents = append(r.Contents, content(fmt.Sprintf("p%d-%d", i/(1+rnd.IntN(2)), i), rnd.Int64N(1<<rnd.IntN(27)+1), users...))
	}
	if rapid.Bool().Draw(t, "exec") && len(r.Contents) > 0 {
		r.Execs = append(r.Execs, plan.Exec{ID: "x:apt"}, plan.Exec{ID: "x:post", Env: r.Contents[0].Users[0]})
	}
	r.Params.BaseLayers = rapid.SampledFrom([]int{0, 10, 30, 60, 90}).Draw(t, "base")
	r.Params.MaxAlone = rapid.SampledFrom([]int{0, 3, -1}).Draw(t, "alone")
	return place(r)
}

func shuffled(t *rapid.T, r plan.Request) plan.Request {
	rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "shuffle"), 3))
	r.Contents, r.Placements, r.Execs = slices.Clone(r.Contents), slices.Clone(r.Placements), slices.Clone(r.Execs)
	rnd.Shuffle(len(r.Contents), func(i, j int) { r.Contents[i], r.Contents[j] = r.Contents[j], r.Contents[i] })
	rnd.Shuffle(len(r.Placements), func(i, j int) { r.Placements[i], r.Placements[j] = r.Placements[j], r.Placements[i] })
	rnd.Shuffle(len(r.Execs), func(i, j int) { r.Execs[i], r.Execs[j] = r.Execs[j], r.Execs[i] })
	for i := range r.Contents {
		r.Contents[i].Users = slices.Clone(r.Contents[i].Users)
		slices.Reverse(r.Contents[i].Users)
	}
	return r
}

func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := world(t)
		l, err := plan.New(r)
		if err != nil {
			t.Fatalf("New: %v", err)
		}
		complete(t, r, l)
		if n := len(l.Layers) + r.Params.BaseLayers + plan.DefaultReserve; n > plan.DefaultMaxLayers {
			t.Fatalf("%d layers with base and reserve", n)
		}
		again, err := plan.New(shuffled(t, r))
		if err != nil || text(r, again) != text(r, l) {
			t.Fatalf("another order of input gives another layout: %v\n%s", err, cmp.Diff(text(r, l), text(r, again)))
		}
		// Its own state changes nothing, whole or as exceptions.
		kept := r
		full := l.State()
		kept.Previous = &full
		if again, err = plan.New(kept); err != nil || text(r, again) != text(r, l) {
			t.Fatalf("a layout does not keep itself: %v\n%s", err, cmp.Diff(text(r, l), text(r, again)))
		}
		b, err := full.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back plan.State
		if err := back.UnmarshalText(b); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(full, back); d != "" {
			t.Fatalf("State's text (-want +got)\n%s", d)
		}
	})
}

// What corn.lock keeps of a layout is as good as the whole for whoever adds envs: nothing
// moves, and both put what is new into the same places.
func TestExceptionsAreEnoughForNewEnvs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := world(t)
		r.Params.BaseLayers = 0
		l, err := plan.New(r)
		if err != nil {
			t.Fatal(err)
		}
		full := l.State()
		least, err := plan.Exceptions(r, l)
		if err != nil {
			t.Fatal(err)
		}
		if len(least.Classes) > 0 {
			t.Fatalf("a first layout has exceptions: %v", least.Classes)
		}
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "new"), 5))
		next := plan.Request{First: r.First, Params: r.Params}
		for _, c := range r.Contents {
			c.Users = slices.Clone(c.Users)
			for _, env := range []string{"a-new", "new"} {
				if rnd.IntN(3) == 0 {
					c.Users = append(c.Users, env)
				}
			}
			next.Contents = append(next.Contents, c)
		}
		for i := range rnd.IntN(8) {
			users := [][]string{{"new"}, {"a-new"}, {"a-new", "new"}}[rnd.IntN(3)]
			next.Contents = append(next.Contents, content(fmt.Sprintf("p%d-new%d", rnd.IntN(100), i), rnd.Int64N(1<<rnd.IntN(27)+1), users...))
		}
		next = place(next)
		next.Previous = &full
		want, err := plan.New(next)
		if err != nil {
			t.Fatal(err)
		}
		next.Previous = &least
		got, err := plan.New(next)
		if err != nil {
			t.Fatal(err)
		}
		if want.Relaid || got.Relaid {
			return // too many layers: laid out anew either way
		}
		if d := cmp.Diff(text(next, want), text(next, got)); d != "" {
			t.Fatalf("(-remembered in full +exceptions)\n%s", d)
		}
		for _, id := range moved(l, got) {
			if slices.Contains(full.Order, id) && !strings.HasPrefix(id, "shared:") && !strings.HasPrefix(id, "place:") {
				t.Fatalf("layer %s changed", id)
			}
		}
	})
}

// change draws what the next commit is: artifacts bumped, gone, added; an env more.
func change(t *rapid.T, r plan.Request) plan.Request {
	rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "change"), 4))
	next := plan.Request{First: r.First, Params: r.Params, Execs: r.Execs}
	for _, c := range r.Contents {
		switch rnd.IntN(12) {
		case 0:
			continue
		case 1:
			c = content(c.Dist+"+1", c.SizeBytes*2, c.Users...)
		case 2:
			if !slices.Contains(c.Users, "new") {
				c.Users = append(slices.Clone(c.Users), "new")
			}
		}
		next.Contents = append(next.Contents, c)
	}
	for _, sizeBytes := range []int64{20 * mb, mb} {
		added := content(fmt.Sprintf("added-%d-%d", len(r.Contents), rnd.Uint64()), sizeBytes, "new")
		// Two commits may draw one seed, and then the artifact is there already.
		if !slices.ContainsFunc(next.Contents, func(c plan.Content) bool { return c.Key == added.Key }) {
			next.Contents = append(next.Contents, added)
		}
	}
	next = place(next)
	next.Execs = nil
	for _, e := range r.Execs {
		if e.Env == "" || slices.ContainsFunc(next.Placements, func(p plan.Placement) bool { return p.Env == e.Env }) {
			next.Execs = append(next.Execs, e)
		}
	}
	return next
}

func TestHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := world(t)
		l, err := plan.New(r)
		if err != nil {
			t.Fatalf("New: %v", err)
		}
		for range rapid.IntRange(1, 4).Draw(t, "commits") {
			s := l.State()
			was := map[string]string{}
			for _, c := range s.Classes {
				was[c.ID] = c.Layer
			}
			r = change(t, r)
			r.Previous = &s
			if l, err = plan.New(r); err != nil {
				t.Fatalf("New: %v", err)
			}
			complete(t, r, l)
			if n := len(l.Layers) + r.Params.BaseLayers + plan.DefaultReserve; n > plan.DefaultMaxLayers {
				t.Fatalf("%d layers with base and reserve", n)
			}
			if !l.Relaid {
				for _, c := range l.State().Classes {
					if old := was[c.ID]; old != "" && old != c.Layer {
						t.Fatalf("%s moved from %s to %s", c.Name, old, c.Layer)
					}
				}
			}
			least, err := plan.Exceptions(r, l)
			if err != nil {
				t.Fatal(err)
			}
			replay := r
			replay.Previous = &least
			again, err := plan.New(replay)
			if err != nil || text(r, again) != text(r, l) {
				t.Fatalf("exceptions do not give the layout again: %v\n%s", err, cmp.Diff(text(r, l), text(r, again)))
			}
		}
	})
}

// TestBump: without any memory, a new version of one artifact changes one content layer.
func TestBump(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := world(t)
		if len(r.Contents) == 0 {
			t.Skip("nothing to bump")
		}
		before, err := plan.New(r)
		if err != nil {
			t.Fatal(err)
		}
		i := rapid.IntRange(0, len(r.Contents)-1).Draw(t, "which")
		old := r.Contents[i]
		bumped := r
		bumped.Contents = slices.Clone(r.Contents)
		bumped.Contents[i].Key = key("bumped")
		after, err := plan.New(bumped)
		if err != nil {
			t.Fatal(err)
		}
		if got := moved(before, after); len(got) != 1 {
			t.Fatalf("bump of %s (%d bytes, %v) changes layers %v, want one", old.Dist, old.SizeBytes, old.Users, got)
		}
	})
}

func FuzzState(f *testing.F) {
	b, err := layout(f, team()).State().MarshalText()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(b))
	f.Add("class a\n")
	f.Fuzz(func(t *testing.T, in string) {
		var s plan.State
		if s.UnmarshalText([]byte(in)) != nil {
			return
		}
		b, err := s.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var again plan.State
		if err := again.UnmarshalText(b); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(s, again); d != "" {
			t.Fatalf("(-want +got)\n%s", d)
		}
		// Any state, even one that makes no sense, gives a whole layout.
		r := team()
		r.Previous = &s
		if l, err := plan.New(r); err == nil {
			complete(t, r, l)
		} else if bad := (*plan.RequestError)(nil); !errors.As(err, &bad) {
			t.Fatal(err)
		}
	})
}

func BenchmarkNew(b *testing.B) {
	rnd := rand.New(rand.NewPCG(1, 1))
	var r plan.Request
	for i := range 900 {
		users := []string{"a", "b", "c", "d", "e", "f"}[:1+rnd.IntN(6)]
		r.Contents = append(r.Contents, content(fmt.Sprintf("p%d-1", i), rnd.Int64N(1<<rnd.IntN(27)+1), users...))
	}
	r = place(r)
	for b.Loop() {
		if _, err := plan.New(r); err != nil {
			b.Fatal(err)
		}
	}
}
