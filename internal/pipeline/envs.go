package pipeline

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/conda/link"
	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/internal/fetch"
	"github.com/nasa-openscapes/corn/internal/kernel"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/lock"
	"github.com/nasa-openscapes/corn/pypi/wheel"
	"github.com/nasa-openscapes/corn/store"
)

// An env is one environment of the image: a kernel's, or the notebook's.
type env struct {
	id          string // slug, or notebookID
	displayName string
	lockPath    string // for messages
	lockKind    lock.Kind
	prefix      string // as programs see it, "/srv/conda/envs/team-a"
	root        string // as a path of the image, with the base's links followed
	parents     []filetree.Entry
	copyGlobs   []string
	layout      store.Layout
	variables   []kernel.Variable
	packages    []*pkg // in link order: conda packages, then wheels
	python      *link.Python
	compiler    digest.SHA256 // python package that compiles; zero: the env's own

	sum        *summary
	planned    bool          // packages have items, share, options and origin; else only sum is known
	planKey    digest.SHA256 // of sum in the cache
	remembered bool          // the cache has sum

	requested, requestedPip []string // names that environment.yml asks for
}

// notebookID is the env that runs JupyterLab. No kernel may have the name.
const notebookID = "notebook"

// A pkg is one locked package of one env.
type pkg struct {
	locked lock.Package
	ask    fetch.Request
	env    string          // id, for messages
	facts  *artifact.Facts // without members where only the env's summary is known
	blob   cache.Blob      // zero until bring: what is known of an archive is often all that is needed

	items   []store.Item
	scripts []string // link scripts
	share   store.Share
	content digest.SHA256 // key
	place   digest.SHA256 // key
	options store.PlaceOptions
	origin  link.Origin

	files, compiles int // of the content: as shipped, and to be compiled
}

// linkOptions are what the envs of one image have in common.
type linkOptions struct {
	params     store.Params
	uid, gid   int
	pycShipped bool // no bytecode is compiled
}

// link plans the env: what each package brings, who wins where several bring one path, and
// the keys of all that is to be written.
func (e *env) link(o linkOptions) ([]store.Clobber, error) {
	if err := e.findPython(); err != nil {
		return nil, err
	}
	arts := make([]store.Artifact, len(e.packages))
	for i, p := range e.packages {
		if err := e.items(p, o); err != nil {
			return nil, err
		}
		arts[i] = store.Artifact{Dist: store.Dist(p.facts), Items: p.items}
		if p.facts.Kind == artifact.Conda {
			arts[i].Record = link.RecordPath(p.facts)
		}
	}
	shares, clobbers, err := store.Merge(arts)
	if err != nil {
		return nil, err
	}
	if err := wheelsKeepToThemselves(e, clobbers); err != nil {
		return nil, err
	}
	if err := noCaseClash(arts, shares, func(i int) bool { return e.packages[i].facts.Kind == artifact.Wheel }); err != nil {
		return nil, err
	}
	targets := e.sumsByPath(shares)
	for i, p := range e.packages {
		p.share = shares[i]
		p.options = store.PlaceOptions{
			Prefix: e.prefix, Root: e.root, UID: o.uid, GID: o.gid,
			Copy: e.copyGlobs, Layout: e.layout, Record: arts[i].Record,
		}
		p.origin = e.originOf(p, targets.before(i))
		p.content = store.ContentKey(p.facts, p.items, o.params, e.python.Store())
		var canonical []byte
		if p.facts.Kind == artifact.Conda {
			if canonical, err = link.Record(p.facts, p.items, p.origin, nil); err != nil {
				return nil, err
			}
		}
		p.place = store.PlacementKey(p.facts, p.share, p.content, o.params, p.options, e.python.Store(), canonical)
	}
	return clobbers, nil
}

// findPython looks for the env's interpreter among its packages.
func (e *env) findPython() error {
	for _, p := range e.packages {
		if p.facts.Kind != artifact.Conda {
			continue
		}
		py, ok, err := link.PythonOf(p.facts)
		if err != nil {
			return err
		}
		if ok {
			e.python = py
			if !e.compiler.IsZero() {
				py.Artifact = e.compiler
			}
			return nil
		}
	}
	return nil
}

func (e *env) items(p *pkg, o linkOptions) error {
	var items []store.Item
	if p.facts.Kind == artifact.Wheel {
		if e.python == nil {
			return &link.NoPythonError{Package: p.facts.FileName}
		}
		var err error
		items, err = wheel.Items(p.facts, wheel.Env{Prefix: e.prefix, Python: wheel.Python{
			Short: e.python.Short, SitePackages: e.python.SitePackages, CacheTag: e.python.CacheTag, Magic: e.python.Magic,
		}}, wheel.Options{DirectURL: directURL(p), Requested: slices.Contains(e.requestedPip, wheel.NormalizeName(p.facts.Name))})
		if err != nil {
			return err
		}
	} else {
		res, err := link.Items(p.facts, link.Env{Prefix: e.prefix, Python: e.python, ShippedPyc: o.pycShipped})
		if err != nil {
			return err
		}
		items, p.scripts = res.Items, res.LinkScripts
	}
	if o.pycShipped && p.facts.Kind == artifact.Wheel { // link.Items knows of it
		items = slices.DeleteFunc(items, func(it store.Item) bool { return it.Pyc != nil })
	}
	items, err := store.Strip(items, o.params.Strip)
	p.items = items
	return errors.Join(err, noWhiteouts(p))
}

// noWhiteouts refuses names with which a layer says that another layer's files are gone
// (OCI image-spec layer.md, "Whiteouts"). On a disk they are names as any other.
func noWhiteouts(p *pkg) error {
	for i := range p.items {
		for name := range strings.SplitSeq(p.items[i].Path, "/") {
			if strings.HasPrefix(name, ".wh.") {
				return &WhiteoutError{Package: p.facts.FileName, Path: p.items[i].Path}
			}
		}
	}
	return nil
}

// A WhiteoutError reports a path that no layer of an image can hold.
type WhiteoutError struct{ Package, Path string }

func (e *WhiteoutError) Error() string {
	return fmt.Sprintf("link %s: path %q has a name that begins with .wh., which removes files in an image", e.Package, e.Path)
}

// Hint says how to do without the file.
func (e *WhiteoutError) Hint() string {
	return "leave the file out with a strip: rule in corn.yaml, or lock without the package"
}

// directURL is the URL that pip would note in direct_url.json: of a wheel that was asked for
// by URL. A wheel from an index gets none, and one that lies in the project neither: its place on
// the machine that builds means nothing in an image, and would be in its bytes.
func directURL(p *pkg) string {
	if _, beside := p.locked.Beside(); p.locked.DirectURL && !beside {
		return record.Redact(p.locked.URL)
	}
	return ""
}

// wheelsKeepToThemselves refuses wheels that overwrite what conda packages brought: the
// conda-meta records would lie, and removing one would break the other. pip overwrites
// silently.
func wheelsKeepToThemselves(e *env, clobbers []store.Clobber) error {
	wheels := map[string]bool{}
	for _, p := range e.packages {
		if p.facts.Kind == artifact.Wheel {
			wheels[store.Dist(p.facts)] = true
		}
	}
	for _, c := range clobbers {
		for _, o := range c.Owners[1:] {
			// Wheels of one namespace bring the same __init__.py, and pip lets them.
			if wheels[o] && !wheels[c.Owners[0]] {
				return &OverwriteError{Path: c.Path, Wheel: o, Owner: c.Owners[0]}
			}
		}
	}
	return nil
}

// noCaseClash refuses wheels that bring a path which differs from another package's in upper and
// lower case alone: Linux keeps both, and whoever copies the environment to a file system that
// does not loses one. Conda packages are taken as they are: conda's channels see to it.
func noCaseClash(arts []store.Artifact, shares []store.Share, isWheel func(int) bool) error {
	type owned struct{ path, dist string }
	wheels := map[string]owned{} // by path in lower case
	for i := range arts {
		if !isWheel(i) {
			continue
		}
		for _, k := range shares[i].Kept {
			low := strings.ToLower(k.Path)
			if have, ok := wheels[low]; ok && have.path != k.Path && have.dist != arts[i].Dist {
				return &CaseError{Path: k.Path, Wheel: arts[i].Dist, Other: have.path, Owner: have.dist}
			}
			wheels[low] = owned{k.Path, arts[i].Dist}
		}
	}
	if len(wheels) == 0 {
		return nil
	}
	for i := range arts {
		if isWheel(i) {
			continue
		}
		for _, k := range shares[i].Kept {
			if w, ok := wheels[strings.ToLower(k.Path)]; ok && w.path != k.Path {
				return &CaseError{Path: w.path, Wheel: w.dist, Other: k.Path, Owner: arts[i].Dist}
			}
		}
	}
	return nil
}

// A CaseError reports a wheel's path that differs from another package's in case alone.
type CaseError struct{ Path, Wheel, Other, Owner string }

func (e *CaseError) Error() string {
	return fmt.Sprintf("wheel %s brings %q, and %s brings %q: the two differ in upper and lower case alone", e.Wheel, e.Path, e.Owner, e.Other)
}

// Hint says how to get out of it.
func (e *CaseError) Hint() string {
	return "keep one of the two: take the package out of the pip list, or out of the conda dependencies"
}

// An OverwriteError reports a wheel that brings a path which another package has.
type OverwriteError struct{ Path, Wheel, Owner string }

func (e *OverwriteError) Error() string {
	return fmt.Sprintf("wheel %s brings %q, which belongs to %s", e.Wheel, e.Path, e.Owner)
}

// Hint says how to get out of it.
func (e *OverwriteError) Hint() string {
	return "keep one of the two: take the package out of the pip list, or out of the conda dependencies"
}

// originOf says where a conda package came from, as micromamba does for the same lock: a
// conda-lock.yml has patched requirements, an explicit lock has none.
func (e *env) originOf(p *pkg, targets func(string) (digest.SHA256, bool)) link.Origin {
	o := link.Origin{URL: record.Redact(p.locked.URL), Channel: p.locked.Channel, Subdir: p.locked.Subdir, Targets: targets}
	if loc, err := record.ParseURL(p.locked.URL); err == nil && o.Channel == "" {
		o.Channel, o.Subdir = loc.Channel, string(loc.Subdir)
	}
	if p.facts.Kind == artifact.Conda {
		o.RequestedSpec = link.Requested(p.facts)
	}
	if e.lockKind == lock.CondaLock && !p.locked.SHA256.IsZero() && len(p.locked.Depends) > 0 {
		for _, d := range p.locked.Depends {
			o.Depends = append(o.Depends, d.Name+" "+d.Constraint)
		}
	}
	return o
}

// pathSums knows the bytes of an env's files, and where its links lead, by path. A path costs
// little, for there are tens of thousands in an env; sums are looked up in the facts when asked for.
type pathSums struct {
	by      map[string]pathOwner
	members []func() map[string]digest.SHA256 // of each package, made when first needed
}

type pathOwner struct {
	item  *store.Item
	owner int // index of the package
}

// sumsByPath collects links, and the files that are as shipped. Sums of rewritten files are
// learnt only while another frame is written.
func (e *env) sumsByPath(shares []store.Share) pathSums {
	out := pathSums{by: map[string]pathOwner{}}
	for i, p := range e.packages {
		out.members = append(out.members, sync.OnceValue(func() map[string]digest.SHA256 {
			sums := make(map[string]digest.SHA256, len(p.facts.Members))
			for m := range p.facts.Members {
				sums[p.facts.Members[m].Path] = p.facts.Members[m].SHA256
			}
			return sums
		}))
		for _, k := range shares[i].Kept {
			if it := k.Item; it.Type == filetree.Symlink || it.Type == filetree.File && it.Prefix == nil && it.Member != "" {
				out.by[k.Path] = pathOwner{it, i}
			}
		}
	}
	return out
}

// before returns a lookup among the packages linked before the one of index i, through their
// links inside the prefix.
func (s pathSums) before(i int) func(string) (digest.SHA256, bool) {
	return func(p string) (digest.SHA256, bool) {
		real, ok := filetree.Resolve(p, func(p string) (string, bool) {
			f, there := s.by[p]
			if !there || f.owner >= i || f.item.Type != filetree.Symlink {
				return "", false
			}
			return f.item.Link, true
		})
		f, there := s.by[real]
		if !ok || !there || f.owner >= i {
			return digest.SHA256{}, false
		}
		return s.members[f.owner]()[f.item.Member], true
	}
}

// kept collects the small files that planning needs, as they stand in the env.
func (e *env) kept() map[string][]byte {
	out := map[string][]byte{}
	for _, p := range e.packages {
		for name, data := range kernel.Kept(p.facts, p.items, e.prefix) {
			out[name] = data
		}
	}
	return out
}

// PackageError says which package of which lock an error is about.
type PackageError struct {
	Environment string
	Origin      string // "ci/environments/a/conda-lock.yml:17"
	Err         error
}

func (e *PackageError) Error() string {
	return fmt.Sprintf("environment %q (%s): %v", e.Environment, e.Origin, e.Err)
}

func (e *PackageError) Unwrap() error { return e.Err }

// Hint says how to do without the archive, unless Err knows better.
func (e *PackageError) Hint() string {
	if _, hint := report.Explain(e.Err); hint != "" {
		return hint
	}
	return "the archive is the one that the lock names, so fetching it again gives the same: lock another version or build, and tell those who publish it"
}
