package resolve

import (
	"cmp"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/pypi/pep440"
	"github.com/nasa-openscapes/corn/pypi/wheel"
)

// examined is a file, and whether it can be used on the target.
type examined struct {
	file    *File
	version pep440.Version // zero where the name is neither a wheel's nor an sdist's
	sdist   bool
	rank    int            // of a wheel's tags
	name    wheel.FileName // of a wheel
	capped  string
	why     LackKind // the first reason against it; NoLack: it can be used
	detail  string
}

// newExamined looks at a file of n, which a URL of the user's leads to where it is direct.
func newExamined(p *pool, n *project, f *File, direct bool) *examined {
	x := &examined{file: f, sdist: true}
	if name, err := wheel.ParseFileName(f.Name); err == nil && !isVCS(f.URL) {
		x.name, x.sdist = name, false
		x.version, _ = pep440.Parse(name.Version)
	} else if name, err := wheel.ParseSdistFileName(f.Name, n.name); err == nil {
		x.version, _ = pep440.Parse(name.Version)
	} else if !direct {
		return x
	}
	x.why, x.detail = p.against(n, x, direct)
	return x
}

func isVCS(url string) bool {
	scheme, _, _ := strings.Cut(url, ":")
	return strings.Contains(scheme, "+")
}

// against gives the reason against a file. The later it is in the order of LackKinds, the closer is the file
// to being of use.
func (p *pool) against(n *project, x *examined, direct bool) (LackKind, string) {
	f := x.file
	if !p.req.ExcludeNewer.IsZero() && !direct && (f.Uploaded.IsZero() || f.Uploaded.After(p.req.ExcludeNewer)) {
		return TooNew, ""
	}
	why, capped := p.pythonFits(f.RequiresPython)
	if why != NoLack {
		return why, f.RequiresPython
	}
	if capped {
		x.capped = f.RequiresPython
	}
	if !x.sdist {
		var ok bool
		if x.rank, ok = p.req.Tags.Rank(x.name.Tags); !ok {
			return NoWheel, ""
		}
	}
	switch {
	case !x.sdist && p.req.NoBinary.has(n.name) && !direct:
		return Forbidden, "wheels are not allowed (--no-binary)"
	case x.sdist && p.req.OnlyBinary.has(n.name) && !direct:
		return Forbidden, "only wheels are allowed (--only-binary)"
	case x.sdist && !p.req.AllowSdists:
		return OnlySdist, ""
	case f.Yanked && !pinned(n):
		return OnlyYanked, f.YankedReason
	}
	return p.hashesFit(n, f, direct)
}

// pythonFits tells whether Requires-Python admits the target's. A Python that is later than everything
// it names is no reason against a file, only one to prefer others.
func (p *pool) pythonFits(text string) (why LackKind, capped bool) {
	if text == "" {
		return NoLack, false
	}
	fit, known := p.store.pythons[text]
	if !known {
		fit = p.judgePython(text)
		p.store.pythons[text] = fit
	}
	return fit.why, fit.capped
}

type pythonFit struct {
	why    LackKind
	capped bool
}

func (p *pool) judgePython(text string) pythonFit {
	s, err := pep440.ParseSpecifiers(text)
	switch {
	case err != nil || s.Match(p.store.python):
		return pythonFit{} // what cannot be read says nothing, as in pip
	case s.Ranges().Disjoint(pep440.MustParseSpecifiers(">=" + p.store.python.Public().String()).Ranges()):
		return pythonFit{capped: true}
	}
	return pythonFit{why: NeedsPython}
}

// pinned tells whether the user pins a version of n, which is what yanked files are for.
func pinned(n *project) bool {
	return slices.ContainsFunc(n.user, func(r *Requirement) bool { return r.Specifiers.IsPinned() || r.URL != "" })
}

// hashesOf returns the hashes that the user allows for n.
func hashesOf(n *project) []string {
	var all []string
	for _, r := range n.user {
		all = append(all, r.Hashes...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// hashesFit tells whether a file has a hash that the user allows. Of a file whose index gives no such hash
// it is found out when it is fetched.
func (p *pool) hashesFit(n *project, f *File, direct bool) (LackKind, string) {
	allowed := hashesOf(n)
	if len(allowed) == 0 {
		if p.req.RequireHashes && !(direct && len(f.Hashes) > 0) { // a URL may have it after the #
			return NoHash, ""
		}
		return NoLack, ""
	}
	known := false
	for _, h := range allowed {
		alg, sum, _ := strings.Cut(h, ":")
		has := f.Hashes[alg]
		if known = known || has != ""; strings.EqualFold(has, sum) {
			return NoLack, ""
		}
	}
	if known {
		return OtherHash, ""
	}
	return NoLack, ""
}

// compareExamined puts the file to use first: one that can be used, not yanked, a wheel, the one
// with the best tags and the highest build. Of those that cannot, the one closest to it.
func compareExamined(a, b *examined) int {
	closeness := func(x *examined) int {
		if x.why == NoLack {
			return 1 << 8
		}
		return int(x.why)
	}
	return cmp.Or(
		cmp.Compare(closeness(b), closeness(a)),
		trueFirst(!a.file.Yanked, !b.file.Yanked),
		trueFirst(a.capped == "", b.capped == ""),
		trueFirst(!a.sdist, !b.sdist),
		cmp.Compare(a.rank, b.rank),
		wheel.CompareBuilds(b.name, a.name),
		cmp.Compare(sdistOrder(a), sdistOrder(b)),
		strings.Compare(a.file.Name, b.file.Name),
		strings.Compare(a.file.URL, b.file.URL))
}

// sdistOrder prefers the standard's archive.
func sdistOrder(x *examined) int {
	if strings.HasSuffix(x.file.Name, ".tar.gz") {
		return 0
	}
	return 1
}
