package sandbox

import (
	"encoding/json"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// init makes a child of a program that was started as one. It stands here and not in the
// programs' main functions so that tests of every package have a sandbox too.
func init() {
	if len(os.Args) == 1 && os.Args[0] == childName {
		os.Exit(childMain())
	}
}

// childMain does what the order says. It ends with the parent: the socket closes then.
func childMain() int {
	unix.CloseOnExec(childFD)
	conn := os.NewFile(childFD, "parent")
	in, out := json.NewDecoder(conn), json.NewEncoder(conn)
	var o order
	if err := in.Decode(&o); err != nil {
		return 1
	}
	commands := make(chan command, 16)
	go func() {
		for {
			var c command
			if in.Decode(&c) != nil {
				os.Exit(1)
			}
			commands <- c
		}
	}()
	n, err := o.act(out, commands)
	if err != nil {
		n = note{Failed: pack(err)}
	}
	if out.Encode(n) != nil {
		return 1
	}
	return 0
}

func (o order) act(out *json.Encoder, commands <-chan command) (note, error) {
	if o.SetGroups {
		// The groups of the user who runs corn are not the image's.
		if err := syscall.Setgroups(nil); err != nil {
			return note{}, os.NewSyscallError("setgroups", err)
		}
	}
	switch o.Act {
	case actProbe:
		return note{Ready: true}, nil
	case actUnpack:
		n, err := extract(os.Stdin, o)
		return note{Ready: true, Bytes: n}, err
	case actChanges:
		return note{Ready: true}, collect(os.Stdout, *o.Changes)
	case actRemove:
		return note{Ready: true}, removeAll(o.Dir)
	case actRun:
		return o.serve(out, commands)
	}
	return note{}, fmt.Errorf("unknown act %q", o.Act)
}
