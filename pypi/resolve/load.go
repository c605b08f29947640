package resolve

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/pypi/pep440"
	"github.com/nasa-openscapes/corn/pypi/pep508"
	"github.com/nasa-openscapes/corn/sat"
)

// hidden is a version that cannot be chosen.
type hidden struct {
	version pep440.Version
	why     LackKind
	files   []*File
	detail  string
}

// load makes the candidates of n, once.
func (p *pool) load(n *project) {
	if n.loaded {
		return
	}
	n.loaded = true
	switch provided := p.providedOf(n); {
	case provided != nil:
		p.loadProvided(n, provided)
	case p.urlsOf(n) != nil:
		for _, u := range p.urlsOf(n) {
			p.loadURL(n, u)
		}
	default:
		p.loadFiles(n)
	}
	vars := make([]sat.Var, len(n.cands))
	for i, c := range n.cands {
		c.v = p.newVar(meaning{cand: c})
		vars[i] = c.v
	}
	p.sat.Join(p.sat.NewGroup(), vars...)
	for i := range p.req.Constraints {
		r := &p.req.Constraints[i]
		if r.Key() != n.name || r.URL != "" {
			continue
		}
		for _, c := range n.cands {
			if !r.Specifiers.Match(c.version) {
				p.clause(clauseTag{kind: tagAllowed, cand: c, at: i}, lit(c.v).Flip())
			}
		}
	}
	p.store.stats.Projects++
	p.store.stats.Candidates += len(n.cands)
}

func (p *pool) providedOf(n *project) *Provided {
	for i := range p.req.Provided {
		if pep508.NormalizeName(p.req.Provided[i].Name) == n.name {
			return &p.req.Provided[i]
		}
	}
	return nil
}

func (p *pool) loadProvided(n *project, d *Provided) {
	v, err := pep440.Parse(d.Version)
	if err != nil {
		n.hidden = []hidden{{why: Unreadable, detail: fmt.Sprintf("conda's %s brings %s %s, which is no version", d.Package, n.name, d.Version)}}
		return
	}
	n.cands = []*candidate{{project: n, version: v, provided: d}}
}

// urlsOf returns the URLs that the user gives for n, in order, each once.
func (p *pool) urlsOf(n *project) []string {
	var urls []string
	for _, r := range n.user {
		if r.URL != "" {
			urls = append(urls, r.URL)
		}
	}
	slices.Sort(urls)
	return slices.Compact(urls)
}

// loadURL makes a candidate of what a URL leads to.
func (p *pool) loadURL(n *project, raw string) {
	f := p.store.fileAt(raw)
	x := newExamined(p, n, f, true)
	if x.why != NoLack {
		n.hidden = append(n.hidden, hidden{version: x.version, why: x.why, files: []*File{f}, detail: x.detail})
		return
	}
	m, err := p.store.metadata(p.ctx, n.name, f)
	if err != nil {
		p.unusable(n, x.version, f, err)
		return
	}
	if m.version.IsZero() {
		m.version = x.version
	}
	if m.version.IsZero() {
		p.unusable(n, m.version, f, &UnusableError{&MetadataError{File: f.Name, Reason: "it gives no version"}})
		return
	}
	c := &candidate{project: n, version: m.version, file: f, sdist: x.sdist, direct: raw}
	if why, capped := p.pythonFits(m.requiresPython); why != NoLack {
		n.hidden = append(n.hidden, hidden{version: m.version, why: why, files: []*File{f}, detail: m.requiresPython})
		return
	} else if capped {
		c.capped = m.requiresPython
	}
	n.cands = append(n.cands, c)
}

// fileOf is the file at a URL. A VCS reference is no wheel, whatever its name.
func fileOf(raw string) *File {
	at, fragment, _ := strings.Cut(raw, "#")
	at, _, _ = strings.Cut(at, "?")
	f := &File{Name: path.Base(at), URL: raw}
	for _, kv := range strings.Split(fragment, "&") {
		if alg, sum, ok := strings.Cut(kv, "="); ok && slices.Contains(hashAlgorithms, alg) {
			f.Hashes = map[string]string{alg: strings.ToLower(sum)}
		}
	}
	return f
}

var hashAlgorithms = []string{"md5", "sha1", "sha224", "sha256", "sha384", "sha512"}

// unusable hides a version whose metadata cannot be read, or ends the search where it is the index's fault.
func (p *pool) unusable(n *project, v pep440.Version, f *File, err error) {
	if !isUnusable(err) {
		p.fail(n, err)
		return
	}
	n.hidden = append(n.hidden, hidden{version: v, why: Unreadable, files: []*File{f}, detail: err.Error()})
}

// loadFiles makes candidates of what the index has.
func (p *pool) loadFiles(n *project) {
	files, err := p.store.files(p.ctx, n.name)
	if err != nil {
		if n.missing = isNoProject(err); !n.missing {
			p.fail(n, err)
		}
		return
	}
	byVersion := map[string][]*examined{}
	published := false // a version that is no pre-release
	for _, f := range files {
		x := newExamined(p, n, f, false)
		if x.version.IsZero() {
			continue // no wheel and no sdist: eggs, installers
		}
		byVersion[x.version.Key()] = append(byVersion[x.version.Key()], x)
		published = published || !x.version.IsPrerelease() && x.why != TooNew
	}
	pre := p.req.Prereleases || !published || slices.ContainsFunc(n.user, func(r *Requirement) bool { return r.Specifiers.AdmitPrereleases() })
	locked := p.lockedOf(n)
	for _, xs := range byVersion {
		slices.SortFunc(xs, compareExamined)
		best := xs[0]
		if best.why == NoLack && best.version.IsPrerelease() && !pre {
			best.why = OnlyPrereleases
		}
		if best.why != NoLack {
			h := hidden{version: best.version, why: best.why, detail: best.detail}
			for _, x := range xs {
				h.files = append(h.files, x.file)
			}
			n.hidden = append(n.hidden, h)
			continue
		}
		n.cands = append(n.cands, &candidate{project: n, version: best.version, file: best.file, sdist: best.sdist, capped: best.capped})
	}
	isLocked := func(c *candidate) bool { return c.version.Key() == locked }
	slices.SortFunc(n.cands, func(a, b *candidate) int {
		return cmp.Or(
			trueFirst(isLocked(a), isLocked(b)),
			trueFirst(a.capped == "", b.capped == ""),
			trueFirst(p.req.PreferBinary && !a.sdist, p.req.PreferBinary && !b.sdist),
			pep440.Compare(b.version, a.version))
	})
	slices.SortFunc(n.hidden, func(a, b hidden) int { return pep440.Compare(b.version, a.version) })
}

func (p *pool) lockedOf(n *project) string {
	for _, pin := range p.req.Locked {
		if pep508.NormalizeName(pin.Name) == n.name {
			if v, err := pep440.Parse(pin.Version); err == nil {
				return v.Key()
			}
		}
	}
	return ""
}

func trueFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}
