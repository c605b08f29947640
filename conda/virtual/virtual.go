package virtual

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/conda/version"
)

// What is assumed where a fact is not known.
const (
	DefaultGlibc = "2.17" // CEP 30's own example: what conda-forge is built for at the least
	DefaultLinux = "5.15" // older than the kernels of today's hubs, newer than what packages ask for
	DefaultOSX   = "0"    // CEP 30
	DefaultWin   = "0"
)

// Facts are what is known of the target. Versions are as CEP 30 wants them: "2.36".
type Facts struct {
	Subdir   record.Subdir // required: "linux-64"; not noarch
	Glibc    string        // of the base image; empty means not known
	NoGlibc  bool          // the base image has no glibc but another C library
	Linux    string        // kernel; empty means not known
	OSX      string        // macOS; empty means not known
	Win      string        // empty means not known
	Cuda     string        // what the drivers can do; empty means none
	CudaArch string        // compute capability; empty means not known. Counts only with Cuda
	Archspec string        // "x86_64_v3"; empty means any machine of the subdir
}

// A Lookup gives an environment variable, as os.LookupEnv does. Nil has none.
type Lookup func(name string) (value string, ok bool)

// A Set is the virtual packages of one target.
type Set struct {
	// Records are sorted by name. They have a name, version, build and subdir.
	Records []*record.Record
	// Overrides are the CONDA_OVERRIDE_* variables that were there, sorted.
	Overrides []Override
	// Assumed names the packages whose version is a default because the fact was not known.
	Assumed []string
}

// An Override is a CONDA_OVERRIDE_* variable.
type Override struct {
	Variable string // "CONDA_OVERRIDE_GLIBC"
	Value    string
	Used     bool // false: it says nothing about this target
}

// An OverrideError reports a CONDA_OVERRIDE_* variable, or a fact, that cannot be read.
type OverrideError struct {
	Variable string // "CONDA_OVERRIDE_GLIBC", or the package for a fact: "__glibc"
	Value    string
	Want     string // "a version such as 2.36"
}

func (e *OverrideError) Error() string {
	return fmt.Sprintf("%s=%q: want %s", e.Variable, e.Value, e.Want)
}

// New gives the virtual packages of a target. The error is an *OverrideError, or the
// *record.NameError of a subdir that is no platform.
func New(f Facts, override Lookup) (*Set, error) {
	if _, err := record.ParseSubdir(string(f.Subdir)); err != nil {
		return nil, err
	}
	if f.Subdir == record.Noarch {
		return nil, &record.NameError{What: "subdir", Input: string(f.Subdir), Reason: "is no platform to run on"}
	}
	if override == nil {
		override = func(string) (string, bool) { return "", false }
	}
	b := builder{subdir: f.Subdir, lookup: override, set: &Set{}}
	os, _, _ := strings.Cut(string(f.Subdir), "-")
	linux := os == "linux"

	b.archspec(f.Archspec)
	cuda := b.version("cuda", f.Cuda, "", true, removable)
	b.version("cuda_arch", f.CudaArch, "", cuda, removable)
	glibc := DefaultGlibc
	if f.NoGlibc {
		glibc = ""
	}
	b.version("glibc", f.Glibc, glibc, linux, removable)
	b.version("linux", f.Linux, DefaultLinux, linux, 0)
	b.version("osx", f.OSX, DefaultOSX, os == "osx", 0)
	if os == "linux" || os == "osx" || os == "freebsd" || os == "emscripten" {
		b.add("__unix", "0", "0")
	}
	b.version("win", f.Win, DefaultWin, os == "win", 0)
	if b.err != nil {
		return nil, b.err
	}
	return b.set, nil
}

// A builder makes a Set; the packages come in order of their names. The first error stays.
type builder struct {
	subdir record.Subdir
	lookup Lookup
	set    *Set
	err    error
}

// removable marks a package that an empty override takes away.
const removable = 1

// kernel is what CEP 30 wants CONDA_OVERRIDE_LINUX to be like.
var kernel = regexp.MustCompile(`^[0-9]+\.[0-9]+(\.[0-9]+)?(\.[0-9]+)?$`)

// version adds "__name" with a version: that of an override, else fact, else what to assume.
// Without any of them, and where it does not apply, there is no such package.
func (b *builder) version(name, fact, assume string, applies bool, flags int) (added bool) {
	variable := "CONDA_OVERRIDE_" + strings.ToUpper(name)
	value, overridden := b.lookup(variable)
	if overridden {
		use := applies && (value != "" || flags&removable != 0)
		b.set.Overrides = append(b.set.Overrides, Override{Variable: variable, Value: value, Used: use})
		if use && value == "" {
			return false
		}
		if use {
			b.check(variable, value, name == "linux")
			b.add("__"+name, value, "0")
			return true
		}
	}
	if !applies || fact == "" && assume == "" {
		return false
	}
	if fact == "" {
		fact = assume
		b.assume(name)
	}
	b.check("__"+name, fact, false)
	b.add("__"+name, fact, "0")
	return true
}

func (b *builder) check(variable, value string, linux bool) {
	want := ""
	if _, err := version.Parse(value); err != nil {
		want = "a version such as 2.36"
	} else if linux && !kernel.MatchString(value) {
		want = "a kernel's version such as 5.15"
	}
	if want != "" && b.err == nil {
		b.err = &OverrideError{Variable: variable, Value: value, Want: want}
	}
}

func (b *builder) assume(name string) { b.set.Assumed = append(b.set.Assumed, "__"+name) }

func (b *builder) add(name, version, build string) {
	b.set.Records = append(b.set.Records, &record.Record{Name: name, Version: version, Build: build, Subdir: b.subdir})
}

// buildString is CEP 26's rule for builds.
var buildString = regexp.MustCompile(`^[A-Za-z0-9_.+]{1,64}$`)

// archspec adds the package that names the machine in its build. It is always there.
func (b *builder) archspec(fact string) {
	const variable = "CONDA_OVERRIDE_ARCHSPEC"
	value, overridden := b.lookup(variable)
	if overridden {
		b.set.Overrides = append(b.set.Overrides, Override{Variable: variable, Value: value, Used: value != ""})
	}
	source := "__archspec"
	if value != "" {
		fact, source = value, variable
	}
	if fact == "" {
		fact, v := machine(b.subdir)
		b.add("__archspec", v, fact)
		return
	}
	if !buildString.MatchString(fact) && b.err == nil {
		b.err = &OverrideError{Variable: source, Value: fact, Want: "the name of a microarchitecture such as x86_64_v3"}
	}
	b.add("__archspec", "1", fact)
}

// machine is what every machine of a subdir is at the least (CEP 30, appendix A). The version
// is 1 for the names that archspec knows, else 0.
func machine(subdir record.Subdir) (build, version string) {
	_, arch, _ := strings.Cut(string(subdir), "-")
	switch arch {
	case "32":
		return "x86", "1"
	case "64":
		return "x86_64", "1"
	case "arm64", "aarch64":
		return "aarch64", "1"
	case "ppc64", "ppc64le", "riscv64":
		return arch, "1"
	}
	return arch, "0"
}
