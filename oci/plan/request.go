package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/nasa-openscapes/corn/digest"
)

// Content is the frame of one artifact in the store.
type Content struct {
	Key       digest.SHA256
	Name      string   // "numpy": what stays the same when a version changes
	Dist      string   // "numpy-1.26.4-py311h64a7726_0"
	SizeBytes int64    // of the archive as it is downloaded: known before anything is opened
	Users     []string // ids of the envs that hold it; at least one
	// Changes is how often it changed in the history that is known; zero where none is.
	// It orders stand-alone layers that are new: what changes often stands higher.
	Changes int
}

// Placement is the frame of one artifact in one env.
type Placement struct {
	Key  digest.SHA256
	Env  string
	Name string
	Dist string
}

// Exec stands for a layer that a program of the image makes.
type Exec struct {
	ID   string // becomes the layer's ID
	Env  string // it stands above this env's placement; empty: right above the base
	Rank int    // order among those of one env
}

// Params are the few numbers of the rule. Zero means the default.
type Params struct {
	AloneBytes      int64 // default 8 MiB
	MaxAlone        int   // default 45; negative: none
	Buckets         int   // shared ones; default 28
	BaseLayers      int   // that the base image has
	MaxLayers       int   // of the whole image; default 127, what overlay2 takes
	ReserveForChild int   // layers left free for an image built on this one; default 20; negative: none
}

// Defaults of Params. docs/design/layers.md says where they come from.
const (
	DefaultAloneBytes = 8 << 20
	DefaultMaxAlone   = 45
	DefaultBuckets    = 28
	DefaultMaxLayers  = 127
	DefaultReserve    = 20
)

func (p Params) orDefault(prev *State) Params {
	if prev != nil {
		p.AloneBytes = cmp.Or(p.AloneBytes, prev.AloneBytes)
		p.MaxAlone = cmp.Or(p.MaxAlone, prev.MaxAlone)
		p.Buckets = cmp.Or(p.Buckets, prev.Buckets)
	}
	p.AloneBytes = cmp.Or(p.AloneBytes, DefaultAloneBytes)
	p.MaxAlone = cmp.Or(p.MaxAlone, DefaultMaxAlone)
	p.Buckets = cmp.Or(p.Buckets, DefaultBuckets)
	p.MaxLayers = cmp.Or(p.MaxLayers, DefaultMaxLayers)
	p.ReserveForChild = cmp.Or(p.ReserveForChild, DefaultReserve)
	return p
}

// A Request is what an image is to hold. The order of its lists does not matter.
type Request struct {
	Contents   []Content
	Placements []Placement
	Execs      []Exec
	First      string // the env whose placement stands below all others; may be empty
	Params     Params
	Previous   *State // the layout of before; nil: none
}

// A RequestError reports a request that contradicts itself.
type RequestError struct {
	What   string // "content numpy-1.26.4-0"
	Reason string
}

func (e *RequestError) Error() string { return fmt.Sprintf("plan: %s %s", e.What, e.Reason) }

// A BudgetError reports that an image cannot be had with so few layers.
type BudgetError struct {
	BaseLayers, MaxLayers, ReserveForChild int
	ExecLayers                             int
	NeedLayers                             int // the least besides the base's, the reserve and exec layers
}

func (e *BudgetError) Error() string {
	free := e.MaxLayers - e.BaseLayers - e.ReserveForChild - e.ExecLayers
	return fmt.Sprintf("plan: want at least %d layers, got %d: an image has at most %d, its base has %d, %d are kept for a child image, exec steps take %d",
		e.NeedLayers, max(free, 0), e.MaxLayers, e.BaseLayers, e.ReserveForChild, e.ExecLayers)
}

// world is a request that was checked and sorted.
type world struct {
	contents   []Content // by name, dist, key
	placements map[string][]Placement
	envs       []string // with placements; First first, the rest sorted
	execs      []Exec
	params     Params
}

// word tells whether s can stand in a line of State's text.
func word(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
}

func (r *Request) check() (*world, error) {
	w := &world{params: r.Params.orDefault(r.Previous), placements: map[string][]Placement{}}
	if p := w.params; p.AloneBytes < 0 || p.Buckets < 0 || p.BaseLayers < 0 || p.MaxLayers < 0 {
		return nil, &RequestError{"params", fmt.Sprintf("hold a negative number: %+v", p)}
	}
	seen := map[digest.SHA256]int{}
	ids := map[string]string{}
	for _, c := range r.Contents {
		what := "content " + c.Dist
		switch {
		case !word(c.Name) || !word(c.Dist):
			return nil, &RequestError{what, fmt.Sprintf("needs a name and a dist without spaces, got %q and %q", c.Name, c.Dist)}
		case c.Key.IsZero() || c.SizeBytes < 0 || len(c.Users) == 0:
			return nil, &RequestError{what, fmt.Sprintf("needs a key, a size and a user, got %s, %d and %d users", c.Key, c.SizeBytes, len(c.Users))}
		}
		for _, u := range c.Users {
			if !word(u) {
				return nil, &RequestError{what, fmt.Sprintf("is used by an env named %q", u)}
			}
		}
		users := slices.Clone(c.Users)
		if i, ok := seen[c.Key]; ok {
			old := &w.contents[i]
			if old.Name != c.Name || old.Dist != c.Dist || old.SizeBytes != c.SizeBytes {
				return nil, &RequestError{what, "has the key of " + old.Dist}
			}
			users = append(users, old.Users...)
			c.Changes = max(c.Changes, old.Changes)
			slices.Sort(users)
			c.Users = slices.Compact(users)
			*old = c
			continue
		}
		if other, ok := ids[IDOf(c.Key)]; ok {
			return nil, &RequestError{what, "shares the first 16 digits of its key with " + other}
		}
		ids[IDOf(c.Key)] = c.Dist
		slices.Sort(users)
		c.Users = slices.Compact(users)
		seen[c.Key] = len(w.contents)
		w.contents = append(w.contents, c)
	}
	slices.SortFunc(w.contents, func(a, b Content) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Dist, b.Dist), cmp.Compare(a.Key.String(), b.Key.String()))
	})
	return w, r.checkEnvs(w, seen)
}

func (r *Request) checkEnvs(w *world, seen map[digest.SHA256]int) error {
	keys := map[digest.SHA256]bool{}
	for _, p := range r.Placements {
		what := "placement " + p.Dist
		_, content := seen[p.Key]
		switch {
		case !word(p.Env) || !word(p.Name) || !word(p.Dist) || p.Key.IsZero():
			return &RequestError{what, fmt.Sprintf("needs a key, a name, a dist and an env without spaces, got %s, %q, %q and %q", p.Key, p.Name, p.Dist, p.Env)}
		case content || keys[p.Key]:
			return &RequestError{what, "has the key of another frame"}
		}
		keys[p.Key] = true
		w.placements[p.Env] = append(w.placements[p.Env], p)
	}
	for env, list := range w.placements {
		w.envs = append(w.envs, env)
		slices.SortFunc(list, func(a, b Placement) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Dist, b.Dist), cmp.Compare(a.Key.String(), b.Key.String()))
		})
	}
	slices.SortFunc(w.envs, func(a, b string) int { return compareEnv(r.First, a, b) })
	w.execs = slices.Clone(r.Execs)
	slices.SortFunc(w.execs, func(a, b Exec) int { return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.ID, b.ID)) })
	ids := map[string]bool{}
	for _, e := range w.execs {
		switch {
		case !word(e.ID) || ids[e.ID] || KindOf(e.ID) != "" || e.ID == metaID:
			return &RequestError{"exec " + e.ID, "needs an id of its own"}
		case e.Env != "" && w.placements[e.Env] == nil:
			return &RequestError{"exec " + e.ID, fmt.Sprintf("belongs to env %q, which has no placement", e.Env)}
		}
		ids[e.ID] = true
	}
	return nil
}

// compareEnv puts first before all others and sorts the rest.
func compareEnv(first, a, b string) int {
	switch {
	case a == b:
		return 0
	case a == first:
		return -1
	case b == first:
		return 1
	}
	return cmp.Compare(a, b)
}
