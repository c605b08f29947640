package resolve

// Resolution is the answer to a request.
type Resolution struct {
	Chosen   []Chosen // by name
	Used     []Used   // what conda provides and something asks for, by name
	Warnings []Warning
	Stats    Stats
}

// Chosen is one file to install.
type Chosen struct {
	Name         string // normalised
	Version      string // in normal form
	File         File
	Sdist        bool     // to be built first
	Direct       bool     // File is the URL of a requirement
	Requested    bool     // the user asks for it by name
	Extras       []string // that are asked for, normalised, sorted
	Hashes       []string // of which the file must have one; nil means any
	Dependencies []Dependency
}

// Dependency is what a chosen file needs on the target: another chosen one, or what conda provides.
type Dependency struct {
	Name       string // normalised
	Specifiers string // ">=1.0,<2"; or "@ URL"
}

// Used is a distribution of conda's that serves a requirement.
type Used struct {
	Name, Version string
	Package       string
}

// WarningKind says what a Warning is about.
type WarningKind uint8

const (
	// MissingExtra: an extra is asked for that the version does not have.
	MissingExtra WarningKind = iota
	// YankedFile: the file was withdrawn, and the user pins its version.
	YankedFile
	// NewerPython: the target's Python is later than all that the version declares to work with.
	NewerPython
)

// Warning is a thing that the user should know, and that does not stand in the way.
type Warning struct {
	Kind          WarningKind
	Name, Version string
	Detail        string // the extra, the reason for yanking, Requires-Python
}

// String says it in words.
func (w Warning) String() string {
	of := w.Name + " " + w.Version
	switch w.Kind {
	case MissingExtra:
		return of + " has no extra " + w.Detail
	case YankedFile:
		if w.Detail == "" {
			return of + " was withdrawn by its authors (yanked)"
		}
		return of + " was withdrawn by its authors (yanked): " + w.Detail
	}
	return of + " says that it needs python " + w.Detail + "; nothing that does not say so satisfies the requirements"
}

// Stats say how much work a resolution was.
type Stats struct {
	Projects, Candidates int // that were loaded
	Metadata             int // that were read
	Decisions, Conflicts int
}
