package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Process is a program that runs in a Root. Signal and Kill are safe for concurrent use.
type Process struct {
	root    *Root
	c       *child
	command Command
	group   *cgroup
	work    string
	kills   *time.Timer // of Timeout
	stop    func() bool // of the context

	mu    sync.Mutex
	cause error // why it was killed
	done  bool
}

// Run starts a program and waits for it. It returns nil if it ended with 0; else
// what Start and Wait return.
func (r *Root) Run(ctx context.Context, c Command) error {
	p, err := r.Start(ctx, c)
	if err != nil {
		return err
	}
	return p.Wait()
}

// Start starts a program. When ctx ends, everything in the sandbox is ended. Wait must be
// called.
//
// Errors: *RefusedError, *StartError, *MountError.
func (r *Root) Start(ctx context.Context, c Command) (*Process, error) {
	if r.running {
		return nil, errors.New("sandbox: another program runs in the root")
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	o, err := r.prepare(c)
	if err != nil {
		return nil, err
	}
	p := &Process{root: r, command: c, work: filepath.Join(r.scratch, o.Work)}
	s := start{mode: r.mode, user: r.user, id: c.UID, gd: c.GID, stdin: c.Stdin, stdout: c.Stdout, stderr: c.Stderr,
		flags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
		joined: func(pid int) error {
			var err error
			p.group, err = newGroup(pid, o.Limits)
			return err
		}}
	if !c.Network {
		s.flags |= unix.CLONE_NEWNET
	}
	if p.c, err = s.run(order{Act: actRun, Run: o}); err != nil {
		return nil, errors.Join(err, p.group.remove())
	}
	// From here on whatever takes too long is ended.
	p.stop = context.AfterFunc(ctx, func() { p.end(context.Cause(ctx)) })
	if c.Timeout > 0 {
		p.kills = time.AfterFunc(c.Timeout, func() { p.end(&TimeoutError{c.Args[0], c.Timeout}) })
	}
	n, err := p.c.next()
	if err != nil {
		p.c.kill()
		p.release()
		if cause := p.killed(); cause != nil {
			return nil, cause
		}
		return nil, err
	}
	r.running, r.uid, r.gid = true, c.UID, c.GID
	r.made = append(r.made, n.Made...)
	return p, nil
}

// Wait waits until the program has ended, and with it all that it started, and says how:
// nil, an *ExitError, a *TimeoutError, a *LimitError, or the cause of the context's end.
func (p *Process) Wait() error {
	n, err := p.c.next()
	if err != nil {
		p.c.kill() // it is gone, or useless
	} else if err = p.c.cmd.Wait(); err != nil {
		err = fmt.Errorf("sandbox: wait for the process inside: %w", err)
	}
	_ = p.c.conn.Close()
	oom := p.group.killedForMemory()
	p.release()
	p.root.running = false
	if cause := p.killed(); cause != nil {
		return cause
	}
	switch {
	case err != nil && oom:
		return &LimitError{What: "memory", Limit: p.command.Limits.MemoryBytes}
	case err != nil:
		return err
	case n.Exit == nil:
		return errors.New("sandbox: the process inside ended without saying how")
	case n.Exit.Disk:
		return &LimitError{What: "disk", Limit: p.command.Limits.DiskBytes}
	case n.Exit.Signal != "" && oom:
		return &LimitError{What: "memory", Limit: p.command.Limits.MemoryBytes}
	case n.Exit.Code != 0:
		return &ExitError{Program: p.command.Args[0], Code: n.Exit.Code, Signal: n.Exit.Signal}
	}
	return nil
}

// Signal sends the program a signal.
func (p *Process) Signal(sig os.Signal) error {
	s, ok := sig.(syscall.Signal)
	if !ok {
		return fmt.Errorf("sandbox: signal %s cannot be sent", sig)
	}
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	if err := p.c.orders.Encode(command{Signal: int(s)}); err != nil {
		return os.ErrProcessDone
	}
	return nil
}

// Kill ends everything in the sandbox. Wait then returns an *ExitError.
func (p *Process) Kill() error {
	p.end(&ExitError{Program: p.command.Args[0], Code: 128 + int(syscall.SIGKILL), Signal: syscall.SIGKILL.String()})
	return nil
}

// end kills the sandbox's first process, and with it, all.
func (p *Process) end(cause error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done {
		return
	}
	if p.cause == nil {
		p.cause = cause
	}
	_ = p.c.cmd.Process.Kill()
}

func (p *Process) killed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cause
}

// release lets go of what a process has besides its files.
func (p *Process) release() {
	p.mu.Lock()
	p.done = true
	p.mu.Unlock()
	p.stop()
	if p.kills != nil {
		p.kills.Stop()
	}
	// What stays behind is removed with the Root.
	_ = p.group.remove()
	_ = RemoveAll(p.work)
}
