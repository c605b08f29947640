package hub

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startHub runs the JupyterHub of this machine, with its proxy, and returns a way to speak to it with each of
// its services' tokens.
func startHub(t *testing.T) func(service string) *Client {
	t.Helper()
	if testing.Short() {
		t.Skip("runs a JupyterHub")
	}
	for _, program := range []string{"jupyterhub", "configurable-http-proxy"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed (Debian packages jupyterhub, node-configurable-http-proxy)", program)
		}
	}
	ports := freePorts(t, 3)
	config, err := filepath.Abs("testdata/jupyterhub_config.py")
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("jupyterhub", "--config", config)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Env = append(os.Environ(), "NODE_PATH=/usr/share/nodejs", "CORN_HUB_PORTS="+strings.Join(ports, " "), "CORN_HUB_DIR="+dir, "CORN_HUB_SERVER="+self)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // Wait says how it ended
		kill := time.AfterFunc(20*time.Second, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		_ = cmd.Wait() // by the signal
		kill.Stop()
		log.Close()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("JupyterHub printed:\n%s", text)
		}
	})
	client := func(service string) *Client {
		c, err := NewClient("http://127.0.0.1:"+ports[0]+"/hub/home", service+"-token-of-the-test")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		_, err := client("deploy").Version(ctx)
		if err == nil {
			return client
		}
		if ctx.Err() != nil {
			t.Fatalf("JupyterHub does not answer: %v", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// freePorts finds ports that nothing listens on now.
func freePorts(t *testing.T, n int) []string {
	t.Helper()
	var ports []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // all at the end, or one may be given twice
		ports = append(ports, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
	return ports
}

// TestRealHub drives a real JupyterHub: trials that work and that fail in each way, and restarts.
func TestRealHub(t *testing.T) {
	client := startHub(t)
	c := client("deploy")
	ctx := t.Context()
	for _, name := range []string{"ada", "grace"} {
		if _, err := client("admin").call(ctx, "add", "", http.MethodPost, "/hub/api/users/"+name, nil, nil, http.StatusCreated); err != nil {
			t.Fatal(err)
		}
	}
	self, err := c.Self(ctx)
	if err != nil || self.Kind != "service" || self.Name != "deploy" {
		t.Fatalf("Self() = %+v, %v", self, err)
	}
	if !MayScope(self.Scopes, "servers", "ada") || !MayScope(self.Scopes, "access:servers", "ada") || MayScope(self.Scopes, "admin:users", "ada") {
		t.Errorf("MayScope is wrong of %q", self.Scopes)
	}
	var mu sync.Mutex
	var said []string
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, format)
	}
	trial := func(image string) Trial {
		return Trial{
			User: "ada", Options: map[string]any{"image": image}, MetadataSum: "0123", Prefix: map[string]string{"py": "/envs/py"},
			Kernels: []Kernel{{Name: "py", DisplayName: "Py", Language: "python", Env: "py"}, {Name: "r", DisplayName: "R", Language: "R", Env: "r"}},
		}
	}
	// none is there afterwards, whatever came of it.
	none := func(why string) {
		t.Helper()
		u, err := c.User(ctx, "ada")
		if err != nil {
			t.Fatal(err)
		}
		for name := range u.Servers {
			if name != "" {
				t.Errorf("%s: the server %q is left", why, name)
			}
		}
	}

	// Two at once.
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			res, err := c.Try(ctx, trial("a/b:v1"), say)
			if err != nil || len(res.Kernels) != 2 || res.Kernels[0].Result != "passed" || res.Kernels[1].Result != "passed" || !slices.Contains(res.Events, "Pulling image a/b:v1") {
				t.Errorf("Try = %+v, %v", res, err)
			}
		})
	}
	wg.Wait()
	none("two that work")

	_, err = c.Try(ctx, trial("a/b:nosuch"), say)
	if spawn, ok := errors.AsType[*SpawnError](err); !ok || !strings.Contains(spawn.Error(), "Failed to pull image a/b:nosuch: manifest unknown") {
		t.Errorf("an image that is not there: %v, want the spawner's reason", err)
	}
	none("no such image")
	for image, want := range map[string]string{
		"a/b:nokernel": `kernel r missing: the server has ["py"]`,
		"a/b:broken":   "kernel r failed: the cell failed: simpleError: no libR",
		"a/b:other":    "kernel py failed: the server runs another image",
	} {
		_, err := c.Try(ctx, trial(image), say)
		if _, ok := errors.AsType[*TrialError](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", image, err, want)
		}
	}
	none("kernels that fail")

	// Interrupted while the server starts.
	cut, cancel := context.WithCancel(ctx)
	time.AfterFunc(time.Second, cancel)
	if _, err := c.Try(cut, trial("a/b:v1-slow"), say); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	none("interrupted") // the hub stops nothing that is starting: the trial was waited for

	// What the token may not do.
	weak := client("weak")
	_, err = weak.Try(ctx, trial("a/b:v1"), say)
	if scope, ok := errors.AsType[*ScopeError](err); !ok || scope.Scope != "servers!user=ada" {
		t.Errorf("a token without the scope servers: %v, want a ScopeError that names it", err)
	}
	bad, err := NewClient(c.URL, "wrong")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bad.Self(ctx); err == nil || !strings.Contains(err.Error(), "it does not know the token") {
		t.Errorf("a token that the hub does not know: %v", err)
	}
	if _, err := c.User(ctx, "nobody"); err == nil || !strings.Contains(err.Error(), "knows nobody of that name") {
		t.Errorf("a user that there is not: %v", err)
	}

	restarts(t, c, say)
}

func restarts(t *testing.T, c *Client, say func(string, ...any)) {
	t.Helper()
	ctx := t.Context()
	imageOf := func() any {
		t.Helper()
		u, err := c.User(ctx, "grace")
		if err != nil {
			t.Fatal(err)
		}
		if !u.Servers[""].Ready {
			t.Errorf("grace's server does not run: %+v", u.Servers[""])
		}
		return u.Servers[""].UserOptions["image"]
	}
	r := Restart{User: "grace"}
	if err := c.Restarted(ctx, &r, Ref{"a/b", "v2", ""}, 0, say); err != nil || r.Result != "not running" {
		t.Errorf("a server that does not run: %+v, %v", r, err)
	}
	if err := c.startAndFollow(ctx, &r, map[string]any{"image": "docker.io/a/b:v1", "cpu": 2.0}, say); err != nil {
		t.Fatal(err)
	}
	users, err := c.Running(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if idle := Idle(users, time.Now().Add(time.Minute), Ref{"a/b", "v2", ""}); len(idle) != 1 || idle[0].User != "grace" {
		t.Errorf("Idle = %+v, want grace's", idle)
	}
	if idle := Idle(users, time.Now().Add(-time.Hour), Ref{"a/b", "v2", ""}); len(idle) != 0 {
		t.Errorf("Idle for an hour = %+v, want none", idle)
	}
	if idle := Idle(users, time.Now().Add(time.Minute), Ref{"c/d", "v1", ""}); len(idle) != 0 {
		t.Errorf("Idle for an image of another repository = %+v, want none", idle)
	}
	if err := c.Restarted(ctx, &r, Ref{"a/b", "v2", ""}, 0, say); err != nil || r.Result != "restarted" || imageOf() != "docker.io/a/b:v2" {
		t.Errorf("Restarted = %v, %+v; the image is %v", err, r, imageOf())
	}
	err = c.Restarted(ctx, &r, Ref{"a/b", "nosuch", ""}, 0, say)
	if _, ok := errors.AsType[*SpawnError](err); !ok || r.Result != "put back" || imageOf() != "docker.io/a/b:v2" {
		t.Errorf("an image that does not start: %v, %+v; the image is %v, want the one before", err, r, imageOf())
	}
	if err := c.Stop(ctx, "grace", "", true); err != nil {
		t.Error(err)
	}
}
