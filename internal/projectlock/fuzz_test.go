package projectlock_test

import (
	"errors"
	"testing"

	"github.com/nasa-openscapes/corn/internal/projectlock"
)

// FuzzParse: no text makes Parse panic; what it reads is printed so that it reads the same
// again; what it does not read, Merge does without.
func FuzzParse(f *testing.F) {
	f.Add(sample(f).Bytes())
	f.Add([]byte("corn-lock 1\n<<<<<<< HEAD\nenv a linux-64 since 1\n=======\nenv a linux-64 since 2\n>>>>>>> x\n"))
	f.Add([]byte("corn-lock 2\n"))
	f.Add([]byte("corn-lock 1\r\nbase ref a b\r\nbase x fact n \"a b\" 1\r\nenv a b c d e\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := projectlock.Parse("corn.lock", data)
		if err != nil {
			if l, _, err = projectlock.Merge("corn.lock", data); err != nil {
				if _, ok := errors.AsType[*projectlock.VersionError](err); !ok {
					t.Fatalf("merge: %v", err)
				}
				return
			}
		}
		text := l.Bytes()
		again, err := projectlock.Parse("corn.lock", text)
		if err != nil {
			t.Fatalf("what was printed cannot be read: %v\n%s", err, text)
		}
		if string(again.Bytes()) != string(text) {
			t.Fatalf("printed\n%s\nread and printed\n%s", text, again.Bytes())
		}
		for _, e := range l.Envs {
			for _, p := range e.Platforms {
				l.State(p.Subdir)
			}
		}
		for _, b := range l.Base.Platforms {
			if _, err := projectlock.Unflatten(b.Facts); err != nil {
				t.Logf("facts: %v", err)
			}
		}
	})
}
