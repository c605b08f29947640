package registrytest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// A login is how a registry knows its users.
type login struct {
	user, password string
	tokens         bool
	public         bool
	valid          map[string][]string // token to the scopes that it has
	issued         int
}

// Login makes the registry ask for a name and a password (RFC 7617).
func (r *Registry) Login(user, password string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.login = &login{user: user, password: password}
}

// LoginTokens makes the registry ask for tokens, which it gives out at /token: with name
// and password for reading and writing, without, if public, for reading.
func (r *Registry) LoginTokens(user, password string, public bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.login = &login{user: user, password: password, tokens: true, public: public, valid: map[string][]string{}}
}

// Expire makes all tokens so far invalid.
func (r *Registry) Expire() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.login.valid = map[string][]string{}
}

// askLogin answers a request that is not allowed, and those for tokens.
func (r *Registry) askLogin(w http.ResponseWriter, req *http.Request) (answered bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.login
	if l == nil {
		return false
	}
	if !l.tokens {
		if u, p, ok := req.BasicAuth(); ok && u == l.user && p == l.password {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
		return true
	}
	if req.URL.Path == "/token" {
		l.token(w, req)
		return true
	}
	token, _ := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	scopes, known := l.valid[token]
	need := needed(req)
	if known && (need == "" || slices.Contains(scopes, need)) {
		return false
	}
	challenge := fmt.Sprintf(`Bearer realm="http://%s/token",service="test"`, r.Host)
	if need != "" {
		i := strings.LastIndex(need, ":")
		scope := need
		if need[i+1:] == "push" {
			scope = need[:i] + ":pull,push"
		}
		challenge += fmt.Sprintf(`,scope=%q`, scope)
	}
	if known {
		challenge += `,error="insufficient_scope"`
	}
	w.Header().Set("WWW-Authenticate", challenge)
	refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
	return true
}

// needed is the one right that a request needs, "repository:team/image:push".
func needed(req *http.Request) string {
	rest := strings.TrimPrefix(req.URL.Path, "/v2/")
	for _, part := range []string{"/blobs/", "/manifests/"} {
		if repo, _, ok := strings.Cut(rest, part); ok {
			if req.Method == http.MethodGet || req.Method == http.MethodHead {
				return "repository:" + repo + ":pull"
			}
			return "repository:" + repo + ":push"
		}
	}
	return ""
}

func (l *login) token(w http.ResponseWriter, req *http.Request) {
	u, p, given := req.BasicAuth()
	if given && (u != l.user || p != l.password) || !given && !l.public {
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "wrong name or password")
		return
	}
	l.issued++
	token := fmt.Sprintf("token-%d", l.issued)
	l.valid[token] = []string{}
	for _, s := range req.URL.Query()["scope"] {
		i := strings.LastIndex(s, ":")
		for action := range strings.SplitSeq(s[i+1:], ",") {
			if given || action == "pull" {
				l.valid[token] = append(l.valid[token], s[:i]+":"+action)
			}
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"token": token}) // the client may be gone
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q}]}`, code, message) // the client may be gone
}
