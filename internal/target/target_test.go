package target

import (
	"errors"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"linux-64":       "linux-64 linux/amd64",
		"linux/amd64":    "linux-64 linux/amd64",
		"Linux/AMD64":    "linux-64 linux/amd64",
		"linux/x86_64":   "linux-64 linux/amd64",
		"linux-aarch64":  "linux-aarch64 linux/arm64",
		"linux/arm64":    "linux-aarch64 linux/arm64",
		"linux/arm64/v8": "linux-aarch64 linux/arm64",
		"linux/aarch64":  "linux-aarch64 linux/arm64",
		"linux-ppc64le":  "linux-ppc64le linux/ppc64le",
		"linux/s390x":    "linux-s390x linux/s390x",
		"linux/riscv64":  "linux-riscv64 linux/riscv64",
		"linux-32":       "linux-32 linux/386",
		"linux/arm":      "linux-armv7l linux/arm/v7",
		"linux/arm/v6":   "linux-armv6l linux/arm/v6",
	} {
		p, err := Parse(in)
		if got := p.Subdir + " " + p.String(); err != nil || got != want {
			t.Errorf("Parse(%q) = %s, %v, want %s", in, got, err, want)
		}
	}
	for _, in := range []string{"", "linux", "osx-64", "windows/amd64", "noarch", "linux/amd64/v3", " linux-64", "linux-amd64"} {
		p, err := Parse(in)
		e, ok := errors.AsType[*ParseError](err)
		if !ok || e.Input != in || !strings.Contains(e.Hint(), "linux/arm64") || !p.IsZero() {
			t.Errorf("Parse(%q) = %v, %v, want a *ParseError", in, p, err)
		}
	}
}

// TestBothSpellings: every platform is found again by either of its names.
func TestBothSpellings(t *testing.T) {
	for _, p := range All() {
		for _, name := range []string{p.Subdir, p.String()} {
			if got, err := Parse(name); err != nil || got != p {
				t.Errorf("Parse(%q) = %v, %v, want %v", name, got, err, p)
			}
		}
	}
}

func TestDefault(t *testing.T) {
	for arch, want := range map[string]string{"amd64": "linux-64", "arm64": "linux-aarch64", "ppc64le": "linux-ppc64le", "arm": "linux-armv7l", "mips": "linux-64"} {
		if got := defaultFor(arch).Subdir; got != want {
			t.Errorf("default for %s is %s, want %s", arch, got, want)
		}
	}
	if d := Default(); d.OS != "linux" || d.Architecture == "" {
		t.Errorf("Default() = %v", d)
	}
}

func TestAllIsACopy(t *testing.T) {
	All()[0].Subdir = "changed"
	if All()[0].Subdir != "linux-64" {
		t.Error("a caller of All changes the table")
	}
}
