package solve

import (
	"fmt"
	"time"

	"github.com/nasa-openscapes/corn/conda/record"
)

// Index gives the records that a solve chooses from.
//
// Records returns all records of one name, of every channel, of the platform and of noarch, in any
// order; none for a name that nobody knows. The solver asks for a name only when it may need
// it, at most once per solve, and from one goroutine. It never changes what it gets, so
// one Index may serve many solves side by side if it is safe for concurrent use.
type Index interface {
	Records(name string) []*record.Record
}

// Grouper is what an Index may offer besides: the records of a name by version, so that only those
// have to be made that the search comes to.
//
// Groups returns what Records does, in any order and in any number of groups; false where it cannot. It is called as
// Records is, and in its place.
type Grouper interface {
	Groups(name string) ([]record.Group, bool)
}

// NameLister is what an Index may offer besides: all its names, in any order. With it, an
// explanation of a name that does not exist can show the nearest ones.
type NameLister interface {
	Names() []string
}

// Origin says where a spec comes from, so that an explanation can end in the user's own words.
type Origin struct {
	File string // "climate/environment.yml"; empty where no file asked
	Line int    // counted from 1; zero where not known
	Note string // why it is there where no file asked: "added by corn: Python without a kernel"
}

// Spec is one MatchSpec as the user wrote it, and where.
type Spec struct {
	Text   string // `xarray >=2024.1`; a name, an archive's URL or brackets besides
	Origin Origin
}

// Request is what a solve is asked for. The zero value of what is optional is the default. The answer
// does not depend on the order of Specs, Constraints, Virtual, Locked or Favored.
type Request struct {
	// Specs must all be satisfied. Two with one name must both match its record.
	Specs []Spec
	// Constraints apply to a package only if something else brings it in.
	Constraints []Spec
	// Virtual are the facts of the target as records: name "__glibc", version, build. What is not
	// here is absent from the target.
	Virtual []*record.Record
	// Channels are the channels' base URLs (as Record.Channel), highest priority first. Records of
	// other channels come after all of these, in order of their URLs.
	Channels []string
	// ChannelPriority says how far Channels' order reaches. Zero is StrictPriority.
	ChannelPriority ChannelPriority
	// Locked are the records of an earlier answer. Each that can be kept is kept, even where a
	// newer one exists; an archive that the index no longer lists is taken from here. Leave out
	// what shall be updated.
	Locked []*record.Record
	// Favored are records that siblings chose. How far they are favored is said by Favor.
	Favored []*record.Record
	// Favor is how far Favored reaches. Zero is FavorBuilds.
	Favor Favor
	// ExcludeNewer leaves out records built after it; zero leaves none out. Records without a time stay.
	ExcludeNewer time.Time
	// Strategy is which versions are preferred. Zero is Highest.
	Strategy Strategy
	// MaxConflicts ends the search with a *LimitError after so many conflicts; zero means no limit.
	MaxConflicts int
}

// ChannelPriority says what it means that one channel stands before another.
type ChannelPriority uint8

const (
	// StrictPriority takes a name's records from the first channel that has any of that name.
	StrictPriority ChannelPriority = iota
	// FlexiblePriority prefers every version of an earlier channel to any of a later one.
	FlexiblePriority
	// NoPriority compares versions first; the channel decides between equals.
	NoPriority
)

// String returns the word that environment files and .condarc use.
func (p ChannelPriority) String() string {
	switch p {
	case StrictPriority:
		return "strict"
	case FlexiblePriority:
		return "flexible"
	}
	return "disabled"
}

// Favor says how far the wish to share artifacts reaches.
type Favor uint8

const (
	// FavorBuilds prefers a favored record among candidates of one version.
	FavorBuilds Favor = iota
	// FavorVersions prefers a favored record to newer versions too, except for names that
	// Request.Specs ask for.
	FavorVersions
)

// Strategy says which versions are preferred.
type Strategy uint8

const (
	Highest      Strategy = iota // the highest version of everything
	Lowest                       // the lowest version of everything
	LowestDirect                 // the lowest of what Specs name, the highest of the rest
)

// String returns "climate/environment.yml:7", the file alone where the line is not known, or the note.
func (o Origin) String() string {
	switch {
	case o.File == "":
		return o.Note
	case o.Line == 0:
		return o.File
	}
	return fmt.Sprintf("%s:%d", o.File, o.Line)
}
