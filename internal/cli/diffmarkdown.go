package cli

import (
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/nasa-openscapes/corn/internal/pipeline"
)

// maxMarkdownRows bounds the tables: GitHub takes comments of 65,536 letters.
const maxMarkdownRows = 400

// writeDiffMarkdown writes a comment for a pull request: a line for each kernel, its packages
// folded below it.
func writeDiffMarkdown(w io.Writer, res *pipeline.DiffResult) error {
	var b strings.Builder
	fmt.Fprintf(&b, "### Kernels: %s → %s\n\n", code(res.A.Ref), code(res.B.Ref))
	if res.Same {
		b.WriteString("Nothing changes.\n")
		_, err := io.WriteString(w, b.String())
		return err
	}
	b.WriteString("| kernel | packages | changes |\n| --- | --- | --- |\n")
	for i := range res.Environments {
		e := &res.Environments[i]
		name := code(e.Name)
		if e.DisplayName != "" && e.DisplayName != e.Name {
			name = plainText(e.DisplayName) + " (" + name + ")"
		}
		n := fmt.Sprint(e.After)
		if e.Change == "removed" {
			n = fmt.Sprint(e.Before)
		}
		what := map[string]string{"added": "**new**", "removed": "**gone**", "same": "none"}[e.Change]
		if what == "" {
			what = countChanges(e.Changes)
		}
		if e.WasCalled != "" {
			what += ", was called " + plainText(e.WasCalled)
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", name, n, what)
	}
	rows := maxMarkdownRows
	for i := range res.Environments {
		rows -= writeFolded(&b, &res.Environments[i], rows)
	}
	if l := res.Layers; l != nil {
		b.WriteString("\n")
		if l.Base != nil {
			fmt.Fprintf(&b, "- base: %s, before %s\n", code(l.Base.To), code(l.Base.From))
		}
		for _, s := range layerWords(l) {
			fmt.Fprintf(&b, "- %s\n", s)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeFolded writes the packages of one environment, at most so many, and returns how many rows it
// wrote. What is asked for is bold.
func writeFolded(b *strings.Builder, e *pipeline.DiffEnv, most int) int {
	changes := toldOf(e)
	if len(changes) == 0 {
		return 0
	}
	fmt.Fprintf(b, "\n<details><summary>%s: %s</summary>\n\n| package | change | before | after |\n| --- | --- | --- | --- |\n", html.EscapeString(e.Name), headline(e)) // no Markdown in there
	n := min(len(changes), max(most, 0))
	for _, c := range changes[:n] {
		name := plainText(c.Name)
		if c.Requested {
			name = "**" + name + "**"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", name, c.Change, plainText(c.From), plainText(c.To))
	}
	if left := len(changes) - n; left > 0 {
		fmt.Fprintf(b, "\n... and %d more\n", left)
	}
	b.WriteString("\n</details>\n")
	return n
}

// plainText writes a text so that Markdown and HTML see nothing in it.
func plainText(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "|", `\|`, `\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "~", `\~`,
		"@", "&#64;", "\r", " ", "\n", " ").Replace(s)
}

// code writes a text as Markdown's code, which has no escapes.
func code(s string) string {
	return "`" + strings.NewReplacer("`", "'", "|", `\|`, "\r", " ", "\n", " ").Replace(s) + "`"
}
