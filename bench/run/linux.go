//go:build linux

package run

import (
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// bindThread binds the calling thread to the last core that it may run on, and returns what
// undoes that. The last, because interrupts tend to be served by the first.
func bindThread() (restore func() error, err error) {
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return nil, err
	}
	last := -1
	for i := range len(before) * 64 {
		if before.IsSet(i) {
			last = i
		}
	}
	var one unix.CPUSet
	one.Set(last)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return nil, err
	}
	return func() error { return unix.SchedSetaffinity(0, &before) }, nil
}

// settle has what earlier runs wrote written out, so that it does not count for this one.
func settle() { unix.Sync() }

// watch looks at a process and its descendants until stop closes.
func watch(pid int, stop <-chan struct{}) memory {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var m memory
	for {
		now := memory{}
		look(pid, 0, &now)
		m.largest, m.tree = max(m.largest, now.largest), max(m.tree, now.tree)
		select {
		case <-stop:
			return m
		case <-tick.C:
		}
	}
}

// look walks down /proc/PID/task/TID/children. What cannot be read is gone.
func look(pid, parent int, m *memory) {
	// Between clone and exec a child has its parent's memory, and there is only one of it.
	if parent != 0 && sameMemory(pid, parent) {
		return
	}
	dir := "/proc/" + strconv.Itoa(pid)
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(line, ":")
		if key != "VmHWM" && key != "VmRSS" {
			continue
		}
		kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			continue
		}
		if key == "VmHWM" {
			m.largest = max(m.largest, kb<<10)
		} else {
			m.tree += kb << 10
		}
	}
	tasks, err := os.ReadDir(dir + "/task")
	if err != nil {
		return
	}
	for _, t := range tasks {
		data, err := os.ReadFile(dir + "/task/" + t.Name() + "/children")
		if err != nil {
			continue
		}
		for _, f := range strings.Fields(string(data)) {
			if child, err := strconv.Atoi(f); err == nil {
				look(child, pid, m)
			}
		}
	}
}

// sameMemory tells whether two processes have one address space: kcmp(2), KCMP_VM.
func sameMemory(pid1, pid2 int) bool {
	const kcmpVM = 1
	r, _, errno := unix.Syscall6(unix.SYS_KCMP, uintptr(pid1), uintptr(pid2), kcmpVM, 0, 0, 0)
	return errno == 0 && r == 0
}

// DropCaches empties the kernel's caches of files, names and inodes. It needs root.
func DropCaches() error {
	unix.Sync()
	return os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0o200)
}
