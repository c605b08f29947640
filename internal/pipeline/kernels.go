package pipeline

import (
	"strings"

	"github.com/nasa-openscapes/corn/conda/solve"
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

// missingKernels returns what a kernel's environment needs besides: ipykernel where it has
// Python and no kernel, r-irkernel where it has R and none. Where both are there, those
// count that somebody asked for: an R package may bring Python, and rpy2 brings R.
func missingKernels(w *wanted, s *solve.Solution) ([]solve.Spec, error) {
	if w.id == notebookID {
		return nil, nil
	}
	has := map[string]bool{}
	for _, p := range s.Packages {
		if bringsKernel(p.Record.Name) {
			return nil, nil
		}
		has[p.Record.Name] = true
	}
	asked, err := w.names()
	if err != nil {
		return nil, err
	}
	r := asked["r-base"]
	for name := range asked {
		r = r || strings.HasPrefix(name, "r-")
	}
	r = r && has["r-base"] || has["r-base"] && !has["python"]
	python := has["python"] && (asked["python"] || !r)
	var out []solve.Spec
	if python {
		out = append(out, solve.Spec{Text: "ipykernel", Origin: solve.Origin{Note: "added by corn: Python without a kernel"}})
	}
	if r {
		out = append(out, solve.Spec{Text: "r-irkernel", Origin: solve.Origin{Note: "added by corn: R without a kernel"}})
	}
	return out, nil
}
