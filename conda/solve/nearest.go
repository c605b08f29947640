package solve

import (
	"cmp"
	"slices"
	"strings"
)

// maxNear is how many names are offered in place of one that does not exist.
const maxNear = 3

// nearest returns the names that text may have been meant to be, the likeliest first.
func nearest(text string, names []string) []string {
	type guess struct {
		name string
		far  int
	}
	var guesses []guess
	limit := min(3, max(1, len(text)/3))
	for _, n := range names {
		far := distance(plain(text), plain(n), limit)
		if far > limit && len(text) >= 4 && strings.Contains(plain(n), plain(text)) {
			far = limit // "geopandas-base" for "geopanda"
		}
		if far <= limit {
			guesses = append(guesses, guess{n, far})
		}
	}
	slices.SortFunc(guesses, func(a, b guess) int {
		return cmp.Or(cmp.Compare(a.far, b.far), cmp.Compare(len(a.name), len(b.name)), strings.Compare(a.name, b.name))
	})
	var out []string
	for _, g := range guesses[:min(maxNear, len(guesses))] {
		out = append(out, g.name)
	}
	return out
}

// plain drops what is confused most: case, and which mark stands between words.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("-_.", r) {
			return -1
		}
		return r
	}, strings.ToLower(name))
}

// distance is how many letters must be added, dropped, changed or swapped with their neighbour to
// turn a into b; more than limit where it is more.
func distance(a, b string, limit int) int {
	if d := len(a) - len(b); d > limit || -d > limit {
		return limit + 1
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(change, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
