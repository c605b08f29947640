package image

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

func TestCredentialsOfTheEnvironment(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	for _, n := range []string{"DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"} {
		t.Setenv(n, "")
	}
	b64 := base64.StdEncoding.EncodeToString([]byte("user:word"))
	for _, c := range []struct{ why, repo, text, want string }{
		{"no variable", "quay.io/a/b", "", ""},
		{"auth is both in one", "quay.io/a/b", `{"auths":{"quay.io":{"auth":"` + b64 + `"}}}`, "user word"},
		{"each by itself", "quay.io/a/b", `{"auths":{"quay.io":{"username":"u","password":"p"}}}`, "u p"},
		{"as old versions of Docker wrote it", "quay.io/a/b", `{"auths":{"https://quay.io/v1/":{"username":"u","password":"p"}}}`, "u p"},
		{"Docker Hub, under the name it always had", "a/b", `{"auths":{"https://index.docker.io/v1/":{"username":"u","password":"p"}}}`, "u p"},
		{"Docker Hub, under the name people use", "a/b", `{"auths":{"docker.io":{"username":"u","password":"p"}}}`, "u p"},
		{"of one repository, as podman has it", "quay.io/a/b", `{"auths":{"quay.io":{"username":"x","password":"x"},"quay.io/a/b":{"username":"u","password":"p"}}}`, "u p"},
		{"another registry's", "quay.io/a/b", `{"auths":{"ghcr.io":{"username":"u","password":"p"}}}`, ""},
		{"nothing in it", "quay.io/a/b", `{"auths":{"quay.io":{}}}`, ""},
		{"not JSON", "quay.io/a/b", `secret{`, "error"},
		{"a wrong type", "quay.io/a/b", `{"auths":"secret"}`, "error"},
	} {
		repo, err := name.NewRepository(c.repo)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		a, err := authn.Resolve(context.Background(), ambient{func(string) string { return c.text }}, repo)
		if err != nil {
			got = "error"
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: the error quotes the variable: %v", c.why, err)
			}
		} else if config, err := a.Authorization(); err != nil {
			t.Errorf("%s: %v", c.why, err)
		} else {
			got = strings.TrimSpace(config.Username + " " + config.Password)
		}
		if got != c.want {
			t.Errorf("%s: credentials %q, want %q (%v)", c.why, got, c.want, err)
		}
	}
}

func TestShowRef(t *testing.T) {
	for in, want := range map[string]string{
		"debian:12@sha256:00":          "debian:12@sha256:00",
		"quay.io/a:1":                  "quay.io/a:1",
		"u:secret@quay.io/a:1":         "***@quay.io/a:1",
		"docker://u:secret@quay.io/a":  "docker://***@quay.io/a",
		"docker://u:sec@ret@quay.io/a": "docker://***@quay.io/a",
		"u:secret@quay.io/a@sha256:00": "***@quay.io/a@sha256:00",
		"a@b":                          "a@b",
	} {
		if got := ShowRef(in); got != want {
			t.Errorf("ShowRef(%q) = %q, want %q", in, got, want)
		}
	}
}
