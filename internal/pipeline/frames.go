package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/conda/link"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/internal/exec"
	"github.com/nasa-openscapes/corn/oci/frame"
	"github.com/nasa-openscapes/corn/oci/layer"
	"github.com/nasa-openscapes/corn/store"
)

// maxSinks is how many frames one walk of an archive feeds: each holds an encoder of
// some 10 MB. An archive that more envs need is walked again.
const maxSinks = 4

// spoolBytes is the size up to which a member that several frames want is held in memory.
const spoolBytes = 1 << 20

// A job is one archive and the frames that are to be made of it.
type job struct {
	pkg    *pkg // one of those that have it; its blob is there when frames are made
	facts  *artifact.Facts
	frames []*frameJob
}

// A frameJob is one frame to be made.
type frameJob struct {
	key     digest.SHA256 // of the frame
	content digest.SHA256 // key of the artifact's content
	plan    *store.Plan   // made by planned while the frame is, for memory's sake
	planned func() (*store.Plan, error)
	python  *link.Python
	before  []byte // raw prelude of the layer in which the frame may stand alone
	// Of placements:
	prefix string // "/srv/conda/envs/a"; empty: a content frame
	record func(link.Learnt) ([]byte, error)
}

func (j *frameJob) isContent() bool { return j.prefix == "" }

// buildFrames makes all frames of the jobs, the largest archives first, so that none of
// them is still being read when all others are done.
func (b *builder) buildFrames(ctx context.Context, jobs []*job, progress func(int64)) error {
	jobs = slices.Clone(jobs)
	slices.SortStableFunc(jobs, func(x, y *job) int { return cmp.Compare(y.facts.SizeBytes, x.facts.SizeBytes) })
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(b.jobs)
	for _, j := range jobs {
		g.Go(func() error {
			if err := b.suspects.note(j.pkg.blob, b.buildArchive(ctx, j)); err != nil {
				return fmt.Errorf("link %s: %w", j.facts.FileName, err)
			}
			progress(j.pkg.blob.SizeBytes)
			return nil
		})
	}
	return g.Wait()
}

// buildArchive makes the frames of one archive, content first: placements need to know
// which bytecode exists.
func (b *builder) buildArchive(ctx context.Context, j *job) error {
	frames := slices.Clone(j.frames)
	slices.SortStableFunc(frames, func(x, y *frameJob) int {
		switch {
		case x.isContent() == y.isContent():
			return 0
		case x.isContent():
			return -1
		}
		return 1
	})
	for batch := range slices.Chunk(frames, maxSinks) {
		if err := b.walkInto(ctx, j, batch); err != nil {
			return err
		}
	}
	return nil
}

// walkInto streams the archive once into the frames of a batch.
func (b *builder) walkInto(ctx context.Context, j *job, batch []*frameJob) error {
	dir, err := b.cache.TempDir()
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	sinks := make([]*sink, len(batch))
	defer func() {
		for _, s := range sinks {
			if s != nil {
				s.abort()
			}
		}
	}()
	needArchive := false
	for i, f := range batch {
		if f.plan, err = f.planned(); err != nil {
			return err
		}
		defer func() { f.plan = nil }()
		if sinks[i], err = b.newSink(f, filepath.Join(dir, fmt.Sprint(i))); err != nil {
			return err
		}
		needArchive = needArchive || sinks[i].waiting > 0
	}
	if needArchive {
		if err := b.feed(ctx, j, dir, sinks); err != nil {
			return err
		}
	}
	for _, s := range sinks {
		if s.waiting > 0 {
			return fmt.Errorf("the archive lacks %d of its files, %s among them", s.waiting, s.firstMissing())
		}
		if err := b.finish(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// feed walks the archive and hands each member to the sinks that want it.
func (b *builder) feed(ctx context.Context, j *job, dir string, sinks []*sink) error {
	o, err := openArchive(j.pkg.blob, j.facts.Kind, j.facts.FileName, dir)
	if err != nil {
		return err
	}
	defer o.close()
	var want []*sink
	return o.walk(ctx, func(member string, sizeBytes int64, r io.Reader) error {
		want = want[:0]
		for _, s := range sinks {
			if s.wants(member) {
				want = append(want, s)
			}
		}
		if len(want) == 0 {
			return nil
		}
		if len(want) == 1 && want[0].uses(member) == 1 {
			return want[0].take(member, sizeBytes, r)
		}
		again, done, err := spool(dir, sizeBytes, r)
		if err != nil {
			return err
		}
		defer done()
		for _, s := range want {
			if err := s.takeAgain(member, sizeBytes, again); err != nil {
				return err
			}
		}
		return nil
	})
}

// spool keeps the bytes of a member so that they can be read several times.
func spool(dir string, sizeBytes int64, r io.Reader) (again func() (io.Reader, error), done func(), err error) {
	if sizeBytes <= spoolBytes {
		data, err := io.ReadAll(r)
		return func() (io.Reader, error) { return bytes.NewReader(data), nil }, func() {}, err
	}
	f, err := os.CreateTemp(dir, "member-")
	if err != nil {
		return nil, nil, err
	}
	done = func() { f.Close(); os.Remove(f.Name()) }
	if _, err := io.Copy(f, r); err != nil {
		done()
		return nil, nil, err
	}
	return func() (io.Reader, error) {
		_, err := f.Seek(0, io.SeekStart)
		return f, err
	}, done, nil
}

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

func (m *member) uses() int {
	n := 0
	for _, used := range []bool{m.entry != nil, m.sumOnly != nil} {
		if used {
			n++
		}
	}
	return n + len(m.sources)
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

func (s *sink) wants(name string) bool {
	m := s.todo[name]
	return m != nil && !m.done
}

func (s *sink) uses(name string) int { return s.todo[name].uses() }

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

// take hands the member to its only use.
func (s *sink) take(name string, sizeBytes int64, r io.Reader) error {
	m := s.todo[name]
	m.done = true
	s.waiting--
	switch {
	case m.entry != nil:
		return s.write(m.entry, sizeBytes, r)
	case m.sumOnly != nil:
		return s.rewrite(m.sumOnly, sizeBytes, r, io.Discard)
	default:
		return s.keep(m.sources[0], sizeBytes, r)
	}
}

// takeAgain hands the member to all its uses.
func (s *sink) takeAgain(name string, sizeBytes int64, again func() (io.Reader, error)) error {
	m := s.todo[name]
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
	for _, use := range uses {
		r, err := again()
		if err != nil {
			return err
		}
		if err := use(r); err != nil {
			return err
		}
	}
	return nil
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
	h := &hashing{Writer: w, h: sha256.New()}
	if err := link.Rewrite(h, r, e.Rewrite, s.prefix, sizeBytes); err != nil {
		return fmt.Errorf("%s: %w", e.Member, err)
	}
	s.sums[e.Item.Path] = digest.SHA256(h.h.Sum(nil))
	return nil
}

type hashing struct {
	io.Writer
	h hash.Hash
}

func (h *hashing) Write(p []byte) (int, error) {
	n, err := h.Writer.Write(p)
	h.h.Write(p[:n])
	return n, err
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
	exists := func(pyc string) bool { _, ok := own[pyc]; return ok }
	if s.isContent() {
		if err := b.rememberMissing(s.content, missingOf(s.compiles, exists)); err != nil {
			return err
		}
	} else {
		shared, _ := b.missingBytecode(s.content)
		mine := map[string]bool{}
		for _, c := range s.compiles {
			mine[c.Pyc] = true
		}
		exists = func(pyc string) bool {
			if mine[pyc] {
				_, ok := own[pyc]
				return ok
			}
			return !shared[pyc]
		}
	}
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

func missingOf(compiles []*store.Compile, exists func(string) bool) []string {
	var list []string
	for _, c := range compiles {
		if !exists(c.Pyc) {
			list = append(list, c.Pyc)
		}
	}
	return list
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
