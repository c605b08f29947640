package main

import (
	"context"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/nasa-openscapes/corn/bench/layers"
	"github.com/nasa-openscapes/corn/bench/oldway"
	"github.com/nasa-openscapes/corn/bench/run"
)

// ensure builds both images where the builds were not measured.
func (b *bench) ensure(ctx context.Context, s *scale) error {
	if _, err := os.Stat(s.archive()); err == nil {
		return nil
	}
	b.say("%d kernels: build", s.n)
	if err := b.fetch(ctx, s); err != nil {
		return err
	}
	if _, _, err := b.build(ctx, false, s.project.Dir, "docker-archive:"+s.archive()); err != nil {
		return err
	}
	ignore := func(string, run.Usage) {}
	if b.peer == nil {
		return b.packPlain(ctx, s, true, ignore)
	}
	if err := b.pack(ctx, s, false, oldway.Zstd, "zstd", ignore, oldPack); err != nil {
		return err
	}
	if err := b.bytecode(ctx, s, false, ignore); err != nil {
		return err
	}
	if err := b.pack(ctx, s, false, oldway.Zstd, "zstd-all", ignore, oldPackAll); err != nil {
		return err
	}
	return b.pack(ctx, s, false, oldway.Gzip, "gzip-all", ignore, oldPackGzip)
}

// sizes compares bytes: of the image, of what in it is distinct, of what a bump moves.
func (b *bench) sizes(ctx context.Context, s *scale) error {
	if err := b.ensure(ctx, s); err != nil {
		return err
	}
	b.say("%d kernels: sizes", s.n)
	f := sizeFigures{Kernels: s.n}
	before, err := b.added(s.image())
	if err != nil {
		return err
	}
	after, err := b.added(s.bumpedImage())
	if err != nil {
		return err
	}
	f.Layers = len(before)
	if f.ImageBytes, err = layers.SizeOf(before); err != nil {
		return err
	}
	if f.BumpBytes, f.BumpLayers, err = layers.NewBytes(before, after); err != nil {
		return err
	}
	if f.Tally, err = layers.Count(before, oldway.Zstd); err != nil {
		return err
	}
	if f.OldBytes, err = sizeOf(s.packedFiles("zstd-all")); err != nil {
		return err
	}
	if f.OldGzipBytes, err = sizeOf(s.packedFiles("gzip-all")); err != nil {
		return err
	}
	if b.peer != nil {
		if f.OldPartBytes, err = sizeOf(s.packedFiles("zstd")); err != nil {
			return err
		}
	}
	if info, err := os.Stat(s.archive()); err == nil {
		f.ArchiveBytes = info.Size()
	}
	if f.GzipBytes, err = b.gzipSize(ctx, s); err != nil {
		return err
	}
	b.res.Sizes = append(b.res.Sizes, f)
	return nil
}

// gzipSize is the image's size with gzip layers: what a registry for old engines holds.
func (b *bench) gzipSize(ctx context.Context, s *scale) (int64, error) {
	_, res, err := b.build(ctx, false, s.project.Dir, "docker-archive:"+s.archive())
	if err != nil {
		return 0, err
	}
	return res.size(), nil
}

func (b *bench) added(dir string) ([]v1.Layer, error) {
	img, err := layers.Open(dir)
	if err != nil {
		return nil, err
	}
	return layers.Added(img, b.baseLayers)
}

func sizeOf(files []string) (sum int64, err error) {
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			return 0, err
		}
		sum += info.Size()
	}
	return sum, nil
}
