package version_test

import (
	"math/big"
	"regexp"
	"strings"
)

// The plain way of CEP 33: lists of lists of atoms, compared one by one. Slow, and easy
// to see right.

// An atom is a number (text empty), text, or post.
type atom struct {
	text string
	n    *big.Int
}

var zero = atom{n: new(big.Int)}

var runs = regexp.MustCompile(`[0-9]+|[*]+|[^0-9*]+`)

func plainSegments(part string, main bool) (out [][]atom) {
	if part == "" {
		return nil
	}
	tail := ""
	if main && strings.HasSuffix(part, "_") {
		part, tail = part[:len(part)-1], "_"
	}
	split := strings.Split(strings.ReplaceAll(part, "_", "."), ".")
	split[len(split)-1] += tail
	for _, s := range split {
		var seg []atom
		for i, run := range runs.FindAllString(s, -1) {
			if run[0] >= '0' && run[0] <= '9' {
				n, _ := new(big.Int).SetString(run, 10)
				seg = append(seg, atom{n: n})
				continue
			}
			if i == 0 {
				seg = append(seg, zero)
			}
			seg = append(seg, atom{text: run})
		}
		out = append(out, seg)
	}
	return out
}

func plainParse(s string) (main, local [][]atom) {
	epoch, rest, ok := strings.Cut(s, "!")
	if !ok {
		epoch, rest = "0", s
	}
	m, l, _ := strings.Cut(rest, "+")
	return append(plainSegments(epoch, true), plainSegments(m, true)...), plainSegments(l, false)
}

func at[T any](list []T, i int, fill T) T {
	if i < len(list) {
		return list[i]
	}
	return fill
}

func plainAtoms(a, b atom) int {
	class := func(a atom) int {
		switch {
		case a.text == "post":
			return 2
		case a.n != nil:
			return 1
		}
		return 0
	}
	if c := class(a) - class(b); c != 0 {
		return sign(c)
	}
	if a.n != nil {
		return a.n.Cmp(b.n)
	}
	special := func(s string) string {
		if s == "dev" {
			return "DEV"
		}
		return s
	}
	return strings.Compare(special(a.text), special(b.text))
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

func plainLists(a, b [][]atom) int {
	for i := range max(len(a), len(b)) {
		x, y := at(a, i, nil), at(b, i, nil)
		for j := range max(len(x), len(y)) {
			if c := plainAtoms(at(x, j, zero), at(y, j, zero)); c != 0 {
				return c
			}
		}
	}
	return 0
}

func plainCompare(a, b string) int {
	am, al := plainParse(a)
	bm, bl := plainParse(b)
	if c := plainLists(am, bm); c != 0 {
		return c
	}
	return plainLists(al, bl)
}

func plainHasPrefix(v, p string) bool {
	vm, vl := plainParse(v)
	pm, pl := plainParse(p)
	if pl != nil {
		if plainLists(vm, pm) != 0 {
			return false
		}
		vm, pm = vl, pl
	}
	last := len(pm) - 1
	if plainLists(vm[:min(last, len(vm))], pm[:last]) != 0 {
		return false
	}
	vs, ps := at(vm, last, nil), pm[last]
	lastAtom := len(ps) - 1
	if plainLists([][]atom{vs[:min(lastAtom, len(vs))]}, [][]atom{ps[:lastAtom]}) != 0 {
		return false
	}
	x, y := at(vs, lastAtom, zero), ps[lastAtom]
	if plainAtoms(x, y) == 0 {
		return true
	}
	word := func(s string) bool { return s != "" && s != "dev" && s != "post" }
	return word(x.text) && word(y.text) && strings.HasPrefix(x.text, y.text)
}
