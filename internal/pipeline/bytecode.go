package pipeline

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/nasa-openscapes/corn/conda/link"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/internal/exec"
)

// compile makes the bytecode that the frame holds and returns its places in made, by
// Compile.Pyc.
func (b *builder) compile(ctx context.Context, s *sink, made *pile) (map[string]int, error) {
	if len(s.compiles) == 0 {
		return nil, nil
	}
	jobs := make([]exec.Job, len(s.compiles))
	for i, c := range s.compiles {
		r := s.sources.open(i)
		if r.Size() != c.Source.SizeBytes {
			return nil, fmt.Errorf("source %s of bytecode: want %d bytes, got %d", c.Source.Path, c.Source.SizeBytes, r.Size())
		}
		jobs[i] = exec.Job{
			Source: r, SourceBytes: r.Size(), Display: c.Name,
			ModTime: uint32(max(c.Source.ModTime, filetree.Epoch1980)), SizeBytes: uint32(c.Source.SizeBytes),
		}
	}
	compiler, err := b.compilers.get(ctx, s.python)
	if err != nil {
		return nil, err
	}
	own := map[string]int{}
	err = compiler.Compile(ctx, jobs, func(i int, o exec.Outcome) error {
		if o.Bytecode == nil {
			return nil
		}
		own[s.compiles[i].Pyc] = i
		return made.add(i, func(w io.Writer) error { _, err := w.Write(o.Bytecode); return err })
	})
	return own, err
}

// compilers holds one compiler per interpreter, made when first asked for.
type compilers struct {
	mu   sync.Mutex
	by   map[digest.SHA256]*pendingCompiler
	make func(context.Context, *link.Python) (*exec.Compiler, error)
}

// A pendingCompiler is made by who comes first, while the others wait. A failure is not kept:
// it may be that of another archive, whose error ended the context.
type pendingCompiler struct {
	mu sync.Mutex
	c  *exec.Compiler
}

func (cs *compilers) get(ctx context.Context, py *link.Python) (*exec.Compiler, error) {
	cs.mu.Lock()
	p := cs.by[py.Artifact]
	if p == nil {
		p = &pendingCompiler{}
		if cs.by == nil {
			cs.by = map[digest.SHA256]*pendingCompiler{}
		}
		cs.by[py.Artifact] = p
	}
	cs.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.c != nil {
		return p.c, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, err := cs.make(ctx, py)
	if err != nil {
		return nil, err
	}
	p.c = c
	return c, nil
}

func (cs *compilers) close() {
	for _, p := range cs.by {
		if p.c != nil {
			p.c.Close()
		}
	}
}
