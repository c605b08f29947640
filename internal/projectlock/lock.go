package projectlock

import (
	"slices"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/oci/plan"
)

// FileName is where a project has it, at the top.
const FileName = "corn.lock"

// Version is the number of the format. A reader refuses a higher one.
const Version = 1

// A Lock is one corn.lock. The zero Lock remembers nothing.
type Lock struct {
	Base      Base
	Params    Params
	Snapshots []Snapshot
	Virtual   []Virtual
	Envs      []Env // by slug
}

// Base is the base image.
type Base struct {
	Ref       string // as the user wrote it
	Platforms []BasePlatform
}

// BasePlatform is the base image of one platform.
type BasePlatform struct {
	Subdir string        // "linux-64"
	Digest digest.SHA256 // of the manifest
	// FactsKey names what was asked of which image (image.FactsCache); Facts are the answer.
	FactsKey digest.SHA256
	Facts    []Fact
	Steps    []Step // results of steps that run above the base alone
}

// A Fact is a name of one or two words and a JSON value on one line.
type Fact struct{ Name, Value string }

// Params are the numbers of the layout's rule, as in plan.Params; zero: not written.
type Params struct {
	AloneBytes int64
	MaxAlone   int
	Buckets    int
}

// A Snapshot is one index that environments were solved with.
type Snapshot struct {
	Channel string // "conda-forge"
	Subdir  string // "noarch"
	URL     string
	SHA256  digest.SHA256
}

// Virtual is a virtual package of the target.
type Virtual struct{ Subdir, Name, Version, Build string }

// An Env is what is remembered because of one environment: a kernel's, or the notebook's.
type Env struct {
	Slug      string
	Platforms []EnvPlatform // by subdir
	// Other are facts that this version does not know, the words after the slug. They are
	// kept while the project has the environment.
	Other []string
}

// EnvPlatform is an environment's share of the layout of one platform. A layer or an
// exception stands with the environment that came first of those that have it.
type EnvPlatform struct {
	Subdir  string
	Since   int          // step in which it came (plan.Arrival); 0: not known
	Layers  []Layer      // by id
	Classes []plan.Class // exceptions to the rule, by name and id
	Places  []string     // exceptions: layers of its placements and of its private bucket
	Pythons []Python     // by X.Y
	Steps   []Step       // results of steps that run above the environment
}

// A Step is what a program of the image gave: the layer of a step whose key is Key. The same
// key need not give the same twice (apt takes what the archive has that day), so the result is
// remembered.
type Step struct {
	ID     string        // of the layer: "apt", "post-link:team-a"
	Key    digest.SHA256 // over all that the step sees
	DiffID digest.SHA256 // of the layer, not compressed
}

// A Layer has a place in the order: the lower rank stands lower within its kind. Equal
// ranks, which a merge of branches leaves, go by id.
type Layer struct {
	ID   string
	Rank int
}

// A Python is the python package whose interpreter compiles for one X.Y.
type Python struct {
	Short     string // "3.12"
	FileName  string
	SHA256    digest.SHA256
	MD5       digest.MD5 // zero: not known
	SizeBytes int64      // 0: not known
	URL       string     // without secrets
}

// For returns what is known of the base on a platform; nil: nothing.
func (b *Base) For(subdir string) *BasePlatform {
	i := slices.IndexFunc(b.Platforms, func(p BasePlatform) bool { return p.Subdir == subdir })
	if i < 0 {
		return nil
	}
	return &b.Platforms[i]
}

// Set replaces what is known of the base on p's platform.
func (b *Base) Set(p BasePlatform) {
	if old := b.For(p.Subdir); old != nil {
		*old = p
		return
	}
	b.Platforms = append(b.Platforms, p)
}

// Env returns the facts of an environment; nil: none.
func (l *Lock) Env(slug string) *Env {
	i := slices.IndexFunc(l.Envs, func(e Env) bool { return e.Slug == slug })
	if i < 0 {
		return nil
	}
	return &l.Envs[i]
}

// env is Env that makes what is missing.
func (l *Lock) env(slug string) *Env {
	if e := l.Env(slug); e != nil {
		return e
	}
	l.Envs = append(l.Envs, Env{Slug: slug})
	return &l.Envs[len(l.Envs)-1]
}

// For returns the environment's share on a platform; nil: none.
func (e *Env) For(subdir string) *EnvPlatform {
	i := slices.IndexFunc(e.Platforms, func(p EnvPlatform) bool { return p.Subdir == subdir })
	if i < 0 {
		return nil
	}
	return &e.Platforms[i]
}

// on is For that makes what is missing.
func (e *Env) on(subdir string) *EnvPlatform {
	if p := e.For(subdir); p != nil {
		return p
	}
	e.Platforms = append(e.Platforms, EnvPlatform{Subdir: subdir})
	return &e.Platforms[len(e.Platforms)-1]
}

// Python returns the interpreter that compiles for X.Y on a platform; nil: none. Where
// merged branches brought several, it is the one that newer says is above all others.
func (l *Lock) Python(subdir, short string, newer func(a, b *Python) bool) *Python {
	var best *Python
	for i := range l.Envs {
		p := l.Envs[i].For(subdir)
		if p == nil {
			continue
		}
		for j := range p.Pythons {
			if py := &p.Pythons[j]; py.Short == short && (best == nil || newer(py, best)) {
				best = py
			}
		}
	}
	return best
}

// Step returns the diff id that is remembered for a step with a key; zero: none is.
func (l *Lock) Step(subdir, id string, key digest.SHA256) digest.SHA256 {
	var all []Step
	if p := l.Base.For(subdir); p != nil {
		all = append(all, p.Steps...)
	}
	for i := range l.Envs {
		if p := l.Envs[i].For(subdir); p != nil {
			all = append(all, p.Steps...)
		}
	}
	for _, s := range all {
		if s.ID == id && s.Key == key {
			return s.DiffID
		}
	}
	return digest.SHA256{}
}

// Keep drops environments that the project no longer has, with all that was remembered
// because of them.
func (l *Lock) Keep(slugs []string) {
	l.Envs = slices.DeleteFunc(l.Envs, func(e Env) bool { return !slices.Contains(slugs, e.Slug) })
}
