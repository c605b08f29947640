package channel

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
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

// apply puts the credential into a request that may be changed.
func (c *Credential) apply(r *http.Request) {
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

// split takes the credentials out of a channel's URL. ok tells whether there were any.
func split(raw string) (clean string, c Credential, ok bool) {
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

// ReadCredentials reads what netrc, mamba and rattler know: $RATTLER_AUTH_FILE or ~/.rattler/credentials.json,
// ~/.mamba/auth/authentication.json, $NETRC or ~/.netrc. Files that are not there are no error;
// one that cannot be understood is a *ConfigError.
func ReadCredentials(env Env) (Credentials, error) {
	var all Credentials
	for _, f := range []struct {
		name  string
		parse func([]byte) (Credentials, error)
	}{
		{fileOf(env, "RATTLER_AUTH_FILE", ".rattler/credentials.json"), parseRattler},
		{fileOf(env, "", ".mamba/auth/authentication.json"), parseMamba},
		{fileOf(env, "NETRC", ".netrc"), parseNetrc},
	} {
		if f.name == "" {
			continue
		}
		b, err := os.ReadFile(f.name)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			continue
		}
		if err != nil {
			return nil, &ConfigError{File: f.name, Err: err}
		}
		cs, err := f.parse(b)
		if err != nil {
			return nil, &ConfigError{File: f.name, Err: err}
		}
		all = append(all, cs...)
	}
	return all, nil
}

func fileOf(env Env, variable, belowHome string) string {
	if variable != "" {
		if f := env.Getenv(variable); f != "" {
			return f
		}
	}
	if env.Home == "" {
		return ""
	}
	return filepath.Join(env.Home, belowHome)
}

// hostPath parts "https://host/path", "host/path" and "host".
func hostPath(key string) (host, path string) {
	if _, rest, ok := strings.Cut(key, "://"); ok {
		key = rest
	}
	host, path, _ = strings.Cut(strings.TrimRight(key, "/"), "/")
	if path != "" {
		path = "/" + path
	}
	return host, path
}

// parseRattler reads {"*.prefix.dev": {"BearerToken": "..."}}; the other kinds are
// {"CondaToken": "..."} and {"BasicHTTP": {"username": "...", "password": "..."}}. Kinds for
// other protocols are left out.
func parseRattler(b []byte) (Credentials, error) {
	var file map[string]struct {
		BearerToken string
		CondaToken  string
		BasicHTTP   *struct{ Username, Password string }
	}
	if err := json.Unmarshal(b, &file); err != nil {
		return nil, withoutInput(err)
	}
	var cs Credentials
	for key, v := range file {
		c := Credential{Bearer: v.BearerToken, Token: v.CondaToken}
		c.Host, c.Path = hostPath(key)
		if v.BasicHTTP != nil {
			c.User, c.Password = v.BasicHTTP.Username, v.BasicHTTP.Password
		}
		if c.Bearer != "" || c.Token != "" || v.BasicHTTP != nil {
			cs = append(cs, c)
		}
	}
	sortCredentials(cs)
	return cs, nil
}

// parseMamba reads {"host/path": {"type": "CondaToken", "token": "..."}}; the other types are
// BearerToken, and BasicHTTPAuthentication with a user and a password in base64.
func parseMamba(b []byte) (Credentials, error) {
	var file map[string]struct{ Type, Token, User, Password string }
	if err := json.Unmarshal(b, &file); err != nil {
		return nil, withoutInput(err)
	}
	var cs Credentials
	for key, v := range file {
		var c Credential
		c.Host, c.Path = hostPath(key)
		switch v.Type {
		case "CondaToken":
			c.Token = v.Token
		case "BearerToken":
			c.Bearer = v.Token
		case "BasicHTTPAuthentication":
			password, err := base64.StdEncoding.DecodeString(v.Password)
			if err != nil {
				return nil, errors.New("the password for " + key + " is no base64")
			}
			c.User, c.Password = v.User, string(password)
		default:
			continue
		}
		cs = append(cs, c)
	}
	sortCredentials(cs)
	return cs, nil
}

// withoutInput makes an error that quotes nothing of a file of secrets.
func withoutInput(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return errors.New("no JSON")
	}
	return errors.New("no JSON object of the kind that is written there")
}

// sortCredentials makes the order of a map an order.
func sortCredentials(cs Credentials) {
	slices.SortFunc(cs, func(a, b Credential) int { return strings.Compare(a.Host+a.Path, b.Host+b.Path) })
}

// parseNetrc reads the format of ftp(1): words, and a macro up to an empty line. The entry
// "default" is not used: it would show a password to every host there is.
func parseNetrc(b []byte) (Credentials, error) {
	var cs Credentials
	var c *Credential
	sc := bufio.NewScanner(strings.NewReader(string(b)))
	inMacro := false
	var words []string
	for sc.Scan() {
		line := sc.Text()
		if inMacro {
			inMacro = strings.TrimSpace(line) != ""
			continue
		}
		for w := range strings.FieldsSeq(line) {
			if strings.HasPrefix(w, "#") && (len(words) == 0 || words[len(words)-1] != "password") {
				break // a comment; a password may start with the sign
			}
			words = append(words, w)
			if w == "macdef" && (len(words) < 2 || !slices.Contains([]string{"login", "password", "machine", "account"}, words[len(words)-2])) {
				inMacro = true
				words = words[:len(words)-1]
				break
			}
		}
	}
	if err := sc.Err(); err != nil {
		return nil, errors.New("a line is too long")
	}
	for i := 0; i < len(words); i++ {
		next := func() string {
			if i++; i < len(words) {
				return words[i]
			}
			return ""
		}
		switch words[i] {
		case "machine":
			cs = append(cs, Credential{Host: next(), Plain: true})
			c = &cs[len(cs)-1]
		case "default":
			c = nil
		case "login":
			if v := next(); c != nil {
				c.User = v
			}
		case "password":
			if v := next(); c != nil {
				c.Password = v
			}
		case "account":
			next()
		}
	}
	return slices.DeleteFunc(cs, func(c Credential) bool { return c.Host == "" || c.User == "" && c.Password == "" }), nil
}
