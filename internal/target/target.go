// Package target knows that linux-64 and linux/amd64 are the same place.
//
// A Platform is written by conda as a subdir (CEP 26, "linux-aarch64") and by OCI as
// os/architecture[/variant] (image-spec config.md, GOARCH values). Out of scope: systems
// that no Linux container runs.
package target

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
)

// A Platform is one place that an image runs on.
type Platform struct {
	Subdir       string // conda: "linux-64"
	OS           string // OCI: "linux"
	Architecture string // OCI: "amd64"
	Variant      string // OCI: "v7" for 32-bit ARM, else empty
}

// platforms are all that conda has packages for and OCI has a name for.
var platforms = []Platform{
	{"linux-64", "linux", "amd64", ""},
	{"linux-aarch64", "linux", "arm64", ""},
	{"linux-ppc64le", "linux", "ppc64le", ""},
	{"linux-s390x", "linux", "s390x", ""},
	{"linux-riscv64", "linux", "riscv64", ""},
	{"linux-32", "linux", "386", ""},
	{"linux-armv7l", "linux", "arm", "v7"},
	{"linux-armv6l", "linux", "arm", "v6"},
}

// All lists every platform.
func All() []Platform { return slices.Clone(platforms) }

// String returns OCI's spelling, "linux/amd64" or "linux/arm/v7".
func (p Platform) String() string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// IsZero tells whether no platform is named.
func (p Platform) IsZero() bool { return p == Platform{} }

// A ParseError reports text that names no platform.
type ParseError struct{ Input string }

func (e *ParseError) Error() string {
	return fmt.Sprintf("%q is no platform that corn builds for", e.Input)
}

// Hint lists what may be written.
func (e *ParseError) Hint() string {
	var names []string
	for _, p := range platforms {
		names = append(names, p.String())
	}
	return "use one of " + strings.Join(names, ", ") + ", or conda's name for it (linux-64)"
}

// Parse reads either spelling. "linux/arm64/v8" is linux/arm64 and "linux/x86_64" is
// linux/amd64, as Docker takes them; case does not count.
func Parse(s string) (Platform, error) {
	want := strings.ToLower(s)
	switch want {
	case "linux/arm64/v8", "linux/aarch64":
		want = "linux/arm64"
	case "linux/x86_64", "linux/x86-64":
		want = "linux/amd64"
	case "linux/arm":
		want = "linux/arm/v7"
	}
	for _, p := range platforms {
		if want == p.Subdir || want == p.String() {
			return p, nil
		}
	}
	return Platform{}, &ParseError{Input: s}
}

// Default is Linux on this machine's architecture, also where corn itself runs on another
// system: images are Linux.
func Default() Platform { return defaultFor(runtime.GOARCH) }

func defaultFor(goarch string) Platform {
	for _, p := range platforms {
		if p.Architecture == goarch {
			return p
		}
	}
	return platforms[0]
}
