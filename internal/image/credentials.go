package image

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// authVariable holds what Docker's config.json would: GitLab's runners, and Docker since 28,
// read it before any file.
const authVariable = "DOCKER_AUTH_CONFIG"

// ambient finds credentials where Docker and podman do: the variable, Docker's config.json with
// its helpers, and without one podman's auth.json.
type ambient struct{ getenv func(string) string }

var _ authn.ContextKeychain = ambient{}

func (a ambient) Resolve(target authn.Resource) (authn.Authenticator, error) {
	return a.ResolveContext(context.Background(), target)
}

func (a ambient) ResolveContext(ctx context.Context, target authn.Resource) (authn.Authenticator, error) {
	text := a.getenv(authVariable)
	if text == "" {
		return authn.Resolve(ctx, authn.DefaultKeychain, target)
	}
	var config struct {
		Auths map[string]authn.AuthConfig `json:"auths"`
	}
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		// The decoder's words may quote what should stay a secret.
		return nil, errors.New("$" + authVariable + " is not what Docker's config.json would be, JSON with an object \"auths\"")
	}
	keys := []string{target.String(), target.RegistryStr()}
	if target.RegistryStr() == name.DefaultRegistry {
		keys = append(keys, authn.DefaultAuthKey, "docker.io")
	}
	for _, want := range keys {
		for key, auth := range config.Auths {
			if bareHost(key) == bareHost(want) && auth != (authn.AuthConfig{}) {
				return authn.FromConfig(auth), nil
			}
		}
	}
	return authn.Resolve(ctx, authn.DefaultKeychain, target)
}

// bareHost drops what older versions of Docker wrote around a registry's name.
func bareHost(key string) string {
	key = strings.TrimPrefix(strings.TrimPrefix(key, "https://"), "http://")
	return strings.TrimSuffix(strings.TrimSuffix(key, "/"), "/v1")
}
