package recipe

import (
	"fmt"
	"slices"
	"strings"
)

// Suites of Debian that packages are taken from, and the glibc that each compiles for.
const (
	bookworm = "bookworm"
	trixie   = "trixie"
)

// glibcOf is the oldest C library that what a suite compiled may ask for.
var glibcOf = map[string]string{bookworm: "2.36", trixie: "2.38"}

// kind says how files become a package.
type kind string

const (
	library  kind = "library"  // anything with no Python in it, for linux-64
	generic  kind = "generic"  // noarch: generic
	pure     kind = "pure"     // noarch: python
	compiled kind = "compiled" // Python modules for one version of Python
)

// A Recipe says how one conda package is made. What is set of it goes into the build
// string, as JSON, so a field that is added changes no package that does not use it.
type Recipe struct {
	// ID names the recipe: "trixie/numpy", "pbs/python-3.11".
	ID string
	// Name is the conda name of the package.
	Name string
	// Suite is where Debs come from; "" for what no .deb gives.
	Suite string `json:",omitempty"`
	// Kind is library, generic, pure or compiled.
	Kind kind
	// Python is the X.Y that a compiled package or an interpreter is for.
	Python string `json:",omitempty"`
	// Debs give the files, the first of them the version.
	Debs []string `json:",omitempty"`
	// LinkDebs give what links of Debs lead to, and nothing else.
	LinkDebs []string `json:",omitempty"`
	// Bundle are debs whose libraries go to lib/pythonX.Y/bundled, for the
	// interpreter alone.
	Bundle []string `json:",omitempty"`
	// Standalone is the version of the python-build-standalone that gives the
	// files of an interpreter.
	Standalone string `json:",omitempty"`
	// Pip is the version of the python-build-standalone whose pip is the
	// package, or is carried by the interpreter that is.
	Pip string `json:",omitempty"`
	// Version replaces the version of the first deb.
	Version string `json:",omitempty"`
	// Depends are MatchSpecs. One that starts with + is a library of the
	// same suite, to be asked for in at least the version that suite has.
	Depends []string `json:",omitempty"`
	// Constrains are MatchSpecs.
	Constrains []string `json:",omitempty"`
	// Forget are names of requirements, as in the metadata of the Python
	// distribution, that are left out of the dependencies.
	Forget []string `json:",omitempty"`
	// Drop are patterns of Debian paths (see match) to leave out.
	Drop []string `json:",omitempty"`
	// Keep are patterns of Debian paths that are kept though no other package
	// has a use for such.
	Keep []string `json:",omitempty"`
	// Moves are folders of Debian's tree with a place of their own below the
	// prefix: pairs of what a path begins with, and what is put there.
	Moves [][2]string `json:",omitempty"`
	// RPath are folders of the prefix, besides lib, where its programs look
	// for libraries.
	RPath []string `json:",omitempty"`
	// Extra makes files that no deb holds; Finish has the last word.
	Extra, Finish step `json:"-"`
}

// A step changes the package in the making.
type step func(*draft) error

// All lists every recipe, sorted by ID. The caller may keep it.
func All() []Recipe {
	var out []Recipe
	for _, list := range [][]Recipe{pythons(), libraries(), pures(), compileds(), kernels(), tools()} {
		out = append(out, list...)
	}
	slices.SortFunc(out, func(a, b Recipe) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// Full is the IDs of all recipes but those that only [Tools] has.
func Full() []string {
	var ids []string
	for _, r := range All() {
		if !slices.ContainsFunc(tools(), func(t Recipe) bool { return t.ID == r.ID }) {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// Small is the IDs of a Python 3.11 with ipykernel and numpy and all that these need,
// for a target with glibc 2.36.
func Small() []string {
	return []string{
		"pbs/python-3.11", "pbs/python_abi-3.11", "pbs/pip-24",
		"bookworm/libgcc", "bookworm/libopenblas", "bookworm/zeromq", "bookworm/libbsd", "bookworm/libsodium", "bookworm/krb5",
		"bookworm/openssl", "trixie/ca-certificates", "trixie/tzdata",
		"bookworm/numpy", "bookworm/psutil", "bookworm/pyzmq", "bookworm/tornado", "bookworm/debugpy",
		"bookworm/asttokens", "bookworm/backcall", "bookworm/bytecode", "bookworm/decorator",
		"bookworm/entrypoints", "bookworm/executing", "bookworm/ipykernel", "bookworm/ipython", "bookworm/jedi",
		"bookworm/jupyter_client", "bookworm/jupyter_core", "bookworm/matplotlib-inline", "trixie/nest-asyncio",
		"bookworm/packaging", "bookworm/parso", "bookworm/pexpect", "bookworm/pickleshare", "bookworm/prompt-toolkit",
		"trixie/ptyprocess", "bookworm/pure_eval", "bookworm/pygments", "bookworm/python-dateutil",
		"bookworm/setuptools", "bookworm/six", "bookworm/stack_data", "bookworm/traitlets", "bookworm/wcwidth",
	}
}

// lookup finds recipes by ID, in the order asked for.
func lookup(ids []string) ([]Recipe, error) {
	byID := map[string]Recipe{}
	for _, r := range All() {
		if _, twice := byID[r.ID]; twice {
			return nil, fmt.Errorf("recipe %s is there twice", r.ID)
		}
		byID[r.ID] = r
	}
	var out []Recipe
	for _, id := range ids {
		r, ok := byID[id]
		if !ok {
			return nil, fmt.Errorf("no recipe is called %q", id)
		}
		out = append(out, r)
	}
	return out, nil
}

// sitePackages is where Python modules go in the package of r.
func (r *Recipe) sitePackages() string {
	if r.Kind == compiled {
		return "lib/python" + r.Python + "/site-packages"
	}
	return "site-packages"
}

// debs are all debs that r reads.
func (r *Recipe) debs() []string { return slices.Concat(r.Debs, r.LinkDebs, r.Bundle) }
