package image

import (
	"context"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// RegistryOptions say how registries are spoken to. The zero value is the default.
type RegistryOptions struct {
	// Keychain finds credentials; nil means $DOCKER_AUTH_CONFIG, Docker's config.json with
	// its credential helpers, and without one podman's auth.json.
	Keychain authn.Keychain
	// Transport carries the requests; nil means one with the proxies of the environment.
	Transport http.RoundTripper
	// Attempts is how often a request, an upload, or a download without progress is
	// tried; zero means 5.
	Attempts int
	// Backoff is the wait before the second attempt; it doubles with every further one.
	// A registry's Retry-After wins. Zero means half a second.
	Backoff time.Duration
	// IdleTimeout ends a request that no byte has moved for; zero means five minutes.
	IdleTimeout time.Duration
}

// RegistryStats counts what went over the network.
type RegistryStats struct {
	Requests      int64 // answered or not, repetitions and logins included
	SentBytes     int64 // of bodies
	ReceivedBytes int64 // of bodies
}

// Registries are the connections of one command: what is opened through one value shares
// logins and is counted together. It is safe for concurrent use.
type Registries struct {
	options RegistryOptions
	carrier *retryTransport

	mu    sync.Mutex
	repos map[string]*connecting
}

// NewRegistries returns connections that are opened when they are needed.
func NewRegistries(o RegistryOptions) *Registries {
	if o.Keychain == nil {
		o.Keychain = ambient{os.Getenv}
	}
	if o.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = 16
		o.Transport = t
	}
	if o.Attempts == 0 {
		o.Attempts = 5
	}
	if o.Backoff == 0 {
		o.Backoff = 500 * time.Millisecond
	}
	if o.IdleTimeout == 0 {
		o.IdleTimeout = 5 * time.Minute
	}
	r := &Registries{options: o, repos: map[string]*connecting{}}
	r.carrier = &retryTransport{next: o.Transport, attempts: o.Attempts, backoff: o.Backoff, idle: o.IdleTimeout}
	return r
}

// Stats returns what has been sent and received so far.
func (r *Registries) Stats() RegistryStats {
	return RegistryStats{r.carrier.requests.Load(), r.carrier.sent.Load(), r.carrier.received.Load()}
}

// or returns r, or fresh default connections if r is nil.
func (r *Registries) or() *Registries {
	if r != nil {
		return r
	}
	return NewRegistries(RegistryOptions{})
}

// A connecting is a login under way or done. A failed one is tried again.
type connecting struct {
	mu   sync.Mutex
	repo *repository
}

// A repository is one repository of a registry, with the right to read it, or to write it.
type repository struct {
	name    name.Repository
	shown   string // as users write it, without "index.docker.io/library/"
	client  *http.Client
	options RegistryOptions
}

// readingScope and writingScope are what a login asks for.
const (
	readingScope = transport.PullScope
	writingScope = transport.PushScope
)

// repository logs in. from are repositories that blobs will be mounted from.
func (r *Registries) repository(ctx context.Context, n name.Repository, scope string, from ...name.Repository) (*repository, error) {
	scopes := []string{n.Scope(scope)} // some registries look at the first one only
	for _, f := range from {
		if s := f.Scope(readingScope); f.Registry == n.Registry && !slices.Contains(scopes, s) {
			scopes = append(scopes, s)
		}
	}
	slices.Sort(scopes[1:])
	key := n.String() + " " + strings.Join(scopes, " ")
	r.mu.Lock()
	c := r.repos[key]
	if c == nil {
		c = &connecting{}
		r.repos[key] = c
	}
	r.mu.Unlock()

	c.mu.Lock()
	defer c.mu.Unlock()
	if c.repo != nil {
		return c.repo, nil
	}
	repo := &repository{name: n, shown: showRepository(n), options: r.options}
	auth, err := authn.Resolve(ctx, r.options.Keychain, n)
	if err != nil {
		return nil, &CredentialError{n.RegistryStr(), err}
	}
	t, err := transport.NewWithContext(ctx, n.Registry, auth, r.carrier, scopes)
	if err != nil {
		return nil, repo.fail(ctx, "log in to "+n.RegistryStr(), err)
	}
	repo.client = &http.Client{Transport: t, CheckRedirect: checkRedirect}
	c.repo = repo
	// Who may mount from elsewhere as well can do all that is asked for alone.
	r.mu.Lock()
	if alone := n.String() + " " + scopes[0]; r.repos[alone] == nil {
		r.repos[alone] = c
	}
	r.mu.Unlock()
	return repo, nil
}

// showRepository writes a repository as users do.
func showRepository(n name.Repository) string {
	if s, ok := strings.CutPrefix(n.Name(), name.DefaultRegistry+"/"); ok {
		return "docker.io/" + s
	}
	return n.Name()
}
