package pipeline

import (
	"context"
	"fmt"
	"slices"

	"github.com/nasa-openscapes/corn/conda/matchspec"
	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/internal/project"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/lock"
	"github.com/nasa-openscapes/corn/pypi/pep440"
	"github.com/nasa-openscapes/corn/pypi/requirements"
)

// hintsFor says which requirements of an environment its channels could serve as well: what
// conda brings is shared between environments, and kept together with all the rest. It looks at names
// and versions; whether the whole can be solved with it is not tried.
func (l *envLocker) hintsFor(ctx context.Context, e *project.Environment) ([]string, error) {
	if e.Lock == nil || e.Requirements == nil {
		return nil, nil
	}
	packages := packagesFor(e.Lock, l.platform.Subdir)
	var asked []*requirements.Requirement
	for i := range e.Requirements.Requirements {
		r := &e.Requirements.Requirements[i]
		p := findPackage(packages, r.Name)
		if r.Kind == requirements.FromIndex && p != nil && p.Manager == lock.Pip {
			asked = append(asked, r)
		}
	}
	if len(asked) == 0 {
		return nil, nil
	}
	w, err := l.want(e, l.platform.Subdir)
	if err != nil {
		return nil, err
	}
	sh, err := l.channels.openAlone(ctx, w.platform, []*wanted{w}, l.project.Settings.Solve.Forbid.Licenses)
	if err != nil {
		return nil, report.In(report.Fetch, err)
	}
	defer sh.set.Close()
	called := map[string][]string{} // conda names by what they bring
	for _, name := range sh.set.Names() {
		called[lock.DistName(name)] = append(called[lock.DistName(name)], name)
	}
	var names []string
	for _, r := range asked {
		names = append(names, called[r.Key()]...)
	}
	if err := sh.set.Load(ctx, names...); err != nil {
		return nil, report.In(report.Fetch, err)
	}
	python := findPackage(packages, "python")
	var hints []string
	for _, r := range asked {
		for _, name := range called[r.Key()] {
			if best := newestFor(sh.view(w).Records(name), r.Spec.Specifiers, python); best != nil {
				hints = append(hints, fmt.Sprintf("%s:%d asks PyPI for %s: %s has %s %s", r.File, r.Line, r.Text, record.ChannelName("https://conda.anaconda.org", best.Channel), best.Name, best.Version))
				break
			}
		}
	}
	return hints, nil
}

// newestFor is the newest record that specifiers allow and that goes with a Python; nil: none.
func newestFor(records []*record.Record, s pep440.Specifiers, python *lock.Package) *record.Record {
	var best *record.Record
	for _, r := range records {
		v, err := pep440.Parse(r.Version)
		if err != nil || !s.Match(v) || python == nil || !goesWith(r, python) {
			continue
		}
		if best == nil || compareVersions(best.Version, r.Version) < 0 {
			best = r
		}
	}
	return best
}

// goesWith tells whether a record's demands on Python are met.
func goesWith(r *record.Record, python *lock.Package) bool {
	have := &record.Record{Name: python.Name, Version: python.Version, Build: python.Build, Channel: python.Channel, Subdir: record.Subdir(python.Subdir)}
	return !slices.ContainsFunc(r.Depends, func(text string) bool {
		spec, err := matchspec.Parse(text)
		if err != nil {
			return true
		}
		name, _ := spec.ExactName()
		return name == "python" && !spec.Match(have)
	})
}
