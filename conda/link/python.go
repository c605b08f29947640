package link

import (
	"fmt"
	"strings"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/store"
)

// A Python is the interpreter of an env, as far as linking needs to know it.
type Python struct {
	Version       string        // "3.13.5"
	Short         string        // "3.13"
	SitePackages  string        // "lib/python3.13/site-packages"
	CacheTag      string        // sys.implementation.cache_tag, "cpython-313"
	Magic         uint16        // first two bytes of its .pyc, little endian; 0: not known
	Artifact      digest.SHA256 // the package whose interpreter compiles: its own, unless the caller shares one
	FreeThreading bool          // "3.13t": its own site-packages and executable, the same cache tag
	PyPy          bool          // nothing is compiled: the package holds no interpreter
}

// Executable is the interpreter's path in the prefix that entry points name, "bin/python3.13".
func (p *Python) Executable() string { return "bin/python" + p.Short + p.thread() }

func (p *Python) thread() string {
	if p.FreeThreading {
		return "t"
	}
	return ""
}

// Store returns what package store needs to know; nil for no Python.
func (p *Python) Store() *store.Python {
	if p == nil {
		return nil
	}
	return &store.Python{SitePackages: p.SitePackages, CacheTag: p.CacheTag, Artifact: p.Artifact}
}

// magics are the magic numbers of the released CPythons, which do not change within one
// X.Y after its first release candidate. Source: Lib/importlib/_bootstrap_external.py and
// Include/internal/pycore_magic_number.h of CPython; TestMagics asks the interpreters
// that are installed.
var magics = map[string]uint16{
	"2.7": 62211, "3.5": 3351, "3.6": 3379, "3.7": 3394, "3.8": 3413, "3.9": 3425, "3.10": 3439,
	"3.11": 3495, "3.12": 3531, "3.13": 3571, "3.14": 3627,
}

// A PythonError reports a python package that cannot be used to link others.
type PythonError struct {
	Package string // file name
	Reason  string
}

func (e *PythonError) Error() string { return fmt.Sprintf("python of %s: %s", e.Package, e.Reason) }

// PythonOf returns the Python that a package is; ok is false for packages of another name.
//
// The site-packages folder is the package's python_site_packages_path (CEP 17), else
// lib/pythonX.Y/site-packages, with a t behind X.Y for a free-threaded build, which
// micromamba knows by "cp313t" in the build string. PyPy keeps CPython's folder: its
// packages bring the link from there.
func PythonOf(f *artifact.Facts) (py *Python, ok bool, err error) {
	if f.Kind != artifact.Conda || f.Name != "python" {
		return nil, false, nil
	}
	short, ok := majorMinor(f.Version)
	if !ok || !strings.Contains(f.Version, ".") {
		return nil, false, &PythonError{f.FileName, fmt.Sprintf("version %q has no minor version", f.Version)}
	}
	compact := strings.ReplaceAll(short, ".", "")
	py = &Python{
		Version: f.Version, Short: short, Artifact: f.SHA256,
		CacheTag: "cpython-" + compact, Magic: magics[short],
		FreeThreading: strings.Contains(f.Build, "cp"+compact+"t"),
		PyPy:          strings.HasSuffix(f.Build, "_pypy") || f.Build == "pypy",
	}
	if py.PyPy {
		py.CacheTag, py.Magic = "pypy"+compact, 0
	}
	plain := "lib/python" + short + "/site-packages"
	py.SitePackages = "lib/python" + short + py.thread() + "/site-packages"
	// A free-threaded build that names the plain folder means its own (micromamba).
	if sp := sitePackagesPath(f); sp != "" && (!py.FreeThreading || sp != plain) {
		if err := filetree.CheckPath(sp); err != nil {
			return nil, false, &PythonError{f.FileName, "python_site_packages_path: " + err.Error()}
		}
		py.SitePackages = sp
	}
	return py, true, nil
}

func sitePackagesPath(f *artifact.Facts) string {
	if f.Conda == nil {
		return ""
	}
	return f.Conda.PythonSitePackagesPath
}

// majorMinor finds X.Y in a version ("3.10.0"), a site-packages path ("lib/python34/")
// or digits alone ("310"). ok is false where there is no minor version.
func majorMinor(s string) (short string, ok bool) {
	if i := strings.Index(s, "python"); i >= 0 {
		s = s[i+len("python"):]
	}
	major := digits(s)
	if major == "" {
		return "", false
	}
	rest, dotted := strings.CutPrefix(s[len(major):], ".")
	if minor := digits(rest); dotted && minor != "" {
		return major + "." + minor, true
	}
	if len(major) < 2 {
		return "", false
	}
	return major[:1] + "." + major[1:], true
}

// digits returns the decimal digits at the start of s.
func digits(s string) string {
	i := 0
	for i < len(s) && '0' <= s[i] && s[i] <= '9' {
		i++
	}
	return s[:i]
}

// NoarchPath is where a path of a noarch python package stands in the prefix:
// site-packages/ and python-scripts/ move, all else stays.
func NoarchPath(p, sitePackages string) string {
	if rest, ok := strings.CutPrefix(p, "site-packages/"); ok {
		return sitePackages + "/" + rest
	}
	if rest, ok := strings.CutPrefix(p, "python-scripts/"); ok {
		return "bin/" + rest
	}
	return p
}
