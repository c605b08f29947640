package main

import "golang.org/x/sys/unix"

// mount puts a file system of the size at dir.
func mount(dir, size string) error {
	return unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size)
}

func unmount(dir string) error { return unix.Unmount(dir, unix.MNT_DETACH) }
