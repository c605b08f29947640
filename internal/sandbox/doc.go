// Package sandbox runs one program in the root file system of an image without root, and
// gives back what it changed.
//
// [Open] unpacks the layers of an image once per diff ID into the cache and puts an overlay
// for writing on top. [Root.Start] runs a program in it: in namespaces of its own (user,
// mount, pid, ipc, uts, and net where the network is off), behind pivot_root, without new
// privileges, with few capabilities and within limits. [Root.Changes] reads the overlay's
// upper directory as the entries of a layer.
//
// Whoever runs corn decides how ids are mapped, see [Mode]. What this machine refuses is a
// [*RefusedError] that names the cause and the way out. On systems other than Linux
// everything is refused.
//
// Sources: OCI image-spec v1.1.1 layer.md (whiteouts), OCI runtime-spec v1.2 config-linux.md
// (default devices and file systems, masked and read-only paths), the kernel's
// Documentation/filesystems/overlayfs.rst, user_namespaces(7), pid_namespaces(7),
// newuidmap(1). docs/design/sandbox.md has the decisions.
//
// The program that imports this package is started again as the sandbox's first process:
// an init function looks for the name under which it is started.
//
// Out of scope: seccomp filters, networks between none and the host's, images of other
// processors.
package sandbox
