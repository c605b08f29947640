package sandbox

import (
	"io"
	"time"
)

// A Command is a program to run in a Root. The zero value of all but Args is the default.
type Command struct {
	// Args is the program and its arguments. A name without a slash is looked up on the PATH of
	// Env, in the image.
	Args []string
	// Env is the whole environment: nothing of this process's is inherited. Nil means a
	// PATH of the usual folders, HOME=/ and TERM where there is a terminal.
	Env []string
	// Dir is the working directory in the image; empty means /. It must exist.
	Dir string
	// UID and GID are whom the program runs as, in the image's numbers. Groups are more groups.
	UID, GID int
	Groups   []int
	// Network gives the program this machine's network, its resolv.conf and its hosts.
	// Without it there is a loopback interface alone.
	Network bool
	// Hostname is empty for "corn".
	Hostname string
	// Mounts are put over the image, in this order. What is written there is no change of
	// the Root.
	Mounts []Mount
	// Stdin, Stdout and Stderr are as in os/exec: nil is the null device, an *os.File is
	// handed over, anything else is copied.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Terminal makes Stdin, which must be a terminal's *os.File, the controlling terminal of
	// the program, in a session of its own.
	Terminal bool
	// Timeout ends everything after this time; zero means never.
	Timeout time.Duration
	Limits  Limits
}

// Limits bound what the programs of one Command use together. Zero means no limit, or
// the stated default. Where cgroups cannot be had, processes and memory are bounded by
// rlimits, which do not bind this machine's real root (docs/design/sandbox.md).
type Limits struct {
	Processes   int   // processes and threads; default 4,096
	MemoryBytes int64 // resident memory, the tmpfs mounts included; without cgroups the data of each process
	DiskBytes   int64 // what the overlay's upper directory may grow by
	FileBytes   int64 // size of one file
	TmpBytes    int64 // size of /tmp and of /dev/shm; default half of the machine's memory
	OpenFiles   int   // default 65,536, or this process's own hard limit if lower
}

// A MountKind says what is mounted.
type MountKind string

// The kinds of mount.
const (
	Bind  MountKind = "bind"  // a folder or file of this machine
	Empty MountKind = "empty" // an empty folder on the cache's disk, gone with the Root
	Tmpfs MountKind = "tmpfs" // an empty folder in memory
)

// A Mount puts a folder or file at a path of the image.
type Mount struct {
	Kind     MountKind
	Source   string // of a Bind: an absolute path on this machine
	Target   string // absolute path in the image; links are followed inside the image
	ReadOnly bool
	// UID, GID and Mode are of an Empty or Tmpfs folder; a Mode of 0 is 0755.
	UID, GID int
	Mode     uint32
}
