package archive

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// plainFind is what a finder has to equal.
func plainFind(hay []byte, needle string) (offsets []int64) {
	for at := 0; ; {
		i := bytes.Index(hay[at:], []byte(needle))
		if i < 0 {
			return offsets
		}
		offsets = append(offsets, int64(at+i))
		at += i + len(needle)
	}
}

func TestFinderEqualsIndex(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for range 3000 {
		// Few letters and short needles: overlaps and borders everywhere.
		needle := strings.Repeat("ab", rng.IntN(3)) + strings.Repeat("a", 1+rng.IntN(3))
		hay := make([]byte, rng.IntN(80))
		for i := range hay {
			hay[i] = "aaab"[rng.IntN(4)]
		}
		f := newFinder(needle, 1000)
		for rest := hay; len(rest) > 0; {
			n := 1 + rng.IntN(len(rest))
			if rng.IntN(2) == 0 {
				n = min(len(rest), 1+rng.IntN(3))
			}
			f.write(rest[:n])
			rest = rest[n:]
		}
		if want := plainFind(hay, needle); !reflect.DeepEqual(f.offsets, want) {
			t.Fatalf("finder(%q) in %q = %v, want %v", needle, hay, f.offsets, want)
		}
	}
}

// TestProbeInPieces: how a file is cut into reads changes nothing.
func TestProbeInPieces(t *testing.T) {
	file := make([]byte, 3000)
	copy(file, "\x7fELF\x02\x01\x01")
	file[32], file[33] = 0xbb, 0x03 // program headers at 955
	file[54], file[56] = 56, 7
	file[955+56*5] = ptInterp
	rng := rand.New(rand.NewPCG(3, 3))
	for range 500 {
		var p probe
		for rest := file; len(rest) > 0; {
			n := min(len(rest), 1+rng.IntN(1+rng.IntN(400)))
			p.write(rest[:n])
			rest = rest[n:]
		}
		if l := p.look(); !l.interp || l.text || l.n != 16 {
			t.Fatalf("look = %+v, want an executable", l)
		}
	}
	for end := range 955 + 56*5 + 4 {
		var p probe
		p.write(file[:end])
		if p.look().interp {
			t.Fatalf("an executable after %d bytes", end)
		}
	}
}

func TestSplitQuoted(t *testing.T) {
	for line, want := range map[string][]string{
		``:                             nil,
		`bin/x`:                        {"bin/x"},
		`/p text bin/x`:                {"/p", "text", "bin/x"},
		"/p\ttext  bin/x":              {"/p", "text", "bin/x"},
		`"/p q" "text" "bin/x y"`:      {"/p q", "text", "bin/x y"},
		`'/p q' 'binary' 'it"s'`:       {"/p q", "binary", `it"s`},
		`/p text it's`:                 {"/p", "text", "it's"},
		`"" text x`:                    {"", "text", "x"},
		`C:\old\prefix text Scripts\x`: {`C:\old\prefix`, "text", `Scripts\x`},
	} {
		got, err := splitQuoted(line)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("splitQuoted(%q) = %q, %v, want %q", line, got, err, want)
		}
	}
	uses, err := parseHasPrefix([]byte("/p text lib/two  words here\n"))
	if err != nil || uses["lib/two  words here"].placeholder != "/p" {
		t.Errorf("spaces in an unquoted path: %v, %v", uses, err)
	}
}

func FuzzHasPrefix(f *testing.F) {
	for _, s := range []string{"", "bin/x\n", "/p text bin/x\n", `"/p" "binary" "a b"`, "'", "# c\n/p text \xff\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		uses, err := parseHasPrefix(b)
		if err != nil {
			return
		}
		for p, u := range uses {
			if u.placeholder == "" || u.mode == "" {
				t.Errorf("%q: %+v", p, u)
			}
			// Printed with quotes, it reads back.
			if strings.ContainsAny(p+u.placeholder, "\"\n\r") || p == "" {
				continue
			}
			again, err := parseHasPrefix([]byte(`"` + u.placeholder + `" "` + string(u.mode) + `" "` + p + `"`))
			if err != nil || again[p] != u {
				t.Errorf("%q read back: %+v, %v", p, again, err)
			}
		}
	})
}
