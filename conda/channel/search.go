package channel

import (
	"cmp"
	"path"
	"slices"
	"strings"
)

// Names are all names that the channels have, sorted, each once. Treat it as read-only.
func (s *Set) Names() []string {
	s.all.Do(func() {
		var all []string
		for _, src := range s.sources {
			src.names(func(n string) bool {
				all = append(all, n)
				return true
			})
		}
		slices.Sort(all)
		s.allList = slices.Compact(all)
	})
	return s.allList
}

// Has tells whether a channel has the name.
func (s *Set) Has(name string) bool {
	_, ok := slices.BinarySearch(s.Names(), name)
	return ok
}

// Search returns the names that match a pattern, sorted: "*" stands for any text, "?" for one character,
// "[ab]" for one of them; case does not count. No record is decoded: Load them, then ask for Records.
// A pattern with an unmatched bracket matches what equals it.
func (s *Set) Search(pattern string) []string {
	pattern = strings.ToLower(pattern)
	var found []string
	for _, n := range s.Names() {
		low := strings.ToLower(n)
		if ok, err := path.Match(pattern, low); ok || err != nil && pattern == low {
			found = append(found, n)
		}
	}
	return found
}

// Nearest returns at most n names that a user may have meant, the nearest first: by the number of
// letters to change, insert, remove or swap, at most a third of the name's; then what starts
// alike; then the alphabet. Dashes and underscores count as one.
func (s *Set) Nearest(name string, n int) []string {
	type near struct {
		name string
		far  int
	}
	want := plainName(name)
	most := max(1, len(want)/3)
	var found []near
	for _, cand := range s.Names() {
		c := plainName(cand)
		if len(c) > len(want)+most || len(want) > len(c)+most {
			continue
		}
		if d := distance(want, c, most); d <= most {
			found = append(found, near{cand, d*100 - commonPrefix(want, c)})
		}
	}
	slices.SortStableFunc(found, func(a, b near) int { return cmp.Compare(a.far, b.far) })
	var names []string
	for _, f := range found[:min(n, len(found))] {
		names = append(names, f.name)
	}
	return names
}

func plainName(s string) string {
	return strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(s))
}

func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && n < 90 && a[n] == b[n] {
		n++
	}
	return n
}

// distance is how many letters have to be changed, inserted, removed or swapped with their
// neighbour, or something above most.
func distance(a, b string, most int) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	last := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		last, before, row = before, row, last
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(before[j]+1, row[j-1]+1, before[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], last[j-2]+1)
			}
			least = min(least, row[j])
		}
		if least > most {
			return least
		}
	}
	return row[len(b)]
}
