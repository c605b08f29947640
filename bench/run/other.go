//go:build !linux

package run

import "errors"

var errLinux = errors.New("the benchmark measures on Linux only")

func bindThread() (restore func() error, err error) { return nil, errLinux }

func settle() {}

func watch(_ int, stop <-chan struct{}) memory {
	<-stop
	return memory{}
}

// DropCaches empties the kernel's caches of files, names and inodes. It needs root.
func DropCaches() error { return errLinux }
