package recipe

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/demo/deb"
	"github.com/nasa-openscapes/corn/demo/pbs"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
	"golang.org/x/sync/errgroup"
)

//go:embed debs.tsv
var pinned string

// Build makes the packages of the recipes called ids ([Small], [Full]) and gives them in
// that order; their files' Src lie below cacheDir. It downloads what the cache lacks, uses
// at most jobs downloads and conversions at a time, and takes what an earlier run made.
// The first failure ends it.
func Build(ctx context.Context, cacheDir string, ids []string, jobs int) ([]channeltest.Package, error) {
	recipes, err := lookup(ids)
	if err != nil {
		return nil, err
	}
	c, err := openCache(cacheDir)
	if err != nil {
		return nil, err
	}
	pins, err := fetch(ctx, c, recipes, jobs)
	if err != nil {
		return nil, err
	}
	code, err := converter()
	if err != nil {
		return nil, err
	}
	patch, err := newPatcher(ctx, c, pins)
	if err != nil {
		return nil, err
	}
	all := &interpreters{cache: c, pins: pins}
	defer all.Close()
	out := make([]channeltest.Package, len(recipes))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(jobs, 1))
	for i, r := range recipes {
		g.Go(func() error {
			pkg, err := build(ctx, c, patch, all, &r, code)
			if err != nil {
				return fmt.Errorf("recipe %s: %w", r.ID, err)
			}
			out[i] = *pkg
			return nil
		})
	}
	return out, g.Wait()
}

// fetch brings what [debNames] lists, and gives the pins that came.
func fetch(ctx context.Context, c *cacheDirs, recipes []Recipe, jobs int) (map[deb.Name]deb.Pin, error) {
	manifest, err := deb.ParseManifest(pinned)
	if err != nil {
		return nil, fmt.Errorf("debs.tsv: %w", err)
	}
	var want []deb.Pin
	for _, name := range debNames(recipes) {
		p, ok := manifest[name]
		if !ok {
			return nil, fmt.Errorf("debs.tsv has no %s of %s; pin again", name.Package, name.Suite)
		}
		want = append(want, p)
	}
	f := &deb.Fetcher{Dir: c.sub("debs"), Mirror: deb.Mirror("/etc/apt")}
	got, err := f.All(ctx, want, max(jobs, 4))
	if err != nil {
		return nil, err
	}
	pins := map[deb.Name]deb.Pin{}
	for _, p := range got {
		pins[deb.Name{Suite: p.Suite, Package: p.Package}] = p
	}
	for name, p := range manifest {
		if _, ok := pins[name]; !ok {
			pins[name] = p // for versions only
		}
	}
	return pins, nil
}

// debNames lists the debs that recipes, the patcher and the compilers need, sorted.
func debNames(recipes []Recipe) []deb.Name {
	seen := map[deb.Name]bool{}
	for _, n := range patcherDebs {
		seen[n] = true
	}
	for _, r := range recipes {
		for _, p := range r.debs() {
			seen[deb.Name{Suite: r.Suite, Package: p}] = true
		}
		for _, n := range compilerDebs(&r) {
			seen[n] = true
		}
	}
	var names []deb.Name
	for n := range seen {
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b deb.Name) int { return strings.Compare(a.Suite+"/"+a.Package, b.Suite+"/"+b.Package) })
	return names
}

// Pin gives the text of debs.tsv for the versions that the suites have today.
func Pin(ctx context.Context) (string, error) {
	m, err := deb.Resolve(ctx, deb.Mirror("/etc/apt"), debNames(All()))
	if err != nil {
		return "", err
	}
	return m.String(), nil
}

// newDraft is the package of r before anything of it has been read.
func newDraft(c *cacheDirs, r *Recipe, pins map[deb.Name]deb.Pin) *draft {
	own := map[string]deb.Pin{}
	for _, name := range r.debs() {
		own[name] = pins[deb.Name{Suite: r.Suite, Package: name}]
	}
	return &draft{
		recipe: r, works: &works{c.sub("made")}, pins: own,
		tree: map[string]channeltest.File{}, own: map[string]bool{}, files: map[string]channeltest.File{},
	}
}

func build(ctx context.Context, c *cacheDirs, patch *patcher, all *interpreters, r *Recipe, code string) (*channeltest.Package, error) {
	d := newDraft(c, r, all.pins)
	inputs, err := d.inputs(all.pins)
	if err != nil {
		return nil, err
	}
	python, err := all.identity(r)
	if err != nil {
		return nil, err
	}
	key := digest("package", code, patch.id, python, inputs)
	if pkg := c.load(key); pkg != nil {
		return pkg, nil
	}
	if err := d.read(ctx, c); err != nil {
		return nil, err
	}
	steps := []func() error{
		d.optional(r.Extra), d.convert, d.bundle, d.scripts, d.modules, d.optional(r.Finish),
		func() error { return d.relocate(ctx, patch) }, func() error { return d.bytecode(ctx, all) }, d.record,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	if err := d.describe(all.pins, inputs); err != nil {
		return nil, err
	}
	if err := c.store(key, d.pkg); err != nil {
		return nil, err
	}
	return &d.pkg, nil
}

func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d\x00%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// inputs is what the package is made of, as text: the recipe, the debs, and the versions
// of libraries that dependencies speak of.
func (d *draft) inputs(pins map[deb.Name]deb.Pin) (string, error) {
	text, err := json.Marshal(d.recipe)
	if err != nil {
		return "", err
	}
	parts := []string{string(text)}
	for _, name := range sortedKeys(d.pins) {
		parts = append(parts, name+" "+d.pins[name].SHA256)
	}
	specs, err := d.librarySpecs(pins)
	if err != nil {
		return "", err
	}
	parts = append(parts, specs...)
	for _, v := range []string{d.recipe.Standalone, d.recipe.Pip} {
		if release, ok := pbs.Release(v); ok {
			parts = append(parts, release)
		}
	}
	return strings.Join(parts, "\n"), nil
}

// librarySpecs are the dependencies with + resolved.
func (d *draft) librarySpecs(pins map[deb.Name]deb.Pin) ([]string, error) {
	var out []string
	for _, spec := range d.recipe.Depends {
		name, ok := strings.CutPrefix(spec, "+")
		if !ok {
			out = append(out, spec)
			continue
		}
		version := ""
		for _, r := range libraries() {
			if r.Name == name && r.Suite == d.recipe.Suite {
				version = r.Version
				if version == "" {
					version = deb.Upstream(pins[deb.Name{Suite: r.Suite, Package: r.Debs[0]}].Version)
				}
			}
		}
		if version == "" {
			return nil, fmt.Errorf("depends on library %s, which %s gives none of", name, d.recipe.Suite)
		}
		out = append(out, name+" >="+version)
	}
	return out, nil
}

// read brings the trees of all debs together, and what standalone Pythons give.
func (d *draft) read(ctx context.Context, c *cacheDirs) error {
	var err error
	if v := d.recipe.Standalone; v != "" {
		if d.python, err = pbs.Python(ctx, v, c.sub("pbs")); err != nil {
			return err
		}
	}
	if v := d.recipe.Pip; v != "" {
		if d.pip, err = pbs.Pip(ctx, v, c.sub("pbs")); err != nil {
			return err
		}
	}
	for _, name := range d.recipe.debs() {
		files, err := c.unpack(ctx, d.pins[name])
		if err != nil {
			return err
		}
		for _, f := range files {
			d.tree[f.Path] = f
			if slices.Contains(d.recipe.Debs, name) {
				d.own[f.Path] = true
			}
		}
	}
	return nil
}

func (d *draft) optional(s step) func() error {
	return func() error {
		if s == nil {
			return nil
		}
		return s(d)
	}
}

func (r *Recipe) bundleFolder() string { return "lib/python" + r.Python + "/bundled" }

// bundle gives the interpreter libraries of its own.
func (d *draft) bundle() error {
	for _, p := range sortedKeys(d.tree) {
		name, ok := strings.CutPrefix(p, "usr/lib/"+multiarch+"/")
		if len(d.recipe.Bundle) == 0 || d.own[p] || !ok || strings.Contains(name, "/") || !strings.Contains(name, ".so.") {
			continue
		}
		f := d.tree[p]
		f.Path = d.recipe.bundleFolder() + "/" + name
		if f.Link == "" {
			f.Mode = 0o644
		}
		d.files[f.Path] = f
	}
	return nil
}

// describe fills in what is said about the package.
func (d *draft) describe(pins map[deb.Name]deb.Pin, inputs string) error {
	r, p := d.recipe, &d.pkg
	p.Name, p.Placeholder, p.Constrains = r.Name, Placeholder, r.Constrains
	if p.Version == "" {
		p.Version = r.Version
	}
	if p.Version == "" {
		p.Version = strings.ReplaceAll(deb.Upstream(pins[deb.Name{Suite: r.Suite, Package: r.Debs[0]}].Version), "-", "_")
	}
	specs, err := d.librarySpecs(pins)
	if err != nil {
		return err
	}
	p.Depends = append(specs, d.requires...)
	switch r.Kind {
	case generic:
		p.Noarch = "generic"
	case pure:
		p.Noarch = "python"
	case compiled:
		major, minor, _ := strings.Cut(r.Python, ".")
		p.Depends = append(p.Depends, pythonRange(r.Python), fmt.Sprintf("python_abi %s.* *_cp%s%s", r.Python, major, minor))
	}
	if glibc, ok := glibcOf[r.Suite]; ok && (r.Kind == library || r.Kind == compiled) {
		p.Depends = append(p.Depends, "__glibc >="+glibc)
	}
	slices.Sort(p.Depends)
	p.Depends = slices.Compact(p.Depends)
	if p.Summary == "" && len(r.Debs) > 0 {
		p.Summary = strings.Join(r.Debs, ", ") + " of Debian " + r.Suite
	}
	if p.Build == "" {
		p.Build = d.buildString(inputs)
	}
	for _, name := range sortedKeys(d.files) {
		p.Files = append(p.Files, d.files[name])
	}
	if p.TimestampMillis = d.stampMillis(); p.TimestampMillis == 0 {
		return fmt.Errorf("no file has a time")
	}
	return nil
}

// buildString names a build by what it was made of: pyh1234567_0, py313h1234567_0.
func (d *draft) buildString(inputs string) string {
	hash := "h" + digest("build", inputs)[:7] + "_0"
	switch d.recipe.Kind {
	case pure:
		return "py" + hash
	case compiled:
		return "py" + strings.ReplaceAll(d.recipe.Python, ".", "") + hash
	}
	if strings.HasPrefix(d.recipe.Name, "r-") {
		return "r" + strings.ReplaceAll(rVersion, ".", "") + hash
	}
	if d.recipe.Name == "python" {
		return hash + "_cpython" // what python_abi asks for
	}
	return hash
}

// pythonRange is the dependency on Python X.Y as conda-forge writes it.
func pythonRange(python string) string {
	major, minor, _ := strings.Cut(python, ".")
	n := 0
	_, _ = fmt.Sscanf(minor, "%d", &n) // python is a constant of the tables
	return fmt.Sprintf("python >=%s,<%s.%d.0a0", python, major, n+1)
}
