package requirements

import (
	"slices"

	"github.com/nasa-openscapes/corn/pypi/pep508"
)

// A Place is a line of a file. File is as messages name it.
type Place struct {
	File string
	Line int // from 1; of several joined lines the first
}

// A Set is what one or several files ask for.
type Set struct {
	Requirements []Requirement // in order
	Constraints  []Requirement // of -c: they hold for what is installed for another reason
	Options      Options
	Files        []string // that were read, relative to the root of the project, each once
}

// Options are what files say of how to choose. They hold for all requirements, wherever they
// stand, as pip has it.
type Options struct {
	Index         *Source  // the last --index-url; nil: none was given
	ExtraIndexes  []Source // --extra-index-url, in order
	FindLinks     []Source // --find-links, in order
	NoIndex       bool     // no index, also none of ExtraIndexes
	Formats       Formats  // --no-binary and --only-binary
	Prereleases   bool     // --pre
	PreferBinary  bool
	RequireHashes bool // asked for, or implied by a --hash
	TrustedHosts  []string
}

// A Source is where files are looked for. Either URL or Path is set.
type Source struct {
	// URL may hold secrets: redact it before it is shown.
	URL string
	// Path is a folder or a page of the project, relative to its root.
	Path  string
	Unset []string // variables in URL that are not set, and stay there
	Place
}

// A Kind says where a requirement is had from.
type Kind int

// The kinds.
const (
	FromIndex Kind = iota // a name, to be looked up
	FromURL               // the URL of a wheel or an sdist
	FromVCS               // a repository, to be built
	FromPath              // a wheel, an sdist or a folder of the project
)

// A Requirement is one line that asks for a project.
type Requirement struct {
	Text string // as written, without options; variables are not replaced
	Place

	Kind Kind
	// Spec is the requirement with variables replaced. Of a URL or a path without a name it is
	// nil, and Name, Extras and Marker say what is known.
	Spec   *pep508.Requirement
	Name   string // as written or as the file's name says; empty: only the archive tells
	Extras []string
	Marker pep508.Marker

	URL    string // of FromURL, without fragment; may hold secrets
	VCS    VCS    // of FromVCS
	Path   string // of FromPath, relative to the root of the project
	Hashes []Hash // --hash, and those in a URL's fragment
	Unset  []string
}

// Key is the normalized name; empty: not known.
func (r *Requirement) Key() string {
	if r.Name == "" {
		return ""
	}
	return pep508.NormalizeName(r.Name)
}

// A VCS is a place in a repository.
type VCS struct {
	Tool         string // "git", "hg", "svn", "bzr"
	URL          string // without the tool, revision and fragment; may hold secrets
	Revision     string // empty: what the repository's default is
	Subdirectory string
}

// A Hash is a sum that a file may have.
type Hash struct {
	Algorithm string // "sha256", "sha384", "sha512"
	Hex       string // lower case
}

// HashesOf are the hashes that requirements and constraints give for a project; the name is
// normalized.
func (s *Set) HashesOf(key string) []Hash {
	var out []Hash
	for _, list := range [][]Requirement{s.Requirements, s.Constraints} {
		for i := range list {
			if list[i].Key() == key {
				for _, h := range list[i].Hashes {
					if !slices.Contains(out, h) {
						out = append(out, h)
					}
				}
			}
		}
	}
	return out
}

// Add puts what o asks for behind what s asks for, as if one file named the other. A line that s
// has already does not come twice. o is not changed.
func (s *Set) Add(o *Set) {
	addLines(&s.Requirements, o.Requirements)
	addLines(&s.Constraints, o.Constraints)
	for _, f := range o.Files {
		if !slices.Contains(s.Files, f) {
			s.Files = append(slices.Clip(s.Files), f)
		}
	}
	to, from := &s.Options, &o.Options
	if from.Index != nil {
		to.Index = from.Index
	}
	addSources(&to.ExtraIndexes, from.ExtraIndexes)
	addSources(&to.FindLinks, from.FindLinks)
	for _, h := range from.TrustedHosts {
		if !slices.Contains(to.TrustedHosts, h) {
			to.TrustedHosts = append(slices.Clip(to.TrustedHosts), h)
		}
	}
	to.Formats.NoBinary, to.Formats.OnlyBinary = slices.Clone(to.Formats.NoBinary), slices.Clone(to.Formats.OnlyBinary)
	if len(from.Formats.NoBinary) > 0 {
		to.Formats.add(false, from.Formats.NoBinary)
	}
	if len(from.Formats.OnlyBinary) > 0 {
		to.Formats.add(true, from.Formats.OnlyBinary)
	}
	to.NoIndex = to.NoIndex || from.NoIndex
	to.Prereleases = to.Prereleases || from.Prereleases
	to.PreferBinary = to.PreferBinary || from.PreferBinary
	to.RequireHashes = to.RequireHashes || from.RequireHashes
}

func addLines(to *[]Requirement, more []Requirement) {
	for i := range more {
		if !slices.ContainsFunc(*to, func(have Requirement) bool { return have.Place == more[i].Place && have.Text == more[i].Text }) {
			*to = append(slices.Clip(*to), more[i])
		}
	}
}

func addSources(to *[]Source, more []Source) {
	for _, x := range more {
		if !slices.ContainsFunc(*to, func(have Source) bool { return have.URL == x.URL && have.Path == x.Path }) {
			*to = append(slices.Clip(*to), x)
		}
	}
}

// Formats say of which projects wheels or sdists are not to be used.
type Formats struct {
	NoBinary, OnlyBinary []string // normalized names and ":all:", sorted
}

const all = ":all:"

// Wheels tells whether wheels of a project may be used; the name is normalized.
func (f Formats) Wheels(key string) bool {
	switch {
	case slices.Contains(f.OnlyBinary, key):
		return true
	case slices.Contains(f.NoBinary, key):
		return false
	}
	return slices.Contains(f.OnlyBinary, all) || !slices.Contains(f.NoBinary, all)
}

// Sdists tells whether sdists of a project may be used; the name is normalized.
func (f Formats) Sdists(key string) bool {
	switch {
	case slices.Contains(f.OnlyBinary, key):
		return false
	case slices.Contains(f.NoBinary, key):
		return true
	}
	return !slices.Contains(f.OnlyBinary, all)
}

// add applies the value of an option to one list; what it names leaves the other. ":all:" drops
// all that was said before, ":none:" what was said of this list.
func (f *Formats) add(binary bool, names []string) {
	target, other := &f.NoBinary, &f.OnlyBinary
	if binary {
		target, other = other, target
	}
	for _, name := range names {
		switch name {
		case all:
			*target, *other = []string{all}, nil
		case ":none:":
			*target = nil
		default:
			key := pep508.NormalizeName(name)
			*other = slices.DeleteFunc(*other, func(n string) bool { return n == key })
			if slices.Contains(*target, all) && !slices.Contains(names, ":none:") && slices.Contains(names, all) {
				continue // ":all:,numpy" is ":all:"
			}
			*target = append(*target, key)
		}
	}
	for _, list := range []*[]string{target, other} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
}
