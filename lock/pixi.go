package lock

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/nasa-openscapes/corn/conda/record"
)

// readPixi reads pixi.lock, versions 5 and 6 (rattler_lock). The two differ in how a
// package is written: "kind: conda" with "url:" in 5, "conda: <url>" in 6.
func readPixi(s *source, root *node) (*Lock, error) {
	l := &Lock{Path: s.path, Kind: Pixi, ContentHash: map[string]string{}}
	if err := s.version(root, Pixi, "5 and 6"); err != nil {
		return nil, err
	}
	envs, list := root.get("environments"), root.get("packages")
	if err := s.want(root, envs, "environments", mapNode); err != nil {
		return nil, err
	}
	if err := s.want(root, list, "packages", listNode); err != nil {
		return nil, err
	}
	known := map[pixiKey][]*node{}
	for _, n := range list.vals {
		k, err := s.pixiKey(n)
		if err != nil {
			return nil, err
		}
		known[k] = append(known[k], n)
	}
	dup := newDuplicates(s)
	for i, name := range envs.keys {
		l.Environments = append(l.Environments, name.text)
		if err := s.pixiEnvironment(l, name.text, envs.vals[i], known, dup); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// A pixiKey is what an environment's list names a package by.
type pixiKey struct {
	manager Manager
	place   string // URL or path
}

// pixiKey reads the place of a package in either version's writing.
func (s *source) pixiKey(n *node) (pixiKey, error) {
	if n.kind != mapNode {
		return pixiKey{}, s.fail(n, "a package is %s: want %s", n.kind, mapNode)
	}
	if n.get("conda") != nil {
		place, err := s.str(n, "conda", true)
		return pixiKey{Conda, place}, err
	}
	if n.get("pypi") != nil {
		place, err := s.str(n, "pypi", true)
		return pixiKey{Pip, place}, err
	}
	kind, err := s.str(n, "kind", true)
	if err != nil {
		return pixiKey{}, s.fail(n, `a package says neither "conda:" nor "pypi:" nor "kind:"`)
	}
	place := n.get("url")
	if place == nil {
		place = n.get("path")
	}
	if place == nil || place.kind != scalarNode || place.text == "" {
		return pixiKey{}, s.fail(n, `a package has neither "url" nor "path"`)
	}
	switch kind {
	case "conda":
		return pixiKey{Conda, place.text}, nil
	case "pypi":
		return pixiKey{Pip, place.text}, nil
	}
	return pixiKey{}, s.fail(n.get("kind"), "a package has kind %q: want conda or pypi", kind)
}

func (s *source) pixiEnvironment(l *Lock, name string, env *node, known map[pixiKey][]*node, dup *duplicates) error {
	if env.kind != mapNode {
		return s.fail(env, "environment %q is %s: want %s", name, env.kind, mapNode)
	}
	platforms := env.get("packages")
	if err := s.want(env, platforms, "packages", mapNode); err != nil {
		return err
	}
	if len(l.Environments) == 1 || name == DefaultEnvironment {
		l.Channels, l.Indexes = nil, nil
		if err := s.channels(l, env); err != nil {
			return err
		}
		var err error
		if l.Indexes, err = s.strs(env, "indexes"); err != nil {
			return err
		}
	}
	for i, platform := range platforms.keys {
		if !slices.Contains(l.Platforms, platform.text) {
			l.Platforms = append(l.Platforms, platform.text)
		}
		list := platforms.vals[i]
		if list.kind == nullNode {
			continue
		}
		if list.kind != listNode {
			return s.fail(list, "packages for %s are %s: want %s", platform.text, list.kind, listNode)
		}
		for _, ref := range list.vals {
			p, err := s.pixiPackage(ref, platform.text, name, known)
			if err != nil {
				return err
			}
			if p.unsupported == nil {
				if err := dup.add(&p); err != nil {
					return err
				}
			}
			l.Packages = append(l.Packages, p)
		}
	}
	return nil
}

// pixiPackage follows an environment's reference to the list of packages.
func (s *source) pixiPackage(ref *node, platform, env string, known map[pixiKey][]*node) (Package, error) {
	k, err := s.pixiKey(ref)
	if err != nil {
		return Package{}, err
	}
	found := known[k]
	if len(found) == 0 {
		return Package{}, s.fail(ref, "package %s of environment %q is not in the list of packages", Redact(k.place), env)
	}
	n := found[0]
	p := Package{Manager: k.manager, URL: k.place, Platform: platform, Environment: env, Category: MainCategory, Line: n.line}
	if err := s.pixiFields(&p, n); err != nil {
		return p, err
	}
	if p.Name == "" {
		p.Name = Redact(k.place)
	}
	if err := s.finish(&p, n); err != nil {
		return p, err
	}
	if len(found) > 1 && p.unsupported == nil {
		return p, &DuplicateError{Path: s.path, Line: found[1].line, FirstLine: n.line, Manager: p.Manager, Name: p.Name}
	}
	return p, nil
}

func (s *source) pixiFields(p *Package, n *node) error {
	for _, f := range []struct {
		to   *string
		name string
	}{{&p.Name, "name"}, {&p.Version, "version"}, {&p.Build, "build"}, {&p.Subdir, "subdir"}} {
		var err error
		if *f.to, err = s.str(n, f.name, false); err != nil {
			return err
		}
	}
	if p.Manager == Conda {
		p.fillFromURL()
	}
	if err := s.hashes(p, n); err != nil {
		return err
	}
	if size, err := s.str(n, "size", false); err != nil {
		return err
	} else if size != "" {
		if p.SizeBytes, err = strconv.ParseInt(size, 10, 64); err != nil || p.SizeBytes < 0 {
			return s.fail(n.get("size"), "package %s has size %q: want a number of bytes", p.Name, size)
		}
	}
	list := "depends"
	if p.Manager == Pip {
		list = "requires_dist"
	}
	depends, err := s.strs(n, list)
	if err != nil {
		return err
	}
	for _, d := range depends {
		p.Depends = append(p.Depends, cutDependency(d))
	}
	return nil
}

// fillFromURL fills name and version that version 6 leaves out where the URL has them.
func (p *Package) fillFromURL() {
	raw, _, _ := strings.Cut(p.URL, "#")
	file, err := url.PathUnescape(raw[strings.LastIndexByte(raw, '/')+1:])
	if err != nil {
		return
	}
	if d, err := record.ParseFileName(file); err == nil {
		p.Name, p.Version, p.Build = cmp.Or(p.Name, d.Name), cmp.Or(p.Version, d.Version), cmp.Or(p.Build, d.Build)
	}
}

// cutDependency cuts the name off a MatchSpec or a requirement.
func cutDependency(d string) Dependency {
	d = strings.TrimSpace(d)
	end := strings.IndexAny(d, " \t<>=!~;[(@")
	if end < 0 {
		return Dependency{Name: d}
	}
	return Dependency{Name: d[:end], Constraint: strings.TrimSpace(d[end:])}
}
