package sandbox

import (
	"fmt"
	"strings"
	"time"
)

// A Cause says why this machine refuses a sandbox. Its text is stable: JSON output has it.
type Cause string

// The causes.
const (
	NotLinux      Cause = "not-linux"
	AppArmor      Cause = "apparmor"            // kernel.apparmor_restrict_unprivileged_userns, as on Ubuntu 24.04
	UserNSOff     Cause = "user-namespaces-off" // user.max_user_namespaces=0 or kernel.unprivileged_userns_clone=0
	UserNSLimit   Cause = "user-namespaces-limit"
	Seccomp       Cause = "seccomp"            // a filter, as engines put on containers
	OldKernel     Cause = "old-kernel"         // no overlay in user namespaces before 5.11
	NoOverlay     Cause = "no-overlay"         // the kernel has no overlayfs
	OverlayOnTop  Cause = "overlay-on-overlay" // the cache lies on an overlay, as in a container
	FileSystem    Cause = "file-system"        // the cache's file system cannot be an overlay's upper layer
	MaskedProc    Cause = "masked-proc"        // /proc has mounts over it, as in a container
	NoIDMap       Cause = "no-id-map"          // the ids that were asked for cannot be mapped
	UnknownReason Cause = "unknown"
)

// A RefusedError reports that this machine does not let the sandbox be made.
type RefusedError struct {
	Cause Cause
	Act   string // what was tried: "make a user namespace", "mount the overlay"
	Path  string // what it was about, if anything
	Err   error  // what the system said
}

func (e *RefusedError) Error() string {
	s := "sandbox: " + e.Act
	if e.Path != "" {
		s += " at " + e.Path
	}
	s += ": " + causes[e.Cause].what
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns what the system said, but not where it is ENOSPC for namespaces: no disk is full.
func (e *RefusedError) Unwrap() error {
	if e.Cause == UserNSOff || e.Cause == UserNSLimit {
		return nil
	}
	return e.Err
}

// Hint is the way out.
func (e *RefusedError) Hint() string { return causes[e.Cause].hint }

var causes = map[Cause]struct{ what, hint string }{
	NotLinux: {"programs of an image run on Linux only",
		"run this step in a Linux machine or container, or use Docker"},
	AppArmor: {"AppArmor keeps programs without a profile from using user namespaces (kernel.apparmor_restrict_unprivileged_userns is 1)",
		"load corn's profile: corn sandbox-profile | sudo apparmor_parser -r; or run as root"},
	UserNSOff: {"user namespaces are switched off (user.max_user_namespaces or kernel.unprivileged_userns_clone is 0)",
		"run sudo sysctl -w user.max_user_namespaces=15000 (and kernel.unprivileged_userns_clone=1 where there is such a thing), or run as root"},
	UserNSLimit: {"no more user namespaces can be made, or they are nested too deep",
		"end other sandboxes or containers, or raise user.max_user_namespaces"},
	Seccomp: {"a seccomp filter forbids it, as container engines have one",
		"run corn outside of the container, or start it with --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined"},
	OldKernel: {"this kernel is too old for overlays without root",
		"use Linux 5.11 or newer, or run as root"},
	NoOverlay: {"this kernel has no overlay file system",
		"run sudo modprobe overlay"},
	OverlayOnTop: {"the cache lies on an overlay file system, as folders in a container do, and overlays cannot be stacked like that",
		"point CORN_CACHE_DIR at a volume or another disk"},
	FileSystem: {"the cache's file system cannot hold the changes of an overlay",
		"point CORN_CACHE_DIR at a disk with ext4, xfs or btrfs"},
	MaskedProc: {"/proc is partly hidden, as container engines do, so that no new one may be mounted",
		"run corn outside of the container, or start it with --security-opt systempaths=unconfined"},
	NoIDMap: {"the user and group ids cannot be mapped",
		"install newuidmap and newgidmap (package uidmap) and give the user a range in /etc/subuid and /etc/subgid, or run as root"},
	UnknownReason: {"the system refuses it",
		"run as root, or on another machine"},
}

// An ExitError reports a program that ended with something else than 0.
type ExitError struct {
	Program string
	Code    int    // 128 and the signal's number for a program that a signal ended
	Signal  string // "killed"; empty if it ended by itself
}

func (e *ExitError) Error() string {
	if e.Signal != "" {
		return fmt.Sprintf("%s was ended by a signal: %s", e.Program, e.Signal)
	}
	return fmt.Sprintf("%s ended with exit code %d", e.Program, e.Code)
}

// A StartError reports a program that could not be started in the image.
type StartError struct {
	Program string
	Reason  string // "is not on PATH /usr/bin:/bin"
}

func (e *StartError) Error() string { return fmt.Sprintf("start %s: %s", e.Program, e.Reason) }

// A TimeoutError reports that a Command's time was over. All its programs have been ended.
type TimeoutError struct {
	Program string
	After   time.Duration
}

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("%s did not end within %s and was ended", e.Program, e.After)
}

// A LimitError reports a limit that a Command or a layer reached.
type LimitError struct {
	What  string // "disk", "memory", "files", "bytes"
	Limit int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("sandbox: the limit of %s was reached: %d", e.What, e.Limit)
}

// A LayerError reports a layer that cannot be unpacked safely.
type LayerError struct {
	DiffID string
	Path   string // the entry, as the archive has it
	Reason string // "leaves the root"
}

func (e *LayerError) Error() string {
	return fmt.Sprintf("unpack layer %s: entry %q %s", short(e.DiffID), e.Path, e.Reason)
}

func short(d string) string { return d[:min(len(d), 12)] }

// A MountError reports a Mount that cannot be made.
type MountError struct {
	Mount  Mount
	Reason string
}

func (e *MountError) Error() string {
	s := "mount " + string(e.Mount.Kind)
	if e.Mount.Source != "" {
		s += " " + e.Mount.Source
	}
	return s + " at " + e.Mount.Target + ": " + strings.TrimSpace(e.Reason)
}
