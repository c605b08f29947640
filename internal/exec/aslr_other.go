//go:build !linux

package exec

import osexec "os/exec"

func startWithoutASLR(cmd *osexec.Cmd) error { return cmd.Start() }
