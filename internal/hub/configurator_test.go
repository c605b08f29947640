package hub

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// A configurator behaves as the service does: it saves whatever object it gets, in place of all
// that it had, and answers in one of two forms.
type configurator struct {
	mu     sync.Mutex
	newer  bool
	text   bool // the newer one's config is a JSON string
	saved  string
	posts  int
	onPost func(*configurator) // somebody else, right after
}

func (f *configurator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case r.URL.Path != "/services/configurator/config":
		http.Error(w, `{"status": 404, "message": "no such page"}`, http.StatusNotFound)
	case r.Header.Get("Authorization") != "token right":
		http.Error(w, "Forbidden", http.StatusForbidden)
	case r.Method == http.MethodPost:
		f.posts++
		data, _ := io.ReadAll(r.Body) // as the service: it validates nothing
		f.saved = string(data)
		if f.onPost != nil {
			f.onPost(f)
		}
	case !f.newer:
		fmt.Fprint(w, f.saved)
	default:
		config := f.saved
		if f.text {
			quoted, _ := json.Marshal(config) // a string
			config = string(quoted)
		}
		fmt.Fprintf(w, `{"config": %s, "schema": {"properties": {"z2jh.mem": {"traitlet": "KubeSpawner.mem_limit"}, "z2jh.image": {"traitlet": "KubeSpawner.image"}}}}`, config)
	}
}

func clientOf(t *testing.T, h http.Handler, token string) *Client {
	t.Helper()
	ts := httptest.NewServer(h)
	t.Cleanup(ts.Close)
	c, err := NewClient(ts.URL, token)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConfigurator(t *testing.T) {
	for _, c := range []struct {
		why          string
		f            *configurator
		image, saved string // before
	}{
		{"older", &configurator{saved: `{"KubeSpawner.image":"a/b:v1","KubeSpawner.mem_limit":12345678901234567890}`}, "a/b:v1", `{"KubeSpawner.image":"a/b:v2","KubeSpawner.mem_limit":12345678901234567890}`},
		{"older, nothing saved yet", &configurator{saved: `{}`}, "", `{"KubeSpawner.image":"a/b:v2"}`},
		{"newer", &configurator{newer: true, saved: `{"z2jh.image":"a/b:v1","z2jh.mem":1.50}`}, "a/b:v1", `{"z2jh.image":"a/b:v2","z2jh.mem":1.50}`},
		{"newer, a text", &configurator{newer: true, text: true, saved: `{"z2jh.image":"a/b:v1"}`}, "a/b:v1", `{"z2jh.image":"a/b:v2"}`},
		{"newer, null", &configurator{newer: true, saved: `null`}, "", `{"z2jh.image":"a/b:v2"}`},
	} {
		before := c.f.saved
		client := clientOf(t, c.f, "right")
		old, err := client.Configure(t.Context(), DefaultService, "a/b:v2")
		if err != nil || old.Image() != c.image || c.f.saved != c.saved {
			t.Errorf("%s: Configure = %+v, %v; saved %s, want %s", c.why, old, err, c.f.saved, c.saved)
			continue
		}
		if _, err := client.Configure(t.Context(), DefaultService, "a/b:v2"); err != nil || c.f.posts != 1 {
			t.Errorf("%s: again: %v, %d writes, want 1", c.why, err, c.f.posts)
		}
		if err := client.Unconfigure(t.Context(), old, "a/b:v2"); err != nil || c.f.saved != strings.ReplaceAll(before, "null", "{}") {
			t.Errorf("%s: Unconfigure = %v; saved %s, want %s", c.why, err, c.f.saved, before)
		}
	}
}

func TestConfiguratorFaults(t *testing.T) {
	f := &configurator{saved: `{"KubeSpawner.image":"a/b:v1"}`}
	_, err := clientOf(t, f, "wrong").Configure(t.Context(), DefaultService, "a/b:v2")
	if scope, ok := errors.AsType[*ScopeError](err); !ok || scope.Scope != "access:services!service=configurator" || f.posts != 0 {
		t.Errorf("a token that may not: %v, %d writes", err, f.posts)
	}
	c := clientOf(t, f, "right")
	if _, err := c.Configure(t.Context(), "other", "a/b:v2"); err == nil || !strings.Contains(err.Error(), "no service called other") {
		t.Errorf("no such service: %v", err)
	}
	f.onPost = func(f *configurator) { f.saved = `{"KubeSpawner.image":"c/d:v9"}` }
	old, err := c.Configure(t.Context(), DefaultService, "a/b:v2")
	if conflict, ok := errors.AsType[*ConflictError](err); !ok || conflict.Got != "c/d:v9" {
		t.Errorf("two admins at once: %v, want a ConflictError", err)
	}
	if err := c.Unconfigure(t.Context(), old, "a/b:v2"); err == nil || f.saved != `{"KubeSpawner.image":"c/d:v9"}` {
		t.Errorf("rolling back took the other's image: %v, %s", err, f.saved)
	}
	for _, bad := range []string{"[]", "<html>", `"x"`, `{"config": [], "schema": {}}`, `{"config": {}, "schema": {"properties": {}}}`} {
		if _, err := clientOf(t, &configurator{saved: bad}, "right").Configure(t.Context(), DefaultService, "a/b:v2"); err == nil {
			t.Errorf("a configurator that answers %s: no error", bad)
		}
	}
}

func FuzzParseConfiguration(f *testing.F) {
	f.Add([]byte(`{"config": {"z2jh.image": "a"}, "schema": {"properties": {"z2jh.image": {"traitlet": "KubeSpawner.image"}}}}`))
	f.Add([]byte(`"{\"KubeSpawner.image\": 1}"`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseConfiguration("s", data)
		if err == nil && (c.Key == "" || c.Values == nil) {
			t.Errorf("%q gives %+v", data, c)
		}
	})
}
