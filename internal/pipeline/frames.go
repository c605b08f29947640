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

// buildArchive makes the frames of one archive, in their order.
func (b *builder) buildArchive(ctx context.Context, j *job) error {
	for batch := range slices.Chunk(j.frames, maxSinks) {
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
