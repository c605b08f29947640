//go:build !linux

package main

import "errors"

// mount refuses: stories that need a small file system are told on Linux.
func mount(string, string) error { return errors.ErrUnsupported }

func unmount(string) error { return errors.ErrUnsupported }
