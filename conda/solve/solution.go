package solve

import "github.com/nasa-openscapes/corn/conda/record"

// Solution is a set of records that satisfies a Request. It is a function of the request and
// the index's records alone.
type Solution struct {
	// Packages hold each chosen record once, each after what it depends on (a cycle is entered at
	// its first name), Python and what it needs first, otherwise by name. Virtual packages
	// are not among them.
	Packages []Package
	// Stats say how hard it was.
	Stats Stats
}

// Package is one chosen record and why it is there.
type Package struct {
	Record *record.Record // shared with the index: treat as read-only
	// Requested are indexes into Request.Specs: those that name this package.
	Requested []int
	// RequiredBy are the chosen packages that depend on this one, in order of From.
	RequiredBy []Edge
}

// Edge is a dependency of one chosen package on another.
type Edge struct {
	From    int    // index into Solution.Packages of the package that asks
	Depends string // its words: "python >=3.9"
}

// Stats count what the search did.
type Stats struct {
	Names     int // names whose records were looked at
	Records   int // records of those names
	Decisions int
	Conflicts int
}

// Records returns the chosen records in the order of s.Packages.
func (s *Solution) Records() []*record.Record {
	recs := make([]*record.Record, len(s.Packages))
	for i, p := range s.Packages {
		recs[i] = p.Record
	}
	return recs
}
