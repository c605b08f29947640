package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	harmless = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	noEscape = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV
)

// makeRoot puts the image together and makes it this process's root. It returns the paths that
// it had to make in the image.
func (o order) makeRoot() (made []string, err error) {
	r := o.Run
	r.setGroups = o.SetGroups || !o.UserNS
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return nil, refuse("keep mounts to itself", "", err)
	}
	if err := os.Chdir(r.Scratch); err != nil {
		return nil, err
	}
	if err := r.overlay(); err != nil {
		return nil, err
	}
	root, err := unix.Open("merged", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the new root: %w", err)
	}
	m := &mounter{root: root}
	if err := m.file("proc", "proc", harmless, ""); err != nil {
		return nil, refuse("mount /proc", "", err)
	}
	if err := m.dev(r.Limits.TmpBytes); err != nil {
		return nil, fmt.Errorf("make /dev: %w", err)
	}
	if err := m.file("tmp", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, tmpfsOptions(0o1777, 0, 0, r.Limits.TmpBytes, o)); err != nil {
		return nil, fmt.Errorf("mount /tmp: %w", err)
	}
	files := []string{"hosts"}
	if r.Resolv {
		files = append(files, "resolv.conf")
	}
	for _, name := range files {
		if err := m.bind(path.Join(r.Scratch, name), "etc/"+name, unix.MOUNT_ATTR_RDONLY|noEscape); err != nil {
			return nil, fmt.Errorf("put /etc/%s in place: %w", name, err)
		}
	}
	for _, mt := range r.Mounts {
		if err := m.add(mt, o); err != nil {
			return nil, &MountError{mt, err.Error()}
		}
	}
	if err := pivot(root); err != nil {
		return nil, err
	}
	if err := o.hideProc(); err != nil {
		return nil, fmt.Errorf("hide parts of /proc: %w", err)
	}
	if err := unix.Sethostname([]byte(r.Command.Hostname)); err != nil {
		return nil, fmt.Errorf("set the host name: %w", err)
	}
	if !r.Command.Network {
		if err := loopbackUp(); err != nil {
			return nil, fmt.Errorf("start the loopback interface: %w", err)
		}
	}
	return m.made, nil
}

// overlay mounts the layers below the folder for writing. Their names are short because
// all of them must fit into one page; the kernel takes at most 500.
func (r *runOrder) overlay() error {
	lowers := make([]string, 0, r.Lowers+1)
	for i := range r.Lowers {
		lowers = append(lowers, "l/"+strconv.Itoa(i))
	}
	lowers = append(lowers, "skel")
	if err := r.copyRootAttributes(); err != nil {
		return err
	}
	// Files that were renamed or whose mode alone was changed are to be whole in the upper
	// directory, for it becomes a layer: neither redirects nor metacopies. What is written
	// need not survive a power cut.
	options := "lowerdir=" + strings.Join(lowers, ":") + ",upperdir=upper,workdir=" + r.Work +
		",userxattr,index=off,metacopy=off,redirect_dir=nofollow,volatile"
	if err := unix.Mount("overlay", "merged", "overlay", unix.MS_NODEV|unix.MS_NOSUID, options); err != nil {
		return refuseOverlay(r.Scratch, err)
	}
	return nil
}

// copyRootAttributes gives the upper directory, whose owner and mode are those of /, what
// the highest layer says.
func (r *runOrder) copyRootAttributes() error {
	from := "skel"
	if r.Lowers > 0 {
		from = "l/0"
	}
	var st unix.Stat_t
	if err := unix.Stat(from, &st); err != nil {
		return err
	}
	if err := os.Chown("upper", int(st.Uid), int(st.Gid)); err != nil && !errors.Is(err, unix.EINVAL) {
		return err
	}
	return unix.Chmod("upper", st.Mode&0o7777)
}

func tmpfsOptions(mode uint32, uid, gid int, size int64, o order) string {
	s := fmt.Sprintf("mode=%#o", mode)
	if o.Mode != Single {
		s += fmt.Sprintf(",uid=%d,gid=%d", uid, gid)
	}
	if size > 0 {
		s += fmt.Sprintf(",size=%d", size)
	}
	return s
}

// add makes one of the command's mounts.
func (m *mounter) add(mt Mount, o order) error {
	mode := mt.Mode
	if mode == 0 {
		mode = 0o755
	}
	attrs := uint64(noEscape)
	if mt.ReadOnly {
		attrs |= unix.MOUNT_ATTR_RDONLY
	}
	switch mt.Kind {
	case Tmpfs:
		if err := m.file(mt.Target, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, tmpfsOptions(mode, mt.UID, mt.GID, 0, o)); err != nil {
			return err
		}
		return m.restrict(mt.Target, attrs)
	case Empty:
		if o.Mode != Single {
			if err := os.Chown(mt.Source, mt.UID, mt.GID); err != nil {
				return err
			}
		}
		if err := os.Chmod(mt.Source, fs.FileMode(mode&0o777)); err != nil {
			return err
		}
	}
	return m.bind(mt.Source, mt.Target, attrs)
}

// pivot makes the folder the root, and forgets the old one.
func pivot(root int) error {
	if err := unix.Fchdir(root); err != nil {
		return os.NewSyscallError("fchdir", err)
	}
	// With the same folder twice, the old root is mounted on top of the new one
	// (pivot_root(2), NOTES): no folder for it is needed.
	if err := unix.PivotRoot(".", "."); err != nil {
		return refuse("change the root", "", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return os.NewSyscallError("umount", err)
	}
	return os.Chdir("/")
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr)
}
