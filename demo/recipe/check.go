package recipe

import (
	"cmp"
	"debug/elf"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

// Check holds packages against each other: that every library a file is linked to comes
// with the package, with every version of a package it depends on (or that one depends
// on), or with the system; that no file needs a newer glibc than the package asks for;
// that every dependency is a package of the list; and that no link leads nowhere. It
// gives all that is wrong, joined.
func Check(pkgs []channeltest.Package) error {
	byName := map[string][]*channeltest.Package{}
	for i := range pkgs {
		byName[pkgs[i].Name] = append(byName[pkgs[i].Name], &pkgs[i])
	}
	c := &checker{byName: byName, below: map[string]map[string]bool{}}
	var errs []error
	for i := range pkgs {
		p := &pkgs[i]
		for _, err := range c.check(p) {
			errs = append(errs, fmt.Errorf("%s %s %s: %w", p.Name, p.Version, p.Build, err))
		}
	}
	return errors.Join(errs...)
}

type checker struct {
	byName map[string][]*channeltest.Package
	below  map[string]map[string]bool // names that a name depends on, itself included
}

func (c *checker) check(p *channeltest.Package) []error {
	var errs []error
	var reach []string
	for _, d := range p.Depends {
		name, _, _ := strings.Cut(d, " ")
		switch {
		case strings.HasPrefix(name, "__"):
		case c.byName[name] == nil:
			errs = append(errs, fmt.Errorf("depends on %s, which is not there", d))
		default:
			reach = append(reach, sortedKeys(c.closure(name))...)
		}
	}
	own := map[string]bool{}
	for _, f := range p.Files {
		own[f.Path] = true
	}
	for _, f := range p.Files {
		if f.Link != "" {
			if to := path.Join(path.Dir(f.Path), f.Link); path.IsAbs(f.Link) || !has(own, to) {
				errs = append(errs, fmt.Errorf("link %s leads to %s, which is not in the package", f.Path, f.Link))
			}
			continue
		}
		if err := c.libraries(p, f, own, reach); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// has reports whether there is a file or folder at p.
func has(paths map[string]bool, p string) bool {
	if paths[p] {
		return true
	}
	for q := range paths {
		if strings.HasPrefix(q, p+"/") {
			return true
		}
	}
	return false
}

// closure is the names that any package called name depends on, and name.
func (c *checker) closure(name string) map[string]bool {
	if done, ok := c.below[name]; ok {
		return done // also the unfinished one of a circle
	}
	out := map[string]bool{name: true}
	c.below[name] = out
	for _, p := range c.byName[name] {
		for _, d := range p.Depends {
			n, _, _ := strings.Cut(d, " ")
			if strings.HasPrefix(n, "__") {
				continue
			}
			for m := range c.closure(n) {
				out[m] = true
			}
		}
	}
	return out
}

func (c *checker) libraries(p *channeltest.Package, f channeltest.File, own map[string]bool, reach []string) error {
	if f.Src == "" || strings.Contains(f.Path, "/sysroot/") {
		return nil // a sysroot is linked against and never run
	}
	needed, err := needs(f.Src)
	if err != nil || needed == nil {
		return err
	}
	for _, soname := range needed {
		if slices.Contains(systemLibraries, soname) || holds(p, path.Base(soname)) {
			continue
		}
		if !slices.ContainsFunc(reach, func(name string) bool {
			for _, q := range c.byName[name] {
				if name == "python" && !slices.Contains(p.Depends, pythonRange(shortVersion(q.Version))) {
					continue // modules are for one of them
				}
				if !holds(q, path.Base(soname)) {
					return false
				}
			}
			return len(c.byName[name]) > 0
		}) {
			return fmt.Errorf("%s needs %s, which no dependency has in all its versions", f.Path, soname)
		}
	}
	glibc, err := newestGlibc(f.Src)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	for _, d := range p.Depends {
		if least, ok := strings.CutPrefix(d, "__glibc >="); ok && compareReleases(glibc, least) <= 0 {
			return nil
		}
	}
	return fmt.Errorf("%s needs glibc %s, and the package asks for less", f.Path, glibc)
}

// shortVersion is X.Y of X.Y.Z.
func shortVersion(v string) string {
	parts := strings.SplitN(v, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// holds reports whether a package brings a library.
func holds(p *channeltest.Package, soname string) bool {
	return slices.ContainsFunc(p.Files, func(f channeltest.File) bool { return path.Base(f.Path) == soname })
}

// newestGlibc is the newest version of glibc's symbols that a file uses.
func newestGlibc(name string) (string, error) {
	e, err := elf.Open(name)
	if err != nil {
		return "", err
	}
	defer e.Close()
	symbols, err := e.ImportedSymbols()
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		return "", err
	}
	newest := "2.2.5"
	for _, s := range symbols {
		if v, ok := strings.CutPrefix(s.Version, "GLIBC_"); ok && strings.Trim(v, "0123456789.") == "" {
			newest = slices.MaxFunc([]string{newest, v}, func(a, b string) int { return cmp.Compare(compareReleases(a, b), 0) })
		}
	}
	return newest, nil
}
