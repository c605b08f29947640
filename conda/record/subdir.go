package record

import (
	"slices"
	"strings"
)

// Subdir is a platform's folder in a channel, "linux-64" or "noarch".
type Subdir string

// Subdirs that corn's code speaks of by name.
const (
	Noarch       Subdir = "noarch"
	Linux64      Subdir = "linux-64"
	LinuxAarch64 Subdir = "linux-aarch64"
	LinuxPpc64le Subdir = "linux-ppc64le"
)

// knownSubdirs is sorted: Known searches it.
var knownSubdirs = []Subdir{
	"emscripten-wasm32", "freebsd-64",
	"linux-32", "linux-64", "linux-aarch64", "linux-armv6l", "linux-armv7l",
	"linux-loongarch64", "linux-ppc64", "linux-ppc64le", "linux-riscv32", "linux-riscv64", "linux-s390x",
	"noarch", "osx-64", "osx-arm64", "wasi-wasm32",
	"win-32", "win-64", "win-arm64", "zos-z",
}

// KnownSubdirs returns the subdirs that conda's tools know, sorted. CEP 26 allows others of
// the same form.
func KnownSubdirs() []Subdir { return slices.Clone(knownSubdirs) }

// Known tells whether conda's tools know s.
func (s Subdir) Known() bool {
	_, ok := slices.BinarySearch(knownSubdirs, s)
	return ok
}

// Linux tells whether packages of s can be part of a Linux image on that machine:
// linux-* itself, and noarch.
func (s Subdir) Linux() bool { return s == Noarch || strings.HasPrefix(string(s), "linux-") }

// ParseSubdir accepts "noarch" and what has the form <os>-<machine> of lower-case letters and
// digits (CEP 26). Anything else is a *NameError.
func ParseSubdir(s string) (Subdir, error) {
	if Subdir(s) == Noarch {
		return Noarch, nil
	}
	os, arch, ok := strings.Cut(s, "-")
	if !ok || !lowerAlnum(os) || !lowerAlnum(arch) || len(s) > 32 {
		return "", &NameError{What: "subdir", Input: s, Reason: `want "noarch" or a platform such as "linux-64"`}
	}
	return Subdir(s), nil
}

func lowerAlnum(s string) bool {
	for i := range len(s) {
		if !alnum(s[i]) || s[i] >= 'A' && s[i] <= 'Z' {
			return false
		}
	}
	return s != ""
}
