// Package peers compares answers of solvers to one request.
package peers

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/nasa-openscapes/corn/conda/version"
)

// An Answer is what one solver chose.
type Answer struct {
	Who      string
	Solvable bool
	Versions map[string]string // by name
}

// Faults says in what mine is not as good as the peers' answers: no answer where there is one, a package of asked
// that is older than in every peer's answer, more packages older than newer than in one. Of two versions that
// differ in text alone neither is older. Peers without an answer say nothing.
func Faults(mine Answer, asked []string, peers ...Answer) []string {
	peers = slices.DeleteFunc(slices.Clone(peers), func(p Answer) bool { return !p.Solvable })
	if len(peers) == 0 {
		return nil
	}
	if !mine.Solvable {
		return []string{fmt.Sprintf("%s finds no answer, and %s does", mine.Who, peers[0].Who)}
	}
	var faults []string
	behind := map[string]int{}
	for _, p := range peers {
		older, newer := Differences(mine, p)
		for _, d := range older {
			behind[d.Name]++
		}
		if len(older) > len(newer) {
			faults = append(faults, fmt.Sprintf("%d packages are older than %s's, %d newer: older %v, newer %v", len(older), p.Who, len(newer), older, newer))
		}
	}
	for _, n := range slices.Sorted(maps.Keys(behind)) {
		if behind[n] == len(peers) && slices.Contains(asked, n) {
			var have []string
			for _, p := range peers {
				have = append(have, p.Who+" "+p.Versions[n])
			}
			faults = append(faults, fmt.Sprintf("%s %s was asked for and is older than every peer's: %v", n, mine.Versions[n], have))
		}
	}
	return faults
}

// A Difference is a package of two answers in other versions.
type Difference struct{ Name, Mine, Theirs string }

func (d Difference) String() string { return fmt.Sprintf("%s %s (%s)", d.Name, d.Mine, d.Theirs) }

// Differences lists the packages of both that are older in mine, and those that are newer, by name.
func Differences(mine, other Answer) (older, newer []Difference) {
	for n, theirs := range other.Versions {
		have, ok := mine.Versions[n]
		if !ok {
			continue
		}
		switch c := compare(have, theirs); {
		case c < 0:
			older = append(older, Difference{n, have, theirs})
		case c > 0:
			newer = append(newer, Difference{n, have, theirs})
		}
	}
	byName := func(a, b Difference) int { return cmp.Compare(a.Name, b.Name) }
	slices.SortFunc(older, byName)
	slices.SortFunc(newer, byName)
	return older, newer
}

// compare takes versions that cannot be read for texts.
func compare(a, b string) int {
	va, errA := version.Parse(a)
	vb, errB := version.Parse(b)
	if errA != nil || errB != nil {
		return cmp.Compare(a, b)
	}
	return version.Compare(va, vb)
}
