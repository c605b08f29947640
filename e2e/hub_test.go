package e2e

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/internal/jupyter"
	"github.com/nasa-openscapes/corn/internal/testkit/jupytertest"
)

// What a hub needs of an image. The demo's base names an entrypoint that it does not have,
// as pangeo's does; corn's image has one.
func TestHubContract(t *testing.T) {
	s := need(t)
	img := must[*image](t)(s.hackweek())
	run := func(flags []string, command ...string) (string, error) {
		args := append([]string{"run", "--rm", "--network", "none"}, flags...)
		return jupytertest.Docker(within(t, time.Minute), append(append(args, img.Tag), command...)...)
	}
	env := img.versions(t, "ci")
	for _, c := range []struct {
		why     string
		flags   []string
		command []string
		want    string
	}{
		{
			"the hub replaces the command and keeps the entrypoint", nil,
			[]string{"jupyterhub-singleuser", "--version"}, env["jupyterhub-singleuser"],
		},
		{
			"as hubs run it: uid 1000, gid 100, an empty volume over the home folder", jupytertest.HubFlags()[2:],
			[]string{"jupyterhub-singleuser", "--version"}, env["jupyterhub-singleuser"],
		},
		{"user", nil, []string{"sh", "-c", "id -un; id -u; pwd; echo $HOME $SHELL"}, "jovyan\n1000\n/home/jovyan\n/home/jovyan /bin/bash"},
		{
			"programs of the notebook environment come first, after them the system's", nil,
			[]string{"sh", "-c", "for name in python3 jupyter jupyterhub-singleuser sh; do command -v $name; done"},
			"/srv/conda/envs/notebook/bin/python3\n/srv/conda/envs/notebook/bin/jupyter\n/srv/conda/envs/notebook/bin/jupyterhub-singleuser\n/usr/bin/sh",
		},
		{"a command that is wrapped in a python3 script", nil, []string{"/usr/bin/env", "python3", "-c", "import sys; print(sys.prefix)"}, "/srv/conda/envs/notebook"},
		{"the pre-puller: no entrypoint, a user without a name", []string{"--user", "65534", "--entrypoint", "/bin/sh"}, []string{"-c", "echo pulled"}, "pulled"},
		{"the same through the entrypoint", []string{"--user", "65534"}, []string{"/bin/sh", "-c", "echo pulled"}, "pulled"},
		{"arguments arrive as they are", nil, []string{"printf", "%s|", "two words", "", "$HOME", "*"}, "two words||$HOME|*|"},
	} {
		out, err := run(c.flags, c.command...)
		if err != nil {
			t.Errorf("%s: %v", c.why, err)
		} else if diff := cmp.Diff(c.want, strings.TrimSpace(out)); diff != "" {
			t.Errorf("%s: %q (-want +got):\n%s", c.why, c.command, diff)
		}
	}
	if _, err := run(nil, "sh", "-c", "exit 7"); jupytertest.ExitCode(err) != 7 {
		t.Errorf("exit 7 through the entrypoint: %v", err)
	}
	config := must[string](t)(jupytertest.Docker(within(t, time.Minute), "inspect", "--format",
		"{{json .Config.Entrypoint}} {{json .Config.Cmd}} {{json .Config.OnBuild}} {{.Config.User}} {{.Config.WorkingDir}}", img.Tag))
	if want := `["/srv/start"] null null jovyan /home/jovyan`; strings.TrimSpace(config) != want {
		t.Errorf("config of the image: %s, want %s", config, want)
	}
	// Pid 1 without an init: the entrypoint must become the command, or signals get lost.
	if out, err := run(nil, "sh", "-c", "cat /proc/1/comm"); err != nil || strings.TrimSpace(out) != "sh" && strings.TrimSpace(out) != "cat" {
		t.Errorf("process 1 is %q (%v), want the command itself", out, err)
	}
}

// The image's jupyterhub-singleuser serves a user behind a hub: it registers itself, lets
// the user in by the hub's word, and runs kernels.
func TestSingleUserServer(t *testing.T) {
	s := need(t)
	img := must[*image](t)(s.hackweek())
	const token = "token-of-the-server"
	active := make(chan struct{}, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hub/api/{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"version": "5.2.1"}`) })
	mux.HandleFunc("GET /hub/api", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"version": "5.2.1"}`) })
	mux.HandleFunc("GET /hub/api/user", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "token users-own" && r.Header.Get("Authorization") != "Bearer users-own" {
			http.Error(w, `{"status": 403}`, http.StatusForbidden)
			return
		}
		fmt.Fprint(w, `{"name": "ada", "kind": "user", "admin": false, "groups": [], "scopes": ["access:servers!server=ada/"], "session_id": null}`)
	})
	mux.HandleFunc("POST /hub/api/users/ada/activity", func(_ http.ResponseWriter, _ *http.Request) {
		select {
		case active <- struct{}{}:
		default:
		}
	})
	hub := httptest.NewServer(mux)
	t.Cleanup(hub.Close)
	l := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	address := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	flags := jupytertest.HubFlags()
	for _, env := range []string{
		"API_TOKEN=" + token, "CLIENT_ID=jupyterhub-user-ada", "USER=ada", "SERVER_NAME=", "HOST=", "BASE_URL=/",
		"API_URL=" + hub.URL + "/hub/api", "ACTIVITY_URL=" + hub.URL + "/hub/api/users/ada/activity",
		"OAUTH_CALLBACK_URL=/user/ada/oauth_callback", `OAUTH_ACCESS_SCOPES=["access:servers!server=ada/"]`,
		`OAUTH_SCOPES=["access:servers!server=ada/"]`, "SERVICE_PREFIX=/user/ada/", "SERVICE_URL=" + address + "/user/ada/",
	} {
		flags = append(flags, "--env", "JUPYTERHUB_"+env)
	}
	c := must[*jupytertest.Container](t)(jupytertest.Run(within(t, time.Minute), img.Tag, flags, "jupyterhub-singleuser"))
	t.Cleanup(func() {
		if t.Failed() {
			ctx, cancel := withoutTest(10 * time.Second)
			defer cancel()
			t.Logf("the server printed:\n%s", c.Logs(ctx))
		}
		if err := c.Remove(); err != nil {
			t.Error(err)
		}
	})
	server := &jupytertest.Server{Server: jupyter.Connect(address+"/user/ada", "users-own"), Container: c}
	ctx := within(t, time.Minute)
	if err := server.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	specs, _, err := server.Kernelspecs(ctx)
	if err != nil || len(specs) != len(img.Kernels)+1 {
		t.Errorf("behind a hub Jupyter lists %d kernels (%v), want %d", len(specs), err, len(img.Kernels)+1)
	}
	k := startKernel(t, server, "team-b")
	if r := execute(t, k, "import xarray; print(xarray.__version__)"); !strings.HasPrefix(r.Stdout, "2023.") {
		t.Errorf("team B's kernel behind a hub gave %s", r)
	}
	if _, _, err := jupyter.Connect(address+"/user/ada", "wrong").Kernelspecs(ctx); err == nil {
		t.Error("the server lets somebody in whom the hub does not know")
	}
	select {
	case <-active:
	case <-ctx.Done():
		t.Error("the server told the hub of no activity")
	}
}
