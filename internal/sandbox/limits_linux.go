package sandbox

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	defaultProcesses = 4096
	defaultOpenFiles = 65536
	// ownThreads are those of the sandbox's first process, which is under the limit, too.
	ownThreads = 16
)

func (l Limits) orDefault() Limits {
	if l.Processes == 0 {
		l.Processes = defaultProcesses
	}
	if l.OpenFiles == 0 {
		l.OpenFiles = defaultOpenFiles
	}
	return l
}

// setLimits sets the rlimits that the program inherits. Those for processes and memory
// are set whether or not there is a cgroup as well.
func setLimits(l Limits) error {
	set := func(what string, resource int, n uint64) error {
		var old syscall.Rlimit
		if err := syscall.Getrlimit(resource, &old); err != nil {
			return os.NewSyscallError("getrlimit", err)
		}
		n = min(n, old.Max)
		if err := syscall.Setrlimit(resource, &syscall.Rlimit{Cur: n, Max: n}); err != nil {
			return fmt.Errorf("limit %s to %d: %w", what, n, err)
		}
		return nil
	}
	if err := set("core files", unix.RLIMIT_CORE, 0); err != nil {
		return err
	}
	if err := set("open files", unix.RLIMIT_NOFILE, uint64(l.OpenFiles)); err != nil {
		return err
	}
	if l.FileBytes > 0 {
		if err := set("file size", unix.RLIMIT_FSIZE, uint64(l.FileBytes)); err != nil {
			return err
		}
	}
	if l.MemoryBytes > 0 {
		if err := set("memory", unix.RLIMIT_DATA, uint64(l.MemoryBytes)); err != nil {
			return err
		}
	}
	return set("processes", unix.RLIMIT_NPROC, uint64(l.Processes+ownThreads))
}

// diskUse is what the files below a folder take, in bytes. The magic link leads to it
// though it lies outside of the root.
func diskUse(dir int) int64 {
	var sum int64
	top := fmt.Sprintf("/proc/self/fd/%d/.", dir)
	_ = fs.WalkDir(os.DirFS(top), ".", func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // it went away meanwhile
		}
		if fi, err := d.Info(); err == nil {
			if st, ok := fi.Sys().(*syscall.Stat_t); ok && (st.Nlink == 1 || fi.IsDir()) {
				sum += st.Blocks * 512
			} else if ok {
				sum += st.Blocks * 512 / int64(st.Nlink)
			}
		}
		return nil
	})
	return sum
}
