package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/nasa-openscapes/corn/bench/rattler"
	"github.com/nasa-openscapes/corn/bench/run"
	"github.com/nasa-openscapes/corn/bench/table"
	"github.com/nasa-openscapes/corn/internal/testkit/bigindex"
)

// Solves: whole commands with a warm cache, on real environments and a small real index, and on that index
// made larger.

// millionTimes makes a million records of the shared index's 42,374.
const millionTimes = 24

type solveFigures struct {
	Env        string        `json:"env"`
	Specs      int           `json:"specs"`
	Packages   int           `json:"packages"`
	Corn       run.Usage     `json:"corn"`
	OneCore    time.Duration `json:"corn_one_core_ns"`
	OneCoreCPU time.Duration `json:"corn_one_core_cpu_ns"`
	Peer       time.Duration `json:"micromamba_ns,omitempty"`
	PeerCut    bool          `json:"micromamba_ended"` // after --peer-limit
	Rattler    time.Duration `json:"rattler_ns,omitempty"`
	RattlerCut bool          `json:"rattler_ended"`
}

type growthFigures struct {
	Records int       `json:"records"`
	Convert run.Usage `json:"first"` // the first command, which converts the index
	Warm    run.Usage `json:"warm"`
}

type solveResults struct {
	Envs   []solveFigures  `json:"envs"`
	Growth []growthFigures `json:"growth"`
	Grown  string          `json:"grown_env"`
	Locks  []lockFigures   `json:"locks"`
}

// recorded is a line of the shared answers.
type recorded struct {
	Env        string
	Specs      []string
	Virtual    []string
	Micromamba *struct {
		Solvable bool
		Packages []string
	}
}

func (b *bench) solves(ctx context.Context) error {
	all, err := readAnswers(filepath.Join(b.index, "answers.jsonl.zst"))
	if errors.Is(err, os.ErrNotExist) {
		b.note("no shared index in --index: nothing is solved")
		return nil
	} else if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(r recorded) bool { return r.Micromamba == nil || !r.Micromamba.Solvable })
	if b.rattler, err = rattler.Setup(ctx, b.path("rattler")); err != nil {
		b.note("the rattler solver is not run: %s", firstOf(err.Error()))
	} else {
		b.res.Tools["@conda-org/rattler"] = b.rattler.Version
	}
	server := b.serveIndex()
	defer server.Close()
	if _, _, err := b.solve(ctx, server.URL+"/conda-forge", all[0], false); err != nil { // converts the index
		return err
	}
	if _, _, err := b.peerSolve(ctx, server.URL, all[0]); err != nil {
		return err
	}
	for _, r := range all {
		b.say("solve %s", r.Env)
		f, err := b.solveBeside(ctx, server.URL, r)
		if err != nil {
			return err
		}
		b.res.Solves.Envs = append(b.res.Solves.Envs, f)
	}
	for _, name := range slices.Sorted(maps.Keys(lockProjects)) {
		b.say("lock the six kernels of %s", name)
		f, err := b.lockProject(ctx, server.URL, name, all)
		if err != nil {
			return err
		}
		b.res.Solves.Locks = append(b.res.Solves.Locks, f)
	}
	return b.growth(ctx, all)
}

// solveBeside solves one environment with corn and with the peers. Of corn's runs the best counts; the peers run
// once, for some of their runs take as long as all the rest together.
func (b *bench) solveBeside(ctx context.Context, url string, r recorded) (solveFigures, error) {
	f := solveFigures{Env: strings.TrimSuffix(filepath.Base(r.Env), ".yml"), Specs: len(r.Specs)}
	var two, one []run.Usage
	for range max(1, b.runs) {
		u, n, err := b.solve(ctx, url+"/conda-forge", r, false)
		if err != nil {
			return f, err
		}
		f.Packages = n
		two = append(two, u)
		if u, _, err = b.solve(ctx, url+"/conda-forge", r, true); err != nil {
			return f, err
		}
		one = append(one, u)
	}
	f.Corn, f.OneCore, f.OneCoreCPU = run.Best(two), run.Best(one).Wall, run.Best(one).CPU
	var err error
	if f.Peer, f.PeerCut, err = b.peerSolve(ctx, url, r); err != nil {
		return f, err
	}
	f.Rattler, f.RattlerCut, err = b.rattlerSolve(ctx, url, r)
	return f, err
}

// growth solves the largest environment on larger and larger indexes.
func (b *bench) growth(ctx context.Context, all []recorded) error {
	largest := slices.MaxFunc(all, func(x, y recorded) int { return len(x.Micromamba.Packages) - len(y.Micromamba.Packages) })
	b.res.Solves.Grown = strings.TrimSuffix(filepath.Base(largest.Env), ".yml")
	for _, times := range []int{1, 8, 16, millionTimes} {
		b.say("solve %s on %d times the records", largest.Env, times)
		dir, n, err := b.grow(filepath.Join(b.index, "conda-forge"), times)
		if err != nil {
			return err
		}
		g := growthFigures{Records: n}
		if g.Convert, _, err = b.solve(ctx, dir, largest, false); err != nil {
			return err
		}
		var warm []run.Usage
		for range max(3, b.runs) {
			u, _, err := b.solve(ctx, dir, largest, false)
			if err != nil {
				return err
			}
			warm = append(warm, u)
		}
		g.Warm = run.Best(warm)
		b.res.Solves.Growth = append(b.res.Solves.Growth, g)
	}
	return nil
}

func readAnswers(file string) ([]recorded, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	var all []recorded
	for d := json.NewDecoder(bufio.NewReader(z)); ; {
		var r recorded
		if err := d.Decode(&r); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("read %s: %w", filepath.Base(file), err)
		}
		all = append(all, r)
	}
}

// solve runs corn solve on an environment file, on one core if asked.
func (b *bench) solve(ctx context.Context, index string, r recorded, oneCore bool) (run.Usage, int, error) {
	argv := []string{b.corn, "solve", "-f", filepath.Join(b.index, filepath.FromSlash(r.Env)), "-c", index, "--platform", "linux-64", "--json", "--cache-dir", b.path("solve-cache")}
	for _, v := range r.Virtual {
		argv = append(argv, "--virtual", v)
	}
	var out bytes.Buffer
	u, err := run.Run(ctx, run.Options{OneCore: oneCore, Stdout: &out}, argv...)
	if err != nil {
		return u, 0, err
	}
	var res struct{ Packages []json.RawMessage }
	if err := json.Unmarshal(out.Bytes(), &res); err != nil {
		return u, 0, fmt.Errorf("read the result of corn solve: %w", err)
	}
	return u, len(res.Packages), nil
}

// peerSolve runs micromamba's dry run on the same specs.
func (b *bench) peerSolve(ctx context.Context, url string, r recorded) (time.Duration, bool, error) {
	if b.peerProgram == "" {
		return 0, false, nil
	}
	ctx, stop := context.WithTimeout(ctx, b.peerLimit)
	defer stop()
	argv, env := b.micromamba(url, r.Virtual)
	u, err := run.Run(ctx, run.Options{Env: env}, append(append([]string{b.peerProgram}, argv...), r.Specs...)...)
	if ctx.Err() != nil {
		return b.peerLimit, true, nil
	}
	return u.Wall, false, err
}

// micromamba is the command line of a dry run, without its specs, and its environment.
func (b *bench) micromamba(url string, virtual []string) (argv, env []string) {
	argv = []string{"create", "-n", "bench", "--no-rc", "--dry-run", "--json", "--override-channels", "-c", url + "/conda-forge", "--platform", "linux-64"}
	env = append(os.Environ(), "MAMBA_ROOT_PREFIX="+b.path("solve-peer"))
	for _, v := range virtual {
		if name, value, ok := strings.Cut(strings.TrimPrefix(v, "__"), "="); ok {
			env = append(env, "CONDA_OVERRIDE_"+strings.ToUpper(name)+"="+strings.TrimPrefix(value, "1="))
		}
	}
	return argv, env
}

// rattlerSolve runs the rattler solver on the same specs. It is ended as micromamba is; what it has no answer
// for has no time.
func (b *bench) rattlerSolve(ctx context.Context, url string, r recorded) (time.Duration, bool, error) {
	if b.rattler == nil {
		return 0, false, nil
	}
	req, err := b.rattlerRequest(url, r.Specs, r.Virtual)
	if err != nil {
		return 0, false, err
	}
	limited, stop := context.WithTimeout(ctx, b.peerLimit)
	defer stop()
	a, err := b.rattler.Solve(limited, req)
	switch {
	case ctx.Err() != nil:
		return 0, false, ctx.Err()
	case limited.Err() != nil:
		return b.peerLimit, true, nil
	case err != nil:
		b.note("rattler on %s: %s", filepath.Base(r.Env), firstOf(err.Error()))
		return 0, false, nil
	case a.Unsolvable != "":
		return 0, false, nil
	}
	return a.Wall, false, nil
}

// rattlerRequest is a request with its virtual packages in a channel of their own.
func (b *bench) rattlerRequest(url string, specs, virtual []string) (rattler.Request, error) {
	sum := sha256.Sum256([]byte(strings.Join(virtual, " ")))
	name := hex.EncodeToString(sum[:8])
	if err := rattler.VirtualChannel(b.path("solve-virtual", name), virtual); err != nil {
		return rattler.Request{}, err
	}
	return rattler.Request{Specs: specs, Channels: []string{url + "/conda-forge/", url + "/virtual/" + name + "/"}, Platforms: []string{"linux-64", "noarch"}}, nil
}

// serveIndex serves the small index as /conda-forge, and channels of virtual packages below /virtual.
func (b *bench) serveIndex() *httptest.Server {
	mux := http.NewServeMux()
	mux.Handle("/conda-forge/", http.FileServer(http.Dir(b.index)))
	mux.Handle("/virtual/", http.StripPrefix("/virtual", http.FileServer(http.Dir(b.path("solve-virtual")))))
	return httptest.NewServer(mux)
}

// grow writes the index with times as many records, and returns how many those are.
func (b *bench) grow(small string, times int) (string, int, error) {
	dir, sum := b.path(fmt.Sprintf("index-%d", times)), 0
	if err := os.RemoveAll(b.path("solve-cache")); err != nil {
		return "", 0, err
	}
	for _, sub := range []string{"linux-64", "noarch"} {
		packed, err := os.ReadFile(filepath.Join(small, sub, "repodata.json.zst"))
		if err != nil {
			return "", 0, err
		}
		z, err := zstd.NewReader(nil)
		if err != nil {
			return "", 0, err
		}
		plain, err := z.DecodeAll(packed, nil)
		z.Close()
		if err != nil {
			return "", 0, err
		}
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return "", 0, err
		}
		f, err := os.Create(filepath.Join(dir, sub, "repodata.json.zst"))
		if err != nil {
			return "", 0, err
		}
		w, err := zstd.NewWriter(f)
		if err != nil {
			return "", 0, errors.Join(err, f.Close())
		}
		n, err := bigindex.Write(w, plain, times)
		sum += n
		if err := errors.Join(err, w.Close(), f.Close()); err != nil {
			return "", 0, err
		}
	}
	return dir, sum, nil
}

func (r *results) solveTable() table.Table {
	t := table.Table{Title: "Solving", Head: []string{"environment", "specs", "packages", "corn s", "one core s", "one core CPU s", "micromamba s", "ratio", "rattler s", "ratio"},
		Notes: []string{fmt.Sprintf("Whole commands: `corn solve -f` with a warm cache (best of %d), `micromamba create --dry-run` with a warm cache, and a Node process with @conda-org/rattler, "+
			"which has no cache and parses the index each time (both once). A ratio is corn's time to theirs. A time after > was ended there; where a peer has no time, it has no answer.", max(1, r.Runs))}}
	var micromamba, rattler, cpu []float64
	for _, f := range r.Solves.Envs {
		row := []string{f.Env, fmt.Sprint(f.Specs), fmt.Sprint(f.Packages), table.Seconds(f.Corn.Wall), table.Seconds(f.OneCore), table.Seconds(f.OneCoreCPU)}
		row = append(row, besidePeer(f.Corn.Wall, f.Peer, f.PeerCut, &micromamba)...)
		t.Add(append(row, besidePeer(f.Corn.Wall, f.Rattler, f.RattlerCut, &rattler)...)...)
		cpu = append(cpu, f.OneCoreCPU.Seconds())
	}
	for _, p := range []struct {
		name   string
		ratios []float64
	}{{"micromamba", micromamba}, {"rattler", rattler}} {
		if slices.Sort(p.ratios); len(p.ratios) > 0 {
			t.Notes = append(t.Notes, fmt.Sprintf("Ratio to %s in %d environments: median %.2f, largest %.2f.", p.name, len(p.ratios), p.ratios[len(p.ratios)/2], p.ratios[len(p.ratios)-1]))
		}
	}
	if slices.Sort(cpu); len(cpu) > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("CPU time on one core: median %.2f s, largest %.2f s.", cpu[len(cpu)/2], cpu[len(cpu)-1]))
	}
	return t
}

// besidePeer is a peer's time and the ratio of corn's to it, which goes to ratios.
func besidePeer(corn, peer time.Duration, cut bool, ratios *[]float64) []string {
	if peer == 0 {
		return []string{"", ""}
	}
	x := float64(corn) / float64(peer)
	*ratios = append(*ratios, x)
	if cut {
		return []string{"> " + table.Seconds(peer), fmt.Sprintf("< %.2f", x)}
	}
	return []string{table.Seconds(peer), fmt.Sprintf("%.2f", x)}
}

func (r *results) growthTable() table.Table {
	t := table.Table{Title: "Solving on larger indexes", Head: []string{"records", "first s", "first CPU s", "first peak MB", "warm s", "warm CPU s", "warm peak MB"},
		Notes: []string{fmt.Sprintf("\"First\" converts the index and solves %s; \"warm\" is the same command again, the best of %d.", r.Solves.Grown, max(3, r.Runs))}}
	for _, g := range r.Solves.Growth {
		t.Add(fmt.Sprint(g.Records), table.Seconds(g.Convert.Wall), table.Seconds(g.Convert.CPU), table.MB(g.Convert.PeakBytes), table.Seconds(g.Warm.Wall), table.Seconds(g.Warm.CPU), table.MB(g.Warm.PeakBytes))
	}
	return t
}
