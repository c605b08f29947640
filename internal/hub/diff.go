package hub

import (
	"bytes"
	"fmt"
	"strings"
)

// unifiedDiff shows two texts of as many lines each, as diff -u does. Splices within lines leave the
// lines where they are, so that nothing has to be searched.
func unifiedDiff(name string, before, after []byte) string {
	const around = 3
	a, b := splitLines(before), splitLines(after)
	var changed []int
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			changed = append(changed, i)
		}
	}
	if len(changed) == 0 {
		return ""
	}
	var out strings.Builder
	fmt.Fprintf(&out, "--- a/%s\n+++ b/%s\n", name, name)
	for i := 0; i < len(changed); {
		j := i + 1
		for j < len(changed) && changed[j]-changed[j-1] <= 2*around+1 {
			j++
		}
		from, to := max(changed[i]-around, 0), min(changed[j-1]+around+1, len(a))
		fmt.Fprintf(&out, "@@ -%d,%d +%d,%d @@\n", from+1, to-from, from+1, to-from)
		for k := from; k < to; {
			if a[k] == b[k] {
				diffLine(&out, ' ', a[k])
				k++
				continue
			}
			end := k
			for ; end < to && a[end] != b[end]; end++ {
				diffLine(&out, '-', a[end])
			}
			for ; k < end; k++ {
				diffLine(&out, '+', b[k])
			}
		}
		i = j
	}
	return out.String()
}

func diffLine(out *strings.Builder, sign byte, line string) {
	out.WriteByte(sign)
	out.WriteString(line)
	if !strings.HasSuffix(line, "\n") {
		out.WriteString("\n\\ No newline at end of file\n")
	}
}

func splitLines(data []byte) []string {
	var lines []string
	for line := range bytes.Lines(data) {
		lines = append(lines, string(line))
	}
	return lines
}
