//go:build linux

package sandbox

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestCauses(t *testing.T) {
	const clean = "22 27 0:20 / /proc rw,nosuid - proc proc rw"
	for _, tt := range []struct {
		why   string
		err   error
		euid  int
		files map[string]string
		want  Cause
	}{
		{"Ubuntu 24.04", unix.EACCES, 1000, map[string]string{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1"}, AppArmor},
		{"the same, as Go reports a map that may not be written", &os.PathError{Op: "fork/exec", Path: "/proc/self/exe", Err: unix.EPERM}, 1000,
			map[string]string{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1"}, AppArmor},
		{"Ubuntu with the restriction off", unix.EPERM, 1000, map[string]string{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "0"}, UnknownReason},
		{"old Debian", unix.EPERM, 1000, map[string]string{"/proc/sys/kernel/unprivileged_userns_clone": "0"}, UserNSOff},
		{"old Debian, as root: another cause", unix.EPERM, 0, map[string]string{"/proc/sys/kernel/unprivileged_userns_clone": "0"}, UnknownReason},
		{"RHEL 7, hardened machines", unix.ENOSPC, 1000, map[string]string{"/proc/sys/user/max_user_namespaces": "0"}, UserNSOff},
		{"too many", unix.ENOSPC, 1000, map[string]string{"/proc/sys/user/max_user_namespaces": "100"}, UserNSLimit},
		{"too deep", unix.EUSERS, 1000, nil, UserNSLimit},
		{"docker run", unix.EPERM, 0, map[string]string{"/proc/self/status": "Name:\tcorn\nNoNewPrivs:\t0\nSeccomp:\t2\nSeccomp_filters:\t1\n"}, Seccomp},
		{"a filter that answers with ENOSYS", unix.ENOSYS, 0, map[string]string{"/proc/self/status": "Seccomp:\t2\n"}, Seccomp},
		{"a kernel without openat2", unix.ENOSYS, 0, map[string]string{"/proc/self/status": "Seccomp:\t0\n"}, OldKernel},
		{"a container with its proc masked", unix.EPERM, 0, map[string]string{"/proc/self/status": "Seccomp:\t0\n",
			"/proc/self/mountinfo": clean + "\n30 22 0:5 /null /proc/kcore rw - tmpfs tmpfs rw"}, MaskedProc},
		{"binfmt_misc masks nothing", unix.EPERM, 0, map[string]string{"/proc/self/mountinfo": clean + "\n30 22 0:35 / /proc/sys/fs/binfmt_misc rw - autofs x rw"}, UnknownReason},
	} {
		m := machine{read: func(name string) string { return tt.files[name] }, euid: func() int { return tt.euid }}
		if got := causeOf(tt.err, m); got != tt.want {
			t.Errorf("%s: causeOf(%v) = %s, want %s", tt.why, tt.err, got, tt.want)
		}
	}
}

func TestEveryCauseHasWords(t *testing.T) {
	for _, c := range []Cause{NotLinux, AppArmor, UserNSOff, UserNSLimit, Seccomp, OldKernel, NoOverlay, OverlayOnTop, FileSystem, MaskedProc, NoIDMap, UnknownReason} {
		e := &RefusedError{Cause: c, Act: "act", Path: "/p", Err: unix.EPERM}
		if e.Hint() == "" || !strings.HasPrefix(e.Error(), "sandbox: act at /p: ") || causes[c].what == "" {
			t.Errorf("%s: error %q, hint %q", c, e.Error(), e.Hint())
		}
	}
	if len(causes) != 12 {
		t.Errorf("there are %d causes, the list above has 12", len(causes))
	}
}

// Errors keep their types and facts on the way out of a child.
func TestErrorsTravel(t *testing.T) {
	for _, err := range []error{
		&RefusedError{Cause: AppArmor, Act: "mount", Path: "/x", Err: unix.EACCES},
		&StartError{Program: "p", Reason: "r"},
		&LimitError{What: "bytes", Limit: 3},
		&LayerError{DiffID: "d", Path: "p", Reason: "r"},
		&MountError{Mount: Mount{Kind: Bind, Source: "/a", Target: "/b"}, Reason: "r"},
	} {
		if got := pack(err).unpack(); got.Error() != err.Error() {
			t.Errorf("%T becomes %T: %v, want %v", err, got, got, err)
		}
	}
	if got := pack(&os.PathError{Op: "write", Path: "x", Err: unix.ENOSPC}).unpack(); !errors.Is(got, unix.ENOSPC) {
		t.Errorf("a full disk becomes %v", got)
	}
}

func TestSubIDs(t *testing.T) {
	file := t.TempDir() + "/subuid"
	if err := os.WriteFile(file, []byte("# comment\nann:100000:65536\n1007:200000:65535\nben:300000:1000\nben:400000:65536\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		uid  int
		want []span
	}{
		{"ann", 1000, []span{{0, 1000, 1}, {1, 100000, 65536}}},
		{"eve", 1007, []span{{0, 1007, 1}, {1, 200000, 65535}}}, // by number
		{"ben", 1002, []span{{0, 1002, 1}, {1, 300000, 1000}, {1001, 400000, 65536}}},
	} {
		got, err := subIDs(file, tt.name, tt.uid, tt.uid)
		if err != nil || len(got) != len(tt.want) {
			t.Errorf("%s: %v, %v, want %v", tt.name, got, err, tt.want)
			continue
		}
		for i := range got {
			if got[i] != tt.want[i] {
				t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
			}
		}
	}
	var refused *RefusedError
	for _, name := range []string{"nobody", "root"} {
		if got, err := subIDs(file, name, 65534, 65534); !errors.As(err, &refused) || refused.Cause != NoIDMap {
			t.Errorf("%s: %v, %v, want no-id-map", name, got, err)
		}
	}
}

// Debian 13's apparmor_parser 4.1 takes the profile; older ones know neither abi 4.0 nor
// userns, and belong to systems that do not restrict user namespaces.
func TestProfile(t *testing.T) {
	got := Profile(`/opt/my corn, v*/"corn"`)
	if want := `profile corn "/opt/my corn\, v\*/\"corn\"" flags=(unconfined) {`; !strings.Contains(got, want+"\n  userns,\n") {
		t.Errorf("Profile = %s\nwant a line %s", got, want)
	}
	if strings.Contains(got, "@CORN@") {
		t.Errorf("Profile = %s", got)
	}
	checkProfile(t, Profile("/usr/local/bin/corn"))
}

// checkProfile asks the parser, where there is one of version 4.
func checkProfile(t *testing.T, profile string) {
	t.Helper()
	parser, err := exec.LookPath("apparmor_parser")
	if err != nil {
		t.Log("the profile's syntax is not checked: no apparmor_parser")
		return
	}
	if v, err := exec.Command(parser, "--version").Output(); err != nil || !strings.Contains(string(v), "version 4.") {
		t.Logf("the profile's syntax is not checked: want apparmor_parser 4, got %s, %v", v, err)
		return
	}
	cmd := exec.Command(parser, "--skip-kernel-load", "--skip-cache")
	cmd.Stdin = strings.NewReader(profile)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("apparmor_parser: %v\n%s", err, out)
	}
}
