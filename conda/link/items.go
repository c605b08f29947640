package link

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/store"
)

// An Env is where packages are linked.
type Env struct {
	Prefix string  // absolute, without a slash at the end: "/srv/conda/envs/a"
	Python *Python // nil for an env without one
	// ShippedPyc compiles nothing: bytecode is what packages bring, stale or not.
	ShippedPyc bool
}

// A Result is what one package brings into an env.
type Result struct {
	// Items are unique by path: first the members, sorted by their path in the archive
	// (the order of paths.json), then entry points, then bytecode to be compiled.
	Items []store.Item
	// LinkScripts are paths in the prefix of scripts that conda would run at linking.
	LinkScripts []string
}

// A NoPythonError reports a noarch python package in an env without Python.
type NoPythonError struct {
	Package string // file name
}

func (e *NoPythonError) Error() string {
	return fmt.Sprintf("link %s: it is noarch python, and the env has no package python", e.Package)
}

// A MemberError reports a member of a package that cannot be linked.
type MemberError struct {
	Package string // file name
	Member  string
	Err     error
}

func (e *MemberError) Error() string {
	return fmt.Sprintf("link %s: file %q: %v", e.Package, e.Member, e.Err)
}

// Unwrap returns what is wrong with the member.
func (e *MemberError) Unwrap() error { return e.Err }

// Items plans a package in an env.
//
// Sizes are those after rewriting. Where two members end at one path (noarch packages
// with bin/x and python-scripts/x), the later one in the order of paths.json stays, and
// an entry point wins over both, as micromamba's files do.
//
// Errors: *NoPythonError; *EntryPointError; *MemberError, around a *PrefixTooLongError
// for a binary file whose placeholder is shorter than env.Prefix, or a *filetree.PathError.
func Items(f *artifact.Facts, env Env) (*Result, error) {
	if f.Kind != artifact.Conda || f.Conda == nil {
		return nil, fmt.Errorf("link %s: it is no conda package", f.FileName)
	}
	noarch := f.Noarch == "python"
	if noarch && env.Python == nil {
		return nil, &NoPythonError{f.FileName}
	}
	l := &linker{f: f, env: env, at: map[string]int{}, members: byMember(f)}
	for _, i := range stablePaths(f) {
		if err := l.member(&f.Members[i], noarch); err != nil {
			return nil, &MemberError{f.FileName, f.Members[i].Path, err}
		}
	}
	if noarch {
		if err := l.entryPoints(); err != nil {
			return nil, err
		}
	}
	l.bytecode()
	r := &Result{Items: l.items}
	for _, s := range f.Conda.LinkScripts {
		if noarch {
			s = NoarchPath(s, env.Python.SitePackages)
		}
		r.LinkScripts = append(r.LinkScripts, s)
	}
	return r, nil
}

// stablePaths is the order of paths.json or info/files; members without a place in it go by
// path.
func stablePaths(f *artifact.Facts) []int {
	order := make([]int, len(f.Members))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(f.Members[a].Listed, f.Members[b].Listed), cmp.Compare(f.Members[a].Path, f.Members[b].Path))
	})
	return order
}

func byMember(f *artifact.Facts) map[string]*artifact.Member {
	m := make(map[string]*artifact.Member, len(f.Members))
	for i := range f.Members {
		m[f.Members[i].Path] = &f.Members[i]
	}
	return m
}

type linker struct {
	f       *artifact.Facts
	env     Env
	items   []store.Item
	at      map[string]int // path to index in items
	members map[string]*artifact.Member
}

// add appends an item, or replaces the one that has its path.
func (l *linker) add(it store.Item) {
	if i, ok := l.at[it.Path]; ok {
		l.items[i] = it
		return
	}
	l.at[it.Path] = len(l.items)
	l.items = append(l.items, it)
}

func (l *linker) member(m *artifact.Member, noarch bool) error {
	p := m.Path
	if noarch {
		p = NoarchPath(p, l.env.Python.SitePackages)
	}
	if err := filetree.CheckPath(p); err != nil {
		return err
	}
	it := store.Item{Path: p, Type: m.Type, Mode: m.Mode & 0o7777, ModTime: max(m.ModTime, filetree.Epoch1980)}
	switch m.Type {
	case filetree.Dir:
	case filetree.Symlink:
		it.Link, it.Member = m.Link, m.Path // no bytes come from it: the record looks it up
	case filetree.File:
		it.Member, it.SizeBytes, it.Traits = m.Path, m.SizeBytes, m.Traits
		it.NoLink = m.NoLink || m.NoSoft
		if changes(m.Prefix, l.env.Prefix) {
			size, err := RewrittenSize(m.Prefix, l.env.Prefix, m.SizeBytes)
			if err != nil {
				return err
			}
			it.Prefix, it.SizeBytes = m.Prefix, size
		}
	default:
		return fmt.Errorf("%s is no type of file", m.Type)
	}
	l.add(it)
	return nil
}

// changes tells whether rewriting can change a byte. A file that is listed with a
// placeholder it does not hold is equal for every prefix.
func changes(use *artifact.PrefixUse, prefix string) bool {
	if use == nil || use.Placeholder == "" {
		return false
	}
	if len(use.Offsets) > 0 {
		return true
	}
	_, replaced := newShebang(use, prefix)
	return replaced
}
