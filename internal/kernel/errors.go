package kernel

import "fmt"

// A NoKernelError reports an environment that no Jupyter kernel can be made of.
type NoKernelError struct {
	Env      string // display name
	Language string // "python", "r", or "" if none was recognised
	Package  string // what to add; "" if that is not known
}

func (e *NoKernelError) Error() string {
	switch {
	case e.Package != "":
		return fmt.Sprintf("environment %q has %s but no Jupyter kernel: add %s to its dependencies", e.Env, languageLabel(e.Language), e.Package)
	default:
		return fmt.Sprintf("environment %q has no Jupyter kernel: none of its packages brings a kernelspec, and no language was recognised that one could be named for", e.Env)
	}
}

// A SpecError reports a kernel.json that Jupyter could not use.
type SpecError struct {
	Env    string
	Path   string // relative to the env's prefix
	Reason string
}

func (e *SpecError) Error() string {
	return fmt.Sprintf("environment %q: %s %s", e.Env, e.Path, e.Reason)
}

// A VariableError reports a variable that activation cannot set.
type VariableError struct {
	Env    string
	Source string // "environment.yml", or the file below etc/conda/env_vars.d
	Name   string
	Reason string
}

func (e *VariableError) Error() string {
	return fmt.Sprintf("environment %q: variable %q of %s %s", e.Env, e.Name, e.Source, e.Reason)
}

// A NameError reports a kernel name that is taken.
type NameError struct {
	Env  string
	Name string
}

func (e *NameError) Error() string {
	return fmt.Sprintf("environment %q: a kernel named %q exists already", e.Env, e.Name)
}
