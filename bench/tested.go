package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nasa-openscapes/corn/bench/run"
)

// tested measures what starting kernels before the tag costs a machine that has nothing but the
// project: the example, in whose team-b one package moves, pushed with and without testing.
func (b *bench) tested(ctx context.Context, add func(string, spread)) error {
	b.say("launch: a bump on a cold machine, with and without testing")
	dir := b.path("tested")
	if err := copyTree(ctx, filepath.Join("examples", "hackweek"), dir, false); err != nil {
		return err
	}
	for _, mode := range []string{"none", "changed"} {
		r, err := b.newRegistry("tested-" + mode)
		if err != nil {
			return err
		}
		err = b.testedIn(ctx, r, dir, mode, add)
		r.close()
		if err != nil {
			return fmt.Errorf("--test %s: %w", mode, err)
		}
	}
	return nil
}

func (b *bench) testedIn(ctx context.Context, r *registryServer, dir, mode string, add func(string, spread)) error {
	if err := pushImage(r.ref("base:bench"), b.path("base"), nil); err != nil {
		return err
	}
	from := []string{"--base", r.ref("base:bench"), "--channel-alias", b.server.URL}
	// A new folder: ext4 looks long for free inodes while many were removed shortly before, and what is
	// unpacked here has tens of thousands (three times the time, when this emptied the folder of the run before).
	cold, err := os.MkdirTemp(b.path(), "tested-cold-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(cold)
	push := func(cache string) (run.Usage, error) {
		args := append([]string{b.corn, "build", dir, "--push", r.ref("team/hub:latest"), "--test", mode, "--exec", "sandbox", "--cache-dir", cache, "--quiet"}, from...)
		return run.Run(ctx, run.Options{}, args...)
	}
	lock := func(version string) error {
		if err := pin(filepath.Join(dir, "ci", "environments", "team-b", "environment.yml"), "toolz", version); err != nil {
			return err
		}
		_, err := run.Run(ctx, run.Options{}, append([]string{b.corn, "lock", dir, "--cache-dir", b.path("cache"), "--quiet"}, from...)...)
		return err
	}
	if err := lock("0.12"); err != nil {
		return err
	}
	if _, err := push(b.path("cache")); err != nil {
		return err
	}
	if err := lock("1"); err != nil {
		return err
	}
	before := r.now()
	u, err := push(cold)
	if err != nil {
		return err
	}
	add("a package of a kernel moves, cold machine, build --push --test "+mode, spreadOf([]time.Duration{u.Wall}))
	t := r.since(before)
	b.note("launch: a bump on a cold machine with --test %s: %.1f s of CPU, %.1f MB pushed, %.1f MB fetched from the registry", mode, u.CPU.Seconds(), mb(t.Sent), mb(t.Fetched))
	return nil
}

// pin asks for one version of a package in an environment.yml, whose dependencies stand last.
func pin(file, name, version string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var kept []string
	for line := range strings.Lines(string(data)) {
		if !strings.HasPrefix(strings.TrimSpace(line), "- "+name+"=") {
			kept = append(kept, line)
		}
	}
	return os.WriteFile(file, []byte(strings.Join(kept, "")+"  - "+name+"="+version+"\n"), 0o644)
}
