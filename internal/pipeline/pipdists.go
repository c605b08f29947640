package pipeline

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/internal/fetch"
	"github.com/nasa-openscapes/corn/lock"
	"github.com/nasa-openscapes/corn/pypi/pep440"
	"github.com/nasa-openscapes/corn/pypi/resolve"
	"github.com/nasa-openscapes/corn/pypi/wheel"
)

// providedBy lists the distributions that an environment's conda packages bring. What counts is
// the package's own metadata: the archives of packages that need Python are fetched for it,
// which a build would do as well. Only where that cannot be, offline, names have to do.
func (l *envLocker) providedBy(ctx context.Context, s *solved) ([]resolve.Provided, error) {
	var pkgs []*pkg
	for _, r := range s.solution.Records() {
		if !needsPython(r) {
			continue
		}
		p := &pkg{locked: packageOf(r, s.platform), env: s.id}
		if err := p.request(s.id); err != nil {
			return nil, err
		}
		pkgs = append(pkgs, p)
	}
	if err := l.learnOf(ctx, pkgs); err != nil {
		if !l.req.Offline || !errors.Is(err, fetch.ErrOffline) && !cache.IsMiss(err) {
			return nil, err
		}
		l.sayOnce("%s: not every archive is at hand: which distributions conda's packages bring is told by their names", s.id)
	}
	var out []resolve.Provided
	add := func(p *pkg, name, version string) {
		if _, err := pep440.Parse(version); err != nil {
			version = p.locked.Version
		}
		key := wheel.NormalizeName(name)
		if !slices.ContainsFunc(out, func(have resolve.Provided) bool { return have.Name == key }) {
			out = append(out, resolve.Provided{Name: key, Version: version, Package: p.locked.Name + " " + p.locked.Version})
		}
	}
	for _, p := range pkgs {
		if p.facts == nil {
			add(p, lock.DistName(p.locked.Name), p.locked.Version)
			continue
		}
		for _, d := range distsOf(p.facts) {
			add(p, d.name, d.version)
		}
	}
	return out, nil
}

// needsPython tells whether a package can bring distributions of Python.
func needsPython(r *record.Record) bool {
	return r.Noarch == "python" || slices.ContainsFunc(r.Depends, func(d string) bool {
		name, _, _ := strings.Cut(d, " ")
		return name == "python" || name == "python_abi"
	})
}

// A dist is a distribution as its folder in site-packages names it.
type dist struct{ name, version string }

// distFile is what every installed distribution has: METADATA in a .dist-info (PEP 376), or what
// setuptools left before, a folder or a single file.
var distFile = regexp.MustCompile(`(?:^|/)site-packages/([^/]+?)-([^/-]+)(?:\.dist-info/METADATA|(?:-py[0-9.]+)?\.egg-info(?:/PKG-INFO)?)$`)

// distsOf reads them off an archive's paths.
func distsOf(f *artifact.Facts) []dist {
	var out []dist
	for i := range f.Members {
		if m := distFile.FindStringSubmatch(f.Members[i].Path); m != nil {
			if d := (dist{m[1], m[2]}); !slices.Contains(out, d) {
				out = append(out, d)
			}
		}
	}
	return out
}
