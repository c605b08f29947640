package resolve

import (
	"cmp"
	"slices"
)

// resolution writes down what was chosen.
func (p *problem) resolution(chosen []*candidate) *Resolution {
	r := &Resolution{Stats: p.store.stats}
	r.Stats.Decisions, r.Stats.Conflicts = p.sat.Stats().Decisions, p.sat.Stats().Conflicts
	extras := p.extrasOf(chosen)
	for _, c := range chosen {
		name := c.project.name
		r.Warnings = append(r.Warnings, warningsOf(c, extras[c])...)
		if c.provided != nil {
			r.Used = append(r.Used, Used{Name: name, Version: c.provided.Version, Package: c.provided.Package})
			continue
		}
		r.Chosen = append(r.Chosen, Chosen{
			Name: name, Version: c.version.String(), File: *c.file, Sdist: c.sdist, Direct: c.direct != "",
			Requested: slices.ContainsFunc(p.asked, func(d *need) bool { return d.project == c.project }),
			Extras:    extras[c], Hashes: hashesOf(c.project), Dependencies: c.dependencies(extras[c]),
		})
	}
	return r
}

// extrasOf returns the extras that are asked for of each, sorted. It walks what is chosen rather than
// the variables: those of candidates that were given up may still be true.
func (p *problem) extrasOf(chosen []*candidate) map[*candidate][]string {
	of := map[string]*candidate{}
	for _, c := range chosen {
		of[c.project.name] = c
	}
	extras := map[*candidate][]string{}
	var ask func(c *candidate, extra string)
	follow := func(c *candidate, when string) {
		for _, d := range c.deps {
			if d.when == when {
				for _, e := range d.extras {
					ask(of[d.need.project.name], e.name)
				}
			}
		}
	}
	ask = func(c *candidate, extra string) {
		if c == nil || slices.Contains(extras[c], extra) {
			return
		}
		extras[c] = append(extras[c], extra)
		follow(c, extra)
	}
	for i := range p.req.Requirements {
		r := &p.req.Requirements[i]
		for _, e := range r.ExtraKeys() {
			ask(of[r.Key()], e)
		}
	}
	for _, c := range chosen {
		follow(c, "")
	}
	for _, list := range extras {
		slices.Sort(list)
	}
	return extras
}

// dependencies returns what c needs with these extras, by name. What is said of one project in
// several places is joined.
func (c *candidate) dependencies(extras []string) []Dependency {
	by := map[string]*Dependency{}
	specs := map[string]*need{}
	var names []string
	for _, d := range c.deps {
		if d.when != "" && !slices.Contains(extras, d.when) || d.need.project == c.project {
			continue
		}
		name := d.need.project.name
		if by[name] == nil {
			by[name] = &Dependency{Name: name}
			specs[name] = &need{}
			names = append(names, name)
		}
		if d.need.url != "" {
			specs[name].url = d.need.url
		}
		specs[name].specs = specs[name].specs.And(d.need.specs)
	}
	slices.Sort(names)
	var out []Dependency
	for _, name := range names {
		by[name].Specifiers = specs[name].specs.String()
		if specs[name].url != "" {
			by[name].Specifiers = "@ " + specs[name].url
		}
		out = append(out, *by[name])
	}
	return out
}

func warningsOf(c *candidate, extras []string) []Warning {
	w := func(kind WarningKind, detail string) Warning {
		return Warning{Kind: kind, Name: c.project.name, Version: c.version.String(), Detail: detail}
	}
	var out []Warning
	for _, e := range extras {
		if !slices.Contains(c.has, e) {
			out = append(out, w(MissingExtra, e))
		}
	}
	if c.file != nil && c.file.Yanked {
		out = append(out, w(YankedFile, c.file.YankedReason))
	}
	if c.capped != "" {
		out = append(out, w(NewerPython, c.capped))
	}
	slices.SortStableFunc(out, func(a, b Warning) int { return cmp.Compare(a.Kind, b.Kind) })
	return out
}
