package lock

import (
	"slices"

	"github.com/nasa-openscapes/corn/digest"
)

// Kind names the format of a lock file.
type Kind string

// The formats.
const (
	CondaLock Kind = "conda-lock" // conda-lock.yml version 1
	Explicit  Kind = "explicit"   // @EXPLICIT
	Pixi      Kind = "pixi"       // pixi.lock version 5 or 6
)

// Manager says which tool's archive a package is.
type Manager string

// The managers.
const (
	Conda Manager = "conda"
	Pip   Manager = "pip"
)

// MainCategory is the category that is always installed.
const MainCategory = "main"

// DefaultEnvironment is the environment of a pixi.lock that is taken when none is named.
const DefaultEnvironment = "default"

// A Lock is one lock file.
type Lock struct {
	Path string // as given to Read; used in messages
	Kind Kind
	// Platforms are the conda subdirs the file is for, in its order. An explicit lock of
	// noarch packages that names no platform has none and fits all.
	Platforms []string
	Channels  []Channel
	// ContentHash is conda-lock's hash of the inputs by platform (an explicit lock's
	// input_hash); empty for pixi.lock.
	ContentHash map[string]string
	Sources     []string // conda-lock's input files, relative to the lock
	// Environments of a pixi.lock, in its order; empty for the other kinds.
	Environments []string
	Indexes      []string  // package indexes of a pixi.lock's environment
	Packages     []Package // of all platforms, in the order of the file
}

// A Channel is one that the lock was solved with.
type Channel struct {
	URL         string // "conda-forge" or a URL, as written
	UsedEnvVars []string
}

// A Package is one archive of one platform.
type Package struct {
	Manager  Manager
	Name     string // as the lock writes it
	Version  string
	Build    string // conda build string; empty for wheels
	Platform string // the subdir it is locked for, "linux-64", also where Subdir is noarch
	Subdir   string // conda: the folder of the channel, "linux-64" or "noarch"
	Channel  string // conda: URL of the channel without user info and token; "" if the URL has no subdir
	// URL of the archive as the lock writes it, without its fragment. It may hold
	// secrets and $NAMES of environment variables: see Expand and Redact.
	URL      string
	FileName string // last part of the URL, unescaped: "numpy-2.2.4-py313h0_0.conda"

	MD5       digest.MD5 // at least one of MD5 and SHA256 is known
	SHA256    digest.SHA256
	SizeBytes int64 // 0: not in the lock

	// Depends are the package's requirements in the order of the file. Explicit locks
	// have none.
	Depends []Dependency

	Category    string // "main" unless the lock says otherwise
	Optional    bool   // as written; selection goes by category, as in conda-lock and micromamba
	Environment string // pixi.lock: the environment it belongs to
	DirectURL   bool   // pip: the user asked for this URL, the file is not from an index
	SourceURL   string // pip: the URL that the user asked for, where the lock keeps it beside URL
	Line        int    // where the entry starts, from 1

	written     string            // URL as the lock writes it, where it is more than URL
	unsupported *UnsupportedError // set where corn cannot install it; For reports it
}

// A Dependency is a name and what is asked of it.
type Dependency struct {
	Name       string // "python"
	Constraint string // ">=3.9,<4 *_cpython"; may be empty
}

// String joins the two as a MatchSpec or a requirement does.
func (d Dependency) String() string {
	if d.Constraint == "" {
		return d.Name
	}
	return d.Name + " " + d.Constraint
}

// For returns the packages of one platform in the order of the file: those of category main,
// then those of the categories named besides, one category after the other as micromamba
// links them. An archive listed under several categories comes once.
//
// The conda packages of a pixi.lock come in topological order instead ([Topological]), its
// wheels after them: that file is sorted by name, and pixi installs in this order. A
// pixi.lock with several environments gives its "default" one; see [Lock.Select].
//
// A platform that the lock has nothing for is a *PlatformError, a category that it does not
// know a *CategoryError, a package that cannot be installed an *UnsupportedError.
func (l *Lock) For(platform string, categories ...string) ([]Package, error) {
	if l.Kind == Pixi && len(l.Environments) > 0 {
		if len(l.Environments) > 1 || l.Environments[0] != DefaultEnvironment {
			narrowed, err := l.Select(DefaultEnvironment)
			if err != nil {
				return nil, err
			}
			l = narrowed
		}
	}
	if len(l.Platforms) > 0 && !slices.Contains(l.Platforms, platform) {
		return nil, &PlatformError{Path: l.Path, Kind: l.Kind, Platform: platform, Have: l.Platforms}
	}
	if err := l.checkCategories(categories); err != nil {
		return nil, err
	}
	type seenKey struct {
		manager Manager
		url     string
	}
	var out []Package
	seen := make(map[seenKey]bool)
	for _, category := range append([]string{MainCategory}, categories...) {
		for _, p := range l.Packages {
			key := seenKey{p.Manager, p.URL}
			if p.Category != category || p.Platform != platform && p.Platform != "" || seen[key] {
				continue
			}
			if p.unsupported != nil {
				return nil, p.unsupported
			}
			seen[key] = true
			p.Platform = platform
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return nil, &PlatformError{Path: l.Path, Kind: l.Kind, Platform: platform, Have: l.filled()}
	}
	if l.Kind == Pixi {
		out = Topological(out)
	}
	return out, nil
}

// filled lists the platforms that have packages.
func (l *Lock) filled() []string {
	var have []string
	for _, p := range l.Packages {
		if p.Platform != "" && !slices.Contains(have, p.Platform) {
			have = append(have, p.Platform)
		}
	}
	slices.Sort(have)
	return have
}

func (l *Lock) checkCategories(asked []string) error {
	have := []string{MainCategory}
	for _, p := range l.Packages {
		if !slices.Contains(have, p.Category) {
			have = append(have, p.Category)
		}
	}
	for _, c := range asked {
		if !slices.Contains(have, c) {
			slices.Sort(have)
			return &CategoryError{Path: l.Path, Category: c, Have: have}
		}
	}
	return nil
}

// Select narrows a pixi.lock to one environment. Locks of the other kinds have only the
// unnamed one: for them any name is an *EnvironmentError.
func (l *Lock) Select(environment string) (*Lock, error) {
	if !slices.Contains(l.Environments, environment) {
		return nil, &EnvironmentError{Path: l.Path, Environment: environment, Have: l.Environments}
	}
	out := *l
	out.Environments = []string{DefaultEnvironment}
	out.Packages, out.Platforms = nil, nil
	for _, p := range l.Packages {
		if p.Environment != environment {
			continue
		}
		out.Packages = append(out.Packages, p)
		if !slices.Contains(out.Platforms, p.Platform) {
			out.Platforms = append(out.Platforms, p.Platform)
		}
	}
	return &out, nil
}
