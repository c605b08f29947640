package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nasa-openscapes/corn/bench/oldway"
	"github.com/nasa-openscapes/corn/bench/run"
	"github.com/nasa-openscapes/corn/bench/world"
)

// scale is a project of so many kernels and what has been made of it.
type scale struct {
	n               int
	dir             string
	project, bumped *world.Project
	locks           []string // as the peer reads them
}

func (b *bench) newScale(n int) (*scale, error) {
	s := &scale{n: n, dir: b.path(fmt.Sprintf("%d-kernels", n))}
	if err := os.RemoveAll(s.dir); err != nil {
		return nil, err
	}
	var err error
	if s.project, err = world.Make(filepath.Join(s.dir, "project"), b.channel, n, false); err != nil {
		return nil, err
	}
	if s.bumped, err = world.Make(filepath.Join(s.dir, "bumped"), b.channel, n, true); err != nil {
		return nil, err
	}
	if len(s.project.Left) > 0 {
		b.note("the channel lacks %v: kernels have less than they would", s.project.Left)
	}
	if b.peer != nil {
		for _, k := range s.project.Kernels {
			lock, err := b.peer.Lock(k.Name, k.Lock)
			if err != nil {
				return nil, err
			}
			s.locks = append(s.locks, lock)
		}
	}
	p := s.project
	b.res.Projects = append(b.res.Projects, projectFigures{
		Kernels: n, Packages: p.AllArchives, Archives: p.Archives, ArchiveBytes: p.ArchiveBytes, AllArchiveBytes: p.AllArchiveBytes, Share: p.Share, PackageShare: p.PackageShare,
	})
	return s, nil
}

func (s *scale) image() string            { return filepath.Join(s.dir, "image") }
func (s *scale) archive() string          { return filepath.Join(s.dir, "image.tar") }
func (s *scale) bumpedImage() string      { return filepath.Join(s.dir, "bumped-image") }
func (s *scale) prefix(i int) string      { return filepath.Join(s.dir, "envs", s.project.Kernels[i].Name) }
func (s *scale) packed(ext string) string { return filepath.Join(s.dir, "packed", ext) }

// packedFiles are the layers of the old way.
func (s *scale) packedFiles(kind string) []string {
	var files []string
	for _, k := range s.project.Kernels {
		files = append(files, filepath.Join(s.packed(kind), k.Name))
	}
	return files
}

// builds measures corn and the old way in turn, so that both meet the same machine.
func (b *bench) builds(ctx context.Context, s *scale) error {
	b.say("%d kernels: fetch", s.n)
	if err := b.fetch(ctx, s); err != nil {
		return err
	}
	seen := map[string][]run.Usage{}
	for i := range b.runs {
		b.say("%d kernels: builds, %d of %d", s.n, i+1, b.runs)
		err := each(func(cores string, one bool) error {
			note := func(what string, u run.Usage) {
				key := what + "\x00" + cores
				seen[key] = append(seen[key], u)
				b.say("  %-34s %-9s %6.1f s wall %6.1f s CPU %5d MB", what, cores, u.Wall.Seconds(), u.CPU.Seconds(), u.TreeBytes/1e6)
			}
			if err := b.cornBuilds(ctx, s, one, note); err != nil {
				return err
			}
			return b.oldBuilds(ctx, s, one, note)
		})
		if err != nil {
			return err
		}
	}
	for _, what := range buildOrder {
		for _, cores := range []string{oneCore, allCores} {
			if u := seen[what+"\x00"+cores]; u != nil {
				b.res.Builds = append(b.res.Builds, buildFigures{Kernels: s.n, What: what, Cores: cores, Usage: run.Best(u)})
			}
		}
	}
	return nil
}

// What is built. The parts of the old way are measured one by one.
const (
	cornArchives  = "corn, archives at hand"
	cornFacts     = "corn, archives and facts"
	cornUnchanged = "corn, nothing changed"
	cornBumped    = "corn, one package moved"
	cornGzip      = "corn, archives at hand, gzip"
	oldArchives   = "install, archives at hand"
	oldExtracted  = "install, archives unpacked"
	oldPack       = "pack, zstd"
	oldBytecode   = "compile what is not"
	oldPackAll    = "pack with all bytecode, zstd"
	oldPackGzip   = "pack with all bytecode, gzip"
)

var buildOrder = []string{
	cornArchives, cornFacts, cornBumped, cornUnchanged, cornGzip,
	oldArchives, oldExtracted, oldPack, oldBytecode, oldPackAll, oldPackGzip,
}

// fetch fills both tools' caches of archives.
func (b *bench) fetch(ctx context.Context, s *scale) error {
	for _, p := range []struct{ project, out string }{{s.project.Dir, s.image()}, {s.bumped.Dir, s.bumpedImage()}} {
		if _, _, err := b.build(ctx, false, p.project, "oci:"+p.out); err != nil {
			return err
		}
	}
	return b.install(ctx, s, false, oldway.Extracted, func(string, run.Usage) {}, "")
}

func (b *bench) cornBuilds(ctx context.Context, s *scale, one bool, note func(string, run.Usage)) error {
	build := func(what, project, output string) error {
		u, _, err := b.build(ctx, one, project, output)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		note(what, u)
		return nil
	}
	fresh := func(what string, kinds []string) error {
		if err := b.forget(kinds); err != nil {
			return err
		}
		if err := os.RemoveAll(s.image()); err != nil {
			return err
		}
		return build(what, s.project.Dir, "oci:"+s.image())
	}
	if err := fresh(cornArchives, allKinds); err != nil {
		return err
	}
	if err := fresh(cornFacts, frameKinds); err != nil {
		return err
	}
	if err := build(cornUnchanged, s.project.Dir, "oci:"+s.image()); err != nil {
		return err
	}
	// The bumped project is built over a copy, with what it derives forgotten again after.
	values, kept := b.path("cache", "v1", "value"), filepath.Join(s.dir, "values")
	if err := copyTree(ctx, values, kept, true); err != nil {
		return err
	}
	if err := copyTree(ctx, s.image(), s.bumpedImage(), false); err != nil {
		return err
	}
	if err := build(cornBumped, s.bumped.Dir, "oci:"+s.bumpedImage()); err != nil {
		return err
	}
	if err := os.RemoveAll(values); err != nil {
		return err
	}
	if err := os.Rename(kept, values); err != nil {
		return err
	}
	if !one {
		return nil
	}
	if err := b.forget(allKinds); err != nil {
		return err
	}
	return build(cornGzip, s.project.Dir, "docker-archive:"+s.archive())
}

// oldBuilds measures the old way. Each of its parts runs for all kernels, one after another.
func (b *bench) oldBuilds(ctx context.Context, s *scale, one bool, note func(string, run.Usage)) error {
	if b.peer == nil {
		return b.packPlain(ctx, s, one, note)
	}
	if err := b.install(ctx, s, one, oldway.Extracted, note, oldExtracted); err != nil {
		return err
	}
	if err := b.install(ctx, s, one, oldway.Archives, note, oldArchives); err != nil {
		return err
	}
	if err := b.pack(ctx, s, one, oldway.Zstd, "zstd", note, oldPack); err != nil {
		return err
	}
	if err := b.bytecode(ctx, s, one, note); err != nil {
		return err
	}
	if err := b.pack(ctx, s, one, oldway.Zstd, "zstd-all", note, oldPackAll); err != nil {
		return err
	}
	if !one {
		return nil
	}
	return b.pack(ctx, s, one, oldway.Gzip, "gzip-all", note, oldPackGzip)
}

func (b *bench) install(ctx context.Context, s *scale, one bool, w oldway.Warmth, note func(string, run.Usage), what string) error {
	if b.peer == nil {
		return nil
	}
	if what != "" {
		if err := b.peer.Cool(w); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(filepath.Join(s.dir, "envs")); err != nil {
		return err
	}
	var sum run.Usage
	for i, k := range s.project.Kernels {
		u, err := b.peer.Create(ctx, one, s.locks[i], s.prefix(i), oldway.Prefix(k.Name))
		if err != nil {
			return err
		}
		sum = sum.Add(u)
	}
	note(what, sum)
	return nil
}

// bytecode compiles what micromamba leaves out, which is all but noarch packages: corn
// does, and packages of conda-forge bring it.
func (b *bench) bytecode(ctx context.Context, s *scale, one bool, note func(string, run.Usage)) error {
	var sum run.Usage
	jobs := "0" // as many as there are cores
	if one {
		jobs = "1"
	}
	for i := range s.project.Kernels {
		// Sources for other Pythons do not compile, which compileall's exit code tells.
		u, err := run.Run(ctx, run.Options{OneCore: one}, "sh", "-c", `"$0/bin/python" -m compileall -q -j "$1" "$0"/lib/python3.* >/dev/null; test $? -le 1`, s.prefix(i), jobs)
		if err != nil {
			return err
		}
		sum = sum.Add(u)
	}
	note(oldBytecode, sum)
	return nil
}

// pack makes a layer of each env.
func (b *bench) pack(ctx context.Context, s *scale, one bool, compression, kind string, note func(string, run.Usage), what string) error {
	if err := os.MkdirAll(s.packed(kind), 0o755); err != nil {
		return err
	}
	var sum run.Usage
	for i, file := range s.packedFiles(kind) {
		at := oldway.Prefix(s.project.Kernels[i].Name)[1:]
		u, err := run.Run(ctx, run.Options{OneCore: one}, b.self, "pack", s.prefix(i), "--to", file, "--at", at, "--compression", compression)
		if err != nil {
			return err
		}
		sum = sum.Add(u)
	}
	note(what, sum)
	return nil
}
