package version_test

import (
	"os"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/conda/version"
)

// testdata/conda.tsv holds answers of conda itself: yes or no, a spec, a version.
func TestCondaAgrees(t *testing.T) {
	data, err := os.ReadFile("testdata/conda.tsv")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(data)) {
		answer, rest, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok {
			continue // a comment
		}
		text, literal, _ := strings.Cut(rest, "\t")
		n++
		s, err := version.ParseSpec(text)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := s.Match(version.MustParse(literal)); got != (answer == "yes") {
			t.Errorf("ParseSpec(%q).Match(%q) = %v, conda says %s", text, literal, got, answer)
		}
	}
	if n < 500 {
		t.Errorf("testdata/conda.tsv has %d answers, want 500 at least", n)
	}
}
