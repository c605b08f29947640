package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/nasa-openscapes/corn/bench/engine"
	"github.com/nasa-openscapes/corn/bench/layers"
	"github.com/nasa-openscapes/corn/bench/oldway"
	"github.com/nasa-openscapes/corn/bench/rattler"
	"github.com/nasa-openscapes/corn/bench/run"
	"github.com/nasa-openscapes/corn/demo/base"
	"github.com/nasa-openscapes/corn/demo/locks"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

type options struct {
	dir, corn string
	index     string
	peerLimit time.Duration // of one solve
	kernels   []int
	layers    []int
	runs      int
	only      []string
	bigBytes  int64
	realBytes int64
}

// bench is one run of the whole.
type bench struct {
	options
	log            io.Writer
	self           string // this program
	channel        *locks.Channel
	server         *httptest.Server
	channelTraffic *counter
	base           v1.Image
	baseLayers     int
	peer           *oldway.Peer // nil: there is none
	docker         bool
	peerProgram    string // empty: there is none
	rattler        *rattler.Solver
	res            results
}

// newBench makes what is missing of the demo's stage and finds out what can be measured.
func newBench(ctx context.Context, o options, log io.Writer) (*bench, error) {
	b := &bench{options: o, log: log}
	var err error
	if b.self, err = os.Executable(); err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	for _, p := range []*string{&b.dir, &b.corn, &b.index} {
		if *p, err = filepath.Abs(*p); err != nil {
			return nil, err
		}
	}
	if _, err := os.Stat(b.corn); err != nil {
		return nil, fmt.Errorf("corn is not built: %w", err)
	}
	if len(b.only) == 1 && b.wants("solve") { // nothing of the demo
		b.findTools(ctx)
		return b, os.MkdirAll(b.path(), 0o755)
	}
	for name, args := range map[string][]string{"channel": {"channel", "-o"}, "base": {"base", "-o"}} {
		at := filepath.Join(b.dir, name)
		if _, err := os.Stat(at); err == nil {
			continue
		}
		b.say("make the demo's %s", name)
		cmd := exec.CommandContext(ctx, "go", append([]string{"run", "./demo"}, append(args, at)...)...)
		cmd.Stdout, cmd.Stderr = log, log
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("make the demo's %s: %w", name, err)
		}
	}
	if b.channel, err = locks.ReadChannel(filepath.Join(b.dir, "channel", locks.ChannelName)); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(b.path(), 0o755); err != nil {
		return nil, fmt.Errorf("create the folder to work in: %w", err)
	}
	plain, err := layers.Open(filepath.Join(b.dir, "base"))
	if err != nil {
		return nil, err
	}
	if b.base, err = layers.Marked(plain, "what stands on this is measured\n"); err != nil {
		return nil, err
	}
	if err := base.WriteLayout(b.path("base"), b.base); err != nil {
		return nil, err
	}
	all, err := b.base.Layers()
	if err != nil {
		return nil, err
	}
	b.baseLayers = len(all)
	if err := b.serve(); err != nil {
		return nil, err
	}
	b.findTools(ctx)
	return b, nil
}

// serve serves the demo's channel and, beside it, what the bench adds.
func (b *bench) serve() error {
	root := b.path("channel")
	if err := os.MkdirAll(root, 0o755); err != nil {
		return fmt.Errorf("serve the channel: %w", err)
	}
	link := filepath.Join(root, locks.ChannelName)
	if err := os.Remove(link); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("serve the channel: %w", err)
	}
	if err := os.Symlink(filepath.Join(b.dir, "channel", locks.ChannelName), link); err != nil {
		return fmt.Errorf("serve the channel: %w", err)
	}
	b.channelTraffic = &counter{next: channeltest.NewHandler(root, channeltest.Options{})}
	b.server = httptest.NewServer(b.channelTraffic)
	return nil
}

func (b *bench) findTools(ctx context.Context) {
	b.res.Date = time.Now().UTC().Format(time.DateOnly)
	b.res.Machine = describeMachine()
	b.res.Runs = b.runs
	b.res.Tools = toolVersions()
	b.res.Tools["corn"] = strings.TrimPrefix(firstLine(ctx, b.corn, "--version"), "corn ")
	program, err := oldway.Find(exec.LookPath, os.Getenv)
	if err == nil {
		b.peerProgram = program
		if b.server != nil {
			b.peer = &oldway.Peer{Program: program, Dir: b.path("peer"), Alias: b.server.URL}
		}
		b.res.Tools["micromamba"] = firstLine(ctx, program, "--version")
	} else {
		b.note("%v; the old way is packing and compressing the same files alone, without installing them", err)
	}
	version, err := engine.Version(ctx)
	if b.docker = err == nil; b.docker {
		b.res.Tools["docker"] = version
	} else {
		b.note("%v: nothing is loaded or started", err)
	}
	if os.Geteuid() != 0 {
		b.note("not root: nothing is started cold, and the engine's disk is not looked at")
	}
}

func (b *bench) close() {
	if b.server != nil {
		b.server.Close()
	}
}

func (b *bench) path(name ...string) string {
	return filepath.Join(append([]string{b.dir, "bench"}, name...)...)
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.log, "bench: "+format+"\n", args...)
}

func (b *bench) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	b.res.Notes = append(b.res.Notes, text)
	b.say("%s", text)
}

func (b *bench) wants(part string) bool { return slices.Contains(b.only, part) }

func (b *bench) run(ctx context.Context) error {
	kernels := b.kernels
	if !b.wants("builds") && !b.wants("sizes") && !b.wants("loads") {
		kernels = nil
	}
	for _, n := range kernels {
		s, err := b.newScale(n)
		if err != nil {
			return err
		}
		for _, step := range []struct {
			part string
			do   func(context.Context, *scale) error
		}{{"builds", b.builds}, {"sizes", b.sizes}, {"loads", b.loads}} {
			if !b.wants(step.part) {
				continue
			}
			if err := step.do(ctx, s); err != nil {
				return fmt.Errorf("%s with %d kernels: %w", step.part, n, err)
			}
		}
	}
	if b.wants("changes") {
		if err := b.changes(ctx); err != nil {
			return fmt.Errorf("changes: %w", err)
		}
	}
	if b.wants("starts") {
		if err := b.starts(ctx); err != nil {
			return fmt.Errorf("starts: %w", err)
		}
	}
	if b.wants("launch") {
		if err := b.launch(ctx); err != nil {
			return fmt.Errorf("launch: %w", err)
		}
	}
	if b.wants("memory") {
		if err := b.memory(ctx); err != nil {
			return fmt.Errorf("memory: %w", err)
		}
	}
	if b.wants("solve") {
		if err := b.solves(ctx); err != nil {
			return fmt.Errorf("solve: %w", err)
		}
	}
	return nil
}

// built is the part of corn's JSON that is used here.
type built struct {
	Layers []struct {
		ID, Kind string
		Size     int64 `json:"size_bytes"`
	}
	Kernels []struct{ Name, Prefix string }
	Timings map[string]int64 `json:"timings_ms"`
}

func (r *built) size() (sum int64) {
	for _, l := range r.Layers {
		sum += l.Size
	}
	return sum
}

// build runs corn build.
func (b *bench) build(ctx context.Context, oneCore bool, project, output string, more ...string) (run.Usage, *built, error) {
	var out bytes.Buffer
	argv := append([]string{
		b.corn, "build", project, "--base", "oci:" + b.path("base"), "-o", output, "--channel-alias", b.server.URL,
		"--cache-dir", b.path("cache"), "--json",
	}, more...)
	u, err := run.Run(ctx, run.Options{OneCore: oneCore, Stdout: &out}, argv...)
	if err != nil {
		return u, nil, err
	}
	res := &built{}
	if err := json.Unmarshal(out.Bytes(), res); err != nil {
		return u, nil, fmt.Errorf("read the result of corn build: %w", err)
	}
	return u, res, nil
}

// What corn derives from archives, by the names of docs/formats/cache.md. What it knows of
// the base image stays: the old way does not look at that at all.
var (
	frameKinds = []string{"frame", "layer", "nopyc", "plan"}
	allKinds   = append([]string{"facts"}, frameKinds...)
)

// forget removes kinds of values from corn's cache.
func (b *bench) forget(kinds []string) error {
	for _, k := range kinds {
		if err := os.RemoveAll(filepath.Join(b.path("cache", "v1", "value"), k)); err != nil {
			return err
		}
	}
	return nil
}

// copyTree copies a folder, its files as hard links if asked.
func copyTree(ctx context.Context, from, to string, links bool) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	flag := "-a"
	if links {
		flag = "-al"
	}
	out, err := exec.CommandContext(ctx, "cp", flag, from, to).CombinedOutput()
	if err != nil {
		return fmt.Errorf("copy %s: %w: %s", filepath.Base(from), err, out)
	}
	return nil
}

// each runs fn once per core setting.
func each(fn func(cores string, oneCore bool) error) error {
	return cmp.Or(fn(oneCore, true), fn(allCores, false))
}

const (
	oneCore  = "one core"
	allCores = "all cores"
)
