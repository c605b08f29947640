package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/nasa-openscapes/corn/bench/world"
	"github.com/nasa-openscapes/corn/demo/locks"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

// A realistic project: six kernels, and packages as large as those that a science stack has,
// which the demo's channel lacks: made here, half of their bytes random.

const bigChannel = "corn-big"

// dataPackages are what each kernel has besides; a version of the first is another archive.
func (b *bench) dataPackages() ([]channeltest.Record, error) {
	var archives []channeltest.Archive
	for i, name := range []string{"gdal-like", "torch-like"} {
		var files []channeltest.File
		rng := rand.NewChaCha8([32]byte{byte(i)})
		const fileBytes = 4 << 20
		for n := int64(0); n*fileBytes < b.realBytes/2; n++ {
			data := make([]byte, fileBytes)
			_, _ = rng.Read(data[:fileBytes/2]) // it never fails
			copy(data[fileBytes/2:], strings.Repeat(fmt.Sprintf("%s: row %d of a table that repeats itself\n", name, n), fileBytes/32))
			files = append(files, channeltest.File{Path: fmt.Sprintf("share/%s/part-%03d.bin", name, n), Data: data})
		}
		archives = append(archives, channeltest.Archive{Package: &channeltest.Package{
			Name: name, Version: "1.0", Build: "0", TimestampMillis: 1704164645000, Files: files,
		}})
	}
	return channeltest.Publish(b.path("channel", bigChannel), archives)
}

// realProject makes the project with kernels from first to last, each with the big packages.
func (b *bench) realProject(name string, n int, bump bool, big []channeltest.Record) (*world.Project, error) {
	dir := b.path("real", name)
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("make a project: %w", err)
	}
	p, err := world.Make(dir, b.channel, n, bump)
	if err != nil {
		return nil, err
	}
	for _, k := range p.Kernels {
		for _, rec := range big {
			if err := appendRecord(k.Lock, bigChannel, rec); err != nil {
				return nil, err
			}
		}
		if err := askFor(filepath.Join(filepath.Dir(k.Lock), "environment.yml"), big); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// askFor makes an environment.yml ask for packages of the big channel: a lock that holds what
// its environment knows nothing of is stale.
func askFor(file string, packages []channeltest.Record) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("ask for big packages: %w", err)
	}
	channel := "  - " + locks.ChannelName + "\n"
	text := strings.Replace(string(data), channel, channel+"  - "+bigChannel+"\n", 1)
	for _, rec := range packages {
		text += "  - " + rec.Index.Name + "\n" // dependencies stand last
	}
	return os.WriteFile(file, []byte(text), 0o644)
}

// bumpFirst makes a project in which the first kernel alone has its package in the next version.
func (b *bench) bumpFirst(ctx context.Context, from, bumped *world.Project) (*world.Project, error) {
	p := *from
	p.Dir = from.Dir + "-bumped"
	if err := copyTree(ctx, from.Dir, p.Dir, false); err != nil {
		return nil, err
	}
	p.Kernels = nil
	for i, k := range from.Kernels {
		k.Lock = filepath.Join(p.Dir, strings.TrimPrefix(k.Lock, from.Dir))
		if i == 0 {
			for _, file := range []string{locks.CondaLockFile, "environment.yml"} {
				data, err := os.ReadFile(filepath.Join(filepath.Dir(bumped.Kernels[0].Lock), file))
				if err == nil {
					err = os.WriteFile(filepath.Join(filepath.Dir(k.Lock), file), data, 0o644)
				}
				if err != nil {
					return nil, fmt.Errorf("move a package: %w", err)
				}
			}
		}
		p.Kernels = append(p.Kernels, k)
	}
	return &p, nil
}

// appendRecord adds a package to a conda-lock.yml.
func appendRecord(file, channel string, rec channeltest.Record) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return fmt.Errorf("extend lock: %w", err)
	}
	url := strings.TrimSuffix(locks.ChannelURL, locks.ChannelName) + channel + "/" + rec.Path()
	_, err = fmt.Fprintf(f, "- name: %s\n  version: '%s'\n  manager: conda\n  platform: %s\n  dependencies: {}\n  url: %s\n  hash:\n    md5: '%s'\n    sha256: '%s'\n  category: main\n  optional: false\n",
		rec.Index.Name, rec.Index.Version, channeltest.Platform, url, rec.MD5, rec.SHA256)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
