package pipeline

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/oci/frame"
	"github.com/nasa-openscapes/corn/oci/layer"
)

// A layer that changed has most of its frames in common with the one of before: where one
// package of an environment is bumped, all other links and copies of that environment, and the
// other packages of its bucket. Without the archives in the cache it is cheaper to fetch that
// one layer and cut it up than to fetch, open, compile and compress hundreds of packages.
//
// What is cut is as trustworthy as a layer that is taken over, and no more: the blob is
// verified by its digest, and that a frame is what its key says is the previous image's word.
// So frames of others never enter the cache, where builds without that image would find
// them, and --verify uses none.

// reused are the frames that were cut from layers of the previous image.
type reused struct {
	mu     sync.Mutex
	frames map[digest.SHA256]layer.Frame
	tried  map[digest.SHA256]bool // layers, by digest
	off    bool                   // a frame was not what it should be
	cache  *cache.Cache           // for what is known of layers that have such frames; nil: none yet
}

// has tells whether a frame was cut.
func (r *reused) has(key digest.SHA256) bool {
	_, ok := r.frames[key]
	return ok
}

// reuse fetches the layers of the previous image that are worth it and cuts the wanted frames
// that the cache lacks out of them. A layer that cannot be had is no misfortune.
func (b *builder) reuse(ctx context.Context, c frame.Compression, lacks func(digest.SHA256) bool) error {
	if b.previous == nil || b.req.Verify || b.reused.off {
		return nil
	}
	todo := b.worthCutting(lacks)
	if len(todo) == 0 {
		return nil
	}
	var total int64
	for _, l := range todo {
		total += l.Recorded.SizeBytes
	}
	if b.reused.frames == nil {
		b.reused.frames, b.reused.tried = map[digest.SHA256]layer.Frame{}, map[digest.SHA256]bool{}
	}
	stage := b.talk.Stage("reuse", total, report.Bytes)
	n := len(b.reused.frames)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(transferJobs)
	for _, l := range todo {
		b.reused.tried[l.Recorded.Digest] = true
		g.Go(func() error {
			err := b.cut(ctx, l, c, lacks, stage.Add)
			if err != nil && ctx.Err() == nil {
				b.talk.Say("reuse      layer %s cannot be had, so its packages are fetched: %v", l.Recorded.ID, err)
				err = nil
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		stage.Abort()
		return err
	}
	b.timings["reuse"] += stage.Done("%s of %s of the previous image, %s", report.Count(len(b.reused.frames)-n, "frame"), report.Count(len(todo), "layer"), report.Size(total))
	return nil
}

// worthCutting lists the layers whose frames would otherwise need archives that are not in the
// cache and have at least half as many bytes: what is saved besides is the work.
func (b *builder) worthCutting(lacks func(digest.SHA256) bool) []*image.PreviousLayer {
	sizes := map[digest.SHA256]int64{}
	for _, a := range b.previous.Metadata.Artifacts {
		sizes[a.SHA256] = a.SizeBytes
	}
	var out []*image.PreviousLayer
	for _, l := range b.previous.Layers {
		if b.reused.tried[l.Recorded.Digest] {
			continue
		}
		saved := map[digest.SHA256]bool{}
		var bytes int64
		for _, f := range l.Recorded.Frames {
			if f.Artifact.IsZero() || saved[f.Artifact] || !lacks(f.Key) {
				continue
			}
			if _, err := b.cache.Find(digest.Want{SHA256: f.Artifact}); err != nil {
				saved[f.Artifact] = true
				bytes += sizes[f.Artifact]
			}
		}
		if bytes > 0 && bytes >= l.Recorded.SizeBytes/2 {
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(x, y *image.PreviousLayer) int { return compareDigests(x.Recorded.Digest, y.Recorded.Digest) })
	return out
}

// cut fetches a layer into a file, verifies it, and notes where the wanted frames are.
func (b *builder) cut(ctx context.Context, l *image.PreviousLayer, c frame.Compression, lacks func(digest.SHA256) bool, progress func(int64)) (err error) {
	file, err := os.Create(filepath.Join(b.tempDir, "layer-"+l.Recorded.Digest.String()))
	if err != nil {
		return err
	}
	defer func() {
		if cerr := file.Close(); err == nil {
			err = cerr
		}
	}()
	rc, err := l.Open(ctx)
	if err != nil {
		return err
	}
	defer rc.Close()
	if _, err := io.Copy(file, io.TeeReader(rc, counter(progress))); err != nil {
		return err
	}
	b.reused.mu.Lock()
	defer b.reused.mu.Unlock()
	for _, f := range l.Recorded.Frames {
		if f.Key.IsZero() || !lacks(f.Key) {
			continue
		}
		b.reused.frames[f.Key] = layer.Frame{
			Key:  f.Key,
			Info: frame.Info{Compression: c, Bytes: f.SizeBytes, RawBytes: f.TarBytes},
			Open: func() (io.ReadCloser, error) { return openSection(file.Name(), f.Offset, f.SizeBytes) },
		}
	}
	return nil
}

// counter tells of the bytes that are written to it.
type counter func(int64)

func (c counter) Write(p []byte) (int, error) {
	c(int64(len(p)))
	return len(p), nil
}

// section is a part of a file.
type section struct {
	io.Reader
	io.Closer
}

func openSection(name string, offset, sizeBytes int64) (io.ReadCloser, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return section{io.NewSectionReader(f, offset, sizeBytes), f}, nil
}

// findFrames completes a spec with its frames, and returns the cache that may know the layer.
func (b *builder) findFrames(spec *layer.Spec) (*cache.Cache, error) {
	known := b.cache
	for n, f := range spec.Frames {
		cached, err := layer.CachedFrame(b.cache, f.Key)
		if err != nil && b.reused.has(f.Key) {
			if known, err = b.reusedCache(); err != nil {
				return nil, err
			}
			cached = b.reused.frames[f.Key]
		}
		if err != nil {
			return nil, fmt.Errorf("layer %s: %w", spec.ID, err)
		}
		spec.Frames[n] = cached
	}
	return known, nil
}

// reusedCache is a cache that ends with the build.
func (b *builder) reusedCache() (*cache.Cache, error) {
	b.reused.mu.Lock()
	defer b.reused.mu.Unlock()
	if b.reused.cache != nil {
		return b.reused.cache, nil
	}
	c, err := cache.Open(filepath.Join(b.tempDir, "reused"), cache.Options{})
	b.reused.cache = c
	return c, err
}

// closeReused ends the use of the frames.
func (b *builder) closeReused() {
	if b.reused.cache != nil {
		_ = b.reused.cache.Close() // its folder goes with the build
	}
}
