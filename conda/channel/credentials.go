package channel

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/transport"
)

// A Credential is what one place on the network is to be shown.
type Credential = transport.Credential

// Credentials are looked through in order of how well they fit.
type Credentials = transport.Credentials

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
		{fileOf(env, "NETRC", ".netrc"), transport.ParseNetrc},
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
