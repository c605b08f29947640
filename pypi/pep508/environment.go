package pep508

import "strings"

// Environment is what markers look at. It describes the target, not the machine that asks. What is
// empty is unknown: it equals the empty text only.
type Environment struct {
	PythonVersion                string // "3.12"
	PythonFullVersion            string // "3.12.4"
	OSName                       string // "posix"
	SysPlatform                  string // "linux", "darwin"
	PlatformMachine              string // "x86_64", "aarch64", "arm64"
	PlatformSystem               string // "Linux", "Darwin"
	PlatformRelease              string // of the kernel
	PlatformVersion              string // of the kernel
	PlatformPythonImplementation string // "CPython"
	ImplementationName           string // "cpython"
	ImplementationVersion        string // "3.12.4"
	Extra                        string // the extra whose requirements are looked at; empty for none
	Extras                       []string
	DependencyGroups             []string
}

// CPython returns the environment of CPython of a full version ("3.12.4") on a POSIX system as platform.system() and
// platform.machine() call it: "Linux" and "x86_64", "Darwin" and "arm64". Release and version of its kernel stay
// unknown: an image is made before the machine it runs on.
func CPython(fullVersion, system, machine string) Environment {
	majorMinor := fullVersion
	if parts := strings.SplitN(fullVersion, ".", 3); len(parts) == 3 {
		majorMinor = parts[0] + "." + parts[1]
	}
	return Environment{
		PythonVersion: majorMinor, PythonFullVersion: fullVersion,
		OSName: "posix", SysPlatform: strings.ToLower(system), PlatformMachine: machine, PlatformSystem: system,
		PlatformPythonImplementation: "CPython", ImplementationName: "cpython", ImplementationVersion: fullVersion,
	}
}

// WithExtra returns env for the requirements of an extra.
func (env Environment) WithExtra(extra string) Environment {
	env.Extra = extra
	return env
}

// text returns the value of a variable that is no set.
func (env *Environment) text(variable string) string {
	switch variable {
	case "python_version":
		return env.PythonVersion
	case "python_full_version":
		if strings.HasSuffix(env.PythonFullVersion, "+") { // built between two tags
			return env.PythonFullVersion + "local"
		}
		return env.PythonFullVersion
	case "os_name":
		return env.OSName
	case "sys_platform":
		return env.SysPlatform
	case "platform_machine":
		return env.PlatformMachine
	case "platform_system":
		return env.PlatformSystem
	case "platform_release":
		return env.PlatformRelease
	case "platform_version":
		return env.PlatformVersion
	case "platform_python_implementation":
		return env.PlatformPythonImplementation
	case "implementation_name":
		return env.ImplementationName
	case "implementation_version":
		return env.ImplementationVersion
	case "extra":
		return NormalizeName(env.Extra)
	}
	panic("pep508: no variable " + variable)
}

func (env *Environment) set(variable string) []string {
	if variable == "extras" {
		return env.Extras
	}
	return env.DependencyGroups
}
