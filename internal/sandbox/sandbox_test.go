//go:build linux

package sandbox

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	mobyuser "github.com/moby/sys/user"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/testkit/toolroot"
)

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

// TestAsUser runs all tests of this package again as users who are not root: one who has
// a range of ids in /etc/subuid, if there is one, and one who has none.
func TestAsUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("this process is not root, so that all tests run as its user anyway")
	}
	file := filepath.Join(t.TempDir(), "tool")
	if err := os.WriteFile(file, toolroot.Tool(t), 0o755); err != nil {
		t.Fatal(err)
	}
	for p := filepath.Dir(file); p != os.TempDir(); p = filepath.Dir(p) {
		if err := os.Chmod(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	users := map[string]uint32{"without ranges": 64999} // in nobody's use on Debian
	if mine, err := mobyuser.ParseSubIDFile("/etc/subuid"); err == nil {
		for _, s := range mine {
			if u, err := user.Lookup(s.Name); err == nil && s.Count >= minRange && u.Uid != "0" {
				id, err := strconv.ParseUint(u.Uid, 10, 32)
				if err != nil {
					t.Fatal(err)
				}
				users["with ranges"] = uint32(id)
			}
		}
	}
	for name, uid := range users {
		t.Run(name, func(t *testing.T) {
			cmd := testCommand("", toolroot.ToolVar+"="+file, "HOME=/nonexistent", "TMPDIR=")
			cmd.Dir = "/"
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
			out, err := cmd.CombinedOutput()
			t.Logf("as %d:\n%s", uid, out)
			if err != nil {
				t.Errorf("tests as uid %d: %v", uid, err)
			}
		})
	}
}

// testCommand runs this test binary again.
func testCommand(run string, env ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+run, "-test.v", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), env...)
	return cmd
}
