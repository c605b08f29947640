package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Settings say how this machine reaches the network. The zero value is Go's default.
type Settings struct {
	ProxyServers   map[string]string // "https", "https://host" or "all" to a proxy's URL; empty means the environment's
	CAFile         string            // certificates to trust instead of the system's: a file or a folder
	Insecure       bool              // trust every certificate
	ClientCert     string            // file; ClientKey may be in it
	ClientKey      string
	ConnectTimeout time.Duration // zero means 30 s
	ReadTimeout    time.Duration // a server that sends nothing for so long has broken off; zero means 60 s
	MaxRetries     int           // zero means 4; negative none
}

// A ConfigError reports a configuration or credentials file that cannot be read.
type ConfigError struct {
	File string
	Err  error
}

func (e *ConfigError) Error() string { return "read " + e.File + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *ConfigError) Unwrap() error { return e.Err }

// transport shows credentials to the hosts that they belong to. It looks at every request by itself,
// so what a redirect leads to gets what belongs there, and nothing else.
type transport struct {
	next        http.RoundTripper
	credentials Credentials
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	c := t.credentials.find(r.URL, downgraded(r))
	if c == nil && r.Header.Get("Referer") == "" {
		return t.next.RoundTrip(r)
	}
	out := r.Clone(r.Context()) // a RoundTripper may not change its request
	// net/http puts the URL that led here into Referer; a token may stand in it.
	out.Header.Del("Referer")
	if c != nil {
		c.Apply(out)
	}
	res, err := t.next.RoundTrip(out)
	if res != nil {
		res.Request = r // so that nobody prints the URL with the token
	}
	return res, err
}

// downgraded tells whether a redirect led from https to here over http.
func downgraded(r *http.Request) bool {
	if r.URL.Scheme == "https" {
		return false
	}
	for r.Response != nil && r.Response.Request != nil {
		r = r.Response.Request
		if r.URL.Scheme == "https" {
			return true
		}
	}
	return false
}

// newTransport is Go's transport as cfg wants it.
func newTransport(cfg Settings, stall time.Duration) (http.RoundTripper, error) {
	base, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return nil, errors.New("http.DefaultTransport is no *http.Transport")
	}
	t := base.Clone()
	connect := cfg.ConnectTimeout
	if connect <= 0 {
		connect = 30 * time.Second
	}
	t.DialContext = (&net.Dialer{Timeout: connect, KeepAlive: 30 * time.Second}).DialContext
	t.TLSHandshakeTimeout = connect
	t.ResponseHeaderTimeout = stall
	t.MaxIdleConnsPerHost = 64 // shards come many at a time, also from servers without HTTP/2
	t.DisableCompression = true
	if len(cfg.ProxyServers) > 0 {
		t.Proxy = cfg.proxy
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: cfg.Insecure}
	if cfg.CAFile != "" && !cfg.Insecure {
		pool, err := readCA(cfg.CAFile)
		if err != nil {
			return nil, &ConfigError{File: cfg.CAFile, Err: err}
		}
		conf.RootCAs = pool
	}
	if cfg.ClientCert != "" {
		key := cfg.ClientKey
		if key == "" {
			key = cfg.ClientCert
		}
		cert, err := tls.LoadX509KeyPair(cfg.ClientCert, key)
		if err != nil {
			return nil, &ConfigError{File: cfg.ClientCert, Err: err}
		}
		conf.Certificates = []tls.Certificate{cert}
	}
	t.TLSClientConfig = conf
	t.ForceAttemptHTTP2 = true // a TLS configuration of one's own turns it off otherwise
	return t, nil
}

// readCA reads the certificates of a file or of all files of a folder.
func readCA(name string) (*x509.CertPool, error) {
	files := []string{name}
	if st, err := os.Stat(name); err != nil {
		return nil, err
	} else if st.IsDir() {
		if files, err = filepath.Glob(filepath.Join(name, "*")); err != nil {
			return nil, err
		}
	}
	pool, found := x509.NewCertPool(), false
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // a folder in the folder, a broken link
		}
		found = pool.AppendCertsFromPEM(b) || found
	}
	if !found {
		return nil, errors.New("holds no certificate in PEM form")
	}
	return pool, nil
}

// proxy picks from proxy_servers as conda does: the most exact key first. NO_PROXY is
// honoured.
func (c Settings) proxy(r *http.Request) (*url.URL, error) {
	if noProxy(r.URL.Hostname(), os.Getenv) {
		return nil, nil
	}
	scheme, host := r.URL.Scheme, r.URL.Hostname()
	for _, key := range []string{scheme + "://" + host, scheme, "all://" + host, "all"} {
		p := c.ProxyServers[key]
		if p == "" {
			continue
		}
		if !strings.Contains(p, "://") {
			p = "http://" + p
		}
		u, err := url.Parse(p)
		if err != nil {
			return nil, fmt.Errorf("proxy_servers: the value of %q is no URL", key)
		}
		return u, nil
	}
	return nil, nil
}

// noProxy tells whether NO_PROXY names the host or a domain above it. This machine never needs
// a proxy, as net/http has it.
func noProxy(host string, getenv func(string) string) bool {
	if host == "localhost" || net.ParseIP(host).IsLoopback() {
		return true
	}
	list := getenv("NO_PROXY")
	if list == "" {
		list = getenv("no_proxy")
	}
	for p := range strings.SplitSeq(list, ",") {
		p = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(p), "*"), ".")
		if list == "*" || p != "" && (host == p || strings.HasSuffix(host, "."+p)) {
			return true
		}
	}
	return false
}
