package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// RunTerminal is Run for a program that somebody types to: in and out are the terminal. The
// program gets another one, so that it can neither type into this one nor change it, and
// what is typed, ^C included, is for the program.
//
// A read of in that is under way goes on after the return, and takes what is typed next.
func (r *Root) RunTerminal(ctx context.Context, c Command, in, out *os.File) error {
	master, slave, err := openPTY()
	if err != nil {
		return fmt.Errorf("make a terminal: %w", err)
	}
	defer master.Close()
	old, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return errors.Join(err, slave.Close())
	}
	defer func() { _ = term.Restore(int(in.Fd()), old) }()

	resized := make(chan os.Signal, 1)
	signal.Notify(resized, unix.SIGWINCH)
	defer signal.Stop(resized)
	fit := func() {
		if size, err := unix.IoctlGetWinsize(int(out.Fd()), unix.TIOCGWINSZ); err == nil {
			_ = unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, size)
		}
	}
	fit()
	c.Stdin, c.Stdout, c.Stderr, c.Terminal = slave, slave, slave, true
	p, err := r.Start(ctx, c)
	_ = slave.Close()
	if err != nil {
		return err
	}
	printed := make(chan struct{})
	go func() { // ends when the last one who has the other side ends
		defer close(printed)
		_, _ = io.Copy(out, master)
	}()
	go func() { _, _ = io.Copy(master, in) }()
	ended := make(chan error, 1)
	go func() { ended <- p.Wait() }()
	for {
		select {
		case <-resized:
			fit()
		case err := <-ended:
			<-printed
			return err
		}
	}
}

// openPTY makes a pair of terminals (pts(4)).
func openPTY() (master, slave *os.File, err error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, &os.PathError{Op: "open", Path: "/dev/ptmx", Err: err}
	}
	master = os.NewFile(uintptr(fd), "/dev/ptmx")
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, nil, errors.Join(err, master.Close())
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		return nil, nil, errors.Join(err, master.Close())
	}
	return master, slave, nil
}
