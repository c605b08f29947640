package project

import (
	"github.com/nasa-openscapes/corn/conda/environment"
	"github.com/nasa-openscapes/corn/internal/target"
	"github.com/nasa-openscapes/corn/lock"
	"github.com/nasa-openscapes/corn/pypi/requirements"
)

// A Project is what a folder asks for.
type Project struct {
	Dir      string // as given to Load
	Config   string // the configuration folder, relative to Dir: "ci" or "."
	Platform target.Platform
	Kernels  []Environment // sorted by slug
	Notebook *Environment  // runs JupyterLab; nil: the project has none
	Settings Settings      // corn.yaml

	Start         *File // the program that containers begin with; nil: none
	JupyterConfig *File // jupyter_notebook_config.py; nil: none
	Apt           []AptPackage
	PostBuild     *File // runs in the finished notebook environment; nil: none

	Notices []Notice // what was seen and not used, in order of file
}

// An Environment is one set of locked packages.
type Environment struct {
	Dir         string // relative to the project: "ci/environments/team-a"
	Slug        string // "team-a"; NotebookSlug for the notebook environment
	DisplayName string // "Team A (xarray 2025.03)"
	NameFile    string // the file or folder that the name comes from
	SpecFile    string // environment.yml; empty where there is none

	// What environment.yml and requirements.txt ask for, as written. The lock says what
	// is installed.
	Channels     []string
	Dependencies []Requirement
	Pip          []Requirement // of PyPI, those of files that are named with -r among them
	// Requirements are the same with all that is said of them: options, constraints, hashes.
	Requirements *requirements.Set
	Variables    []Variable // in the order of the file

	// Lock is read and checked, and has packages for the project's platform. With
	// Options.LocksOptional it may be nil or lack the platform, and LockProblem says why.
	Lock        *lock.Lock
	LockProblem error

	Layout Layout
	Copy   []string // globs of paths that are copied and not linked, corn.yaml's general ones first

	parsed   *environment.Environment // environment.yml for all platforms; nil: there is none
	pipItems []pipItem                // of its pip: lists, for all platforms
	pipFile  *requirements.Set        // of requirements.txt; nil: there is none
}

// A Requirement is one line that asks for a package.
type Requirement struct {
	Text string
	File string
	Line int
	Name string // of a requirement from PyPI, as far as its line tells
}

// A Variable is set in every kernel of an environment.
type Variable struct {
	Name, Value string
	Line        int
}

// A Notice says what was done about a file that is not used.
type Notice struct {
	File string
	Text string
}

// NotebookSlug is the slug of the notebook environment; no kernel may have it.
const NotebookSlug = "notebook"

// Options say what Load needs to know besides the folder.
type Options struct {
	// Platform to build for. Zero means the first one of corn.yaml, and then
	// target.Default.
	Platform target.Platform
	// Taken are names that no kernel may have besides the reserved ones: the environments
	// of the base image, where it is known already. CheckTaken asks later.
	Taken []string
	// LocksOptional takes environments without a lock that can be used, as they are before
	// "corn lock".
	LocksOptional bool
}

// CheckTaken refuses a kernel whose slug is one of names. Case does not count. The error
// is a *NameError.
func (p *Project) CheckTaken(names []string) error {
	for i := range p.Kernels {
		if err := checkTaken(&p.Kernels[i], names); err != nil {
			return err
		}
	}
	return nil
}
