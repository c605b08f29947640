package version_test

import (
	"bufio"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nasa-openscapes/corn/conda/version"
)

// testdata/order.txt holds versions in rising order; those of one line are equal.
func TestOrder(t *testing.T) {
	f, err := os.Open("testdata/order.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	type ranked struct {
		v    version.Version
		rank int
	}
	var all []ranked
	for sc, rank := bufio.NewScanner(f), 0; sc.Scan(); {
		line, _, _ := strings.Cut(sc.Text(), "#")
		words := strings.Fields(line)
		for _, w := range words {
			v, err := version.Parse(w)
			if err != nil {
				t.Fatalf("Parse(%q): %v", w, err)
			}
			all = append(all, ranked{v, rank})
		}
		if len(words) > 0 {
			rank++
		}
	}
	if len(all) < 80 {
		t.Fatalf("testdata/order.txt has %d versions, want 80 at least", len(all))
	}
	for _, a := range all {
		for _, b := range all {
			want := 0
			if a.rank < b.rank {
				want = -1
			} else if a.rank > b.rank {
				want = 1
			}
			if got := version.Compare(a.v, b.v); got != want {
				t.Errorf("Compare(%q, %q) = %d, want %d", a.v, b.v, got, want)
			}
			if got := a.v.Equal(b.v); got != (want == 0) {
				t.Errorf("%q.Equal(%q) = %v, want %v", a.v, b.v, got, want == 0)
			}
		}
	}
}

// texts draws versions of few characters, so that pairs are often nearly equal.
func texts() *rapid.Generator[string] {
	atom := rapid.SampledFrom([]string{"0", "1", "00", "01", "2", "10", "a", "b", "ab", "rc", "dev", "post", "devx", "*", "9999999999999999999999"})
	segment := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(atom, 1, 3).Draw(t, "atoms"), "")
	})
	part := rapid.Custom(func(t *rapid.T) string {
		var b strings.Builder
		for i, s := range rapid.SliceOfN(segment, 1, 5).Draw(t, "segments") {
			if i > 0 {
				b.WriteString(rapid.SampledFrom([]string{".", ".", "_"}).Draw(t, "separator"))
			}
			b.WriteString(s)
		}
		return b.String()
	})
	return rapid.Custom(func(t *rapid.T) string {
		s := rapid.SampledFrom([]string{"", "", "0!", "1!", "01!"}).Draw(t, "epoch") + part.Draw(t, "main")
		s += rapid.SampledFrom([]string{"", "", "_"}).Draw(t, "tail")
		if rapid.IntRange(0, 3).Draw(t, "with a local part") == 0 {
			s += "+" + part.Draw(t, "local")
		}
		return s
	})
}

func versions() *rapid.Generator[version.Version] {
	return rapid.Map(texts(), version.MustParse)
}

func TestKeysOrderAsThePlainWayDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := versions().Draw(t, "a"), versions().Draw(t, "b")
		if got, want := version.Compare(a, b), plainCompare(a.String(), b.String()); got != want {
			t.Fatalf("Compare(%q, %q) = %d, want %d", a, b, got, want)
		}
		if got, want := a.HasPrefix(b), plainHasPrefix(a.String(), b.String()); got != want {
			t.Fatalf("%q.HasPrefix(%q) = %v, want %v", a, b, got, want)
		}
	})
}

func TestOrderIsTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		vs := rapid.SliceOfN(versions(), 3, 3).Draw(t, "versions")
		if version.Compare(vs[0], vs[1]) != -version.Compare(vs[1], vs[0]) {
			t.Fatalf("Compare(%q, %q) is not the opposite of the other way round", vs[0], vs[1])
		}
		slices.SortFunc(vs, version.Compare)
		if version.Compare(vs[0], vs[2]) > 0 {
			t.Fatalf("%q <= %q <= %q, but not the first and the last", vs[0], vs[1], vs[2])
		}
		if (version.Compare(vs[0], vs[2]) == 0) != (vs[0].Key() == vs[2].Key()) {
			t.Fatalf("%q and %q: keys and Compare tell different things", vs[0], vs[2])
		}
	})
}

func TestVersionBeginsWithItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := versions().Draw(t, "v")
		if !v.HasPrefix(v) {
			t.Fatalf("%q.HasPrefix of itself = false", v)
		}
		if again := version.MustParse(v.String()); again != v {
			t.Fatalf("Parse(%q) = %q again", v, again)
		}
	})
}
