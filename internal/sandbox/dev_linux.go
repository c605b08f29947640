package sandbox

import (
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// dev makes /dev with the devices that every container has (OCI config-linux.md, "Default
// Devices"). They are this machine's own: making new ones takes real root.
func (m *mounter) dev(tmpBytes int64) error {
	if err := m.file("dev", "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC, "mode=0755,size=64k"); err != nil {
		return err
	}
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		if err := m.bind("/dev/"+name, "dev/"+name, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC); err != nil {
			return err
		}
	}
	dir, err := m.openAny("dev")
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	for name, to := range map[string]string{"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2", "ptmx": "pts/ptmx"} {
		if err := unix.Symlinkat(to, dir, name); err != nil {
			return err
		}
	}
	// 5 is Debian's group tty. Where it is not mapped, terminals belong to the program's.
	err = m.file("dev/pts", "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5")
	if errors.Is(err, unix.EINVAL) {
		err = m.file("dev/pts", "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620")
	}
	if err != nil {
		return err
	}
	size := ""
	if tmpBytes > 0 {
		size = ",size=" + strconv.FormatInt(tmpBytes, 10)
	}
	return m.file("dev/shm", "tmpfs", harmless, "mode=1777"+size)
}

// What engines hide of /proc, and what they make read-only (OCI config-linux.md,
// "Masked Paths", "Readonly Paths", and Docker's defaults for them). Its files belong to this
// machine's real root, whom mode Privileged has inside as well.
var (
	maskedProc   = []string{"kcore", "keys", "latency_stats", "timer_list", "timer_stats", "sched_debug", "acpi", "scsi", "interrupts", "kmsg"}
	readOnlyProc = []string{"sys", "sysrq-trigger", "irq", "bus", "fs", "asound"}
)

// hideProc runs with /proc in place.
func (o order) hideProc() error {
	if o.UserNS {
		// Nobody inside needs namespaces of users, and with them capabilities, of their own. The
		// number is this namespace's alone. Best effort: it only takes away.
		_ = os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0)
	}
	for _, name := range readOnlyProc {
		p := "/proc/" + name
		err := unix.Mount(p, p, "", unix.MS_BIND|unix.MS_REC, "")
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err == nil {
			err = unix.Mount("", p, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|harmless, "")
		}
		if err != nil {
			return &os.PathError{Op: "mount", Path: p, Err: err}
		}
	}
	for _, name := range maskedProc {
		p := "/proc/" + name
		st, err := os.Stat(p)
		if err != nil {
			continue
		}
		if st.IsDir() {
			err = unix.Mount("tmpfs", p, "tmpfs", harmless|unix.MS_RDONLY, "size=0k")
		} else {
			err = unix.Mount("/dev/null", p, "", unix.MS_BIND, "")
		}
		if err != nil {
			return &os.PathError{Op: "mount", Path: p, Err: err}
		}
	}
	return nil
}
