package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/internal/fetch"
	"github.com/nasa-openscapes/corn/internal/projectlock"
	"github.com/nasa-openscapes/corn/internal/report"
)

// lockChanges says in a few lines how next differs from old, for a file that differs.
func lockChanges(old, next *projectlock.Lock, was bool, subdir string) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if !was {
		say("there was no corn.lock")
	}
	baseChanges(old, next, subdir, say)
	have, want := envsOn(old, subdir), envsOn(next, subdir)
	if added := missing(want, have); len(added) > 0 && was {
		say("environments: %s new", strings.Join(added, ", "))
	}
	if gone := missing(slugsOf(old), slugsOf(next)); len(gone) > 0 {
		say("environments: %s gone", strings.Join(gone, ", "))
	}
	layerChanges(old, next, was, subdir, say)
	a, b := pythonsOn(old, subdir), pythonsOn(next, subdir)
	for _, short := range slices.Sorted(maps.Keys(b)) {
		switch {
		case a[short].SHA256 == b[short].SHA256:
		case a[short].FileName == "":
			say("python %s: %s compiles", short, b[short].FileName)
		default:
			say("python %s: %s compiles, %s before", short, b[short].FileName, a[short].FileName)
		}
	}
	for _, short := range missing(slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(b))) {
		say("python %s: nothing to compile any more", short)
	}
	stepChanges(old, next, subdir, say)
	if !slices.Equal(old.Snapshots, next.Snapshots) && len(next.Snapshots) > 0 {
		var names []string
		for _, s := range next.Snapshots {
			if name := record.ChannelName(fetch.DefaultAlias, s.Channel); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		say("channels: as they are now: %s", strings.Join(names, ", "))
	}
	if !slices.Equal(old.Virtual, next.Virtual) && len(next.Virtual) > 0 {
		var texts []string
		for _, v := range next.Virtual {
			if v.Subdir == subdir {
				texts = append(texts, v.Name+"="+v.Version)
			}
		}
		say("target: %s", strings.Join(texts, " "))
	}
	if len(out) == 0 {
		say("the same facts in their proper form")
	}
	return out
}

func baseChanges(old, next *projectlock.Lock, subdir string, say func(string, ...any)) {
	a, b := old.Base.For(subdir), next.Base.For(subdir)
	if old.Base.Ref != next.Base.Ref {
		if old.Base.Ref == "" {
			say("base: %s", next.Base.Ref)
		} else {
			say("base: %s, %s before", next.Base.Ref, old.Base.Ref)
		}
	}
	switch {
	case a == nil:
		say("base: %s", b.Digest.OCI())
		return
	case a.Digest != b.Digest:
		say("base: %s, %s before", b.Digest.OCI(), a.Digest.OCI())
	case a.FactsKey != b.FactsKey:
		say("base: its facts were read anew")
	}
	of := func(p *projectlock.BasePlatform) map[string]string {
		m := map[string]string{}
		for _, f := range p.Facts {
			if f.Name == "glibc" || f.Name == "user uid" || f.Name == "user gid" || f.Name == "conda_dir" || f.Name == "notebook_prefix" {
				m[f.Name] = f.Value
			}
		}
		return m
	}
	was, is := of(a), of(b)
	for _, name := range slices.Sorted(maps.Keys(is)) {
		if len(was) > 0 && was[name] != is[name] {
			say("base: %s %s, %s before", name, is[name], was[name])
		}
	}
}

func layerChanges(old, next *projectlock.Lock, was bool, subdir string, say func(string, ...any)) {
	a, b := old.State(subdir), next.State(subdir)
	if b == nil {
		return
	}
	if a == nil || !was {
		say("layout: %s", report.Count(len(b.Order), "layer"))
		return
	}
	if old.Params != next.Params {
		say("layout: parameters %+v, %+v before", next.Params, old.Params)
	}
	if more := missing(b.Order, a.Order); len(more) > 0 {
		say("layout: %s more: %s", report.Count(len(more), "layer"), few(more))
	}
	if gone := missing(a.Order, b.Order); len(gone) > 0 {
		say("layout: %s gone: %s", report.Count(len(gone), "layer"), few(gone))
	}
	if n, m := len(a.Classes)+len(a.Envs), len(b.Classes)+len(b.Envs); n != m {
		say("layout: %s to the rule, %d before", report.Count(m, "exception"), n)
	} else if !slices.Equal(a.Classes, b.Classes) || !slices.Equal(a.Envs, b.Envs) {
		say("layout: other exceptions to the rule")
	}
	kept := func(x, y []string) []string {
		return slices.DeleteFunc(slices.Clone(x), func(id string) bool { return !slices.Contains(y, id) })
	}
	if !slices.Equal(kept(a.Order, b.Order), kept(b.Order, a.Order)) {
		say("layout: layers in another order")
	}
}

// few lists the first of many.
func few(s []string) string {
	if len(s) > 5 {
		return strings.Join(s[:5], ", ") + ", ..."
	}
	return strings.Join(s, ", ")
}

// missing lists what is in x and not in y.
func missing(x, y []string) []string {
	return slices.DeleteFunc(slices.Clone(x), func(s string) bool { return slices.Contains(y, s) })
}

func slugsOf(l *projectlock.Lock) []string {
	var out []string
	for _, e := range l.Envs {
		out = append(out, e.Slug)
	}
	return out
}

// envsOn lists the environments that have a place on the platform.
func envsOn(l *projectlock.Lock, subdir string) []string {
	var out []string
	for _, e := range l.Envs {
		if p := e.For(subdir); p != nil && p.Since > 0 {
			out = append(out, e.Slug)
		}
	}
	slices.Sort(out)
	return out
}

func pythonsOn(l *projectlock.Lock, subdir string) map[string]projectlock.Python {
	out := map[string]projectlock.Python{}
	for _, e := range l.Envs {
		if p := e.For(subdir); p != nil {
			for _, py := range p.Pythons {
				if old, ok := out[py.Short]; !ok || newerPython(&py, &old) {
					out[py.Short] = py
				}
			}
		}
	}
	return out
}
