package tags

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A SetError reports text that is no tag.
type SetError struct {
	Text   string
	Reason string
}

func (e *SetError) Error() string { return fmt.Sprintf("tag %q: %s", e.Text, e.Reason) }

var (
	pythonForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
	partForm   = regexp.MustCompile(`^[A-Za-z0-9_]+$`)
)

// maxTags bounds what one compressed set stands for: a hundred dots in each part would make a million.
const maxTags = 4096

// Expand spells out a compressed set such as "py2.py3-none-any": all combinations, in lower case, sorted,
// each once. Errors are *SetError.
func Expand(set string) ([]string, error) {
	parts := strings.Split(set, "-")
	if len(parts) != 3 {
		return nil, &SetError{set, fmt.Sprintf("it has %d parts between dashes, want 3", len(parts))}
	}
	set = strings.ToLower(set)
	parts = strings.Split(set, "-")
	pythons, abis, platforms := strings.Split(parts[0], "."), strings.Split(parts[1], "."), strings.Split(parts[2], ".")
	if n := len(pythons) * len(abis) * len(platforms); n > maxTags {
		return nil, &SetError{set, fmt.Sprintf("it stands for %d tags, more than %d", n, maxTags)}
	}
	var out []string
	for _, python := range pythons {
		if !pythonForm.MatchString(python) {
			return nil, &SetError{set, fmt.Sprintf("%q is no python tag", python)}
		}
		for _, abi := range abis {
			for _, platform := range platforms {
				if !partForm.MatchString(abi) || !partForm.MatchString(platform) {
					return nil, &SetError{set, "a part is empty or has other characters than letters, digits and underscores"}
				}
				out = append(out, python+"-"+abi+"-"+platform)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
