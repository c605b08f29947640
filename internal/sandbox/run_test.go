//go:build linux

package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nasa-openscapes/corn/internal/testkit/toolroot"
)

func TestRun(t *testing.T) {
	eachMode(t, func(t *testing.T, m Mode) {
		r := openRoot(t, m)
		root, jovyan := Command{}, Command{UID: 1000, GID: 1000, Dir: "/home/jovyan"}
		for _, tt := range []struct {
			why  string
			c    Command
			line string
			want string
		}{
			{"root inside, without the groups outside", root, "id", "0 0 []\n"},
			{"the image's user", jovyan, "id ; pwd", "1000 1000 []\n/home/jovyan\n"},
			{"its home is its own", jovyan, "write x y ; cat x ; rm x", "y"},
			{"a clean environment", root, "env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nHOME=/\n"},
			{"the environment that was asked for", Command{Env: []string{"A=1"}}, "env", "A=1\n"},
			{"a name of its own", Command{Hostname: "hub"}, "hostname", "hub\n"},
			{"nothing on stdin", root, "copy", ""},
			{"stdin", Command{Stdin: strings.NewReader("words")}, "copy", "words"},
			{"only the usual devices", root, "ls /dev", "fd\nfull\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n"},
			{"capabilities of root: engines' without MKNOD, NET_RAW, AUDIT_WRITE", root, "capability",
				"CapInh:\t0000000000000000\nCapEff:\t00000000800405fb\nCapBnd:\t00000000800405fb\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\n"},
			{"capabilities of others: none", jovyan, "capability",
				"CapInh:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\n"},
			{"/tmp is everybody's", jovyan, "write /tmp/x y ; cat /tmp/x", "y"},
			{"and new every time", root, "ls /tmp", ""},
		} {
			if got := must(t, r, tt.c, tt.line); got != tt.want {
				t.Errorf("%s: %s = %q, want %q", tt.why, tt.line, got, tt.want)
			}
		}
	})
}

func TestRunFails(t *testing.T) {
	eachMode(t, func(t *testing.T, m Mode) {
		r := openRoot(t, m)
		for _, tt := range []struct {
			why  string
			c    Command
			want string
		}{
			{"an exit code", Command{Args: []string{"tool", "exit", "3"}}, "tool ended with exit code 3"},
			{"not there", Command{Args: []string{"/bin/none"}}, "start /bin/none: the image has no such file"},
			{"not on PATH", Command{Args: []string{"none"}, Env: []string{"PATH=/bin:/x"}}, "start none: no folder of PATH has it: /bin:/x"},
			{"no program", Command{Args: []string{"/etc/passwd"}}, "start /etc/passwd: /etc/passwd: permission denied"},
			{"no folder", Command{Args: []string{"tool"}, Dir: "/none"}, "start tool: the image has no folder /none"},
			{"nothing", Command{}, "start the program: no arguments were given"},
			{"a mount of nothing", Command{Args: []string{"tool"}, Mounts: []Mount{{Kind: Bind, Source: "/none/x", Target: "/x"}}},
				"mount bind /none/x at /x: stat /none/x: no such file or directory"},
			{"a mount at the root", Command{Args: []string{"tool"}, Mounts: []Mount{{Kind: Tmpfs, Target: "/"}}}, "mount tmpfs at /: want an absolute path below /"},
		} {
			if err := r.Run(t.Context(), tt.c); err == nil || err.Error() != tt.want {
				t.Errorf("%s: Run = %v, want %s", tt.why, err, tt.want)
			}
		}
		// None of these is the end of the Root.
		must(t, r, Command{}, "id")
	})
}

func TestMounts(t *testing.T) {
	eachMode(t, func(t *testing.T, m Mode) {
		r := openRoot(t, m, toolroot.Layer(t, []toolroot.Entry{
			{Header: symlink("data", "../../../../../../../srv/real")}, // leads to the image's /srv/real, which is not there
		}))
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "f"), []byte("outside"), 0o644); err != nil {
			t.Fatal(err)
		}
		c := Command{UID: 1000, GID: 1000, Mounts: []Mount{
			{Kind: Empty, Target: "/home/jovyan", UID: 1000, GID: 1000, Mode: 0o750},
			{Kind: Bind, Source: dir, Target: "/not/there", ReadOnly: true},
			{Kind: Bind, Source: filepath.Join(dir, "f"), Target: "/etc/one", ReadOnly: true},
			{Kind: Tmpfs, Target: "/scratch", Mode: 0o1777},
			{Kind: Bind, Source: dir, Target: "/data", ReadOnly: true},
		}}
		got := must(t, r, c, "stat /home/jovyan ; ls /home/jovyan ; write /home/jovyan/x y ; cat /not/there/f /etc/one /data/f ; write /scratch/x y ; ls /srv/real")
		if want := "/home/jovyan 40750 1000:1000 4096\noutsideoutsideoutsidef\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		for _, line := range []string{"write /not/there/f x", "write /not/there/g x", "rm /etc/one", "write /data/g x"} {
			if out, err := tool(t, r, Command{Mounts: c.Mounts}, line); err == nil {
				t.Errorf("%s works on a read-only mount: %s", line, out)
			}
		}
		if got := changed(t, r); len(got) != 0 && !strings.HasPrefix(got[0], "srv") {
			t.Errorf("changes = %q, want none: mounts are none", got)
		}
	})
}

func TestNetwork(t *testing.T) {
	eachMode(t, func(t *testing.T, m Mode) {
		r := openRoot(t, m)
		if got, want := must(t, r, Command{}, "listen"), "lo true\n"; got != want {
			t.Errorf("interfaces = %q, want %q", got, want)
		}
		s := httptest.NewServer(http.NotFoundHandler())
		defer s.Close()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := l.Addr().String()
		l.Close()
		p, err := r.Start(t.Context(), Command{Args: []string{"tool", "serve", addr}, Network: true})
		if err != nil {
			t.Fatal(err)
		}
		for {
			resp, err := http.Get("http://" + addr + "/x")
			if err == nil {
				resp.Body.Close()
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		if err := p.Kill(); err != nil {
			t.Error(err)
		}
		var exit *ExitError
		if err := p.Wait(); !errors.As(err, &exit) || exit.Code != 137 {
			t.Errorf("Wait = %v, want killed", err)
		}
	})
}

func TestSignals(t *testing.T) {
	eachMode(t, func(t *testing.T, m Mode) {
		r := openRoot(t, m)
		pr, pw, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer pr.Close()
		p, err := r.Start(t.Context(), Command{Args: []string{"tool", "signals"}, Stdout: pw})
		pw.Close()
		if err != nil {
			t.Fatal(err)
		}
		var first, second string
		if _, err := fmt.Fscan(pr, &first); err != nil {
			t.Fatal(err)
		}
		if err := p.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if _, err := fmt.Fscan(pr, &second); err != nil {
			t.Fatal(err)
		}
		if err := p.Wait(); err != nil || second != "terminated" {
			t.Errorf("Wait = %v, the program got %q, want terminated", err, second)
		}
	})
}

func TestNothingRunsOn(t *testing.T) {
	eachMode(t, func(t *testing.T, m Mode) {
		r := openRoot(t, m)
		dir := t.TempDir()
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		beats := filepath.Join(dir, "beats")
		if err := os.WriteFile(beats, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		c := Command{Mounts: []Mount{{Kind: Bind, Source: dir, Target: "/out"}}}
		still := func(why string) {
			t.Helper()
			a, err := os.Stat(beats)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(30 * time.Millisecond)
			b, err := os.Stat(beats)
			if err != nil || a.Size() == 0 || a.Size() != b.Size() {
				t.Errorf("%s: the file grew from %d to %d bytes, %v", why, a.Size(), b.Size(), err)
			}
		}
		must(t, r, c, "spawn beat /out/beats ; sleep 50ms")
		still("after the program's end")

		c.Timeout = 50 * time.Millisecond
		_, err := tool(t, r, c, "spawn beat /out/beats ; sleep 1h")
		var late *TimeoutError
		if !errors.As(err, &late) {
			t.Errorf("Run = %v, want a timeout", err)
		}
		still("after the time limit")

		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("enough")
		time.AfterFunc(50*time.Millisecond, func() { cancel(why) })
		c.Timeout = 0
		c.Args = []string{"tool", "beat", "/out/beats"}
		if err := r.Run(ctx, c); !errors.Is(err, why) {
			t.Errorf("Run = %v, want %v", err, why)
		}
		still("after the context's end")
	})
}

func TestLimits(t *testing.T) {
	eachMode(t, func(t *testing.T, m Mode) {
		r := openRoot(t, m)
		if m != Privileged || hasCgroups() {
			out := must(t, r, Command{Limits: Limits{Processes: 40}, Timeout: 20 * time.Second}, "bomb")
			if !strings.HasPrefix(out, "stopped after ") {
				t.Errorf("a fork bomb got on: %s", out)
			}
		}
		var limit *LimitError
		if out, err := tool(t, r, Command{Limits: Limits{DiskBytes: 4 << 20}}, "fill /opt/full"); !errors.As(err, &limit) || limit.What != "disk" {
			t.Errorf("filling the disk: %v, want a *LimitError of the disk\n%s", err, out)
		}
		if err := r.Reset(); err != nil {
			t.Fatal(err)
		}
		if out, err := tool(t, r, Command{Limits: Limits{TmpBytes: 1 << 20}}, "fill /tmp/full"); err == nil || !strings.Contains(out, "no space left") {
			t.Errorf("filling /tmp: %v, want no space left\n%s", err, out)
		}
		if out, err := tool(t, r, Command{Limits: Limits{FileBytes: 1 << 20}}, "fill /opt/full"); err == nil || !strings.Contains(out, "file too large") {
			t.Errorf("a large file: %v, want file too large\n%s", err, out)
		}
		if out, err := tool(t, r, Command{Limits: Limits{MemoryBytes: 64 << 20}}, "eat 200"); err == nil {
			t.Errorf("200 MB of memory: %v, want an error: 64 are allowed\n%s", err, out)
		}
		if err := r.Reset(); err != nil {
			t.Fatal(err)
		}
		if got := changed(t, r); len(got) != 0 {
			t.Errorf("after Reset there are changes: %q", got)
		}
	})
}

func hasCgroups() bool {
	g, err := newGroup(os.Getpid(), Limits{})
	_ = g.remove()
	return err == nil && g != nil && len(g.dirs) > 0
}

// TestEscape tries what a step may not.
func TestEscape(t *testing.T) {
	eachMode(t, func(t *testing.T, m Mode) {
		r := openRoot(t, m)
		for _, line := range []string{
			"mknod /opt/null", "mount /opt", "umount /tmp", "umount /proc/keys", "unshare", "userns",
			"write /proc/sys/kernel/core_pattern x", "write /proc/sysrq-trigger b", "write /proc/sys/user/max_user_namespaces 100",
			"cat /proc/kcore", "ls /proc/1/root/proc/self/fd/none", "write /etc/hosts x", "cat /dev/kmsg", "cat /dev/vda",
		} {
			if out, err := tool(t, r, Command{}, line); err == nil {
				t.Errorf("%s works: %s", line, out)
			}
		}
		// Out of a chroot there is the sandbox's root, and nothing else.
		inside := must(t, r, Command{}, "ls /")
		if got := must(t, r, Command{}, "escape"); got != inside {
			t.Errorf("escape = %q, want %q", got, inside)
		}
		// Set-uid files may be made, but do nothing here.
		must(t, r, Command{}, "chmod 4755 /usr/bin/tool")
		var out bytes.Buffer
		if err := r.Run(t.Context(), Command{Args: []string{"sh", "id"}, UID: 1000, GID: 1000, Stdout: &out}); err != nil {
			t.Fatal(err)
		}
		if out.String() != "1000 1000 []\n" {
			t.Errorf("a set-uid program ran as %q", out.String())
		}
	})
}

// TestKilledParent kills the process that runs a sandbox.
func TestKilledParent(t *testing.T) {
	const beats = "CORN_TEST_BEATS"
	if file := os.Getenv(beats); file != "" {
		r := openRoot(t, "")
		_ = r.Run(t.Context(), Command{Args: []string{"tool", "spawn", "beat", "/out/beats", ";", "sleep", "1h"},
			Mounts: []Mount{{Kind: Bind, Source: filepath.Dir(file), Target: "/out"}}})
		return
	}
	need(t, "")
	file := filepath.Join(t.TempDir(), "beats")
	cmd := testCommand("TestKilledParent", beats+"="+file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	size := func() int64 {
		st, err := os.Stat(file)
		if err != nil {
			return 0
		}
		return st.Size()
	}
	for deadline := time.Now().Add(20 * time.Second); size() == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the sandbox did not start")
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	time.Sleep(50 * time.Millisecond) // the kernel ends them one after another
	before := size()
	time.Sleep(50 * time.Millisecond)
	if after := size(); after != before {
		t.Errorf("the sandbox outlives who started it: %d, then %d bytes", before, after)
	}
}

func BenchmarkStart(b *testing.B) {
	r := openRoot(b, "")
	for b.Loop() {
		if err := r.Run(b.Context(), Command{Args: []string{"tool"}}); err != nil {
			b.Fatal(err)
		}
	}
}

// What a Root held goes on in another one: a step that failed is looked at like that.
func TestDetach(t *testing.T) {
	eachMode(t, func(t *testing.T, m Mode) {
		r := openRoot(t, m)
		dir := filepath.Join(shared.Dir(), "kept-"+string(m))
		must(t, r, Command{}, "write /srv/new one ; rm /home/jovyan/.profile")
		if err := r.Detach(dir); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := RemoveAll(dir); err != nil {
				t.Error(err)
			}
		})
		if got := must(t, r, Command{}, "ls /srv"); got != "" {
			t.Errorf("the first root still has %q", got)
		}
		for i, want := range []string{"one", "onemore"} { // what is changed stays
			again, err := Open(t.Context(), shared, []Layer{layerOf(toolroot.Base(t))}, Options{Mode: m, Changes: dir})
			if err != nil {
				t.Fatal(err)
			}
			got := must(t, again, Command{}, "cat /srv/new ; ls /home/jovyan ; append /srv/new more")
			if err := again.Close(); got != want || err != nil {
				t.Errorf("opened %d times: got %q, %v, want %q", i+1, got, err, want)
			}
		}
	})
}
