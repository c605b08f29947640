package lock

import (
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/pypi/wheel"
)

// readCondaLock reads conda-lock.yml version 1, as the model of conda-lock 1.x to 4.x
// describes it (conda_lock/lockfile/v1/models.py).
func readCondaLock(s *source, root *node) (*Lock, error) {
	l := &Lock{Path: s.path, Kind: CondaLock, ContentHash: map[string]string{}}
	if err := s.version(root, CondaLock, "1"); err != nil {
		return nil, err
	}
	if err := s.condaLockMetadata(l, root); err != nil {
		return nil, err
	}
	list := root.get("package")
	if err := s.want(root, list, "package", listNode); err != nil {
		return nil, err
	}
	l.Packages = make([]Package, 0, len(list.vals))
	dup := newDuplicates(s)
	for _, n := range list.vals {
		p, err := s.condaLockPackage(n)
		if err != nil {
			return nil, err
		}
		if err := dup.add(&p); err != nil {
			return nil, err
		}
		if !slices.Contains(l.Platforms, p.Platform) {
			l.Platforms = append(l.Platforms, p.Platform)
		}
		l.Packages = append(l.Packages, p)
	}
	return l, nil
}

// version checks the format's version; known is "5" or "5 and 6".
func (s *source) version(root *node, kind Kind, known string) error {
	v := root.get("version")
	if v == nil || v.kind != scalarNode {
		return &VersionError{Path: s.path, Line: 1, Kind: kind, Known: known}
	}
	if !slices.Contains(strings.Split(known, " and "), v.text) {
		return &VersionError{Path: s.path, Line: v.line, Kind: kind, Version: v.text, Known: known}
	}
	return nil
}

func (s *source) condaLockMetadata(l *Lock, root *node) error {
	meta := root.get("metadata")
	if err := s.want(root, meta, "metadata", mapNode); err != nil {
		return err
	}
	var err error
	if l.Platforms, err = s.strs(meta, "platforms"); err != nil {
		return err
	}
	if l.Sources, err = s.strs(meta, "sources"); err != nil {
		return err
	}
	if hash := meta.get("content_hash"); hash != nil && hash.kind == mapNode {
		for i, k := range hash.keys {
			l.ContentHash[k.text] = hash.vals[i].text
		}
	}
	return s.channels(l, meta)
}

// channels reads a list of {url, used_env_vars} or of plain names.
func (s *source) channels(l *Lock, n *node) error {
	list := n.get("channels")
	if list == nil || list.kind == nullNode {
		return nil
	}
	if list.kind != listNode {
		return s.want(n, list, "channels", listNode)
	}
	for _, c := range list.vals {
		if c.kind == scalarNode {
			l.Channels = append(l.Channels, Channel{URL: c.text})
			continue
		}
		u, err := s.str(c, "url", true)
		if err != nil {
			return err
		}
		vars, err := s.strs(c, "used_env_vars")
		if err != nil {
			return err
		}
		l.Channels = append(l.Channels, Channel{URL: u, UsedEnvVars: vars})
	}
	return nil
}

func (s *source) condaLockPackage(n *node) (Package, error) {
	p := Package{Line: n.line, Category: MainCategory}
	if n.kind != mapNode {
		return p, s.fail(n, "a package is %s: want %s", n.kind, mapNode)
	}
	var manager, category string
	for _, f := range []struct {
		to     *string
		name   string
		needed bool
	}{
		{&p.Name, "name", true}, {&manager, "manager", true}, {&p.Version, "version", true},
		{&p.Platform, "platform", true}, {&p.URL, "url", true},
		{&p.Build, "build", false}, {&category, "category", false},
	} {
		var err error
		if *f.to, err = s.str(n, f.name, f.needed); err != nil {
			return p, err
		}
	}
	if category != "" {
		p.Category = category
	}
	switch p.Manager = Manager(manager); p.Manager {
	case Conda, Pip:
	default:
		return p, s.fail(n.get("manager"), "package %s has manager %q: want conda or pip", p.Name, manager)
	}
	var err error
	if p.Optional, err = s.flag(n, "optional"); err != nil {
		return p, err
	}
	if err := s.condaLockDepends(&p, n.get("dependencies")); err != nil {
		return p, err
	}
	if hash := n.get("hash"); hash != nil && hash.kind != nullNode {
		if err := s.want(n, hash, "hash", mapNode); err != nil {
			return p, err
		}
		if err := s.hashes(&p, hash); err != nil {
			return p, err
		}
	}
	if source := n.get("source"); source != nil && source.kind == mapNode {
		p.DirectURL = true
		if p.SourceURL, err = s.str(source, "url", false); err != nil {
			return p, err
		}
		if tool, ok := vcs(p.SourceURL); ok {
			p.unsupported = s.cannot(&p, n, "is built from a "+tool+" repository: that is not part of this version",
				"publish a wheel of it, or ask for a released version, and lock again")
			return p, nil
		}
	}
	return p, s.finish(&p, n)
}

// condaLockDepends reads the mapping of names to constraints.
func (s *source) condaLockDepends(p *Package, n *node) error {
	if n == nil || n.kind == nullNode {
		return nil
	}
	if n.kind != mapNode {
		return s.fail(n, "dependencies of %s are %s: want %s", p.Name, n.kind, mapNode)
	}
	for i, k := range n.keys {
		v := n.vals[i]
		if v.kind != scalarNode && v.kind != nullNode {
			return s.fail(v, "dependency %s of %s is %s: want %s", k.text, p.Name, v.kind, scalarNode)
		}
		p.Depends = append(p.Depends, Dependency{k.text, v.text})
	}
	return nil
}

// duplicates finds packages that are listed twice.
type duplicates struct {
	s    *source
	seen map[dupKey]int
}

type dupKey struct {
	manager                               Manager
	name, platform, category, environment string
}

func newDuplicates(s *source) *duplicates { return &duplicates{s: s, seen: map[dupKey]int{}} }

func (d *duplicates) add(p *Package) error {
	name := p.Name
	if p.Manager == Pip {
		name = wheel.NormalizeName(name)
	}
	k := dupKey{p.Manager, name, p.Platform, p.Category, p.Environment}
	if first, ok := d.seen[k]; ok {
		return &DuplicateError{Path: d.s.path, Line: p.Line, FirstLine: first, Manager: p.Manager, Name: p.Name, Platform: p.Platform}
	}
	d.seen[k] = p.Line
	return nil
}
