package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// A child is this program, started again to do what only ids and namespaces of its own
// let it do.
type child struct {
	cmd    *exec.Cmd
	conn   *os.File
	notes  *json.Decoder
	orders *json.Encoder
	mu     sync.Mutex // of orders
}

// A start says how a child is started.
type start struct {
	mode   Mode
	user   bool    // in a user namespace
	flags  uintptr // more namespaces
	id, gd int     // the one id of Single, in the image's numbers
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	// joined, if not nil, is called with the child's process id before it does anything.
	joined func(pid int) error
}

// run starts the child and gives it its order.
func (s start) run(o order) (*child, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	c := &child{conn: ours, notes: json.NewDecoder(ours), orders: json.NewEncoder(ours)}
	// The magic link leads to this very program even where its path was replaced, or lies in
	// a folder that the child's ids could not enter.
	// A child gets nothing of this program's environment. The one setting is for tests: under the race
	// detector every child would sleep for a second before it ends.
	c.cmd = &exec.Cmd{Path: "/proc/self/exe", Args: []string{childName}, Env: []string{"GORACE=atexit_sleep_ms=0"}, Dir: "/",
		Stdin: s.stdin, Stdout: s.stdout, Stderr: s.stderr, ExtraFiles: []*os.File{theirs}}
	attr := &syscall.SysProcAttr{Cloneflags: s.flags, Setsid: true, Pdeathsig: syscall.SIGKILL}
	c.cmd.SysProcAttr = attr
	var mapped func(pid int) error
	if s.user {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		if attr.AmbientCaps, err = allCaps(); err != nil {
			ours.Close()
			return nil, err
		}
		mapped = s.mapIDs(attr, &o)
	}
	o.Mode, o.UserNS = s.mode, s.user
	if err := c.start(); err != nil {
		ours.Close()
		return nil, refuseStart(err, s)
	}
	if mapped != nil {
		err = mapped(c.cmd.Process.Pid)
	}
	if err == nil && s.joined != nil {
		err = s.joined(c.cmd.Process.Pid)
	}
	if err == nil {
		err = c.orders.Encode(o)
	}
	if err != nil {
		c.kill()
		return nil, err
	}
	return c, nil
}

// start forks on a thread that lives until the child ends: PR_SET_PDEATHSIG is about
// the thread that forked, not about the process.
func (c *child) start() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		err := c.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		var info unix.Siginfo
		for { // WNOWAIT leaves the child to cmd.Wait
			err := unix.Waitid(unix.P_PID, c.cmd.Process.Pid, &info, unix.WEXITED|unix.WNOWAIT, nil)
			if !errors.Is(err, unix.EINTR) {
				return
			}
		}
	}()
	return <-started
}

// kill ends the child and all that it started, and waits for that.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
	_ = c.conn.Close()
}

// next reads a note. A child that ends without one has been killed, or is broken.
func (c *child) next() (note, error) {
	var n note
	if err := c.notes.Decode(&n); err != nil {
		return n, fmt.Errorf("sandbox: the process inside ended unexpectedly: %w", err)
	}
	if n.Failed != nil {
		return n, n.Failed.unpack()
	}
	return n, nil
}

// finish reads the one note of a child that does a work and ends.
func (c *child) finish() (note, error) {
	n, err := c.next()
	if err != nil {
		c.kill()
		return n, err
	}
	err = c.cmd.Wait()
	return n, errors.Join(err, c.conn.Close())
}

func socketPair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	return os.NewFile(uintptr(fds[0]), "sandbox"), os.NewFile(uintptr(fds[1]), "sandbox"), nil
}
