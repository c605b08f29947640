package projectlock

import (
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/digest"
)

type marker int

const (
	noMarker marker = iota
	oursMarker
	baseMarker // diff3 and zdiff3
	theirsMarker
	endMarker
)

// markerOf knows the lines that git puts around what it cannot merge.
func markerOf(line string) marker {
	for mark, prefix := range map[marker]string{oursMarker: "<<<<<<<", baseMarker: "|||||||", theirsMarker: "=======", endMarker: ">>>>>>>"} {
		if rest, ok := strings.CutPrefix(line, prefix); ok && (rest == "" || rest[0] == ' ') {
			return mark
		}
	}
	return noMarker
}

// Merge reads a corn.lock whatever state a merge left it in and returns what both sides
// know. Lines that are no facts are left out and returned; the only error is a
// *VersionError.
func Merge(file string, data []byte) (*Lock, []error, error) {
	var ours, theirs strings.Builder
	side := noMarker
	for line := range strings.Lines(string(data)) {
		if m := markerOf(trimEnd(line)); m != noMarker {
			side = m
			line = "#\n" // the numbers of lines stay right
		}
		for m, b := range map[marker]*strings.Builder{oursMarker: &ours, theirsMarker: &theirs} {
			if side == m || side == noMarker || side == endMarker {
				b.WriteString(line)
			} else {
				b.WriteString("#\n")
			}
		}
	}
	a, bad := parse(file, ours.String())
	b, more := parse(file, theirs.String())
	for _, err := range more {
		if !slices.ContainsFunc(bad, func(e error) bool { return e.Error() == err.Error() }) {
			bad = append(bad, err)
		}
	}
	for _, err := range bad {
		if v, ok := err.(*VersionError); ok { //nolint:errorlint // parse returns it bare
			return nil, nil, v
		}
	}
	return Union(a, b), bad, nil
}

// Union returns what a and b know. Where they contradict each other a is right, but for
// what only grows: the earlier arrival and the lower rank count.
func Union(a, b *Lock) *Lock {
	out := &Lock{Base: a.Base, Params: a.Params, Snapshots: slices.Clone(a.Snapshots), Virtual: slices.Clone(a.Virtual)}
	if out.Base.Ref == "" {
		out.Base.Ref = b.Base.Ref
	}
	out.Base.Platforms = slices.Clone(a.Base.Platforms)
	if out.Base.Ref == b.Base.Ref {
		for _, p := range b.Base.Platforms {
			if out.Base.For(p.Subdir) == nil {
				out.Base.Platforms = append(out.Base.Platforms, p)
			}
		}
	}
	if out.Params == (Params{}) {
		out.Params = b.Params
	}
	// A snapshot is one moment of all indexes: two are not mixed.
	if len(out.Snapshots) == 0 {
		out.Snapshots = slices.Clone(b.Snapshots)
	}
	for _, v := range b.Virtual {
		if !slices.ContainsFunc(out.Virtual, func(o Virtual) bool { return o.Subdir == v.Subdir && o.Name == v.Name }) {
			out.Virtual = append(out.Virtual, v)
		}
	}
	classed := map[string]bool{} // of either side, by subdir and id
	for _, l := range []*Lock{a, b} {
		for _, e := range l.Envs {
			to := out.env(e.Slug)
			to.Other = append(to.Other, e.Other...)
			for _, p := range e.Platforms {
				to.on(p.Subdir).add(p, classed, l == b)
			}
		}
		for _, e := range a.Envs {
			for _, p := range e.Platforms {
				for _, c := range p.Classes {
					classed[p.Subdir+" "+c.ID] = true
				}
			}
		}
	}
	out.sort()
	return out
}

// add takes over the facts of another side.
func (p *EnvPlatform) add(o EnvPlatform, classed map[string]bool, second bool) {
	if p.Since == 0 || o.Since > 0 && o.Since < p.Since {
		p.Since = o.Since
	}
	for _, y := range o.Layers {
		i := slices.IndexFunc(p.Layers, func(have Layer) bool { return have.ID == y.ID })
		if i < 0 {
			p.Layers = append(p.Layers, y)
		} else {
			p.Layers[i].Rank = min(p.Layers[i].Rank, y.Rank)
		}
	}
	for _, c := range o.Classes {
		if !second || !classed[p.Subdir+" "+c.ID] {
			p.Classes = append(p.Classes, c)
		}
	}
	if !second || len(p.Places) == 0 {
		p.Places = append(p.Places, o.Places...)
	}
	seen := map[digest.SHA256]bool{}
	for _, py := range p.Pythons {
		seen[py.SHA256] = true
	}
	for _, py := range o.Pythons {
		if !seen[py.SHA256] {
			p.Pythons = append(p.Pythons, py)
		}
	}
	have := map[[2]string]bool{}
	for _, step := range p.Steps {
		have[[2]string{step.ID, step.Key.String()}] = true
	}
	for _, step := range o.Steps {
		if !have[[2]string{step.ID, step.Key.String()}] {
			p.Steps = append(p.Steps, step)
		}
	}
}
