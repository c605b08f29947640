package sandbox

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const cgroupTop = "/sys/fs/cgroup"

// A cgroup bounds processes and memory of a sandbox. A nil one bounds nothing: rlimits do,
// as far as they can.
type cgroup struct {
	dirs   []string // one in version 2, one per controller in version 1
	memory string   // the folder that counts kills for lack of memory
}

// newGroup puts a process that has not started anything yet into a cgroup of its own, or returns
// nil where that may not be done: it takes root, or a folder delegated to this process.
func newGroup(pid int, l Limits) (*cgroup, error) {
	var b [6]byte
	rand.Read(b[:]) // never fails since Go 1.24
	name := "corn-" + hex.EncodeToString(b[:])
	var fs unix.Statfs_t
	if unix.Statfs(cgroupTop, &fs) != nil {
		return nil, nil
	}
	g := &cgroup{}
	if fs.Type == unix.CGROUP2_SUPER_MAGIC {
		g.unified(name, l)
	} else {
		g.legacy(name, l)
	}
	for _, dir := range g.dirs {
		if os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0) != nil {
			_ = g.remove()
			return nil, nil
		}
	}
	return g, nil
}

// unified makes a cgroup of version 2. A group that has processes cannot give controllers to
// its children, so the new one is beside this process's own, or at the top.
func (g *cgroup) unified(name string, l Limits) {
	own := ""
	data, _ := os.ReadFile("/proc/self/cgroup") // without it, the top remains
	for line := range strings.Lines(string(data)) {
		if p, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			own = p
		}
	}
	for _, parent := range []string{filepath.Dir(own), "/"} {
		dir := filepath.Join(cgroupTop, parent, name)
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		if g.limit(dir, "pids.max", int64(l.Processes+ownThreads)) && g.limit(dir, "memory.max", l.MemoryBytes) {
			g.limit(dir, "memory.swap.max", 0)
			g.dirs, g.memory = []string{dir}, dir
			return
		}
		_ = os.Remove(dir)
	}
}

// legacy makes one of each controller of version 1.
func (g *cgroup) legacy(name string, l Limits) {
	for controller, file := range map[string]string{"pids": "pids.max", "memory": "memory.limit_in_bytes"} {
		n := int64(l.Processes + ownThreads)
		if controller == "memory" {
			n = l.MemoryBytes
		}
		dir := filepath.Join(cgroupTop, controller, name)
		if n <= 0 || os.Mkdir(dir, 0o755) != nil {
			continue
		}
		if !g.limit(dir, file, n) {
			_ = os.Remove(dir)
			continue
		}
		g.dirs = append(g.dirs, dir)
		if controller == "memory" {
			g.limit(dir, "memory.memsw.limit_in_bytes", n)
			g.memory = dir
		}
	}
}

// limit writes one limit; zero means none.
func (g *cgroup) limit(dir, file string, n int64) bool {
	return n <= 0 || os.WriteFile(filepath.Join(dir, file), []byte(strconv.FormatInt(n, 10)), 0) == nil
}

// killedForMemory tells whether the kernel ended a process because memory was short.
func (g *cgroup) killedForMemory() bool {
	if g == nil || g.memory == "" {
		return false
	}
	for _, file := range []string{"memory.events", "memory.oom_control"} {
		data, _ := os.ReadFile(filepath.Join(g.memory, file)) // each version has one of them
		for line := range strings.Lines(string(data)) {
			if n, ok := strings.CutPrefix(line, "oom_kill "); ok && strings.TrimSpace(n) != "0" {
				return true
			}
		}
	}
	return false
}

// remove removes the groups. All processes have ended; the kernel may take a moment to see
// that.
func (g *cgroup) remove() error {
	if g == nil {
		return nil
	}
	var errs []error
	for _, dir := range g.dirs {
		err := os.Remove(dir)
		for i := 0; i < 50 && errors.Is(err, unix.EBUSY); i++ {
			time.Sleep(2 * time.Millisecond)
			err = os.Remove(dir)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
