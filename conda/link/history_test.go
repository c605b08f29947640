package link

import (
	"testing"

	"github.com/nasa-openscapes/corn/artifact"
)

// Versions as micromamba 2.8.1 prints them in requested_spec.
func TestRequested(t *testing.T) {
	for _, c := range []struct{ version, want, why string }{
		{"1.2.3", "1.2.3", "nothing to change"},
		{"2023.01.0", "2023.1.0", "leading zeros"},
		{"1.00.100", "1.0.100", "only leading ones"},
		{"0.1_3", "0.1.3", "an underscore between parts"},
		{"0.1-3", "0.1.3", "a dash between parts"},
		{"1.0.1_", "1.0.1_", "an underscore at the end is no separator"},
		{"2026c", "2026c", "letters"},
		{"1.0RC01", "1.0rc1", "lower case, and a number behind letters"},
		{"1.post1", "1.post1", "a part that begins with letters"},
		{"0!1.0", "1.0", "an epoch of nothing"},
		{"02!1.0", "2!1.0", "an epoch"},
		{"1.0+cuda_012", "1.0+cuda.12", "a local version"},
	} {
		f := &artifact.Facts{Name: "a", Version: c.version, Build: "h0_0"}
		if got, want := Requested(f), "a=="+c.want+"=h0_0"; got != want {
			t.Errorf("%s: Requested(%s) = %s, want %s", c.why, c.version, got, want)
		}
	}
}
