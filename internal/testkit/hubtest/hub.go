// Package hubtest is a JupyterHub for tests: the parts of its REST API that a deploy needs, servers
// that come from images of a registry, and the configurator service.
//
// It speaks the formats of JupyterHub 3 to 5. A server has the kernels that its image's
// /opt/corn/image.json lists, so that only an image that is really there works. internal/hub tries
// the same on a real JupyterHub where one is installed.
package hubtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/image"
)

// Token is the one that the hub knows.
const Token = "token-of-the-hub"

// A Hub is a running hub. Close ends it.
type Hub struct {
	URL string

	ts *httptest.Server

	mu     sync.Mutex
	scopes []string
	users  map[string]map[string]*server // by name
	config string                        // the configurator's
	newer  bool                          // its form
	broken string                        // a kernel whose cells fail
	noNode string                        // part of an image that only trials can run
}

// A server is one of a user's.
type server struct {
	Name         string         `json:"name"`
	Ready        bool           `json:"ready"`
	Pending      *string        `json:"pending"`
	URL          string         `json:"url"`
	Started      time.Time      `json:"started"`
	LastActivity time.Time      `json:"last_activity"`
	UserOptions  map[string]any `json:"user_options"`

	handler http.Handler
	events  []map[string]any
}

// New starts a hub whose users are ada and grace.
func New() *Hub {
	h := &Hub{
		users: map[string]map[string]*server{"ada": {}, "grace": {}}, config: "{}",
		scopes: []string{"access:servers", "access:services!service=configurator", "list:users", "read:servers", "read:users:name", "servers"},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hub/api/{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"version": "5.2.1"}`) })
	mux.HandleFunc("GET /hub/api/user", h.may("", h.self))
	mux.HandleFunc("GET /hub/api/users", h.may("list:users", h.list))
	mux.HandleFunc("GET /hub/api/users/{user}", h.may("read:users:name", h.user))
	for _, at := range []string{"/server", "/servers/{server}"} {
		mux.HandleFunc("POST /hub/api/users/{user}"+at, h.may("servers", h.start))
		mux.HandleFunc("DELETE /hub/api/users/{user}"+at, h.may("servers", h.stop))
		mux.HandleFunc("GET /hub/api/users/{user}"+at+"/progress", h.may("read:servers", h.progress))
	}
	mux.HandleFunc("/services/configurator/config", h.may("access:services!service=configurator", h.configurator))
	mux.HandleFunc("/user/", h.may("access:servers", h.proxy))
	h.ts = httptest.NewServer(mux)
	h.URL = h.ts.URL
	return h
}

// Close stops the hub.
func (h *Hub) Close() { h.ts.Close() }

// Forbid takes a scope from the token.
func (h *Hub) Forbid(scope string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var left []string
	for _, s := range h.scopes {
		if s != scope {
			left = append(left, s)
		}
	}
	h.scopes = left
}

// Break makes the cells of a kernel fail; "" heals it.
func (h *Hub) Break(kernel string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.broken = kernel
}

// NoNode lets only trials start with an image that has part in its name; "" heals it.
func (h *Hub) NoNode(part string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.noNode = part
}

// Configure saves a configuration as the configurator has it, of the newer form or the older.
func (h *Hub) Configure(newer bool, config string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.newer, h.config = newer, config
}

// Config is what the configurator has.
func (h *Hub) Config() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.config
}

// Servers lists the servers that there are, sorted: "ada", "ada/name", with their options.
func (h *Hub) Servers() map[string]map[string]any {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := map[string]map[string]any{}
	for user, servers := range h.users {
		for name, s := range servers {
			out[strings.TrimSuffix(user+"/"+name, "/")] = s.UserOptions
		}
	}
	return out
}

func (h *Hub) may(scope string, then http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		has := scope == ""
		for _, s := range h.scopes {
			has = has || s == scope
		}
		h.mu.Unlock()
		if r.Header.Get("Authorization") != "token "+Token {
			fail(w, http.StatusForbidden, "Missing or invalid credentials.")
			return
		}
		if !has {
			fail(w, http.StatusForbidden, "Action is not authorized with current scopes; requires any of ["+scope+"]")
			return
		}
		then(w, r)
	}
}

func fail(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, map[string]any{"status": status, "message": message})
}

func (h *Hub) self(w http.ResponseWriter, _ *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	writeJSON(w, http.StatusOK, map[string]any{"name": "ada", "kind": "user", "scopes": h.scopes})
}

func (h *Hub) list(w http.ResponseWriter, _ *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	items := []any{}
	for _, name := range []string{"ada", "grace"} {
		if len(h.users[name]) > 0 {
			items = append(items, map[string]any{"name": name, "servers": h.users[name]})
		}
	}
	writeJSON(w, http.StatusOK, map[string]any{"items": items, "_pagination": map[string]any{"next": nil}})
}

func (h *Hub) user(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	servers, ok := h.users[r.PathValue("user")]
	if !ok {
		fail(w, http.StatusNotFound, "Not Found")
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"name": r.PathValue("user"), "kind": "user", "servers": servers})
}

// start makes a server of the image that the options name, else the configurator's.
func (h *Hub) start(w http.ResponseWriter, r *http.Request) {
	var options map[string]any
	if err := json.NewDecoder(r.Body).Decode(&options); err != nil {
		fail(w, http.StatusBadRequest, "Invalid JSON in body of request")
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	user, name := r.PathValue("user"), r.PathValue("server")
	if h.users[user] == nil {
		fail(w, http.StatusNotFound, "Not Found")
		return
	}
	if h.users[user][name] != nil {
		fail(w, http.StatusBadRequest, user+" is already running")
		return
	}
	prefix := "/user/" + user + "/"
	if name != "" {
		prefix += name + "/"
	}
	from := h.imageOf(options)
	s := &server{Name: name, URL: prefix, Started: time.Now(), UserOptions: options}
	s.events = append(s.events, map[string]any{"progress": 10, "message": "Pulling image \"" + from + "\""})
	kernels, err := kernelsOf(from, h.broken)
	switch {
	case h.noNode != "" && strings.Contains(from, h.noNode) && !strings.HasPrefix(name, "corn-trial-"):
		s.events = append(s.events, map[string]any{"progress": 20, "message": "[Warning] 0/3 nodes are available: 3 Insufficient memory"},
			map[string]any{"progress": 100, "failed": true, "message": "Spawn failed: Timeout"})
	case err != nil:
		s.events = append(s.events, map[string]any{"progress": 50, "message": "[Warning] Failed to pull image \"" + from + "\": manifest unknown"},
			map[string]any{"progress": 100, "failed": true, "message": "Spawn failed: Timeout"})
	default:
		s.handler = Jupyter(prefix, kernels)
		s.events = append(s.events, map[string]any{"progress": 100, "ready": true, "message": "Server ready at " + prefix})
		s.Ready, s.LastActivity = true, time.Now()
	}
	h.users[user][name] = s
	w.WriteHeader(http.StatusAccepted)
}

// imageOf follows KubeSpawner: a profile's unlisted choice, an image option, else the configured.
func (h *Hub) imageOf(options map[string]any) string {
	for _, key := range []string{"image--unlisted-choice", "image"} {
		if s, ok := options[key].(string); ok {
			return s
		}
	}
	var config map[string]any
	if json.Unmarshal([]byte(h.config), &config) != nil {
		return ""
	}
	for _, key := range []string{"KubeSpawner.image", "z2jh.image"} {
		if s, ok := config[key].(string); ok {
			return s
		}
	}
	return ""
}

// kernelsOf reads the image's own list.
func kernelsOf(ref, broken string) ([]Kernel, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	base, err := image.OpenBase(ctx, ref, image.OpenOptions{Platform: "linux/amd64", Registries: image.NewRegistries(image.RegistryOptions{})})
	if err != nil {
		return nil, err
	}
	defer base.Close()
	files, err := base.Described(ctx)
	if err != nil {
		return nil, err
	}
	m, err := image.ParseMetadata(files[image.MetadataPath])
	if err != nil {
		return nil, err
	}
	var out []Kernel
	for _, k := range m.Kernels {
		kernel := Kernel{Name: k.Name, DisplayName: k.DisplayName, Language: k.Language, Output: "42\n"}
		if k.Language == "python" {
			prefix := ""
			for _, e := range m.Envs {
				if e.Name == k.Env {
					prefix = "/" + e.Prefix
				}
			}
			kernel.Output = fmt.Sprintf("{\"prefix\": %q, \"sum\": %q}\n", prefix, digest.Sum(files[image.MetadataPath]).String())
		}
		if k.Name == broken {
			kernel.Error = "RuntimeError: broken"
		}
		out = append(out, kernel)
	}
	return out, nil
}

func (h *Hub) stop(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	servers := maps.Clone(h.users[r.PathValue("user")])
	delete(servers, r.PathValue("server"))
	if h.users[r.PathValue("user")] != nil {
		h.users[r.PathValue("user")] = servers
	}
	w.WriteHeader(http.StatusNoContent)
}

func (h *Hub) progress(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	s := h.users[r.PathValue("user")][r.PathValue("server")]
	h.mu.Unlock()
	if s == nil {
		fail(w, http.StatusNotFound, "Not Found")
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for _, e := range s.events {
		data, err := json.Marshal(e)
		if err != nil {
			panic(err) // maps of texts
		}
		fmt.Fprintf(w, "data: %s\n\n", data)
	}
}

func (h *Hub) proxy(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	var to http.Handler
	best := ""
	for _, servers := range h.users {
		for _, s := range servers {
			if s.handler != nil && strings.HasPrefix(r.URL.Path, s.URL) && len(s.URL) > len(best) {
				to, best = s.handler, s.URL
			}
		}
	}
	h.mu.Unlock()
	if to == nil {
		fail(w, http.StatusFailedDependency, "not running")
		return
	}
	to.ServeHTTP(w, r)
}

// configurator saves whatever it gets in place of all that it had, as the service does.
func (h *Hub) configurator(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case r.Method == http.MethodPost:
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		h.config = string(data)
	case h.newer:
		fmt.Fprintf(w, `{"config": %s, "schema": {"properties": {"z2jh.image": {"traitlet": "KubeSpawner.image"}}}}`, h.config)
	default:
		fmt.Fprint(w, h.config)
	}
}
