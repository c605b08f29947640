package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/digest"
)

// A Kind says what is in a layer.
type Kind string

// The kinds, in the order in which they stand from the base up, exec layers apart.
const (
	ContentAlone   Kind = "content-alone"
	ContentShared  Kind = "content-shared"
	ContentPrivate Kind = "content-private"
	Placements     Kind = "placement"
	Meta           Kind = "meta"
	ExecStep       Kind = "exec"
)

// Prefixes of layer IDs. An ID says the layer's kind, so that a State needs no more.
const (
	alonePrefix   = "alone:"
	sharedPrefix  = "shared:"
	privatePrefix = "private:"
	placePrefix   = "place:"
	metaID        = "meta"
)

// KindOf is the kind of a layer of frames with this ID; "" if it is none.
func KindOf(id string) Kind {
	for prefix, kind := range map[string]Kind{alonePrefix: ContentAlone, sharedPrefix: ContentShared,
		privatePrefix: ContentPrivate, placePrefix: Placements} {
		if rest, ok := strings.CutPrefix(id, prefix); ok && rest != "" {
			return kind
		}
	}
	return ""
}

// A Layer is a list of frames. It is never empty but for exec layers and the metadata
// layer, whose frames the caller knows.
type Layer struct {
	ID     string
	Kind   Kind
	Frames []digest.SHA256 // by name, then dist; in placements by env first
	Envs   []string        // of placements: whose; of exec layers: the env's, or none
	// ArchiveBytes is the size of the archives behind content frames: about what the layer costs.
	ArchiveBytes int64
}

// A Layout is the layers that come above the base's, lowest first.
type Layout struct {
	Params Params // with the defaults filled in
	Layers []Layer
	// Relaid is true when the layout of before could not be kept within the budget and
	// was thrown away.
	Relaid bool

	state State
}

// State returns everything that the layout decided. The caller must not change it.
func (l Layout) State() State { return l.state }

// limits are how many layers of each kind there may be.
type limits struct{ alone, shared, private, place int }

// New makes the layout. It fails with a *RequestError or a *BudgetError.
func New(r Request) (Layout, error) {
	w, err := r.check()
	if err != nil {
		return Layout{}, err
	}
	p := w.params
	budget := p.MaxLayers - p.BaseLayers - max(p.ReserveForChild, 0) - len(w.execs) - 1 // metadata
	tries := []*State{nil}
	if r.Previous != nil {
		tries = []*State{r.Previous, nil}
	}
	var a *assignment
	for i, prev := range tries {
		if a = w.fit(prev, r.First, budget); a != nil {
			l := w.layout(a, r.Previous, r.First)
			l.Relaid = i > 0
			return l, nil
		}
	}
	return Layout{}, &BudgetError{BaseLayers: p.BaseLayers, MaxLayers: p.MaxLayers, ReserveForChild: max(p.ReserveForChild, 0),
		ExecLayers: len(w.execs), NeedLayers: w.least() + 1}
}

// least is how few layers of frames the request can be squeezed into.
func (w *world) least() int {
	n := min(len(w.envs), 1)
	if slices.ContainsFunc(w.contents, func(c Content) bool { return len(c.Users) == 1 }) {
		n++
	}
	if slices.ContainsFunc(w.contents, func(c Content) bool { return len(c.Users) > 1 }) {
		n++
	}
	return n
}

// squeeze is the order in which layers are saved when there are too many: placements are
// small, so to group them costs least; stand-alone layers are shared across projects, so
// they go last.
var squeeze = []struct {
	kind  Kind
	floor int
}{
	{Placements, 4}, {ContentPrivate, 4}, {ContentShared, 8}, {ContentAlone, 16},
	{Placements, 2}, {ContentPrivate, 1}, {ContentShared, 1}, {ContentAlone, 0}, {Placements, 1},
}

// fit assigns under ever tighter limits until the budget holds. It returns nil if it cannot.
func (w *world) fit(prev *State, first string, budget int) *assignment {
	lim := limits{alone: max(w.params.MaxAlone, 0), shared: w.params.Buckets, private: len(w.contents) + 1, place: len(w.envs)}
	steps := squeeze
	if prev != nil {
		steps = squeeze[:1] // more would take artifacts from where they were
	}
	for {
		a := w.assign(prev, first, lim)
		count := a.count()
		over := count.alone + count.shared + count.private + count.place - budget
		if over <= 0 {
			return a
		}
		before := lim
		for _, s := range steps {
			have, limit := count.of(s.kind), lim.of(s.kind)
			now := min(*have, *limit)
			if cut := min(over, now-s.floor); cut > 0 {
				*limit, *have = now-cut, now-cut
				over -= cut
			}
		}
		if lim == before {
			return nil
		}
	}
}

func (l *limits) of(k Kind) *int {
	switch k {
	case ContentAlone:
		return &l.alone
	case ContentShared:
		return &l.shared
	case ContentPrivate:
		return &l.private
	}
	return &l.place
}

// layout turns an assignment into ordered layers.
func (w *world) layout(a *assignment, prev *State, first string) Layout {
	layers := map[string]*Layer{}
	changes := map[string]int{}
	get := func(id string) *Layer {
		if layers[id] == nil {
			layers[id] = &Layer{ID: id, Kind: KindOf(id)}
		}
		return layers[id]
	}
	for i, c := range w.contents {
		l := get(a.content[i])
		l.Frames = append(l.Frames, c.Key)
		l.ArchiveBytes += c.SizeBytes
		changes[l.ID] += c.Changes
	}
	for _, env := range w.envs {
		l := get(a.place[env])
		l.Envs = append(l.Envs, env)
		for _, p := range w.placements[env] {
			l.Frames = append(l.Frames, p.Key)
		}
	}
	rank := map[string]int{}
	if prev != nil {
		for i, id := range prev.Order {
			if _, ok := rank[id]; !ok {
				rank[id] = i
			}
		}
	}
	section := func(k Kind, compare func(x, y *Layer) int) []*Layer {
		var out []*Layer
		for _, l := range layers {
			if l.Kind == k {
				out = append(out, l)
			}
		}
		slices.SortFunc(out, func(x, y *Layer) int {
			rx, okx := rank[x.ID]
			ry, oky := rank[y.ID]
			switch {
			case okx && oky:
				return cmp.Compare(rx, ry)
			case okx:
				return -1 // what is new goes on top of what was there
			case oky:
				return 1
			}
			return cmp.Or(compare(x, y), cmp.Compare(x.ID, y.ID))
		})
		return out
	}
	byID := func(x, y *Layer) int { return cmp.Compare(x.ID, y.ID) }
	out := Layout{Params: w.params}
	add := func(ls ...*Layer) {
		for _, l := range ls {
			out.Layers = append(out.Layers, *l)
		}
	}
	exec := func(env string) {
		for _, e := range w.execs {
			if e.Env == env {
				l := &Layer{ID: e.ID, Kind: ExecStep}
				if env != "" {
					l.Envs = []string{env}
				}
				add(l)
			}
		}
	}
	exec("")
	add(section(ContentAlone, func(x, y *Layer) int {
		return cmp.Or(cmp.Compare(changes[x.ID], changes[y.ID]), cmp.Compare(y.ArchiveBytes, x.ArchiveBytes))
	})...)
	add(section(ContentShared, byID)...)
	add(section(ContentPrivate, func(x, y *Layer) int {
		return compareEnv(first, strings.TrimPrefix(x.ID, privatePrefix), strings.TrimPrefix(y.ID, privatePrefix))
	})...)
	for _, l := range section(Placements, func(x, y *Layer) int { return compareEnv(first, x.Envs[0], y.Envs[0]) }) {
		add(l)
		for _, env := range l.Envs {
			exec(env)
		}
	}
	add(&Layer{ID: metaID, Kind: Meta})
	out.state = w.state(a, out.Layers)
	return out
}

func (w *world) state(a *assignment, layers []Layer) State {
	s := State{AloneBytes: w.params.AloneBytes, MaxAlone: w.params.MaxAlone, Buckets: w.params.Buckets}
	for _, l := range layers {
		if KindOf(l.ID) != "" {
			s.Order = append(s.Order, l.ID)
		}
	}
	for i, c := range w.contents {
		s.Classes = append(s.Classes, Class{Name: c.Name, ID: IDOf(c.Key), Layer: a.content[i]})
	}
	for env, id := range a.place {
		s.Envs = append(s.Envs, EnvClass{env, id})
	}
	for env, id := range a.private {
		s.Envs = append(s.Envs, EnvClass{env, id})
	}
	for env, step := range a.steps {
		s.Arrivals = append(s.Arrivals, Arrival{env, step})
	}
	s.Sort()
	return s
}

func (l Layer) String() string {
	return fmt.Sprintf("%s %s %d frames %d bytes", l.ID, l.Kind, len(l.Frames), l.ArchiveBytes)
}
