package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// A mounter mounts below the new root, which is not the root yet. Links of the image are
// followed as if it were: nothing that the image says leads out of it.
type mounter struct {
	root int      // the new root
	made []string // paths that had to be made, without the leading slash
}

// open finds a path of the image.
func (m *mounter) open(p string) (int, error) {
	return unix.Openat2(m.root, strings.TrimPrefix(path.Clean("/"+p), "/")+"/.", &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS})
}

func (m *mounter) openAny(p string) (int, error) {
	rel := strings.TrimPrefix(path.Clean("/"+p), "/")
	if rel == "" {
		rel = "."
	}
	return unix.Openat2(m.root, rel, &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS})
}

// target opens the folder or file to mount on, and makes it where it is missing: only
// where links of the image lead to nothing, all else is in the lowest layer.
func (m *mounter) target(p string, dir bool) (int, error) {
	fd, err := m.openAny(p)
	if !errors.Is(err, unix.ENOENT) {
		return fd, err
	}
	parent := path.Dir(path.Clean("/" + p))
	up, err := m.openAny(parent)
	if errors.Is(err, unix.ENOENT) {
		up, err = m.target(parent, true)
	}
	if err != nil {
		return -1, err
	}
	defer unix.Close(up)
	name := path.Base(p)
	var buf [unix.PathMax]byte
	if n, err := unix.Readlinkat(up, name, buf[:]); err == nil { // it leads to nothing
		to := string(buf[:n])
		if !path.IsAbs(to) {
			to = path.Join(parent, to)
		}
		return m.targetOnce(to, dir)
	}
	if dir {
		err = unix.Mkdirat(up, name, 0o755)
	} else {
		err = unix.Mknodat(up, name, unix.S_IFREG|0o644, 0)
	}
	if err != nil {
		return -1, err
	}
	m.made = append(m.made, strings.TrimPrefix(path.Clean("/"+p), "/"))
	return m.openAny(p)
}

// targetOnce follows one dangling link and no second one.
func (m *mounter) targetOnce(p string, dir bool) (int, error) {
	up, err := m.openAny(path.Dir(p))
	if err != nil {
		return -1, err
	}
	defer unix.Close(up)
	if dir {
		err = unix.Mkdirat(up, path.Base(p), 0o755)
	} else {
		err = unix.Mknodat(up, path.Base(p), unix.S_IFREG|0o644, 0)
	}
	if err != nil {
		return -1, err
	}
	m.made = append(m.made, strings.TrimPrefix(path.Clean("/"+p), "/"))
	return m.openAny(p)
}

func fdPath(fd int) string { return fmt.Sprintf("/proc/self/fd/%d", fd) }

// file mounts a new file system.
func (m *mounter) file(target, kind string, flags uintptr, data string) error {
	fd, err := m.target(target, true)
	if err != nil {
		return fmt.Errorf("find %s: %w", target, err)
	}
	defer unix.Close(fd)
	return unix.Mount(kind, fdPath(fd), kind, flags, data)
}

// bind mounts what is at source, a path of this machine.
func (m *mounter) bind(source, target string, attrs uint64) error {
	st, err := os.Stat(source)
	if err != nil {
		return err
	}
	fd, err := m.target(target, st.IsDir())
	if err != nil {
		return fmt.Errorf("find %s in the image: %w", target, err)
	}
	defer unix.Close(fd)
	if err := unix.Mount(source, fdPath(fd), "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	return m.restrict(target, attrs)
}

// restrict gives the mount at target attributes, and all the mounts in it.
func (m *mounter) restrict(target string, attrs uint64) error {
	if attrs == 0 {
		return nil
	}
	fd, err := m.openAny(target) // of the new mount: the one before is of what it hides
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	err = unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: attrs})
	if !errors.Is(err, unix.ENOSYS) {
		return err
	}
	// Before Linux 5.12. The flags that stand already must be repeated.
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return err
	}
	flags := uintptr(unix.MS_REMOUNT|unix.MS_BIND) | uintptr(fs.Flags)&(unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|unix.MS_RDONLY|unix.MS_NOATIME|unix.MS_RELATIME)
	for attr, flag := range map[uint64]uintptr{unix.MOUNT_ATTR_RDONLY: unix.MS_RDONLY, unix.MOUNT_ATTR_NOSUID: unix.MS_NOSUID,
		unix.MOUNT_ATTR_NODEV: unix.MS_NODEV, unix.MOUNT_ATTR_NOEXEC: unix.MS_NOEXEC} {
		if attrs&attr != 0 {
			flags |= flag
		}
	}
	return unix.Mount("", fdPath(fd), "", flags, "")
}
