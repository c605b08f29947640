package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/nasa-openscapes/corn/bench/table"
)

// Launch: how long it takes until something runs in the example's image, without Docker: the
// sandbox, a kernel's interpreter by way of its launcher, a first import, the test of all kernels.

//go:embed launch.py
var launchScript string

// notebookKernel is Jupyter's own, which starts without a launcher.
const notebookKernel = "python3"

// launchRuns is how often each of these short things is done.
const launchRuns = 15

// spread are the least and the middle one of several times.
type spread struct {
	Least  time.Duration `json:"least_ns"`
	Middle time.Duration `json:"middle_ns"`
}

func spreadOf(times []time.Duration) spread {
	slices.Sort(times)
	return spread{times[0], times[len(times)/2]}
}

func spreadOfMillis(ms []float64) spread {
	times := make([]time.Duration, len(ms))
	for i, m := range ms {
		times[i] = time.Duration(m * float64(time.Millisecond))
	}
	return spreadOf(times)
}

type launchFigures struct {
	What string `json:"what"`
	spread
}

// launch measures. Where there is no sandbox it says so.
func (b *bench) launch(ctx context.Context) error {
	b.say("launch: build the example")
	image := "oci:" + b.path("launch")
	if _, _, err := b.build(ctx, false, filepath.Join("examples", "hackweek"), image); err != nil {
		return err
	}
	add := func(what string, s spread) { b.res.Launch = append(b.res.Launch, launchFigures{what, s}) }
	shell := func(command ...string) *exec.Cmd {
		return exec.CommandContext(ctx, b.corn, append([]string{"shell", image, "--quiet", "--cache-dir", b.path("cache"), "--"}, command...)...)
	}
	if out, err := shell("true").CombinedOutput(); err != nil { // unpacks
		b.note("launch: no sandbox: %v: %s", err, bytes.TrimSpace(out))
		return nil
	}
	var times []time.Duration
	for range launchRuns {
		began := time.Now()
		if err := shell("true").Run(); err != nil {
			return fmt.Errorf("corn shell: %w", err)
		}
		times = append(times, time.Since(began))
	}
	add("corn shell IMAGE -- true, unpacked before", spreadOf(times))

	var tests []time.Duration
	heaviest, most := "", int64(0)
	for range 3 {
		out, err := exec.CommandContext(ctx, b.corn, "test", image, "--quiet", "--json", "--exec", "sandbox", "--cache-dir", b.path("cache")).Output()
		if err != nil {
			return fmt.Errorf("corn test: %w", err)
		}
		var res struct {
			Millis  int64 `json:"total_ms"`
			Kernels []struct {
				Name, Language string
				Packages       []struct {
					Modules []string
					Millis  int64 `json:"ms"`
				}
			}
		}
		if err := json.Unmarshal(out, &res); err != nil {
			return fmt.Errorf("read the result of corn test: %w", err)
		}
		tests = append(tests, time.Duration(res.Millis)*time.Millisecond)
		for _, k := range res.Kernels {
			for _, p := range k.Packages {
				if k.Name != notebookKernel && k.Language == "python" && len(p.Modules) > 0 && p.Millis > most {
					heaviest, most = p.Modules[0], p.Millis
				}
			}
		}
	}
	add("corn test, all kernels", spreadOf(tests))
	if err := b.launchInside(shell("python3", "-c", launchScript, fmt.Sprint(launchRuns), heaviest), add); err != nil {
		return err
	}
	return b.tested(ctx, add)
}

// launchInside is what is measured within the sandbox.
func (b *bench) launchInside(cmd *exec.Cmd, add func(string, spread)) error {
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("measure in the sandbox: %w", err)
	}
	var res struct {
		Kernels []struct {
			Name           string
			Bare, Launched []float64
		}
		Imports []struct {
			Name, Module string
			Own, None    []float64
		}
	}
	if err := json.Unmarshal(out, &res); err != nil {
		return fmt.Errorf("read what was measured in the sandbox: %w", err)
	}
	for _, k := range res.Kernels {
		add("kernel "+k.Name+": its interpreter, bare", spreadOfMillis(k.Bare))
		add("kernel "+k.Name+": its interpreter, through the launcher", spreadOfMillis(k.Launched))
	}
	for _, i := range res.Imports {
		add(fmt.Sprintf("kernel %s: import %s, the image's bytecode", i.Name, i.Module), spreadOfMillis(i.Own))
		add(fmt.Sprintf("kernel %s: import %s, no bytecode", i.Name, i.Module), spreadOfMillis(i.None))
	}
	return nil
}

func (r *results) launchTable() table.Table {
	t := table.Table{
		Title: "In the sandbox, milliseconds",
		Head:  []string{"what", "least", "middle"},
		Notes: []string{fmt.Sprintf("The example's image, files warm. %d runs each, of corn test 3, of builds 1. The import is that of the package that took longest in corn test, interpreter and launcher included.", launchRuns)},
	}
	for _, f := range r.Launch {
		t.Add(f.What, table.Millis(f.Least), table.Millis(f.Middle))
	}
	return t
}
