package cli

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/internal/pipeline"
)

// TestMarkdownKeepsToItsTable: names come from files of a pull request, and anybody opens those.
func TestMarkdownKeepsToItsTable(t *testing.T) {
	e := pipeline.DiffEnv{Name: "a", DisplayName: "A | <b>@all</b> `x` [y](z)\n| evil |", Change: "changed", WasCalled: "*b*", Changes: []pipeline.DiffChange{}}
	for i := range maxMarkdownRows + 50 {
		e.Changes = append(e.Changes, pipeline.DiffChange{PackageChange: pipeline.PackageChange{Change: "added", Name: fmt.Sprintf("p%d", i), To: "1|2"}})
	}
	var b strings.Builder
	if err := writeDiffMarkdown(&b, &pipeline.DiffResult{Environments: []pipeline.DiffEnv{e}}); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	want := "| A \\| &lt;b&gt;&#64;all&lt;/b&gt; \\`x\\` \\[y\\](z) \\| evil \\| (`a`) | 0 | 450 added, was called \\*b\\* |\n"
	if !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwant the line\n%s", got[:400], want)
	}
	if !strings.Contains(got, `| p0 | added |  | 1\|2 |`) || !strings.Contains(got, "\n... and 50 more\n") || len(got) > 65536 {
		t.Errorf("the table is not cut as it should be (%d bytes)", len(got))
	}
}
