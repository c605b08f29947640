package deb

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// A Pin names one exact binary package.
type Pin struct {
	Suite   string // "trixie"
	Package string // "python3-numpy"
	Version string // Debian's, with epoch and revision
	SHA256  string // hex digest of the .deb
	Pool    string // path below the mirror: "pool/main/n/numpy/..."
}

// A Name is a package in a suite, whatever its version.
type Name struct{ Suite, Package string }

// Manifest is a set of pins, one for each name.
type Manifest map[Name]Pin

// A ManifestError reports a line of a manifest that cannot be used.
type ManifestError struct {
	Line   int // from 1
	Reason string
}

func (e *ManifestError) Error() string {
	return fmt.Sprintf("manifest line %d: %s", e.Line, e.Reason)
}

// ParseManifest reads the text that [Manifest.String] writes: five fields separated by
// tabs, with # starting a comment line.
func ParseManifest(text string) (Manifest, error) {
	m := Manifest{}
	for i, line := range strings.Split(text, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != 5 {
			return nil, &ManifestError{i + 1, fmt.Sprintf("%d fields, want 5", len(f))}
		}
		p := Pin{Suite: f[0], Package: f[1], Version: f[2], SHA256: f[3], Pool: f[4]}
		if len(p.SHA256) != 64 || strings.Trim(p.SHA256, "0123456789abcdef") != "" {
			return nil, &ManifestError{i + 1, fmt.Sprintf("%q is not a sha256", p.SHA256)}
		}
		if path.Clean(p.Pool) != p.Pool || !strings.HasPrefix(p.Pool, "pool/") {
			return nil, &ManifestError{i + 1, fmt.Sprintf("%q is not a path of the pool", p.Pool)}
		}
		name := Name{p.Suite, p.Package}
		if _, twice := m[name]; twice {
			return nil, &ManifestError{i + 1, fmt.Sprintf("%s/%s is pinned twice", p.Suite, p.Package)}
		}
		m[name] = p
	}
	return m, nil
}

// String is the manifest as text, sorted by suite and package.
func (m Manifest) String() string {
	pins := make([]Pin, 0, len(m))
	for _, p := range m {
		pins = append(pins, p)
	}
	slices.SortFunc(pins, func(a, b Pin) int {
		if c := strings.Compare(a.Suite, b.Suite); c != 0 {
			return c
		}
		return strings.Compare(a.Package, b.Package)
	})
	var b strings.Builder
	b.WriteString("# suite\tpackage\tversion\tsha256\tpool path\n")
	for _, p := range pins {
		b.WriteString(strings.Join([]string{p.Suite, p.Package, p.Version, p.SHA256, p.Pool}, "\t"))
		b.WriteByte('\n')
	}
	return b.String()
}
