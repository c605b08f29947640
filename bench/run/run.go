// Package run starts programs and says what they cost: wall time, CPU time of the program
// and all it waited for, and peak memory.
package run

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// A Usage is what one run of a program, or of several in a row, cost.
type Usage struct {
	Wall time.Duration `json:"wall_ns"`
	CPU  time.Duration `json:"cpu_ns"` // user and system, of children too
	// PeakBytes is the resident memory of the largest process: VmHWM as last seen, every 20 ms.
	// (ru_maxrss would count the memory of the process that started it, too.)
	PeakBytes int64 `json:"peak_bytes"`
	// TreeBytes is the resident memory of the program and its descendants together, at the
	// worst of the moments looked at. Pages that processes share count for each.
	TreeBytes int64 `json:"tree_bytes"`
}

// Add returns the cost of u and then v.
func (u Usage) Add(v Usage) Usage {
	return Usage{
		Wall: u.Wall + v.Wall, CPU: u.CPU + v.CPU,
		PeakBytes: max(u.PeakBytes, v.PeakBytes), TreeBytes: max(u.TreeBytes, v.TreeBytes),
	}
}

// Best returns the least of each figure. The fastest run is the one that the rest of the
// machine disturbed least.
func Best(all []Usage) Usage {
	if len(all) == 0 {
		return Usage{}
	}
	best := all[0]
	for _, u := range all[1:] {
		best.Wall, best.CPU = min(best.Wall, u.Wall), min(best.CPU, u.CPU)
		best.PeakBytes, best.TreeBytes = min(best.PeakBytes, u.PeakBytes), min(best.TreeBytes, u.TreeBytes)
	}
	return best
}

// Options vary how a program is run. The zero value is this process's environment on all cores.
type Options struct {
	OneCore bool      // bind it and its children to one core
	Env     []string  // whole environment; nil means this process's
	Dir     string    // working folder
	Stdout  io.Writer // nil drops it
}

// Run runs a program to its end. A failure shows the end of what it said on stderr.
func Run(ctx context.Context, o Options, argv ...string) (Usage, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdout = o.Env, o.Dir, o.Stdout
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	settle()
	start := time.Now()
	if err := startOn(cmd, o.OneCore); err != nil {
		return Usage{}, fmt.Errorf("start %s: %w", filepath.Base(argv[0]), err)
	}
	stop := make(chan struct{})
	seen := make(chan memory, 1)
	go func() { seen <- watch(cmd.Process.Pid, stop) }()
	err := cmd.Wait()
	u := Usage{Wall: time.Since(start)}
	close(stop)
	m := <-seen
	u.PeakBytes, u.TreeBytes = m.largest, max(m.largest, m.tree)
	if err != nil {
		text := strings.TrimSpace(said.String())
		if len(text) > 2000 {
			text = "... " + text[len(text)-2000:]
		}
		return u, fmt.Errorf("%s %s: %w\n%s", filepath.Base(argv[0]), strings.Join(argv[1:min(len(argv), 4)], " "), err, text)
	}
	u.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return u, nil
}

// memory is what a watcher has seen of a process and its descendants.
type memory struct{ largest, tree int64 }

// startOn starts cmd, on one core if asked: a child inherits what its parent's thread may
// run on.
func startOn(cmd *exec.Cmd, oneCore bool) error {
	if !oneCore {
		return cmd.Start()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	restore, err := bindThread()
	if err != nil {
		return err
	}
	return firstError(cmd.Start(), restore())
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
