package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/conda/link"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/oci/frame"
	"github.com/nasa-openscapes/corn/store"
)

// maxSinks is how many frames one walk of an archive feeds. An archive that more envs need is
// walked again.
const maxSinks = 16

// moreLarge is how many large frames are made at once beyond one for each job. Each holds an
// encoder of some 10 MB. What finds no place waits for the next walk of its archive.
const moreLarge = 2

// spoolBytes is the size up to which a member that several frames want is held in memory.
const spoolBytes = 1 << 20

// A job is one archive and the frames that are to be made of it.
type job struct {
	pkg    *pkg // one of those that have it; its blob is there when frames are made
	facts  *artifact.Facts
	frames []*frameJob // content before placements, which need to know what bytecode exists
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
	slices.SortStableFunc(jobs, func(x, y *job) int { return cmp.Compare(y.facts.SizeBytes, x.facts.SizeBytes) })
	b.large = make(places, b.jobs+moreLarge)
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

// buildArchive makes the frames of one archive, in their order: as many in one walk as there
// is room for.
func (b *builder) buildArchive(ctx context.Context, j *job) error {
	for rest := j.frames; len(rest) > 0; {
		n, large, err := b.batch(rest)
		if err != nil {
			return err
		}
		err = b.walkInto(ctx, j, rest[:n])
		b.large.give(large)
		for _, f := range rest[:n] {
			f.plan = nil
		}
		if err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// batch plans frames for one walk, tells how many, and how many of them are large, for each of
// which it has taken a place.
func (b *builder) batch(frames []*frameJob) (n, large int, err error) {
	for _, f := range frames[:min(len(frames), maxSinks)] {
		if f.plan == nil {
			if f.plan, err = f.planned(); err != nil {
				b.large.give(large)
				return 0, 0, err
			}
		}
		if f.plan.TarBytes() > frame.SmallBytes {
			if !b.large.take(n == 0 || large == 0) {
				break
			}
			large++
		}
		n++
	}
	return n, large, nil
}

// places are what at most so many may have at once.
type places chan struct{}

// take takes a place, waiting for one if asked to, and tells whether it did.
func (p places) take(wait bool) bool {
	if wait {
		p <- struct{}{}
		return true
	}
	select {
	case p <- struct{}{}:
		return true
	default:
		return false
	}
}

func (p places) give(n int) {
	for range n {
		<-p
	}
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
	o, err := b.openArchive(j.pkg.blob, j.facts.Kind, j.facts.FileName, dir)
	if err != nil {
		return err
	}
	defer o.close()
	return o.walk(ctx, func(member string, sizeBytes int64, r io.Reader) error {
		var uses []func(io.Reader) error
		for _, s := range sinks {
			uses = append(uses, s.uses(member, sizeBytes)...)
		}
		switch len(uses) {
		case 0:
			return nil
		case 1:
			return uses[0](r)
		}
		again, done, err := spool(dir, sizeBytes, r)
		if err != nil {
			return err
		}
		defer done()
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
	})
}

// spool keeps the bytes of a member so that they can be read several times.
func spool(dir string, sizeBytes int64, r io.Reader) (again func() (io.Reader, error), done func(), err error) {
	if sizeBytes <= spoolBytes {
		var b bytes.Buffer
		b.Grow(int(sizeBytes) + bytes.MinRead) // so that ReadFrom never grows it
		_, err := b.ReadFrom(r)
		data := b.Bytes()
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
