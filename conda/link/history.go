package link

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/store"
)

// Linked names a package in conda-meta/history: "<channel>/<subdir>::<dist>".
func Linked(f *artifact.Facts, o Origin) string {
	at := o.Channel
	if o.Subdir != "" {
		at += "/" + o.Subdir
	}
	return at + "::" + store.Dist(f)
}

// History returns conda-meta/history with one transaction: the packages linked, in link
// order, named by [Linked], and the specs that a user asked for. conda and mamba read the
// file to know which packages were wanted by name.
//
// The date is fixed, for the clock is no input, and the version is micromamba's: conda
// refuses an env whose history names a newer conda than itself.
func History(linked, specs []string) []byte {
	var b bytes.Buffer
	b.WriteString("==> 1980-01-02 00:00:00 <==\n# cmd: corn build\n# conda version: 3.8.0\n")
	for _, l := range linked {
		fmt.Fprintf(&b, "+%s\n", l)
	}
	if len(specs) > 0 {
		quoted := make([]string, len(specs))
		for i, s := range specs {
			quoted[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
		}
		fmt.Fprintf(&b, "# update specs: [%s]\n", strings.Join(quoted, ", "))
	}
	return b.Bytes()
}
