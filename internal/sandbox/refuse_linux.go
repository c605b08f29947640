package sandbox

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// refuse names the cause of a refusal.
func refuse(act, path string, err error) error {
	return &RefusedError{Cause: causeOf(err, machine{}), Act: act, Path: path, Err: err}
}

func refuseStart(err error, s start) error {
	act := "start a process with namespaces of its own"
	if s.user {
		act = "make a user namespace"
	}
	return refuse(act, "", err)
}

// refuseOverlay names the cause where an overlay's upper directory is in scratch.
func refuseOverlay(scratch string, err error) error {
	const act = "mount the overlay"
	cause := causeOf(err, machine{})
	var fs unix.Statfs_t
	switch {
	case errors.Is(err, unix.ENODEV):
		cause = NoOverlay
	case errors.Is(err, unix.EINVAL) && unix.Statfs(scratch, &fs) == nil && fs.Type == unix.OVERLAYFS_SUPER_MAGIC:
		cause = OverlayOnTop
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP):
		cause = FileSystem
	}
	return &RefusedError{Cause: cause, Act: act, Path: scratch, Err: err}
}

// A machine answers what the kernel's files say. The zero value asks this one.
type machine struct {
	read func(name string) string
	euid func() int
}

func (m machine) file(name string) string {
	if m.read != nil {
		return m.read(name)
	}
	data, _ := os.ReadFile(name) // not there: not so
	return strings.TrimSpace(string(data))
}

func (m machine) user() int {
	if m.euid != nil {
		return m.euid()
	}
	return os.Geteuid()
}

// causeOf finds out why a call was refused. It looks at settings only after a refusal: they
// may be there and not matter.
func causeOf(err error, m machine) Cause {
	status := func(field string) string {
		for line := range strings.Lines(m.file("/proc/self/status")) {
			if v, ok := strings.CutPrefix(line, field+":"); ok {
				return strings.TrimSpace(v)
			}
		}
		return ""
	}
	denied := errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES)
	switch {
	case m.file("/proc/sys/user/max_user_namespaces") == "0",
		denied && m.user() != 0 && m.file("/proc/sys/kernel/unprivileged_userns_clone") == "0":
		return UserNSOff
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EUSERS):
		return UserNSLimit
	case denied && m.file("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
		return AppArmor
	case (denied || errors.Is(err, unix.ENOSYS)) && status("Seccomp") == "2":
		return Seccomp
	case denied && partlyHidden(m.file("/proc/self/mountinfo")):
		return MaskedProc
	case errors.Is(err, unix.ENOSYS):
		return OldKernel
	}
	return UnknownReason
}

// partlyHidden tells whether something is mounted below /proc (proc_pid_mountinfo(5),
// the fifth field).
func partlyHidden(mountinfo string) bool {
	for line := range strings.Lines(mountinfo) {
		f := strings.Fields(line)
		if len(f) > 4 && strings.HasPrefix(f[4], "/proc/") && f[4] != "/proc/sys/fs/binfmt_misc" {
			return true
		}
	}
	return false
}
