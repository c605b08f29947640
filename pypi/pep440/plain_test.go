package pep440

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// plainCompare orders versions field by field, as PEP 440 tells it, without keys.
func plainCompare(a, b Version) int {
	p, q := a.Parts(), b.Parts()
	c := number(p.Epoch).Cmp(number(q.Epoch))
	for i := 0; c == 0 && i < max(len(p.Release), len(q.Release)); i++ {
		c = number(at(p.Release, i)).Cmp(number(at(q.Release, i)))
	}
	return cmp.Or(c,
		cmp.Compare(prePhase(p), prePhase(q)), number(p.PreNum).Cmp(number(q.PreNum)),
		number(orBelow(p.Post)).Cmp(number(orBelow(q.Post))),
		cmp.Compare(min(len(q.Dev), 1), min(len(p.Dev), 1)), number(p.Dev).Cmp(number(q.Dev)),
		plainLocal(p.Local, q.Local))
}

func number(s string) *big.Int {
	n, ok := new(big.Int).SetString(cmp.Or(s, "0"), 10)
	if !ok {
		panic(s)
	}
	return n
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "0"
}

func orBelow(post string) string { return cmp.Or(post, "-1") }

func prePhase(p Parts) int {
	switch {
	case p.Pre != "":
		return slices.Index([]string{"a", "b", "rc"}, p.Pre)
	case p.Post == "" && p.Dev != "":
		return -1
	}
	return 3
}

func plainLocal(a, b string) int {
	if a == "" || b == "" {
		return cmp.Compare(min(len(a), 1), min(len(b), 1))
	}
	return slices.CompareFunc(strings.Split(a, "."), strings.Split(b, "."), func(x, y string) int {
		xn, yn := strings.Trim(x, "0123456789") == "", strings.Trim(y, "0123456789") == ""
		switch {
		case xn && yn:
			return number(x).Cmp(number(y))
		case xn:
			return 1
		case yn:
			return -1
		}
		return strings.Compare(x, y)
	})
}

// plainMatch is what PEP 440 says of one clause, without ranges.
func plainMatch(s Specifier, v Version) bool {
	p, q := v.Parts(), s.Is.Parts()
	sameRelease := func(n int) bool {
		if p.Epoch != q.Epoch {
			return false
		}
		for i := range n {
			if at(p.Release, i) != at(q.Release, i) {
				return false
			}
		}
		return true
	}
	prefix := func(n int) bool { return sameRelease(n) }
	equal := plainCompare(v, s.Is) == 0 || q.Local == "" && plainCompare(v.Public(), s.Is) == 0
	switch s.Op {
	case Arbitrary:
		return strings.EqualFold(v.Text(), s.Text)
	case Equal, NotEqual:
		if s.Prefix {
			equal = prefix(len(q.Release))
		}
		return equal == (s.Op == Equal)
	case Compatible:
		return plainCompare(v, s.Is) >= 0 && prefix(len(q.Release)-1)
	case GreaterEqual:
		return plainCompare(v.Public(), s.Is) >= 0
	case LessEqual:
		return plainCompare(v.Public(), s.Is) <= 0
	case Less:
		// no pre-release of the version itself: one of the same release, pre and post
		own := sameRelease(max(len(p.Release), len(q.Release))) && p.Pre == q.Pre && p.PreNum == q.PreNum && p.Post == q.Post
		if q.Post == "" && q.Pre == "" {
			own = sameRelease(max(len(p.Release), len(q.Release))) && p.Post == ""
		}
		return plainCompare(v, s.Is) < 0 && (s.Is.IsPrerelease() || !v.IsPrerelease() || !own)
	case Greater:
		family := sameRelease(max(len(p.Release), len(q.Release))) && p.Pre == q.Pre && p.PreNum == q.PreNum
		switch {
		case plainCompare(v.Public(), s.Is) <= 0:
			return false
		case q.Post == "" && q.Dev == "" && family: // no post-release of it
			return false
		}
		return true
	}
	panic(s.Op)
}

// anyVersion draws versions that are often close to one another.
func anyVersion(t *rapid.T) Version {
	small := rapid.SampledFrom([]string{"0", "1", "2", "9", "10", "20240102030405060708"})
	b := ""
	if rapid.IntRange(0, 9).Draw(t, "epoch?") == 0 {
		b = small.Draw(t, "epoch") + "!"
	}
	b += strings.Join(rapid.SliceOfN(small, 1, 3).Draw(t, "release"), ".")
	if rapid.Bool().Draw(t, "pre?") {
		b += rapid.SampledFrom([]string{"a", "b", "rc", "-alpha", "_c.", "pre"}).Draw(t, "pre") + small.Draw(t, "n")
	}
	if rapid.Bool().Draw(t, "post?") {
		b += rapid.SampledFrom([]string{".post", "-", "rev"}).Draw(t, "post") + small.Draw(t, "n")
	}
	if rapid.Bool().Draw(t, "dev?") {
		b += rapid.SampledFrom([]string{".dev", "-DEV_"}).Draw(t, "dev") + small.Draw(t, "n")
	}
	if rapid.IntRange(0, 3).Draw(t, "local?") == 0 {
		b += "+" + strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"0", "1", "10", "a", "ab", "1a"}), 1, 3).Draw(t, "local"), "-")
	}
	return MustParse(b)
}

func TestOrderIsPlainOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := anyVersion(t), anyVersion(t), anyVersion(t)
		if got, want := Compare(a, b), plainCompare(a, b); got != want {
			t.Fatalf("Compare(%q, %q) = %d, want %d", a, b, got, want)
		}
		if Compare(a, b) != -Compare(b, a) || Compare(a, b) <= 0 && Compare(b, c) <= 0 && Compare(a, c) > 0 {
			t.Fatalf("no total order of %q, %q, %q", a, b, c)
		}
		if (a.Key() == b.Key()) != (a.Canonical() == b.Canonical()) {
			t.Fatalf("%q and %q: keys and canonical forms disagree", a, b)
		}
		if again := MustParse(a.String()); again.Key() != a.Key() || again.String() != a.String() {
			t.Fatalf("%q prints as %q, which is %q", a.Text(), a, again)
		}
	})
}

func anySpecifier(t *rapid.T) Specifier {
	v := anyVersion(t)
	op := rapid.SampledFrom(operators).Draw(t, "op")
	text := v.String()
	if op != Equal && op != NotEqual && op != Arbitrary {
		text = v.Public().String()
	}
	if (op == Equal || op == NotEqual) && rapid.Bool().Draw(t, "prefix") {
		text = v.Base().String() + ".*"
	}
	if op == Compatible && len(v.Parts().Release) < 2 {
		op = GreaterEqual
	}
	s, err := ParseSpecifier(string(op) + text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRangesArePlainMatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, v := anySpecifier(t), anyVersion(t)
		if got, want := Of(s).Match(v), plainMatch(s, v); got != want {
			t.Fatalf("%s matches %s = %v, want %v", s, v, got, want)
		}
	})
}

func TestRangesAlgebra(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rangesOf(anySpecifier(t)).Intersect(rangesOf(anySpecifier(t)))
		b := rangesOf(anySpecifier(t)).Union(rangesOf(anySpecifier(t)))
		v := anyVersion(t)
		in, also := a.Contains(v), b.Contains(v)
		for _, c := range []struct {
			what      string
			got, want bool
		}{
			{"intersect", a.Intersect(b).Contains(v), in && also},
			{"union", a.Union(b).Contains(v), in || also},
			{"complement", a.Complement().Contains(v), !in},
			{"all", All().Contains(v), true},
		} {
			if c.got != c.want {
				t.Fatalf("%s: contains %s = %v, want %v", c.what, v, c.got, c.want)
			}
		}
		if !a.Complement().Complement().Equal(a) || !a.Intersect(b).SubsetOf(b) || !a.Disjoint(a.Complement()) {
			t.Fatalf("the laws of sets do not hold for %v and %v", a, b)
		}
		if in && !v.IsPrerelease() && a.OnlyPrereleases() {
			t.Fatalf("OnlyPrereleases of a set with %s", v)
		}
	})
}

func ExampleSpecifiers_Filter() {
	s := MustParseSpecifiers(">=1.0,!=1.5.*")
	vs := []Version{MustParse("1.0"), MustParse("1.5.2"), MustParse("2.0rc1")}
	fmt.Println(s.Filter(vs, PrereleasesLast), s.Filter(vs, AllowPrereleases))
	// Output: [1.0] [1.0 2.0rc1]
}
