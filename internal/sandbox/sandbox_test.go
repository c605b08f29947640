//go:build linux

package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/internal/testkit/toolroot"
)

// asUser is set in the test binary that is run again as a user who is not root.
const asUser = "CORN_TEST_USER"

func layerOf(b []byte) Layer {
	return Layer{DiffID: digest.Sum(b), Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b)), nil
	}}
}

func testCache(t testing.TB) *cache.Cache {
	t.Helper()
	dir, err := os.MkdirTemp("", "corn-sandbox-test-")
	if err != nil {
		t.Fatal(err)
	}
	c, err := cache.Open(dir, cache.Options{RemoveAll: RemoveAll})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(c.Close(), RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	})
	return c
}

// need skips where this machine refuses the mode.
func need(t testing.TB, m Mode) {
	t.Helper()
	_, err := Check(m)
	var refused *RefusedError
	if errors.As(err, &refused) {
		t.Skipf("this machine refuses a sandbox: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func openRoot(t testing.TB, m Mode, layers ...[]byte) *Root {
	t.Helper()
	need(t, m)
	var all []Layer
	for _, b := range append([][]byte{toolroot.Base(t)}, layers...) {
		all = append(all, layerOf(b))
	}
	r, err := Open(t.Context(), testCache(t), all, Options{Mode: m})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// tool runs the tool with the words of line, and returns what it printed.
func tool(t testing.TB, r *Root, c Command, line string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c.Args = append([]string{"/bin/tool"}, strings.Fields(line)...)
	c.Stdout, c.Stderr = &out, &out
	err := r.Run(t.Context(), c)
	return out.String(), err
}

func must(t testing.TB, r *Root, c Command, line string) string {
	t.Helper()
	out, err := tool(t, r, c, line)
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return out
}

// modes are those that a test runs in: as root, root's; the others in this test binary run
// again as another user.
func modes() []Mode {
	if os.Geteuid() == 0 {
		return []Mode{Privileged}
	}
	return []Mode{Ranges, Single}
}

func eachMode(t *testing.T, f func(t *testing.T, m Mode)) {
	for _, m := range modes() {
		t.Run(string(m), func(t *testing.T) { f(t, m) })
	}
}

// TestAsUser runs all tests of this file and its neighbours again as a user who is not
// root: nobody's uid, and where there is one, a user with a range of ids.
func TestAsUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("this process is not root, and all tests run as its user")
	}
	const uid, gid = 64999, 64999 // in nobody's use on Debian
	cmd := exec.Command("/proc/self/exe", "-test.run=^Test", "-test.v", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), asUser+"=1", "HOME=/nonexistent")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	out, err := cmd.CombinedOutput()
	t.Logf("as %d:\n%s", uid, out)
	if err != nil {
		t.Errorf("tests as uid %d: %v", uid, err)
	}
}

func TestRun(t *testing.T) {
	eachMode(t, func(t *testing.T, m Mode) {
		r := openRoot(t, m)
		if got, want := must(t, r, Command{}, "id"), "0 0 []\n"; got != want {
			t.Errorf("id = %q, want %q", got, want)
		}
		fmt.Println(must(t, r, Command{}, "ls / ; ls /dev ; env ; hostname ; capability ; stat /home/jovyan /home/jovyan/.profile / /tmp ; cat /etc/hosts ; cat /proc/self/mountinfo"))
		fmt.Println(must(t, r, Command{UID: 1000, GID: 1000, Dir: "/home/jovyan"}, "id ; pwd ; capability ; write x y ; stat x"))
		err := r.Changes(t.Context(), printEntry)
		if err != nil {
			t.Error(err)
		}
	})
}

func printEntry(e filetree.Entry, _ io.Reader) error { fmt.Printf("%+v\n", e); return nil }
