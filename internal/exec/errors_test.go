package exec

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nasa-openscapes/corn/internal/engine"
	"github.com/nasa-openscapes/corn/internal/sandbox"
)

// Whatever ends a step, the message says what it printed last, and the hint is a thing to do.
func TestStepErrors(t *testing.T) {
	for _, c := range []struct {
		err        error
		text, hint string
	}{
		{&sandbox.ExitError{Program: "./postBuild", Code: 3}, "postBuild: ./postBuild ended with exit code 3; its last lines:\none\ntwo", "its container is gone"},
		{&sandbox.TimeoutError{Program: "sh", After: time.Minute}, "did not end within 1m0s and was ended; its last lines:", "timeout"},
		{&sandbox.LimitError{What: "disk", Limit: 5}, "the limit of disk was reached: 5; its last lines:", "raise disk below steps in corn.yaml"},
		{&sandbox.RefusedError{Cause: sandbox.AppArmor, Act: "make a user namespace"}, "AppArmor", "corn sandbox-profile | sudo apparmor_parser -r; or run as root; or let a container engine run it with --exec docker; or build without postBuild"},
		{&engine.NoEngineError{Reasons: []string{"docker: not on the PATH"}}, "no container engine: docker: not on the PATH", "start docker, or build without --exec"},
		{&engine.CommandError{Args: []string{"docker", "create"}, Output: "max depth exceeded", Err: errors.New("exit status 1")}, "docker create: exit status 1: max depth exceeded", "docker info"},
	} {
		e := &StepError{Step: "postBuild", Engine: "docker", Last: []string{"one", "two"}, Err: c.err}
		if !strings.Contains(e.Error(), c.text) || !strings.Contains(e.Hint(), c.hint) || !errors.Is(e, c.err) {
			t.Errorf("%v\nhint %s\nwant %q and %q", e, e.Hint(), c.text, c.hint)
		}
	}
	e := &StepError{Step: "postBuild", Err: &sandbox.ExitError{Program: "./postBuild", Code: 3}}
	if !strings.Contains(e.Hint(), "look around with corn shell --failed") {
		t.Errorf("hint %s, want corn shell --failed", e.Hint())
	}
	full := &StepError{Step: "postBuild", Err: &sandbox.RefusedError{Cause: sandbox.UserNSLimit, Err: syscall.ENOSPC}}
	if errors.Is(full, syscall.ENOSPC) || !strings.Contains(full.Hint(), "--exec docker") {
		t.Errorf("namespaces that are used up look like a full disk: hint %s", full.Hint())
	}
	s := &StoreError{Step: "post-link of a", Path: "opt/corn/store/x/y"}
	if !strings.Contains(s.Error(), "/opt/corn/store/x/y") || !strings.Contains(s.Hint(), "copy:") {
		t.Errorf("%v, hint %s", s, s.Hint())
	}
}
