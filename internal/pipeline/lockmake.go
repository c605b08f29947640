package pipeline

import (
	"errors"
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
// solved. What the old lock, which may be nil, has for other platforms stays, and so do
// the wheels that the environment still asks for.
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
		if old != nil {
			l.Packages = append(l.Packages, keptWheels(old, s)...)
		}
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
		visit(wheel.NormalizeName(requirementName.FindString(a.Text)))
	}
	var out []lock.Package
	for _, name := range order {
		if needed[name] {
			out = append(out, byName[name])
		}
	}
	return out
}

var requirementName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*`)

// checkMade compares a new lock with what was asked. What is missing of pip's list is what
// corn cannot resolve; anything else is a mistake of corn's.
func checkMade(l *lock.Lock, s *solved) error {
	if err := wheelsFit(l, s); err != nil {
		return err
	}
	err := l.Check(s.check(false))
	if isA[*lock.UnsupportedError](err) {
		return nil // of a wheel that was kept: whoever builds it hears of it
	}
	stale, ok := errors.AsType[*lock.StaleError](err)
	if !ok {
		return err
	}
	e := &RequirementsError{Environment: s.id}
	for _, r := range stale.Reasons {
		if !slices.Contains(s.pip, r.Ask) {
			return fmt.Errorf("environment %q: the new lock contradicts what it was made of, which is a mistake of corn: %w", s.id, err)
		}
		e.Asks = append(e.Asks, r.Ask)
	}
	return e
}

// wheelsFit refuses wheels of the old lock that are for another Python than was chosen.
func wheelsFit(l *lock.Lock, s *solved) error {
	python := ""
	for _, r := range s.solution.Records() {
		if r.Name == "python" {
			parts := strings.SplitN(r.Version, ".", 3)
			if len(parts) > 1 {
				python = "cp" + parts[0] + parts[1]
			}
		}
	}
	for _, p := range l.Packages {
		if p.Manager != lock.Pip || p.Platform != s.platform {
			continue
		}
		parts := strings.Split(strings.TrimSuffix(p.FileName, ".whl"), "-")
		if abi := parts[max(0, len(parts)-2)]; python != "" && strings.HasPrefix(abi, "cp3") && strings.TrimRight(abi, "mtdu") != python {
			return &RequirementsError{Environment: s.id, Wheel: p.FileName, Python: python}
		}
	}
	return nil
}

// A RequirementsError reports requirements of PyPI that the wheels of the old lock do not
// meet: resolving them is not part of this version.
type RequirementsError struct {
	Environment string
	Asks        []lock.Ask
	// Wheel is one that is locked for another Python than the one that was chosen, "cp312".
	Wheel, Python string
}

func (e *RequirementsError) Error() string {
	if e.Wheel != "" {
		return fmt.Sprintf("environment %q: the locked wheel %s does not fit the Python that was chosen (%s), and this version of corn cannot choose wheels", e.Environment, e.Wheel, e.Python)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "environment %q asks for packages of PyPI that its lock does not have, and this version of corn cannot choose wheels", e.Environment)
	for _, a := range e.Asks {
		fmt.Fprintf(&b, "\n%s:%d asks %s", a.File, a.Line, a.Text)
	}
	return b.String()
}

// Hint says how to get a lock all the same.
func (e *RequirementsError) Hint() string {
	if e.Wheel != "" {
		return "pin python in environment.yml to the version of the wheels, or lock this environment with conda-lock once: corn keeps its wheels"
	}
	return "take the packages from a conda channel, or lock this environment with conda-lock once: corn keeps its wheels while they meet the list"
}
