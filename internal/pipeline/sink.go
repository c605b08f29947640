package pipeline

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/nasa-openscapes/corn/conda/link"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/oci/frame"
	"github.com/nasa-openscapes/corn/oci/layer"
	"github.com/nasa-openscapes/corn/store"
)

// A sink is one frame being written.
type sink struct {
	*frameJob
	w   *layer.FrameWriter
	dir string // for sources and bytecode

	waiting  int // members that are still to come
	todo     map[string]*member
	compiles []*store.Compile
	sources  pile                     // of compiles, by their index
	sums     map[string]digest.SHA256 // of rewritten files, by Item.Path
}

// A member is what a sink does with one file of the archive.
type member struct {
	entry   *store.Planned // write it
	sumOnly *store.Planned // hash it, rewritten
	sources []int          // keep it as the source of bytecode, by index of sink.compiles: a link is compiled besides its target
	done    bool
}

func (b *builder) newSink(f *frameJob, dir string) (*sink, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	s := &sink{frameJob: f, dir: dir, todo: map[string]*member{}, sums: map[string]digest.SHA256{},
		sources: pile{name: filepath.Join(dir, "sources")}}
	var err error
	if s.w, err = layer.CreateFrame(b.cache, f.key, b.compression, frame.Options{Pool: &b.encoders, Before: f.before}); err != nil {
		return nil, err
	}
	for i := range f.plan.Lead {
		if err := s.lead(&f.plan.Lead[i]); err != nil {
			s.w.Abort()
			return nil, err
		}
	}
	for i := range f.plan.Fed {
		s.member(f.plan.Fed[i].Member).entry = &f.plan.Fed[i]
	}
	for i := range f.plan.Sums {
		s.member(f.plan.Sums[i].Member).sumOnly = &f.plan.Sums[i]
	}
	s.compiles = f.plan.Compiles()
	for i, c := range s.compiles {
		if c.Source.Member == "" {
			if err := s.sources.add(i, func(w io.Writer) error { _, err := w.Write(c.Source.Data); return err }); err != nil {
				s.abort()
				return nil, err
			}
			continue
		}
		m := s.member(c.Source.Member)
		m.sources = append(m.sources, i)
	}
	s.waiting = len(s.todo)
	return s, nil
}

func (s *sink) member(name string) *member {
	m := s.todo[name]
	if m == nil {
		m = &member{}
		s.todo[name] = m
	}
	return m
}

func (s *sink) firstMissing() string {
	var names []string
	for name, m := range s.todo {
		if !m.done {
			names = append(names, name)
		}
	}
	return slices.Min(names)
}

// lead writes an entry that needs no bytes of the archive. The directories of an env are the
// layer's: packages share them, and Docker refuses a layer that has a path twice
// (tar-split, "duplicates of file paths not supported"), directories included.
func (s *sink) lead(e *store.Planned) error {
	if e.Type == filetree.Dir && !s.isContent() {
		return nil
	}
	if e.Type == filetree.File {
		return s.w.Add(e.Entry, bytes.NewReader(e.Data))
	}
	return s.w.Add(e.Entry, nil)
}

// uses takes a member of the archive off the list and returns what is to be done with its
// bytes: each function reads all of them.
func (s *sink) uses(name string, sizeBytes int64) []func(io.Reader) error {
	m := s.todo[name]
	if m == nil || m.done {
		return nil
	}
	m.done = true
	s.waiting--
	var uses []func(io.Reader) error
	if m.entry != nil {
		uses = append(uses, func(r io.Reader) error { return s.write(m.entry, sizeBytes, r) })
	}
	if m.sumOnly != nil {
		uses = append(uses, func(r io.Reader) error { return s.rewrite(m.sumOnly, sizeBytes, r, io.Discard) })
	}
	for _, i := range m.sources {
		uses = append(uses, func(r io.Reader) error { return s.keep(i, sizeBytes, r) })
	}
	return uses
}

// write puts a member into the frame, rewritten if it has to be.
func (s *sink) write(e *store.Planned, sizeBytes int64, r io.Reader) error {
	if e.Rewrite == nil {
		return s.w.Add(e.Entry, r)
	}
	pr, pw := io.Pipe()
	var g errgroup.Group
	g.Go(func() error {
		err := s.rewrite(e, sizeBytes, r, pw)
		pw.CloseWithError(err)
		return err
	})
	err := s.w.Add(e.Entry, pr)
	pr.CloseWithError(errStopped)
	if werr := g.Wait(); werr != nil && !errors.Is(werr, errStopped) {
		return werr
	}
	return err
}

var errStopped = errors.New("reader stopped")

// rewrite writes the member with the prefix in it and remembers its sum for the record.
func (s *sink) rewrite(e *store.Planned, sizeBytes int64, r io.Reader, w io.Writer) error {
	h := sha256.New()
	if err := link.Rewrite(io.MultiWriter(w, h), r, e.Rewrite, s.prefix, sizeBytes); err != nil {
		return fmt.Errorf("%s: %w", e.Member, err)
	}
	s.sums[e.Item.Path] = digest.SHA256(h.Sum(nil))
	return nil
}

// keep puts the source of s.compiles[i] aside for the compiler.
func (s *sink) keep(i int, sizeBytes int64, r io.Reader) error {
	return s.sources.add(i, func(w io.Writer) error {
		if src := s.compiles[i].Source; src.Prefix != nil {
			return link.Rewrite(w, r, src.Prefix, s.prefix, sizeBytes)
		}
		_, err := io.Copy(w, r)
		return err
	})
}

func (s *sink) abort() {
	s.w.Abort()
	s.sources.close()
}

// finish compiles what the frame holds as bytecode, writes its end and commits it.
func (b *builder) finish(ctx context.Context, s *sink) error {
	made := pile{name: filepath.Join(s.dir, "bytecode")}
	defer made.close()
	own, err := b.compile(ctx, s, &made)
	if err != nil {
		return err
	}
	missing := map[string]bool{}
	if !s.isContent() {
		if shared, ok := b.missingBytecode(s.content); ok {
			missing = shared
		}
	}
	var list []string
	for _, c := range s.compiles {
		_, ok := own[c.Pyc]
		if missing[c.Pyc] = !ok; !ok {
			list = append(list, c.Pyc)
		}
	}
	if s.isContent() {
		if err := b.rememberMissing(s.content, list); err != nil {
			return err
		}
	}
	exists := func(pyc string) bool { return !missing[pyc] }
	learnt := link.Learnt{Sums: s.sums, Pyc: map[string]bool{}}
	for _, e := range s.plan.Tail(exists) {
		if e.Pyc != nil {
			learnt.Pyc[e.Pyc.Pyc] = true
		}
		if err := s.tail(e, own, &made, learnt); err != nil {
			return fmt.Errorf("%s: %w", e.Path, err)
		}
	}
	_, err = s.w.Commit()
	return err
}

// tail writes one of the last entries. own gives the place in made of the bytecode that was
// compiled here.
func (s *sink) tail(e store.Planned, own map[string]int, made *pile, learnt link.Learnt) error {
	switch {
	case e.Record:
		data, err := s.record(learnt)
		if err != nil {
			return err
		}
		e.SizeBytes = int64(len(data))
		return s.w.Add(e.Entry, bytes.NewReader(data))
	case e.Type == filetree.File:
		r := made.open(own[e.Pyc.Pyc])
		e.SizeBytes = r.Size()
		return s.w.Add(e.Entry, r)
	}
	return s.lead(&e)
}
