package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/internal/report"
)

// TestExitCodesAreDocumented: docs/exit-codes.md has the codes that --help lists, in its words.
func TestExitCodesAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/exit-codes.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, m := range regexp.MustCompile(`(?m)^\| ([0-9]+) \| ([^|]+) \|`).FindAllStringSubmatch(string(doc), -1) {
		rows = append(rows, m[1]+" "+strings.TrimSpace(m[2]))
	}
	var codes []string
	for line := range strings.Lines(report.ExitCodes) {
		if words := strings.Fields(line); len(words) > 1 && words[0][0] >= '0' && words[0][0] <= '9' {
			codes = append(codes, strings.Join(words, " "))
		}
	}
	if strings.Join(rows, "\n") != strings.Join(codes, "\n") {
		t.Errorf("docs/exit-codes.md has\n%s\n--help has\n%s", strings.Join(rows, "\n"), strings.Join(codes, "\n"))
	}
}

func TestExamplesOf(t *testing.T) {
	text := "Usage:\n  corn build\n\nExamples:\n  corn build a\n  corn check\n\nFlags:\n  corn no\n" +
		"```console\n$ corn check b   # why\n$ make demo\noutput\n```\n   ```console\n   $ corn build c\n   ```\n```yaml\ncorn: no\n```\n"
	got := strings.Join(examplesOf(text), "|")
	if want := "corn check b|corn build c|corn build a|corn check"; got != want {
		t.Errorf("examplesOf = %q, want %q", got, want)
	}
}
