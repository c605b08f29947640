package channel

import (
	"context"
	"strings"
	"sync"

	"github.com/nasa-openscapes/corn/conda/repodata"
)

// Closure loads the records of names and of everything that they can come to depend on, whatever is
// chosen: breadth first, many names at a time. Names may be specs. Names that only constrains
// mention are not loaded: a constraint brings nothing in. Names that no channel has are no error.
// It may be called again, also side by side; what is loaded stays.
func (s *Set) Closure(ctx context.Context, names ...string) error {
	return s.visit(ctx, names, true)
}

// Load loads the records of names alone.
func (s *Set) Load(ctx context.Context, names ...string) error {
	return s.visit(ctx, names, false)
}

// visit loads names with as many workers as requests are allowed, and what they depend on if deep.
func (s *Set) visit(ctx context.Context, names []string, deep bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	work, done := make(chan string), make(chan visited)
	var wg sync.WaitGroup
	for range s.jobs {
		wg.Go(func() {
			for name := range work {
				l, err := s.load(ctx, name)
				done <- visited{l, err}
			}
		})
	}
	defer wg.Wait()
	defer close(work)

	seen := map[string]bool{}
	var todo []string
	add := func(name string) {
		// Names with two underscores are facts of the target; no channel has them (CEP 30).
		if name != "" && !seen[name] && !strings.HasPrefix(name, "__") {
			seen[name] = true
			todo = append(todo, name)
		}
	}
	for _, n := range names {
		add(repodata.DependName(n))
	}
	var failed error
	for running := 0; running > 0 || len(todo) > 0 && failed == nil; {
		out := work
		var next string
		if len(todo) > 0 && failed == nil {
			next = todo[0]
		} else {
			out = nil // never ready
		}
		select {
		case out <- next:
			todo = todo[1:]
			running++
		case v := <-done:
			running--
			if v.err != nil {
				if failed == nil {
					failed = v.err
					cancel()
				}
				continue
			}
			if deep {
				for _, d := range v.l.depends {
					add(d)
				}
			}
		}
	}
	return failed
}

type visited struct {
	l   *loaded
	err error
}
