package e2e

import (
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/nasa-openscapes/corn/internal/jupyter"
	"github.com/nasa-openscapes/corn/internal/testkit/jupytertest"
)

// A hub is a running JupyterHub of Debian's with its proxy. Its servers are containers of an
// image that Docker pulls: testdata/jupyterhub_config.py.
type hub struct {
	*jupyter.Server // the proxy's address, an admin's token

	t     *testing.T
	dir   string // the hub's files; outlives a restart
	label string // of its containers
	cmd   *exec.Cmd
}

// startHub runs a hub whose users get the image.
func startHub(t *testing.T, image string) *hub {
	t.Helper()
	h := &hub{t: t, dir: t.TempDir(), label: "corn-e2e-hub=" + rand.Text()}
	h.start(image)
	t.Cleanup(func() {
		h.stop()
		if t.Failed() {
			log, err := os.ReadFile(filepath.Join(h.dir, "log"))
			t.Logf("JupyterHub printed (%v):\n%s", err, log)
		}
		for _, id := range h.containers() {
			t.Errorf("the hub left container %s", id)
			if err := (&jupytertest.Container{ID: id}).Remove(); err != nil {
				t.Error(err)
			}
		}
	})
	return h
}

// restart does what an admin does after a change of the values file: the same hub, another image.
func (h *hub) restart(image string) {
	h.t.Helper()
	h.stop()
	h.start(image)
}

func (h *hub) start(image string) {
	h.t.Helper()
	ports := freePorts(h.t, 3)
	h.Server = jupyter.Connect("http://127.0.0.1:"+ports[0], rand.Text())
	config := must[string](h.t)(filepath.Abs(filepath.Join("testdata", "jupyterhub_config.py")))
	log := must[*os.File](h.t)(os.OpenFile(filepath.Join(h.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644))
	defer log.Close()
	h.cmd = exec.Command("jupyterhub", "--config", config)
	h.cmd.Dir, h.cmd.Stdout, h.cmd.Stderr = h.dir, log, log
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	h.cmd.Env = append(os.Environ(), "NODE_PATH=/usr/share/nodejs",
		"CORN_HUB_IMAGE="+image, "CORN_HUB_PORTS="+strings.Join(ports, " "), "CORN_HUB_DIR="+h.dir,
		"CORN_HUB_TOKEN="+h.Token, "CORN_HUB_LABEL="+h.label)
	if err := h.cmd.Start(); err != nil {
		h.t.Fatalf("start JupyterHub: %v: run demo/setup.sh tests", err)
	}
	ctx := within(h.t, time.Minute)
	for {
		err := h.Call(ctx, http.MethodGet, "/hub/api/info", nil, http.StatusOK, nil)
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			h.t.Fatalf("wait for JupyterHub: %v", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// stop ends the hub, which ends its proxy and its servers.
func (h *hub) stop() {
	h.t.Helper()
	if err := h.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		h.t.Errorf("stop JupyterHub: %v", err)
	}
	kill := time.AfterFunc(30*time.Second, func() {
		_ = syscall.Kill(-h.cmd.Process.Pid, syscall.SIGKILL) // said below
	})
	_ = h.cmd.Wait() // its exit code is the signal's
	if !kill.Stop() {
		h.t.Errorf("JupyterHub did not end within 30 s")
	}
}

// containers are those of the hub's servers.
func (h *hub) containers() []string {
	h.t.Helper()
	ctx, cancel := withoutTest(30 * time.Second)
	defer cancel()
	out, err := jupytertest.Docker(ctx, "ps", "--all", "--quiet", "--filter", "label="+h.label)
	if err != nil {
		h.t.Error(err)
	}
	return strings.Fields(out)
}

// addUser makes the hub know somebody.
func (h *hub) addUser(name string) {
	h.t.Helper()
	if err := h.Call(within(h.t, time.Minute), http.MethodPost, "/hub/api/users/"+name, nil, http.StatusCreated, nil); err != nil {
		h.t.Fatal(err)
	}
}

// A hubServer is what the hub says of a user's server.
type hubServer struct {
	Ready   bool
	Pending string
}

// spawn starts a user's server and waits for it. options are those of the spawner; none takes
// the hub's image.
func (h *hub) spawn(user string, options map[string]string) *jupytertest.Server {
	h.t.Helper()
	if options == nil {
		options = map[string]string{} // no body at all means those of the last time
	}
	ctx := within(h.t, 4*time.Minute)
	if err := h.Call(ctx, http.MethodPost, "/hub/api/users/"+user+"/server", options, http.StatusAccepted, nil); err != nil {
		h.t.Fatalf("start the server of %s: %v", user, err)
	}
	for {
		s, err := h.server(user)
		switch {
		case err != nil:
			h.t.Fatalf("start the server of %s: %v", user, err)
		case s == nil:
			h.t.Fatalf("start the server of %s: the hub gave it up", user)
		case s.Ready:
			server := &jupytertest.Server{Server: jupyter.Connect(h.URL+"/user/"+user, h.Token)}
			containers := h.containers()
			if len(containers) != 1 {
				h.t.Fatalf("the server of %s runs in containers %q, want one", user, containers)
			}
			server.Container = &jupytertest.Container{ID: containers[0]}
			return server
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// server asks for a user's server; nil: none is there, or pending.
func (h *hub) server(user string) (*hubServer, error) {
	var answer struct{ Servers map[string]*hubServer }
	err := h.Call(within(h.t, time.Minute), http.MethodGet, "/hub/api/users/"+user, nil, http.StatusOK, &answer)
	return answer.Servers[""], err
}

// end stops a user's server, and sees that its container is gone.
func (h *hub) end(user string) {
	h.t.Helper()
	ctx := within(h.t, time.Minute)
	err := h.Call(ctx, http.MethodDelete, "/hub/api/users/"+user+"/server", nil, http.StatusNoContent, nil)
	if status, ok := errors.AsType[*jupyter.StatusError](err); err != nil && (!ok || status.Got != http.StatusAccepted) {
		h.t.Fatalf("stop the server of %s: %v", user, err)
	}
	for {
		s, err := h.server(user)
		left := h.containers()
		if err == nil && s == nil && len(left) == 0 {
			return
		}
		if ctx.Err() != nil {
			h.t.Fatalf("stop the server of %s: it is %+v (%v), with containers %q", user, s, err, left)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// freePorts finds ports that nothing listens on now.
func freePorts(t *testing.T, n int) []string {
	t.Helper()
	var ports []string
	for range n {
		l := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
		defer l.Close() // all at the end, or one may be given twice
		ports = append(ports, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
	return ports
}

// signIn opens the hub in a browser and signs in as a user. The hub starts the user's server
// and leads to its JupyterLab.
func (b *browser) signIn(h *hub, user string) {
	b.t.Helper()
	b.do(3*time.Minute, "sign in to the hub as "+user,
		chromedp.Navigate(h.URL+"/hub/login"),
		chromedp.WaitVisible(chromedp.CSS(`#username_input`)),
		chromedp.Focus(chromedp.CSS(`#username_input`)), chromedp.KeyEvent(user),
		chromedp.Focus(chromedp.CSS(`#password_input`)), chromedp.KeyEvent("any"),
		chromedp.KeyEvent(kb.Enter),
		chromedp.WaitVisible(chromedp.CSS(`.jp-Launcher`)))
}
