package kerneltest

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/filetree"
)

// Importable is what programs can import of a package, as its archive says.
type Importable struct {
	Modules     []string // of Python: "numpy", "google.cloud.storage"; sorted
	Dist        string   // what importlib.metadata calls it; empty where it has no metadata
	DistVersion string   // as the metadata's folder says
	RPackages   []string // folders of R's library, sorted
}

var (
	// sitePackages matches the part of a conda package's path that Python finds modules
	// below: noarch packages lack the interpreter's folder.
	sitePackages = regexp.MustCompile(`^(?:lib/python[0-9.]+t?/)?site-packages/`)
	// rLibrary matches a package of R by the file that makes it one.
	rLibrary = regexp.MustCompile(`^lib/R/(?:site-)?library/([^/]+)/DESCRIPTION$`)
	// distInfo takes the folder or file of a distribution's metadata apart.
	distInfo   = regexp.MustCompile(`^(.+?)-([^-]+)(?:-py[0-9.]+)?\.(?:dist-info|egg-info)$`)
	identifier = regexp.MustCompile(`^[\p{L}_][\p{L}\p{N}_]*$`)
)

// asides are folders that packages leave beside their modules by mistake.
var asides = []string{"benchmark", "benchmarks", "conftest", "doc", "docs", "example", "examples", "scripts", "setup", "test", "tests", "tools"}

// ImportableNames finds what can be imported of an archive.
func ImportableNames(f *artifact.Facts) Importable {
	var im Importable
	files := map[string]bool{} // below site-packages
	for i := range f.Members {
		m := &f.Members[i]
		if m.Type == filetree.Dir {
			continue
		}
		if r := rLibrary.FindStringSubmatch(m.Path); r != nil && f.Kind == artifact.Conda {
			im.RPackages = append(im.RPackages, r[1])
		}
		if p, ok := pythonPath(f, m.Path); ok {
			files[p] = true
		}
	}
	modules := map[string]bool{}
	for p := range files {
		top, _, _ := strings.Cut(p, "/")
		if d := distInfo.FindStringSubmatch(top); d != nil {
			if im.Dist == "" || d[1] < im.Dist { // some packages hold several: always the same one
				im.Dist, im.DistVersion = d[1], d[2]
			}
			continue
		}
		if name := moduleOf(p, files); name != "" {
			modules[name] = true
		}
	}
	im.Modules = public(modules)
	slices.Sort(im.RPackages)
	return im
}

// pythonPath is a member's path below site-packages.
func pythonPath(f *artifact.Facts, p string) (string, bool) {
	if f.Kind == artifact.Conda {
		prefix := sitePackages.FindString(p)
		return p[len(prefix):], prefix != ""
	}
	if f.Wheel == nil || f.Wheel.DataDir == "" || !strings.HasPrefix(p, f.Wheel.DataDir+"/") {
		return p, true
	}
	for _, scheme := range []string{"/purelib/", "/platlib/"} {
		if rest, ok := strings.CutPrefix(p, f.Wheel.DataDir+scheme); ok {
			return rest, true
		}
	}
	return "", false
}

// moduleOf names the outermost module that a file belongs to; "" if it is none. Folders
// without an __init__.py are namespaces, and the first module below them counts.
func moduleOf(p string, files map[string]bool) string {
	parts := strings.Split(p, "/")
	for i, part := range parts[:len(parts)-1] {
		if !identifier.MatchString(part) || part == "__pycache__" {
			return ""
		}
		dir := strings.Join(parts[:i+1], "/")
		if files[dir+"/__init__.py"] || files[dir+"/__init__.pyc"] || compiledInit(dir, p) {
			return strings.ReplaceAll(dir, "/", ".")
		}
	}
	base := path.Base(p)
	name, ok := strings.CutSuffix(base, ".py")
	if !ok && strings.HasSuffix(base, ".so") { // "_x.cpython-313-x86_64-linux-gnu.so", "x.abi3.so", "x.so"
		name, _, _ = strings.Cut(base, ".")
		ok = true
	}
	if !ok || !identifier.MatchString(name) {
		return ""
	}
	return strings.ReplaceAll(path.Join(path.Dir(p), name), "/", ".")
}

// compiledInit tells whether a file is a package's __init__ as an extension module.
func compiledInit(dir, p string) bool {
	return path.Dir(p) == dir && strings.HasPrefix(path.Base(p), "__init__.") && strings.HasSuffix(p, ".so")
}

// public chooses the modules that are meant for users: those whose name begins with an
// underscore, and what was left beside them by mistake, only where there is nothing else. Of a
// namespace that holds very many, some have to do.
func public(modules map[string]bool) []string {
	var all, meant []string
	for m := range modules {
		top, _, _ := strings.Cut(m, ".")
		all = append(all, m)
		if !strings.HasPrefix(top, "_") && !strings.Contains(m, "._") && !slices.Contains(asides, top) {
			meant = append(meant, m)
		}
	}
	if len(meant) == 0 {
		meant = all
	}
	slices.Sort(meant)
	return meant[:min(len(meant), maxModules)]
}

const maxModules = 20
