package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/nasa-openscapes/corn/bench/engine"
	"github.com/nasa-openscapes/corn/bench/layers"
)

const tagPrefix = "corn-bench/"

// loads loads both images into Docker and looks at what they take there, and in plain folders.
func (b *bench) loads(ctx context.Context, s *scale) error {
	if err := b.ensure(ctx, s); err != nil {
		return err
	}
	f := loadFigures{Kernels: s.n}
	root, err := b.unpack(s)
	if err != nil {
		return err
	}
	if f.CornTree, err = layers.DiskUsage(root); err != nil {
		return err
	}
	if b.peer != nil {
		for i := range s.locks {
			u, err := layers.DiskUsage(s.prefix(i))
			if err != nil {
				return err
			}
			f.OldTree.Inodes += u.Inodes
			f.OldTree.Bytes += u.Bytes
		}
	}
	if b.docker {
		if err := b.load(ctx, s, &f); err != nil {
			return err
		}
	}
	b.res.Loads = append(b.res.Loads, f)
	return nil
}

func (b *bench) load(ctx context.Context, s *scale, f *loadFigures) error {
	cornTag, oldTag := fmt.Sprintf("%scorn:%d", tagPrefix, s.n), fmt.Sprintf("%sold:%d", tagPrefix, s.n)
	cornFile, oldFile := filepath.Join(s.dir, "corn.tar"), filepath.Join(s.dir, "old.tar")
	if _, _, err := b.build(ctx, false, s.project.Dir, "docker-archive:"+cornFile, "-t", cornTag); err != nil {
		return err
	}
	img, err := layers.FromFiles(b.base, s.packedFiles("gzip-all"))
	if err != nil {
		return err
	}
	if err := layers.WriteArchive(oldFile, oldTag, img); err != nil {
		return err
	}
	for _, side := range []struct {
		file, tag string
		time      *time.Duration
		disk      *layers.Usage
	}{{cornFile, cornTag, &f.CornLoad, &f.CornDisk}, {oldFile, oldTag, &f.OldLoad, &f.OldDisk}} {
		for i := range b.runs {
			b.say("%d kernels: load %s, %d of %d", s.n, side.tag, i+1, b.runs)
			took, err := engine.Load(ctx, side.file, side.tag)
			if err != nil {
				return err
			}
			if *side.time == 0 || took < *side.time {
				*side.time = took
			}
		}
		if os.Geteuid() == 0 {
			if *side.disk, err = engine.Disk(ctx, side.tag, b.baseLayers); err != nil {
				b.note("disk of the engine: %v", err)
			}
		}
		if err := engine.Remove(ctx, side.tag); err != nil {
			return err
		}
		if err := os.Remove(side.file); err != nil {
			return err
		}
	}
	return nil
}
