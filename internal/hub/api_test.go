package hub

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestFollow: what hubs and the proxies before them make of the progress of a spawn.
func TestFollow(t *testing.T) {
	for _, c := range []struct {
		why, events, user string
		want              []string // reasons; nil: it works
	}{
		{"ready", "data: {\"progress\": 10, \"message\": \"Server requested\"}\n\n: keep-alive\n\ndata: {\"progress\": 100, \"ready\": true, \"message\": \"Server ready\"}\n\n", "", nil},
		{
			"KubeSpawner says the cause, the hub only that time is up",
			"data: {\"progress\": 50, \"message\": \"2026-08-01T10:00:00Z [Normal] Pulling image \\\"a/b:x\\\"\"}\n\n" +
				"data: {\"progress\": 55, \"message\": \"2026-08-01T10:00:01Z [Warning] Failed to pull image \\\"a/b:x\\\": manifest unknown\"}\n\n" +
				"data: {\"progress\": 100, \"failed\": true, \"message\": \"Spawn failed: Timeout\"}\n\n", "",
			[]string{`2026-08-01T10:00:01Z [Warning] Failed to pull image "a/b:x": manifest unknown`, "Spawn failed: Timeout"},
		},
		{"what is no JSON is left out", "data: hello\n\ndata:{\"failed\": true, \"message\": \"Spawn failed\"}\n\n", "", []string{"Spawn failed"}},
		{"a failure without a word", "data: {\"failed\": true}\n\n", "", []string{"the hub says no reason: look at its log"}},
		{"cut off, and ready all the same", "data: {\"progress\": 1, \"message\": \"Pulling\"}\n\n", `{"servers": {"x": {"ready": true}}}`, nil},
		{"cut off, and given up", "data: {\"progress\": 1, \"message\": \"Pulling\"}\n\n", `{"servers": {}}`, []string{"Pulling", "the hub gave it up"}},
	} {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /hub/api/users/ada/servers/x/progress", func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Accept") != "text/event-stream" {
				t.Errorf("Accept is %q", r.Header.Get("Accept"))
			}
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, c.events)
		})
		mux.HandleFunc("GET /hub/api/users/ada", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, c.user) })
		err := clientOf(t, mux, "t").Follow(t.Context(), "ada", "x", nil)
		var got []string
		if spawn, ok := errors.AsType[*SpawnError](err); ok {
			got = spawn.Reasons
		} else if err != nil {
			t.Errorf("%s: %v", c.why, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", c.why, diff)
		}
	}
}

// TestStop: a hub does not stop what is starting, and says so.
func TestStop(t *testing.T) {
	asked := 0
	mux := http.NewServeMux()
	mux.HandleFunc("DELETE /hub/api/users/ada/servers/x", func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked == 1 {
			http.Error(w, `{"status": 400, "message": "ada:x is pending spawn, please wait"}`, http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
	mux.HandleFunc("GET /hub/api/users/ada", func(w http.ResponseWriter, _ *http.Request) {
		if asked < 3 {
			fmt.Fprint(w, `{"servers": {"x": {"pending": "stop", "ready": false}}}`)
			return
		}
		fmt.Fprint(w, `{"servers": {}}`)
	})
	if err := clientOf(t, mux, "t").Stop(t.Context(), "ada", "x", true); err != nil || asked != 3 {
		t.Errorf("Stop = %v after %d requests, want 3", err, asked)
	}
}

func TestRunningTakesPages(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hub/api/users", func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept"), "application/jupyterhub-pagination+json") || r.FormValue("state") != "ready" {
			t.Errorf("asked %s with %s", r.URL, r.Header.Get("Accept"))
		}
		if r.FormValue("offset") == "0" {
			fmt.Fprint(w, `{"items": [{"name": "a"}], "_pagination": {"next": {"offset": 200, "limit": 200}}}`)
			return
		}
		fmt.Fprint(w, `{"items": [{"name": "b"}], "_pagination": {"next": null}}`)
	})
	users, err := clientOf(t, mux, "t").Running(t.Context())
	if err != nil || len(users) != 2 || users[1].Name != "b" {
		t.Errorf("Running = %+v, %v, want a and b", users, err)
	}
	old := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `[{"name": "a"}]`) })
	if users, err := clientOf(t, old, "t").Running(t.Context()); err != nil || len(users) != 1 {
		t.Errorf("a hub without pages: %+v, %v", users, err)
	}
}

// TestWrongHubs: addresses where no hub is, and hubs that say no.
func TestWrongHubs(t *testing.T) {
	answer := func(status int, header, body string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", header)
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		})
	}
	for _, c := range []struct {
		why  string
		h    http.Handler
		want string
	}{
		{"a login page elsewhere", answer(302, "https://sso.example.org/login?secret=1", ""), "it leads to https://sso.example.org/login: is "},
		{"another web site", answer(200, "", "<html>"), "is not the JSON of JupyterHub's API"},
		{"another API", answer(200, "", "{}"), "the hub's address?"},
		{"no page", answer(404, "", "not here"), "there is no JupyterHub's API at "},
		{"a hub that restarts", answer(503, "", ""), "the hub answers 503"},
	} {
		_, err := clientOf(t, c.h, "t0ken").Version(t.Context())
		if _, ok := errors.AsType[*APIError](err); !ok || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "t0ken") {
			t.Errorf("%s: %v, want %s", c.why, err, c.want)
		}
	}
	ts := httptest.NewServer(answer(200, "", ""))
	ts.Close()
	c, err := NewClient(ts.URL, "t0ken")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Version(t.Context()); err == nil || strings.Contains(err.Error(), "t0ken") {
		t.Errorf("a hub that is down: %v", err)
	} else if _, ok := errors.AsType[*url.Error](err); !ok {
		t.Errorf("a hub that is down: %v, want a url.Error inside", err)
	}
	if _, err := NewClient("https://hub.example.org", " "); !errors.Is(err, ErrNoToken) {
		t.Errorf("without a token: %v", err)
	}
}

// TestStuckSpawn: a hub that says nothing more is left when time is up, with what it said last.
func TestStuckSpawn(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hub/api/users/ada/server/progress", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "data: {\"progress\": 1, \"message\": \"0/3 nodes are available\"}\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err := clientOf(t, mux, "t").Follow(ctx, "ada", "", nil)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "0/3 nodes are available") {
		t.Errorf("Follow = %v", err)
	}
}

func TestMayScope(t *testing.T) {
	for _, c := range []struct {
		scopes string
		want   bool
	}{
		{"servers", true},
		{"servers!user=ada", true},
		{"servers!server=ada/x", true},
		{"servers!group=team", true}, // the hub will tell
		{"servers!user=grace", false},
		{"read:servers access:servers", false},
	} {
		if got := MayScope(strings.Fields(c.scopes), "servers", "ada"); got != c.want {
			t.Errorf("MayScope(%s) = %v, want %v", c.scopes, got, c.want)
		}
	}
}

func TestRepoint(t *testing.T) {
	in := map[string]any{
		"profile": "python", "image--unlisted-choice": "a/b:v1", "deep": []any{map[string]any{"image": "docker.io/a/b@" + aDigest}},
		"other": "c/d:v1", "word": "a/b", "n": 2.0, "null": nil,
	}
	want := map[string]any{
		"profile": "python", "image--unlisted-choice": "a/b:v2", "deep": []any{map[string]any{"image": "docker.io/a/b:v2"}},
		"other": "c/d:v1", "word": "a/b", "n": 2.0, "null": nil,
	}
	if diff := cmp.Diff(want, repoint(in, Ref{"a/b", "v2", ""})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
