package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/nasa-openscapes/corn/bench/engine"
	"github.com/nasa-openscapes/corn/bench/layers"
)

// starts starts one kernel of one image's files in layers of several numbers.
func (b *bench) starts(ctx context.Context) error {
	if !b.docker {
		return nil
	}
	s, err := b.newScale(1)
	if err != nil {
		return err
	}
	b.res.Projects = b.res.Projects[:len(b.res.Projects)-1] // it is no figure of its own here
	_, res, err := b.build(ctx, false, s.project.Dir, "oci:"+s.image())
	if err != nil {
		return err
	}
	if len(res.Kernels) == 0 {
		return fmt.Errorf("corn made no kernel")
	}
	root, err := b.unpack(s)
	if err != nil {
		return err
	}
	img, err := layers.Open(s.image())
	if err != nil {
		return err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return fmt.Errorf("config of the image: %w", err)
	}
	target := startTarget{prefix: res.Kernels[0].Prefix, kernel: res.Kernels[0].Name, modules: modulesOf(s)}
	for _, n := range append([]int{1}, b.layers...) {
		name := fmt.Sprintf("links, %d layers", n)
		own := n - b.baseLayers
		if n == 1 {
			name, own = fmt.Sprintf("plain files, %d layers", b.baseLayers+1), 1
		}
		if own < 1 {
			return fmt.Errorf("%d layers: the base has %d", n, b.baseLayers)
		}
		dir := filepath.Join(s.dir, fmt.Sprintf("spread-%d", n))
		files, err := layers.Spread(root, dir, own)
		if err != nil {
			return err
		}
		made, err := layers.FromFiles(b.base, files)
		if err != nil {
			return err
		}
		f, err := b.startIn(ctx, made, config.Config, filepath.Join(s.dir, "start.tar"), fmt.Sprintf("%sstart:%d", tagPrefix, n), name, target)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		b.res.Starts = append(b.res.Starts, f)
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

type startTarget struct {
	prefix, kernel string
	modules        []string
}

// modulesOf are what a first cell imports, as far as the channel has it.
func modulesOf(s *scale) []string {
	var out []string
	for _, m := range []string{"numpy", "pandas", "xarray"} {
		for _, p := range s.project.Kernels[0].Packages {
			if p.Index.Name == m {
				out = append(out, m)
			}
		}
	}
	if !slices.Contains(out, "pandas") {
		out = append(out, "ipykernel")
	}
	return out
}

func (b *bench) startIn(ctx context.Context, img v1.Image, config v1.Config, file, tag, name string, t startTarget) (startFigures, error) {
	f := startFigures{Name: name, Modules: t.modules}
	img, err := mutate.Config(img, config)
	if err != nil {
		return f, fmt.Errorf("config of the image: %w", err)
	}
	if err := layers.WriteArchive(file, tag, img); err != nil {
		return f, err
	}
	b.say("start: load %s", name)
	if _, err := engine.Load(ctx, file, tag); err != nil {
		return f, err
	}
	defer func() {
		if err := engine.Remove(ctx, tag); err != nil {
			b.say("%v", err)
		}
	}()
	if err := os.Remove(file); err != nil {
		return f, err
	}
	c, err := engine.Start(ctx, tag)
	if err != nil {
		return f, err
	}
	defer c.Stop()
	if _, err := c.Measure(ctx, t.prefix, t.kernel, t.modules); err != nil { // warms up
		return f, err
	}
	for range max(b.runs, 5) { // they are short
		got, err := c.Measure(ctx, t.prefix, t.kernel, t.modules)
		if err != nil {
			return f, err
		}
		f.Warm = best(f.Warm, got)
	}
	if os.Geteuid() != 0 {
		return f, nil
	}
	for range b.runs {
		got, err := c.Cold(ctx, t.prefix, t.kernel, t.modules)
		if err != nil {
			return f, err
		}
		f.Cold = best(f.Cold, got)
	}
	b.say("  %-24s warm %v, cold %v", name, f.Warm, f.Cold)
	return f, nil
}

func best(a, b engine.Starts) engine.Starts {
	least := func(x, y time.Duration) time.Duration {
		if x == 0 {
			return y
		}
		return min(x, y)
	}
	return engine.Starts{Import: least(a.Import, b.Import), Kernel: least(a.Kernel, b.Kernel)}
}
