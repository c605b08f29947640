package kerneltest

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nasa-openscapes/corn/digest"
)

// Rules are a project's own words on its tests. The zero value changes nothing.
type Rules struct {
	// SkipImports are packages that are not imported: importing one opens a display, asks for
	// a licence, takes minutes. Their versions are compared all the same.
	SkipImports []string
	// Imports are the importable names of packages, in place of what their archives say.
	Imports map[string][]string
	// NoInterrupt are kernels that do not survive an interrupt, by Jupyter's names.
	NoInterrupt []string
	// Limits of those that are not given with the test.
	Limits Limits
}

// skips and modules compare names without regard to case and to "-" and "_".
func (r *Rules) skips(name string) bool {
	return slices.ContainsFunc(r.SkipImports, func(s string) bool { return sameName(s, name) })
}

func (r *Rules) modules(name string) ([]string, bool) {
	for _, n := range slices.Sorted(maps.Keys(r.Imports)) {
		if sameName(n, name) {
			return r.Imports[n], true
		}
	}
	return nil, false
}

func sameName(x, y string) bool {
	norm := strings.NewReplacer("_", "-", ".", "-")
	return strings.EqualFold(norm.Replace(x), norm.Replace(y))
}

// addTo adds what can change a result to a key.
func (r *Rules) addTo(key *digest.KeyWriter) {
	if len(r.SkipImports)+len(r.Imports)+len(r.NoInterrupt) == 0 {
		return // limits decide how long a result is waited for
	}
	key.Strs("skip imports", r.SkipImports).Strs("no interrupt", r.NoInterrupt)
	for _, name := range slices.Sorted(maps.Keys(r.Imports)) {
		key.Str("imports", name).Strs("modules", r.Imports[name])
	}
}

// or takes from other what l does not say.
func (l Limits) or(other Limits) Limits {
	pick := func(x, y time.Duration) time.Duration { return cmp.Or(x, y) }
	return Limits{
		pick(l.Server, other.Server), pick(l.Start, other.Start), pick(l.Execute, other.Execute), pick(l.Import, other.Import), pick(l.Project, other.Project),
	}
}

// Unused are names in the rules that are about nothing in a report of all kernels, each with
// its key in corn.yaml.
func (r *Rules) Unused(rep *Report) []string {
	var out []string
	kernel := func(name string) bool {
		return slices.ContainsFunc(rep.Kernels, func(k KernelReport) bool { return k.Name == name })
	}
	asked := func(name string) bool {
		return slices.ContainsFunc(rep.Kernels, func(k KernelReport) bool {
			return slices.ContainsFunc(k.Packages, func(p PackageReport) bool { return sameName(p.Name, name) })
		})
	}
	for _, name := range r.NoInterrupt {
		if !kernel(name) {
			out = append(out, "no_interrupt: the image has no kernel "+name)
		}
	}
	for _, name := range r.SkipImports {
		if !asked(name) {
			out = append(out, "skip_imports: no environment asks for "+name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Imports)) {
		if !asked(name) {
			out = append(out, "imports: no environment asks for "+name)
		}
	}
	return out
}
