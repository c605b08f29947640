package repodata

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The order of records and the amount of memory change nothing but the order of work.
func TestSpilledAndShuffledRecordsGiveTheSameIndex(t *testing.T) {
	var lines []string
	for i := range 3000 {
		name := fmt.Sprintf("p%d", i%70)
		lines = append(lines, fmt.Sprintf(`"%s-%d-h_0.conda":{"name":"%s","version":"%d","build":"h_0","depends":["p%d >=%d","q"]}`, name, i, name, i, i%7, i%5))
	}
	read := func(limit int) string {
		text := `{"packages":{` + strings.Join(lines, ",") + `},"removed":["p3-3-h_0.conda"]}`
		f, err := os.Create(filepath.Join(t.TempDir(), "spool"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		asked := 0
		c, err := convert(context.Background(), strings.NewReader(text), func() (Spool, error) { asked++; return f, nil }, limit)
		if err != nil {
			t.Fatalf("convert: %v", err)
		}
		if want := limit < 1<<20; (asked == 1) != want {
			t.Errorf("limit %d: asked for scratch space %d times", limit, asked)
		}
		var out bytes.Buffer
		if _, err := c.WriteTo(&out); err != nil {
			t.Fatalf("WriteTo: %v", err)
		}
		ix, err := OpenIndex(bytes.NewReader(out.Bytes()), int64(out.Len()))
		if err != nil {
			t.Fatalf("OpenIndex: %v", err)
		}
		var all strings.Builder
		for name := range ix.Names() {
			s, err := ix.Shard(name)
			if err != nil {
				t.Fatal(err)
			}
			recs, err := s.Records(Origin{})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range recs {
				fmt.Fprintf(&all, "%s %v\n", r.FileName, r.Depends)
			}
		}
		return all.String()
	}
	want := read(1 << 30)
	if n := strings.Count(want, "\n"); n != 2999 {
		t.Fatalf("%d records, want 2999", n)
	}
	for _, limit := range []int{1, 1000, 1 << 30} {
		rand.New(rand.NewPCG(uint64(limit), 1)).Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		if got := read(limit); got != want {
			t.Errorf("with limit %d and another order the records differ", limit)
		}
	}
}

// Every way of cutting the input into pieces finds the same end.
func TestSkipperInPieces(t *testing.T) {
	for _, v := range []string{`"a"`, `"a\"b\\"`, `"\\\""`, `{"a":[1,"}",{"b":"\\"}]}`, `[]`, `[[["]"]]]`, `12`, `null`, `-1.5e9`, `""`} {
		text := []byte(v + ` ,x`)
		for step := 1; step <= len(text); step++ {
			var s skipper
			end := 0
			for i := 0; i < len(text); i += step {
				n, done, bad := s.feed(text[i:min(i+step, len(text))])
				end += n
				if bad {
					t.Errorf("%s in pieces of %d: bad", v, step)
				}
				if done {
					break
				}
			}
			if got := string(text[:end]); got != v {
				t.Errorf("%s in pieces of %d ends after %q", v, step, got)
			}
		}
	}
}
