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

// Requested is the MatchSpec under which a locked package counts as asked for:
// name==version=build. micromamba writes the version as it prints versions, not as the lock
// has it: numbers without leading zeros, lower case, a dot between all parts
// (2023.01.0 is 2023.1.0, 0.1-3 and 0.1_3 are 0.1.3).
func Requested(f *artifact.Facts) string {
	return f.Name + "==" + printedVersion(f.Version) + "=" + f.Build
}

func printedVersion(v string) string {
	epoch, rest, ok := strings.Cut(v, "!")
	if !ok {
		epoch, rest = "", v
	}
	// An underscore at the end belongs to its part (openssl 1.0.1_).
	body, local, _ := strings.Cut(rest, "+")
	parts := func(s string) string {
		core, end := strings.CutSuffix(s, "_")
		core = strings.NewReplacer("-", ".", "_", ".").Replace(strings.ToLower(core))
		var b strings.Builder
		for i := 0; i < len(core); {
			n := len(digits(core[i:]))
			if n == 0 {
				b.WriteByte(core[i])
				i++
				continue
			}
			number := strings.TrimLeft(core[i:i+n], "0")
			if number == "" {
				number = "0"
			}
			b.WriteString(number)
			i += n
		}
		if end {
			b.WriteByte('_')
		}
		return b.String()
	}
	out := parts(body)
	if local != "" {
		out += "+" + parts(local)
	}
	if epoch = strings.TrimLeft(epoch, "0"); epoch != "" {
		out = epoch + "!" + out
	}
	return out
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
