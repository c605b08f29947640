package resolve

// Unsolvable is the error of a request that no choice of files satisfies. Error gives the whole
// explanation, Hint what to do.
type Unsolvable struct {
	// Problems are independent of one another: each must be solved. There is at least one.
	Problems []Problem
}

// Problem is a set of requirements that cannot all hold; without any one of them the others could.
type Problem struct {
	// Causes are one for each of the requirements, in order of file and line, then the constraints that take part.
	// Each is the root of a chain.
	Causes []Cause
	// Hints are changes that make the request solvable, other problems aside. Each was tried. Only the
	// first few problems get any.
	Hints []Hint
}

// A CauseKind says how a Cause comes in.
type CauseKind uint8

const (
	Requested CauseKind = iota // one of Request.Requirements
	Allowed                    // one of Request.Constraints
	Needs                      // By depend on it
)

// Cause is one step of an explanation: something is wanted, and Versions, which would do, all fail.
type Cause struct {
	Kind CauseKind
	Name string // the project that is wanted, normalised
	// Specs are what is wanted of it, as their authors wrote them. There are several only where the versions By
	// differ in what they want; any of them would do then.
	Specs  []string
	Origin *Origin  // of Requested and Allowed
	By     []Dist   // of Needs: versions of the cause above, best first
	Extras []string // of the cause above, for which By need it; empty where for none
	// Versions match one of Specs, best first. Empty where Lack says why.
	Versions []Dist
	Lack     Lack
	// Because are the reasons why Versions fail. A version that no reason covers fails because of what another
	// cause wants of the same project.
	Because []Cause
}

// Dist is a version of a project.
type Dist struct {
	Name, Version string
	Package       string // the conda package that brings it; empty where none does
}

// Lack says why nothing matches a requirement.
type Lack struct {
	Kind LackKind
	Have []Dist // versions that do not match, or that match and are left out; best first
	// Files are names of files of the first of Have, where they are what is wrong.
	Files []string
	// Detail is what Kind is about: Requires-Python, the reason for yanking, what cannot be read.
	Detail string
	Target string // what the target has: its Python
}

// A LackKind says why nothing matches a requirement. From TooNew on, the later are closer to being of use.
type LackKind uint8

const (
	NoLack          LackKind = iota
	NoSuchProject            // no index has the name
	NoSuchVersion            // Have do not match
	ByConda                  // conda brings the one of Have, and it does not match
	UnknownURL               // a dependency names a URL, which only the user may do
	OtherURL                 // the user's URL leads to Have, which does not match
	Unreadable               // the metadata of Have cannot be used
	TooNew                   // uploaded after Request.ExcludeNewer, or at an unknown time
	NeedsPython              // Have need another Python
	NoWheel                  // Have have no wheel for the target, and no sdist
	Forbidden                // --no-binary or --only-binary leaves nothing of Have
	OnlySdist                // Have would have to be built, and Request.AllowSdists is off
	OnlyYanked               // Have were withdrawn, and the user does not pin them
	NoHash                   // hashes are required, and no requirement gives one
	OtherHash                // no file of Have has a hash that a requirement gives
	OnlyPrereleases          // Have are pre-releases
)

// Hint is one change that was tried and makes the request solvable.
type Hint struct {
	Kind HintKind
	// Requirement is the one to change: of Relax and Drop.
	Requirement Requirement
	// Name is the project of AskConda and AskURL.
	Name string
	// URL is the one to name, of AskURL.
	URL string
	// Gets is what the trial chose for the project; nil where nothing.
	Gets *Dist
	// Package is the conda package that brings another version, of AskConda.
	Package string
}

// A HintKind says what to change.
type HintKind uint8

const (
	Relax            HintKind = iota // ask for the project without a version
	Drop                             // do not ask for it
	AllowPrereleases                 // --pre
	AllowSdists                      // let sdists be built
	AllowNewer                       // a later ExcludeNewer
	AskConda                         // have conda bring another version, or none
	AskURL                           // name the URL in a requirement
)
