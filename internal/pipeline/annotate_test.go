package pipeline

import "testing"

// TestTagsThatYAMLReadsAsSomethingElse: hubs' values files are YAML 1.1.
func TestTagsThatYAMLReadsAsSomethingElse(t *testing.T) {
	for tag, want := range map[string]bool{
		"2026": true, "2026.01": true, "0123456": true, "12345e6": true, "1e-3": true, "0x1f": true, "0o17": true, "1_000": true, "2026.": true,
		"2026-01-15": true, "true": true, "NO": true, "on": true, "y": true, "null": true, "123456789012": true, "12345678e012": true,
		"2026.01.15": false, "v1": false, "a1b2c3d4e5f6": false, "2026-01": false, "latest": false, "1e": false, "2026.01-dirty": false, "nope": false, "12e4f": false,
	} {
		if got := readsAsOther.MatchString(tag); got != want {
			t.Errorf("tag %q needs quotes: %v, want %v", tag, got, want)
		}
	}
}

func TestParseAnnotations(t *testing.T) {
	got, err := parseAnnotations([]string{"org.opencontainers.image.title=a=b", "x="})
	if err != nil || got["org.opencontainers.image.title"] != "a=b" || len(got) != 2 {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range [][]string{{"x"}, {"=x"}, {"a b=c"}, {"x=1", "x=2"}, {"org.opencontainers.image.base.digest=x"}, {"io.github.nasa-openscapes.corn.layer.key=x"}} {
		if got, err := parseAnnotations(bad); err == nil {
			t.Errorf("parseAnnotations(%q) = %v, want an error", bad, got)
		}
	}
}
