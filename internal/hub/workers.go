package hub

import "fmt"

// An Env is what counts for dask's workers in one environment: the versions of python, dask,
// distributed and dask-gateway, by name; what it does not have is missing.
type Env struct {
	Name     string
	Versions map[string]string
}

// WorkerPackages have to be the same where tasks are written and where they run.
var WorkerPackages = []string{"python", "dask", "distributed", "dask-gateway"}

// WorkerWarnings says what dask's workers would have otherwise than a kernel. Workers of
// dask-gateway take the user's image and its default PATH, and so the notebook environment and not
// the kernel's. notebook is nil where its packages are not known.
//
// Only environments with distributed or dask-gateway can have workers; of others nothing is said.
// Python counts in its first two numbers, by which pickles and byte code differ.
func WorkerWarnings(notebook *Env, envs []Env) []string {
	var out []string
	for _, e := range envs {
		if e.Versions["distributed"] == "" && e.Versions["dask-gateway"] == "" {
			continue
		}
		if notebook == nil {
			out = append(out, fmt.Sprintf("kernel environment %s has dask's workers, which run in the notebook environment: that one is the base's, compare its python, dask, distributed and dask-gateway by hand", e.Name))
			continue
		}
		for _, name := range WorkerPackages {
			have, there := e.Versions[name], notebook.Versions[name]
			if name == "python" {
				have, there = minor(have), minor(there)
			}
			switch {
			case have == "" || have == there:
			case there == "":
				out = append(out, fmt.Sprintf("kernel environment %s has %s %s, and the notebook environment, where dask's workers run, has none", e.Name, name, have))
			default:
				out = append(out, fmt.Sprintf("kernel environment %s has %s %s, and dask's workers have the notebook environment's %s", e.Name, name, have, there))
			}
		}
	}
	return out
}

// minor is "3.11" of "3.11.9".
func minor(version string) string {
	dots := 0
	for i, c := range version {
		if c == '.' {
			if dots++; dots == 2 {
				return version[:i]
			}
		}
	}
	return version
}
