package exec

import (
	"os"
	osexec "os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// startWithoutASLR starts cmd with address space randomisation off. Before Python 3.12 the
// hash of None is its address, and before 3.11 frozensets are written in the order of
// their hashes. The personality belongs to a thread and is inherited over fork. Where the
// kernel refuses (a container's seccomp profile may), the program starts as usual: only
// frozensets with None in old Pythons could then differ.
func startWithoutASLR(cmd *osexec.Cmd) error {
	const (
		query          = 0xffffffff
		addrNoRandmize = 0x0040000
	)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // for killAll
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	old, _, errno := unix.Syscall(unix.SYS_PERSONALITY, query, 0, 0)
	if errno == 0 {
		if _, _, errno = unix.Syscall(unix.SYS_PERSONALITY, old|addrNoRandmize, 0, 0); errno == 0 {
			defer func() { _, _, _ = unix.Syscall(unix.SYS_PERSONALITY, old, 0, 0) }()
		}
	}
	return cmd.Start()
}

// killAll ends the process and what it forked: they are one group.
func killAll(p *os.Process) {
	if unix.Kill(-p.Pid, unix.SIGKILL) != nil {
		_ = p.Kill()
	}
}
