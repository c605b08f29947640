package peers

import (
	"fmt"
	"testing"
)

func TestFaults(t *testing.T) {
	answer := func(who string, versions ...string) Answer {
		a := Answer{Who: who, Solvable: len(versions) > 0, Versions: map[string]string{}}
		for i := 0; i+1 < len(versions); i += 2 {
			a.Versions[versions[i]] = versions[i+1]
		}
		return a
	}
	for _, c := range []struct {
		name        string
		mine, p, q  Answer
		wantedWords string
	}{
		{"equal, in other words", answer("corn", "a", "1.0"), answer("p", "a", "1.00"), answer("q", "a", "1"), "[]"},
		{"older than one peer, newer than the other", answer("corn", "a", "2", "b", "2"), answer("p", "a", "3", "b", "1"), answer("q", "a", "1", "b", "2"), "[]"},
		{"asked for and older than both", answer("corn", "a", "2", "b", "2"), answer("p", "a", "3", "b", "1"), answer("q", "a", "4", "b", "1"), "[a 2 was asked for and is older than every peer's: [p 3 q 4]]"},
		{"not asked for and older than both", answer("corn", "a", "2", "b", "2"), answer("p", "a", "2", "b", "3"), answer("q", "a", "1", "b", "3"), "[1 packages are older than p's, 0 newer: older [b 2 (3)], newer []]"},
		{"no answer", answer("corn"), answer("p", "a", "1"), answer("q"), "[corn finds no answer, and p does]"},
		{"nobody has an answer", answer("corn", "a", "1"), answer("p"), answer("q"), "[]"},
	} {
		if got := fmt.Sprint(Faults(c.mine, []string{"a"}, c.p, c.q)); got != c.wantedWords {
			t.Errorf("%s: Faults = %s, want %s", c.name, got, c.wantedWords)
		}
	}
}
