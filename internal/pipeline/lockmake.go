package pipeline

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/conda/matchspec"
	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/lock"
	"github.com/nasa-openscapes/corn/pypi/wheel"
)

// makeLock makes the lock of an environment out of its answers, one for each platform that was
// solved. What the old lock, which may be nil, has for other platforms stays.
//
// The result is checked against what was asked, by other code than the solver's.
func makeLock(path string, old *lock.Lock, answers []*solved) (*lock.Lock, error) {
	first := answers[0]
	l := &lock.Lock{
		Path: path, Kind: lock.CondaLock, ContentHash: map[string]string{},
		Channels: first.lockChannels(), Sources: first.sources(),
	}
	solvedFor := map[string]bool{}
	for _, s := range answers {
		solvedFor[s.platform] = true
		l.Platforms = append(l.Platforms, s.platform)
		l.ContentHash[s.platform] = lock.ContentHash(s.platform, s.inputs())
		for _, r := range s.solution.Records() {
			l.Packages = append(l.Packages, packageOf(r, s.platform))
		}
		l.Packages = append(l.Packages, s.wheels...)
	}
	if old != nil && old.Kind == lock.CondaLock {
		for _, p := range old.Platforms {
			if !solvedFor[p] {
				l.Platforms = append(l.Platforms, p)
				l.ContentHash[p] = old.ContentHash[p]
			}
		}
		for _, p := range old.Packages {
			if !solvedFor[p.Platform] {
				l.Packages = append(l.Packages, p)
			}
		}
	}
	slices.Sort(l.Platforms)
	for _, s := range answers {
		if err := checkMade(l, s); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// packageOf is a record as a lock has it.
func packageOf(r *record.Record, platform string) lock.Package {
	p := lock.Package{
		Manager: lock.Conda, Name: r.Name, Version: r.Version, Build: r.Build, Platform: platform,
		Subdir: string(r.Subdir), Channel: r.Channel, URL: r.URL, FileName: r.FileName,
		MD5: r.MD5, SHA256: r.SHA256, SizeBytes: r.SizeBytes, Category: lock.MainCategory,
	}
	if p.URL == "" {
		p.URL = r.Location().URL()
	}
	for _, d := range r.Depends {
		p.Depends = append(p.Depends, dependencyOf(d))
	}
	return p
}

// plainDepends is a dependency in the words that nearly all records use.
var plainDepends = regexp.MustCompile(`^([A-Za-z0-9_.-]+)(?: +([^\s\[\]]+(?: +[^\s\[\]=]+)?))?$`)

// dependencyOf parts a record's dependency into name and constraint. One in other words than
// "name version build" is put into these, as far as that can be.
func dependencyOf(text string) lock.Dependency {
	text = strings.TrimSpace(text)
	if m := plainDepends.FindStringSubmatch(text); m != nil {
		return lock.Dependency{Name: m[1], Constraint: strings.Join(strings.Fields(m[2]), " ")}
	}
	spec, err := matchspec.Parse(text)
	if err != nil {
		name, rest, _ := strings.Cut(text, " ")
		return lock.Dependency{Name: name, Constraint: strings.TrimSpace(rest)}
	}
	name, _ := spec.ExactName()
	d := lock.Dependency{Name: name}
	if !spec.Version.IsAny() {
		d.Constraint = spec.Version.String()
	}
	if !spec.Build.IsAny() {
		if d.Constraint == "" {
			d.Constraint = "*"
		}
		d.Constraint += " " + spec.Build.String()
	}
	return d
}

// recordOf is a locked package as the solver takes it, where the channel lists it no more.
func recordOf(p *lock.Package) *record.Record {
	r := &record.Record{
		Name: p.Name, Version: p.Version, Build: p.Build, Subdir: record.Subdir(p.Subdir), Channel: p.Channel,
		FileName: p.FileName, URL: p.URL, MD5: p.MD5, SHA256: p.SHA256, SizeBytes: p.SizeBytes,
	}
	for _, d := range p.Depends {
		r.Depends = append(r.Depends, d.String())
	}
	return r
}

// lockedRecords are the packages that shall stay: those of the old lock but for the names
// that are updated.
func lockedRecords(old *lock.Lock, platform string, update []string) []*record.Record {
	if old == nil {
		return nil
	}
	var out []*record.Record
	for i := range old.Packages {
		p := &old.Packages[i]
		if p.Platform == platform && p.Category == lock.MainCategory && p.Manager == lock.Conda && p.Channel != "" && !slices.Contains(update, p.Name) {
			out = append(out, recordOf(p))
		}
	}
	return out
}

// keptWheels are the wheels of the old lock that the environment still leads to.
func keptWheels(old *lock.Lock, s *solved) []lock.Package {
	byName := map[string]lock.Package{}
	var order []string
	for _, p := range old.Packages {
		if p.Manager == lock.Pip && p.Platform == s.platform && p.Category == lock.MainCategory {
			name := wheel.NormalizeName(p.Name)
			byName[name] = p
			order = append(order, name)
		}
	}
	needed := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		p, there := byName[name]
		if !there || needed[name] {
			return
		}
		needed[name] = true
		for _, d := range p.Depends {
			visit(wheel.NormalizeName(d.Name))
		}
	}
	for _, a := range s.pip {
		visit(wheel.NormalizeName(a.Name))
	}
	var out []lock.Package
	for _, name := range order {
		if needed[name] {
			out = append(out, byName[name])
		}
	}
	return out
}

// checkMade compares a new lock with what was asked, by other code than the solvers'. What it
// finds is a mistake of corn's.
func checkMade(l *lock.Lock, s *solved) error {
	req := s.check(false)
	req.Brings = s.brings
	err := l.Check(req)
	if isA[*lock.UnsupportedError](err) {
		return nil // of a wheel that was kept: whoever builds it hears of it
	}
	if isA[*lock.StaleError](err) {
		return fmt.Errorf("environment %q: the new lock contradicts what it was made of, which is a mistake of corn: %w", s.id, err)
	}
	return err
}
