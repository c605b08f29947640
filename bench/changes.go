package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/nasa-openscapes/corn/bench/layers"
	"github.com/nasa-openscapes/corn/bench/oldway"
	"github.com/nasa-openscapes/corn/bench/run"
	"github.com/nasa-openscapes/corn/bench/table"
	"github.com/nasa-openscapes/corn/bench/world"
)

// A changeFigures is one change of the realistic project, by corn and by the old way.
type changeFigures struct {
	What string     `json:"what"`
	Corn changeCost `json:"corn"`
	Old  changeCost `json:"old"`
}

// A changeCost is what a change took. Old: installing, packing and pushing.
type changeCost struct {
	run.Usage
	Registry traffic `json:"registry"`
	Channel  traffic `json:"channel"`
}

func (c changeCost) measured() bool { return c.Wall > 0 }

// The changes, in the order of the table.
const (
	changeFirst    = "first build, warm archives"
	changeNoneWarm = "no change, warm cache"
	changeNoneCold = "no change, cold machine"
	changeBumpWarm = "one package bumped, warm"
	changeBumpCold = "one package bumped, cold machine"
	changeAdd      = "a kernel added, warm"
	changeRemove   = "a kernel removed, warm"
)

// changes measures what a change of a realistic project costs, with a registry.
func (b *bench) changes(ctx context.Context) error {
	b.say("changes: make the project")
	big, err := b.dataPackages()
	if err != nil {
		return err
	}
	all, err := b.realProject("six", world.MaxKernels, false, big)
	if err != nil {
		return err
	}
	fewer, err := b.realProject("five", world.MaxKernels-1, false, big)
	if err != nil {
		return err
	}
	moved, err := b.realProject("moved", 1, true, big)
	if err != nil {
		return err
	}
	bumped, err := b.bumpFirst(ctx, all, moved)
	if err != nil {
		return err
	}
	c := &changing{bench: b, all: all, fewer: fewer, bumped: bumped}
	defer func() {
		for _, r := range c.registries {
			r.close()
		}
	}()
	if err := c.corn(ctx); err != nil {
		return err
	}
	if b.peer != nil {
		if err := c.old(ctx); err != nil {
			return err
		}
	}
	b.res.Changes = c.figures
	if f := c.figure(changeFirst); f.Corn.measured() {
		p := all
		b.note("the realistic project: %d kernels, %d packages of %d archives and 2 of %s MB more in each kernel", len(p.Kernels), p.AllArchives, p.Archives, table.MB(b.realBytes/2))
	}
	return nil
}

// changing is one run of the changes.
type changing struct {
	*bench
	all, fewer, bumped *world.Project
	registries         []*registryServer
	figures            []changeFigures
}

func (c *changing) figure(what string) *changeFigures {
	for i := range c.figures {
		if c.figures[i].What == what {
			return &c.figures[i]
		}
	}
	c.figures = append(c.figures, changeFigures{What: what})
	return &c.figures[len(c.figures)-1]
}

// registry starts one that has the base.
func (c *changing) registry(name string) (*registryServer, error) {
	r, err := c.newRegistry(name)
	if err != nil {
		return nil, err
	}
	c.registries = append(c.registries, r)
	return r, pushImage(r.ref("base:bench"), c.path("base"), nil)
}

// cornAs builds a project with a cache and pushes it.
func (c *changing) cornAs(ctx context.Context, what string, p *world.Project, cache string, r *registryServer) error {
	before, channel := r.now(), c.channelTraffic.now()
	u, err := run.Run(ctx, run.Options{}, c.bench.corn, "build", p.Dir, "--base", r.ref("base:bench"), "-o", "docker://"+r.ref("team/hub:latest"),
		"--channel-alias", c.server.URL, "--cache-dir", cache, "--json")
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if what == "" {
		return nil
	}
	f := c.figure(what)
	f.Corn = changeCost{u, r.since(before), c.channelTraffic.since(channel)}
	c.say("  %-34s corn %6.1f s %4d requests %8.1f MB pushed %8.1f MB fetched", what, u.Wall.Seconds(),
		f.Corn.Registry.Requests, mb(f.Corn.Registry.Sent), mb(f.Corn.Registry.Fetched+f.Corn.Channel.Fetched))
	return nil
}

func mb(n int64) float64 { return float64(n) / 1e6 }

// lock writes the project's corn.lock, on top of the one that it had under another name.
func (c *changing) lock(ctx context.Context, p, had *world.Project, cache string, r *registryServer) error {
	if had != nil {
		data, err := os.ReadFile(filepath.Join(had.Dir, "corn.lock"))
		if err == nil {
			err = os.WriteFile(filepath.Join(p.Dir, "corn.lock"), data, 0o644)
		}
		if err != nil {
			return fmt.Errorf("take over corn.lock: %w", err)
		}
	}
	_, err := run.Run(ctx, run.Options{}, c.bench.corn, "lock", p.Dir, "--base", r.ref("base:bench"), "--channel-alias", c.server.URL, "--cache-dir", cache)
	return err
}

func (c *changing) corn(ctx context.Context) error {
	warm, cold := c.path("real-cache"), c.path("real-cold")
	if err := os.RemoveAll(warm); err != nil {
		return fmt.Errorf("empty a cache: %w", err)
	}
	fresh := func() error { return os.RemoveAll(cold) }
	regs := map[string]*registryServer{}
	for _, n := range []string{"warm", "cold", "bump", "add", "remove"} {
		var err error
		if regs[n], err = c.registry(n); err != nil {
			return err
		}
	}
	// Archives first, so that the first build downloads nothing.
	if err := c.cornAs(ctx, "", c.all, warm, regs["cold"]); err != nil {
		return err
	}
	help, err := exec.CommandContext(ctx, c.bench.corn, "lock", "--help").Output()
	if err != nil || !bytes.Contains(help, []byte("--base")) {
		c.note("this corn has no corn.lock: where a kernel comes or goes, the layout follows from the rule alone")
	} else {
		for _, p := range []struct{ p, had *world.Project }{{c.fewer, nil}, {c.all, c.fewer}, {c.bumped, c.all}} {
			if err := c.lock(ctx, p.p, p.had, warm, regs["add"]); err != nil {
				return err
			}
		}
	}
	// Everything is built from archives again, under the layout of corn.lock.
	for _, k := range allKinds {
		if err := os.RemoveAll(filepath.Join(warm, "v1", "value", k)); err != nil {
			return fmt.Errorf("forget %s: %w", k, err)
		}
	}
	steps := []struct {
		what  string
		p     *world.Project
		cold  bool
		where string
	}{
		{changeFirst, c.all, false, "warm"},
		{changeNoneWarm, c.all, false, "warm"},
		{"", c.all, false, "cold"},
		{changeNoneCold, c.all, true, "cold"},
		{"", c.all, false, "bump"},
		{changeBumpCold, c.bumped, true, "bump"}, // before the archive is in the warm cache
		{changeBumpWarm, c.bumped, false, "warm"},
		{"", c.fewer, false, "add"},
		{changeAdd, c.all, false, "add"},
		{"", c.all, false, "remove"},
		{changeRemove, c.fewer, false, "remove"},
	}
	for _, s := range steps {
		cache := warm
		if s.cold {
			cache = cold
			if err := fresh(); err != nil {
				return fmt.Errorf("empty a cache: %w", err)
			}
		}
		if err := c.cornAs(ctx, s.what, s.p, cache, regs[s.where]); err != nil {
			return err
		}
	}
	return nil
}

// old measures the same by micromamba, tar and push: one layer for each environment, of which
// only those are made and pushed that changed. That is docker build at its best, with a stage
// for each environment, and without what docker adds.
func (c *changing) old(ctx context.Context) error {
	r, err := c.registry("old")
	if err != nil {
		return err
	}
	dir := c.path("real-old")
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("empty a folder: %w", err)
	}
	warm := &oldway.Peer{Program: c.peer.Program, Dir: filepath.Join(dir, "warm"), Alias: c.peer.Alias}
	cold := func() *oldway.Peer {
		return &oldway.Peer{Program: c.peer.Program, Dir: filepath.Join(dir, "cold"), Alias: c.peer.Alias}
	}
	made := map[string]string{} // layer file by kernel
	make1 := func(peer *oldway.Peer, p *world.Project, kernels []world.Kernel) (run.Usage, error) {
		var sum run.Usage
		for _, k := range kernels {
			prefix, file := filepath.Join(dir, "envs", k.Name), filepath.Join(dir, "packed", k.Name)
			for _, gone := range []string{prefix, file} {
				if err := os.RemoveAll(gone); err != nil {
					return sum, err
				}
			}
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				return sum, err
			}
			lock, err := peer.Lock(k.Name, k.Lock)
			if err != nil {
				return sum, err
			}
			u, err := peer.Create(ctx, false, lock, prefix, oldway.Prefix(k.Name))
			if err != nil {
				return sum, err
			}
			sum = sum.Add(u)
			if u, err = run.Run(ctx, run.Options{}, c.self, "pack", prefix, "--to", file, "--at", oldway.Prefix(k.Name)[1:], "--compression", oldway.Gzip); err != nil {
				return sum, err
			}
			sum = sum.Add(u)
			made[k.Name] = file
			if err := layers.Remember(file); err != nil { // not measured: an engine knows them from packing
				return sum, err
			}
		}
		return sum, nil
	}
	step := func(what string, peer *oldway.Peer, p *world.Project, changed []world.Kernel) error {
		before, channel := r.now(), c.channelTraffic.now()
		u, err := make1(peer, p, changed)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		argv := []string{c.self, "push", r.ref("team/hub:latest"), "--base", c.path("base")}
		for _, k := range p.Kernels {
			argv = append(argv, made[k.Name])
		}
		pushed, err := run.Run(ctx, run.Options{}, argv...)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		u = u.Add(pushed)
		if what == "" {
			return nil
		}
		f := c.figure(what)
		f.Old = changeCost{u, r.since(before), c.channelTraffic.since(channel)}
		c.say("  %-34s old  %6.1f s %4d requests %8.1f MB pushed %8.1f MB fetched", what, u.Wall.Seconds(),
			f.Old.Registry.Requests, mb(f.Old.Registry.Sent), mb(f.Old.Registry.Fetched+f.Old.Channel.Fetched))
		return nil
	}
	// The archives come into the warm cache with an installation that is not measured.
	if _, err := make1(warm, c.all, c.all.Kernels); err != nil {
		return err
	}
	if err := warm.Cool(oldway.Archives); err != nil {
		return err
	}
	if err := step(changeFirst, warm, c.all, c.all.Kernels); err != nil {
		return err
	}
	var installed layers.Usage
	for _, k := range c.all.Kernels {
		u, err := layers.DiskUsage(filepath.Join(dir, "envs", k.Name))
		if err != nil {
			return err
		}
		installed.Bytes += u.Bytes
	}
	c.note("the environments of the realistic project take %s MB as plain files", table.MB(installed.Bytes))
	if err := step(changeNoneWarm, warm, c.all, nil); err != nil {
		return err
	}
	if err := step(changeBumpWarm, warm, c.bumped, c.bumped.Kernels[:1]); err != nil {
		return err
	}
	if err := step(changeRemove, warm, c.fewer, nil); err != nil {
		return err
	}
	delete(made, c.all.Kernels[world.MaxKernels-1].Name)
	if err := step(changeAdd, warm, c.all, c.all.Kernels[world.MaxKernels-1:]); err != nil {
		return err
	}
	if err := step(changeNoneCold, cold(), c.all, c.all.Kernels); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(dir, "cold")); err != nil {
		return fmt.Errorf("empty a folder: %w", err)
	}
	return step(changeBumpCold, cold(), c.bumped, c.bumped.Kernels)
}

// pushImage pushes layer files on a base, as docker push and crane do: what is there is not sent again.
func pushImage(ref, base string, files []string) error {
	img, err := layers.Open(base)
	if err != nil {
		return err
	}
	for _, f := range files {
		l, err := layers.Known(f)
		if err != nil {
			return err
		}
		if img, err = mutate.AppendLayers(img, l); err != nil {
			return fmt.Errorf("push: %w", err)
		}
	}
	r, err := name.ParseReference(ref)
	if err != nil {
		return fmt.Errorf("push: %w", err)
	}
	return remote.Write(r, img)
}

// changeTable has a row for each change and side.
func (r *results) changeTable() table.Table {
	t := table.Table{
		Title: "Changes of a realistic project, with a registry",
		Head:  []string{"what", "side", "wall s", "CPU s", "requests to the registry", "MB pushed", "MB fetched from it", "archives downloaded", "MB downloaded", "old / corn, wall", "old / corn, pushed"},
		Notes: []string{
			"A cold machine has nothing but the project: no cache, no base. The old way is micromamba create for each environment that changed, tar and gzip of it, and a push that sends what the registry lacks; a cold machine makes all of them, because its layers are other bytes each time.",
		},
	}
	for _, f := range r.Changes {
		for _, side := range []struct {
			name string
			c    changeCost
		}{{"corn", f.Corn}, {"old way", f.Old}} {
			if !side.c.measured() {
				continue
			}
			wall, pushed := "", ""
			if side.name == "corn" {
				wall, pushed = table.Ratio(f.Old.Wall, f.Corn.Wall), table.Ratio(f.Old.Registry.Sent, f.Corn.Registry.Sent)
			}
			t.Add(f.What, side.name, table.Seconds(side.c.Wall), table.Seconds(side.c.CPU), fmt.Sprint(side.c.Registry.Requests), table.MB(side.c.Registry.Sent),
				table.MB(side.c.Registry.Fetched), fmt.Sprint(side.c.Channel.Files), table.MB(side.c.Channel.Fetched), wall, pushed)
		}
	}
	return t
}
