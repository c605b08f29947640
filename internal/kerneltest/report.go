package kerneltest

import "strings"

// A Result says what came of a test.
type Result string

// The results. What is skipped could not be tested, and the detail says why.
const (
	Passed  Result = "passed"
	Failed  Result = "failed"
	Skipped Result = "skipped"
)

// A Report is what came of testing an image. docs/formats/test-json.md describes its JSON.
type Report struct {
	Server  ServerReport   `json:"server"`
	Kernels []KernelReport `json:"kernels"` // by name
	Result  Result         `json:"result"`
	Millis  int64          `json:"total_ms"`
}

// ServerReport is Jupyter itself.
type ServerReport struct {
	Command     string `json:"command"` // "jupyterhub-singleuser"
	StartMillis int64  `json:"start_ms"`
	Result      Result `json:"result"`
	Detail      string `json:"detail,omitempty"`
	Log         string `json:"log,omitempty"` // the end of what it printed, where it failed
}

// A KernelReport is one kernel.
type KernelReport struct {
	Name        string          `json:"name"`
	DisplayName string          `json:"display_name"`
	Language    string          `json:"language"`              // as the kernel says, "python"
	Version     string          `json:"version"`               // of the language
	Environment string          `json:"environment,omitempty"` // empty: none of corn's
	StartMillis int64           `json:"start_ms"`              // until it answered
	Result      Result          `json:"result"`
	Steps       []Step          `json:"steps"`
	Packages    []PackageReport `json:"packages"`
	Log         string          `json:"log,omitempty"` // the kernel's own, where its process ended or hung
	Millis      int64           `json:"total_ms"`
}

// A Step is one thing that was done with a kernel.
type Step struct {
	Name   string `json:"name"` // "start", "notebook analysis.ipynb"
	Result Result `json:"result"`
	Detail string `json:"detail,omitempty"`
	Millis int64  `json:"ms"`
}

// A PackageReport is one package that the environment asks for.
type PackageReport struct {
	Name    string   `json:"name"`
	Locked  string   `json:"locked"`          // version in the lock
	Found   string   `json:"found,omitempty"` // version that the kernel's language tells
	Modules []string `json:"modules"`         // what was imported
	Result  Result   `json:"result"`
	Detail  string   `json:"detail,omitempty"`
	Millis  int64    `json:"ms"`
}

// Failures are the steps that failed, for people: the name, what was wrong, and the rest of
// it below.
func (k *KernelReport) Failures() []Step {
	var out []Step
	for _, s := range k.Steps {
		if s.Result == Failed {
			out = append(out, s)
		}
	}
	return out
}

// Imported counts packages that were imported, and those that could have been.
func (k *KernelReport) Imported() (passed, of int) {
	for _, p := range k.Packages {
		if p.Result != Skipped {
			of++
		}
		if p.Result == Passed {
			passed++
		}
	}
	return passed, of
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func (k *KernelReport) settle() {
	k.Result = Passed
	for _, s := range k.Steps {
		if s.Result == Failed {
			k.Result = Failed
		}
	}
}
