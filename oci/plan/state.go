package plan

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nasa-openscapes/corn/digest"
)

// A State is what a layout has to remember so that the next one changes little. It is
// plain, sorted but for Order, and has a text of one fact a line.
type State struct {
	AloneBytes int64 // as in Params, resolved
	MaxAlone   int
	Buckets    int
	Order      []string   // ids of layers, lowest first
	Classes    []Class    // by name, then id
	Envs       []EnvClass // by env, then layer
	Arrivals   []Arrival  // by env
}

// An Arrival says in which step an env came into the image. Steps only grow. What an env
// brings never moves what is there from an earlier step, and that is so without a record
// for each artifact.
type Arrival struct {
	Env  string
	Step int
}

// A Class says that an artifact is in a layer.
type Class struct {
	Name  string
	ID    string // first 16 digits of the content's key
	Layer string
}

// An EnvClass says that an env's placements, or the artifacts of its private bucket, are
// in a layer. The kind of the layer's ID says which.
type EnvClass struct{ Env, Layer string }

// IDOf is how a State names a content: by the first 16 digits of its key.
func IDOf(key digest.SHA256) string { return key.String()[:16] }

// Sort puts everything but Order into the order in which it is written.
func (s *State) Sort() {
	slices.SortFunc(s.Classes, func(a, b Class) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Layer, b.Layer))
	})
	slices.SortFunc(s.Envs, func(a, b EnvClass) int {
		return cmp.Or(cmp.Compare(a.Env, b.Env), cmp.Compare(a.Layer, b.Layer))
	})
	slices.SortFunc(s.Arrivals, func(a, b Arrival) int { return cmp.Or(cmp.Compare(a.Env, b.Env), cmp.Compare(a.Step, b.Step)) })
}

// MarshalText writes one fact a line.
func (s State) MarshalText() ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "alone-bytes %d\nmax-alone %d\nbuckets %d\n", s.AloneBytes, s.MaxAlone, s.Buckets)
	for _, c := range s.Classes {
		fmt.Fprintf(&b, "class %s %s %s\n", c.Name, c.ID, c.Layer)
	}
	for _, e := range s.Envs {
		fmt.Fprintf(&b, "env %s %s\n", e.Env, e.Layer)
	}
	for _, a := range s.Arrivals {
		fmt.Fprintf(&b, "arrival %s %d\n", a.Env, a.Step)
	}
	for _, l := range s.Order {
		fmt.Fprintf(&b, "layer %s\n", l)
	}
	return b.Bytes(), nil
}

// A ParseError reports a line that is no fact of a State.
type ParseError struct {
	Line int // from 1
	Text string
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("plan: line %d: %q is no fact of a layout", e.Line, e.Text)
}

// UnmarshalText reads what MarshalText writes. Other lines are a *ParseError.
func (s *State) UnmarshalText(text []byte) error {
	var out State
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSuffix(line, "\n")
		f := strings.Split(line, " ")
		ok := !slices.Contains(f, "")
		number := func() int64 {
			last := f[len(f)-1]
			v, err := strconv.ParseInt(last, 10, 64)
			ok = ok && err == nil && strconv.FormatInt(v, 10) == last
			return v
		}
		switch {
		case len(f) == 2 && f[0] == "alone-bytes":
			out.AloneBytes = number()
		case len(f) == 2 && f[0] == "max-alone":
			out.MaxAlone = int(number())
		case len(f) == 2 && f[0] == "buckets":
			out.Buckets = int(number())
		case len(f) == 4 && f[0] == "class":
			out.Classes = append(out.Classes, Class{f[1], f[2], f[3]})
		case len(f) == 3 && f[0] == "env":
			out.Envs = append(out.Envs, EnvClass{f[1], f[2]})
		case len(f) == 3 && f[0] == "arrival":
			out.Arrivals = append(out.Arrivals, Arrival{f[1], int(number())})
		case len(f) == 2 && f[0] == "layer":
			out.Order = append(out.Order, f[1])
		default:
			ok = false
		}
		if !ok {
			return &ParseError{Line: n, Text: line}
		}
	}
	out.Sort()
	*s = out
	return nil
}

// Exceptions returns the least state from which New makes layout l again out of r:
// the parameters, the order, the arrivals, and only what the rule alone would decide
// otherwise. That is what corn.lock keeps. r is the request that l was made from; its
// Previous is ignored.
func Exceptions(r Request, l Layout) (State, error) {
	full := l.State()
	least := State{AloneBytes: full.AloneBytes, MaxAlone: full.MaxAlone, Buckets: full.Buckets, Order: full.Order, Arrivals: full.Arrivals}
	r.Params = l.Params
	r.Previous = &least
	byRule, err := New(r)
	if err != nil {
		return State{}, err
	}
	rule := byRule.State()
	for _, c := range full.Classes {
		if !slices.Contains(rule.Classes, c) {
			least.Classes = append(least.Classes, c)
		}
	}
	for _, e := range full.Envs {
		if !slices.Contains(rule.Envs, e) {
			least.Envs = append(least.Envs, e)
		}
	}
	again, err := New(r)
	if err != nil {
		return State{}, err
	}
	// A limit that binds (MaxAlone, the budget) makes places depend on one another, so a
	// few exceptions may not do. Everything does.
	if again.Relaid || !sameLayers(again, l) {
		return full, nil
	}
	return least, nil
}

func sameLayers(a, b Layout) bool {
	return slices.EqualFunc(a.Layers, b.Layers, func(x, y Layer) bool {
		return x.ID == y.ID && slices.Equal(x.Frames, y.Frames)
	})
}
