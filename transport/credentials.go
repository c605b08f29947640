package transport

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// A Credential is what one place on the network is to be shown. Exactly one of User, Bearer
// and Token is set.
type Credential struct {
	Host string // "conda.example.org", "localhost:8080", "*.example.org"
	// Path is a prefix of whole segments ("/private"), without the token; empty means all of the host.
	Path string
	// Plain allows it over http, not https alone: the user wrote http.
	Plain bool

	User, Password string // for Basic authentication
	Bearer         string
	Token          string // goes into the path, as "/t/<token>/" behind TokenAt
	TokenAt        string // "" is the root
}

// String tells whose it is and no secret.
func (c Credential) String() string { return "credential for " + c.Host + c.Path }

// GoString is String: %#v shows no secret either.
func (c Credential) GoString() string { return c.String() }

// Credentials are looked through in order of how well they fit: what is nearer to the URL first, then
// by position.
type Credentials []Credential

// find returns what is to be shown at u, or nil.
func (cs Credentials) find(u *url.URL, downgraded bool) *Credential {
	best, bestScore := -1, -1
	for i := range cs {
		c := &cs[i]
		if u.Scheme != "https" && (!c.Plain || downgraded) && !loopback(u) {
			continue
		}
		score := c.fits(u)
		if score > bestScore {
			best, bestScore = i, score
		}
	}
	if best < 0 {
		return nil
	}
	return &cs[best]
}

// loopback tells whether bytes for u stay on this machine, where http is as good as https.
func loopback(u *url.URL) bool {
	h := u.Hostname()
	return h == "localhost" || h == "::1" || strings.HasPrefix(h, "127.")
}

// fits returns -1 where c is not for u, else the greater the better it fits.
func (c *Credential) fits(u *url.URL) int {
	score := 0
	host := strings.ToLower(c.Host)
	switch uh := strings.ToLower(u.Host); {
	case host == uh:
		score = 2000
	case host == strings.ToLower(u.Hostname()):
		score = 1500
	case strings.HasPrefix(host, "*.") && (strings.HasSuffix(strings.ToLower(u.Hostname()), host[1:]) || strings.EqualFold(u.Hostname(), host[2:])):
		score = 1000 + len(host)
	default:
		return -1
	}
	p := u.EscapedPath()
	if !strings.HasPrefix(p+"/", strings.TrimSuffix(c.Path, "/")+"/") {
		return -1
	}
	return score*1000 + len(c.Path)
}

// Apply puts the credential into a request that may be changed.
func (c *Credential) Apply(r *http.Request) {
	switch {
	case c.Token != "":
		at := strings.TrimSuffix(c.TokenAt, "/")
		escaped := r.URL.EscapedPath()
		rest, ok := strings.CutPrefix(escaped, at)
		if !ok || strings.Contains(escaped, "/t/") {
			return // it has a token
		}
		raw := at + "/t/" + url.PathEscape(c.Token) + rest
		if p, err := url.PathUnescape(raw); err == nil {
			r.URL.Path, r.URL.RawPath = p, raw
		}
	case r.Header.Get("Authorization") != "":
	case c.Bearer != "":
		r.Header.Set("Authorization", "Bearer "+c.Bearer)
	default:
		r.SetBasicAuth(c.User, c.Password)
	}
}

// Split takes the credentials out of the URL of a channel or an index: user info, and a token as
// conda has it in paths. The query goes as well. ok tells whether there were any.
func Split(raw string) (clean string, c Credential, ok bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return raw, c, false
	}
	c = Credential{Host: u.Host, Plain: u.Scheme == "http"}
	if u.User != nil {
		c.User = u.User.Username()
		c.Password, _ = u.User.Password()
		u.User, ok = nil, true
	}
	segments := strings.Split(u.EscapedPath(), "/")
	for i := 1; i+1 < len(segments); i++ {
		if segments[i] == "t" && segments[i+1] != "" {
			c.Token, _ = url.PathUnescape(segments[i+1])
			c.TokenAt = strings.Join(segments[:i], "/")
			segments = slices.Concat(segments[:i], segments[i+2:])
			ok = true
			break
		}
	}
	escaped := strings.TrimRight(strings.Join(segments, "/"), "/")
	c.Path = escaped
	if u.Path, err = url.PathUnescape(escaped); err != nil {
		return raw, Credential{}, false
	}
	u.RawPath, u.RawQuery, u.ForceQuery, u.Fragment = escaped, "", false, ""
	return u.String(), c, ok
}
