package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/nasa-openscapes/corn/bench/layers"
	"github.com/nasa-openscapes/corn/bench/oldway"
	"github.com/nasa-openscapes/corn/bench/run"
)

// packPlain stands in for the old way where there is no micromamba: the image's own
// environments as plain files, already installed, are packed.
func (b *bench) packPlain(ctx context.Context, s *scale, one bool, note func(string, run.Usage)) error {
	root, err := b.unpack(s)
	if err != nil {
		return err
	}
	kinds := []struct{ what, kind, compression string }{{oldPackAll, "zstd-all", oldway.Zstd}}
	if one {
		kinds = append(kinds, struct{ what, kind, compression string }{oldPackGzip, "gzip-all", oldway.Gzip})
	}
	for _, k := range kinds {
		if err := os.MkdirAll(s.packed(k.kind), 0o755); err != nil {
			return err
		}
		var sum run.Usage
		for i, file := range s.packedFiles(k.kind) {
			at := oldway.Prefix(s.project.Kernels[i].Name)[1:]
			u, err := run.Run(ctx, run.Options{OneCore: one}, b.self, "pack", filepath.Join(root, at), "--to", file, "--at", at,
				"--compression", k.compression, "--links-into", filepath.Join(root, layers.Store))
			if err != nil {
				return err
			}
			sum = sum.Add(u)
		}
		note(k.what, sum)
	}
	return nil
}

// unpack unpacks what corn added to the base.
func (b *bench) unpack(s *scale) (string, error) {
	root := filepath.Join(s.dir, "root")
	if err := os.RemoveAll(root); err != nil {
		return "", err
	}
	img, err := layers.Open(s.image())
	if err != nil {
		return "", err
	}
	added, err := layers.Added(img, b.baseLayers)
	if err != nil {
		return "", err
	}
	return root, layers.Unpack(added, root)
}
