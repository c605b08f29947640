package pipeline

import (
	"strings"

	"github.com/nasa-openscapes/corn/conda/solve"
	"github.com/nasa-openscapes/corn/lock"
)

// What brings a kernel is known for certain only when archives are read; a solve goes by
// names. A package that is missing here costs an ipykernel that nobody needed.
var kernelPackages = map[string]bool{
	"ipykernel": true, "r-irkernel": true, "ijulia": true, "ansible-kernel": true, "sparkmagic": true, "jupyter-c-kernel": true,
}

// bringsKernel tells whether a package is a Jupyter kernel.
func bringsKernel(name string) bool {
	return kernelPackages[name] || strings.HasPrefix(name, "xeus-") || strings.HasSuffix(name, "_kernel") || strings.HasSuffix(name, "-kernel")
}

// missingPython returns what an environment needs that asks for packages of PyPI and has nothing
// to run them.
func missingPython(w *wanted, has map[string]bool) []solve.Spec {
	if len(w.pip) == 0 || has["python"] {
		return nil
	}
	return []solve.Spec{{Text: "python", Origin: solve.Origin{Note: "added by corn: packages of PyPI need it"}}}
}

// missingKernels returns what a kernel's environment needs besides: ipykernel where it has
// Python and no kernel, r-irkernel where it has R and none. Where both are there, those
// count that somebody asked for: an R package may bring Python, and rpy2 brings R.
func missingKernels(w *wanted, has map[string]bool) ([]solve.Spec, error) {
	if !w.needsKernel() {
		return nil, nil
	}
	for name := range has {
		if bringsKernel(name) {
			return nil, nil
		}
	}
	asked, err := w.names()
	if err != nil {
		return nil, err
	}
	r := asked["r-base"]
	for name := range asked {
		r = r || strings.HasPrefix(name, "r-")
	}
	r = has["r-base"] && (r || !has["python"])
	var out []solve.Spec
	if has["python"] && (asked["python"] || !r || len(w.pip) > 0) {
		out = append(out, solve.Spec{Text: "ipykernel", Origin: solve.Origin{Note: "added by corn: Python without a kernel"}})
	}
	if r {
		out = append(out, solve.Spec{Text: "r-irkernel", Origin: solve.Origin{Note: "added by corn: R without a kernel"}})
	}
	return out, nil
}

// reached are the names that the asked ones lead to in a lock, the kernels that corn added
// left out.
func reached(asked map[string]bool, packages []lock.Package) map[string]bool {
	depends := map[string][]lock.Dependency{}
	for _, p := range packages {
		if p.Manager == lock.Conda {
			depends[p.Name] = p.Depends
		}
	}
	has := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		if _, there := depends[name]; !there || has[name] {
			return
		}
		has[name] = true
		for _, d := range depends[name] {
			visit(d.Name)
		}
	}
	for name := range asked {
		visit(name)
	}
	return has
}
