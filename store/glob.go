package store

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Globs are patterns over paths of a prefix: "lib/*.a", "**/tests/**", "*.html".
//
// A part of a pattern matches one part of a path as path.Match does; "**" as a part
// matches any number of parts, none included. A pattern without a slash is matched with
// the last part of the path, wherever it stands; a leading slash ties it to the top.
type Globs [][]string

// A GlobError reports a pattern that cannot be used.
type GlobError struct {
	Pattern string
	Reason  string
}

func (e *GlobError) Error() string { return fmt.Sprintf("glob %q %s", e.Pattern, e.Reason) }

// ParseGlobs checks patterns. The empty list matches nothing.
func ParseGlobs(patterns []string) (Globs, error) {
	var out Globs
	for _, p := range patterns {
		s := p
		if !strings.Contains(s, "/") {
			s = "**/" + s
		}
		s = strings.TrimPrefix(s, "/")
		if s == "" || strings.TrimSpace(p) == "" {
			return nil, &GlobError{p, "is empty"}
		}
		parts := strings.Split(s, "/")
		for _, part := range parts {
			if part == "" || part == "." || part == ".." {
				return nil, &GlobError{p, fmt.Sprintf("has the part %q, which no path has", part)}
			}
			if _, err := path.Match(part, ""); err != nil {
				return nil, &GlobError{p, "has a bracket that does not end"}
			}
		}
		out = append(out, parts)
	}
	return out, nil
}

// Match tells whether any pattern matches the path.
func (g Globs) Match(p string) bool {
	if len(g) == 0 {
		return false
	}
	parts := strings.Split(p, "/")
	for _, pattern := range g {
		if matchParts(pattern, parts) {
			return true
		}
	}
	return false
}

// matchParts is linear in len(pattern)*len(parts): after the last "**" only one way back
// is ever needed, as with "*" in strings.
func matchParts(pattern, parts []string) bool {
	i, j := 0, 0
	star, mark := -1, 0
	for j < len(parts) {
		switch {
		case i < len(pattern) && pattern[i] == "**":
			star, mark = i, j
			i++
		case i < len(pattern) && matchPart(pattern[i], parts[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(pattern) && pattern[i] == "**" {
		i++
	}
	return i == len(pattern)
}

func matchPart(pattern, part string) bool {
	ok, err := path.Match(pattern, part)
	return err == nil && ok
}

// globSet is the patterns as a set, for keys.
func globSet(patterns []string) []string {
	s := slices.Clone(patterns)
	slices.Sort(s)
	return slices.Compact(s)
}

// Strip returns items without those that a pattern matches, and without bytecode to be
// compiled from one that is gone. The input is not changed.
func Strip(items []Item, patterns []string) ([]Item, error) {
	globs, err := ParseGlobs(patterns)
	if err != nil {
		return nil, err
	}
	if len(globs) == 0 {
		return items, nil
	}
	gone := map[string]bool{}
	var out []Item
	for _, it := range items {
		if globs.Match(it.Path) {
			gone[it.Path] = true
			continue
		}
		out = append(out, it)
	}
	return slices.DeleteFunc(out, func(it Item) bool { return it.Pyc != nil && gone[it.Pyc.Source] }), nil
}
