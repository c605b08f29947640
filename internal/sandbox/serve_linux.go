package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// serve is the sandbox's first process: it makes the root, starts the program, passes
// signals on, reaps what is orphaned, and when it ends, the kernel ends all the others.
func (o order) serve(out *json.Encoder, commands <-chan command) (note, error) {
	r := o.Run
	warmThreads()
	upper, err := unix.Open(path.Join(r.Scratch, "upper"), unix.O_DIRECTORY|unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return note{}, fmt.Errorf("open the folder of changes: %w", err)
	}
	made, err := o.makeRoot()
	if err != nil {
		return note{}, err
	}
	started := make(chan error, 1)
	var pid int
	go func() {
		runtime.LockOSThread() // confined for good; ends with the process
		var err error
		pid, err = r.launch()
		started <- err
		select {}
	}()
	if err := <-started; err != nil {
		return note{}, err
	}
	if err := out.Encode(note{Ready: true, Made: made}); err != nil {
		return note{}, err
	}
	full := make(chan struct{})
	if r.Limits.DiskBytes > 0 {
		go watchDisk(upper, r.Limits.DiskBytes, full)
	}
	overfull := false
	ended := make(chan syscall.WaitStatus)
	go reap(pid, ended)
	for {
		select {
		case c := <-commands:
			_ = syscall.Kill(pid, syscall.Signal(c.Signal)) // it may have ended
		case <-full:
			overfull, full = true, nil
			_ = syscall.Kill(-1, syscall.SIGKILL) // all but this process
		case ws := <-ended:
			e := exit{Code: ws.ExitStatus(), Disk: overfull}
			if ws.Signaled() {
				e.Code, e.Signal = 128+int(ws.Signal()), ws.Signal().String()
			}
			return note{Exit: &e}, nil
		}
	}
}

// warmThreads has the runtime make the threads that this process will need while it may: it is
// under the same limit of processes as the program, and a runtime that gets no thread aborts.
func warmThreads() {
	runtime.GOMAXPROCS(2) // with this many, the rest wait for children, orders and the disk
	var made, done sync.WaitGroup
	for range ownThreads - 4 { // the runtime has a few besides
		made.Add(1)
		done.Go(func() {
			runtime.LockOSThread() // so that each has a thread, which the runtime keeps
			defer runtime.UnlockOSThread()
			made.Done()
			made.Wait()
		})
	}
	done.Wait()
}

// reap waits for every process of the sandbox: those whose parents are gone are this one's.
func reap(pid int, ended chan<- syscall.WaitStatus) {
	for {
		var ws syscall.WaitStatus
		got, err := syscall.Wait4(-1, &ws, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return
		case got == pid && (ws.Exited() || ws.Signaled()):
			ended <- ws
			return
		}
	}
}

// launch starts the program from this thread, which it confines first.
func (r *runOrder) launch() (pid int, err error) {
	c := r.Command
	program, err := lookPath(c)
	if err != nil {
		return 0, err
	}
	last, err := lastCap()
	if err != nil {
		return 0, err
	}
	if err := setLimits(r.Limits); err != nil {
		return 0, err
	}
	r.handOver()
	if err := confine(c.UID == 0, last); err != nil {
		return 0, err
	}
	groups := make([]uint32, 0, len(c.Groups))
	for _, g := range c.Groups {
		groups = append(groups, uint32(g))
	}
	attr := &syscall.ProcAttr{Dir: c.Dir, Env: c.Env, Files: []uintptr{0, 1, 2},
		Sys: &syscall.SysProcAttr{Setsid: true, Setctty: c.Terminal, Ctty: 0}}
	attr.Sys.Credential = &syscall.Credential{Uid: uint32(c.UID), Gid: uint32(c.GID), Groups: groups, NoSetGroups: !r.setGroups}
	syscall.Umask(0o022)
	pid, err = syscall.ForkExec(program, c.Args, attr)
	if err != nil {
		return 0, &StartError{Program: c.Args[0], Reason: startReason(err, program, c)}
	}
	return pid, nil
}

// handOver gives the program its pipes and its terminal, so that it may open /dev/stdout. Files
// stay whose they are.
func (r *runOrder) handOver() {
	for fd := range 3 {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) == nil && (st.Mode&unix.S_IFMT == unix.S_IFIFO || r.Command.Terminal) {
			_ = unix.Fchown(fd, r.Command.UID, -1) // else it does without
		}
	}
}

func startReason(err error, program string, c commandOrder) string {
	if st, e := os.Stat(c.Dir); e != nil || !st.IsDir() {
		return "the image has no folder " + c.Dir
	}
	switch {
	case errors.Is(err, unix.ENOEXEC):
		return program + " is no program of this machine, nor a script that begins with #!"
	case errors.Is(err, unix.ENOENT):
		return program + " needs an interpreter or loader that the image does not have"
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EPERM):
		return fmt.Sprintf("run as %d:%d: %v (is the id mapped?)", c.UID, c.GID, err)
	case errors.Is(err, unix.EAGAIN):
		return "the limit of processes is reached"
	}
	return program + ": " + err.Error()
}

// lookPath finds the program as execvp(3) does.
func lookPath(c commandOrder) (string, error) {
	name := c.Args[0]
	if strings.Contains(name, "/") {
		p := name
		if !path.IsAbs(p) {
			p = path.Join(c.Dir, p)
		}
		if _, err := os.Stat(p); err != nil {
			return "", &StartError{Program: name, Reason: "the image has no such file"}
		}
		return p, nil
	}
	search := ""
	for _, e := range c.Env {
		if v, ok := strings.CutPrefix(e, "PATH="); ok {
			search = v
		}
	}
	for dir := range strings.SplitSeq(search, ":") {
		p := path.Join("/", dir, name)
		if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			return p, nil
		}
	}
	return "", &StartError{Program: name, Reason: "no folder of PATH has it: " + search}
}

// watchDisk closes full when what is below the upper directory takes more than limit.
// Walking it is dear, so it is done when the disk says that about so much was written.
func watchDisk(upper int, limit int64, full chan<- struct{}) {
	const period = 50 * time.Millisecond
	free := func() int64 {
		var st unix.Statfs_t
		if unix.Fstatfs(upper, &st) != nil {
			return 0
		}
		return int64(st.Bfree) * st.Bsize
	}
	known, at := diskUse(upper), free()
	for {
		if known > limit {
			close(full)
			return
		}
		time.Sleep(period)
		// Others write to the disk too; half of the way is soon enough to look again.
		if written := at - free(); written > (limit-known)/2 {
			known, at = diskUse(upper), free()
		}
	}
}
