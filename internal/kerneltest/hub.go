package kerneltest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/nasa-openscapes/corn/internal/jupyter"
)

// hubUser is the name of the user for whom servers are started.
const hubUser = "corn"

// A hub stands in for JupyterHub: it answers what a single-user server asks at its start and
// for each request of a user. It listens on the loopback interface alone.
type hub struct {
	server    *http.Server
	done      chan error
	address   string // "http://127.0.0.1:40001"
	userToken string // lets its bearer in as the user
}

func startHub(ctx context.Context) (*hub, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("stand in for a hub: %w", err)
	}
	h := &hub{address: "http://" + l.Addr().String(), userToken: rand.Text(), done: make(chan error, 1)}
	h.server = &http.Server{Handler: h.handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() { h.done <- h.server.Serve(l) }()
	return h, nil
}

func (h *hub) handler() http.Handler {
	mux := http.NewServeMux()
	version := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"version": "5.2.1"}`) }
	mux.HandleFunc("GET /hub/api", version)
	mux.HandleFunc("GET /hub/api/{$}", version)
	mux.HandleFunc("GET /hub/api/user", func(w http.ResponseWriter, r *http.Request) {
		if a := r.Header.Get("Authorization"); a != "token "+h.userToken && a != "Bearer "+h.userToken {
			http.Error(w, `{"status": 403}`, http.StatusForbidden)
			return
		}
		fmt.Fprintf(w, `{"name": %q, "kind": "user", "admin": false, "groups": [], "scopes": ["access:servers!server=%s/"], "session_id": null}`, hubUser, hubUser)
	})
	mux.HandleFunc("POST /hub/api/users/{name}/activity", func(http.ResponseWriter, *http.Request) {})
	return mux
}

// program is the command of a single-user server, and what a hub puts into its environment.
func (h *hub) program(port int) (Program, *jupyter.Server) {
	base := "/user/" + hubUser + "/"
	address := "http://127.0.0.1:" + strconv.Itoa(port) + base
	scopes := `["access:servers!server=` + hubUser + `/"]`
	p := Program{Args: append([]string{"jupyterhub-singleuser"}, restartFlags...)}
	for _, v := range []string{
		"API_TOKEN=" + rand.Text(), "CLIENT_ID=jupyterhub-user-" + hubUser, "USER=" + hubUser, "SERVER_NAME=", "HOST=", "BASE_URL=/",
		"API_URL=" + h.address + "/hub/api", "ACTIVITY_URL=" + h.address + "/hub/api/users/" + hubUser + "/activity",
		"OAUTH_CALLBACK_URL=" + base + "oauth_callback", "OAUTH_ACCESS_SCOPES=" + scopes, "OAUTH_SCOPES=" + scopes,
		"SERVICE_PREFIX=" + base, "SERVICE_URL=" + address,
	} {
		p.Env = append(p.Env, "JUPYTERHUB_"+v)
	}
	return p, jupyter.Connect(address, h.userToken)
}

// alone is the command of a Jupyter server without a hub, for images that no hub can start.
func (h *hub) alone(port int) (Program, *jupyter.Server) {
	p := Program{
		Args: append([]string{
			"jupyter", "server", "--no-browser", "--ServerApp.ip=127.0.0.1",
			"--ServerApp.port=" + strconv.Itoa(port), "--ServerApp.port_retries=0",
		}, restartFlags...),
		Env: []string{"JUPYTER_TOKEN=" + h.userToken},
	}
	return p, jupyter.Connect("http://127.0.0.1:"+strconv.Itoa(port), h.userToken)
}

// restartFlags make a kernel that dies stay dead. Jupyter would start it five times more and
// call it dead after a quarter of a minute.
var restartFlags = []string{"--KernelRestarter.restart_limit=0", "--KernelRestarter.time_to_dead=1.0"}

func (h *hub) close() error {
	err := h.server.Close()
	if serveErr := <-h.done; serveErr != http.ErrServerClosed { //nolint:errorlint // Serve returns it as it is
		return serveErr
	}
	return err
}
