package channel_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nasa-openscapes/corn/conda/channel"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
	"github.com/nasa-openscapes/corn/transport"
)

// seen notes what headers a server was shown.
type seen struct {
	mu   sync.Mutex
	auth map[string]bool // Authorization, by value
	refs map[string]bool
	urls []string
}

func (s *seen) wrap(h http.Handler) http.Handler {
	s.auth, s.refs = map[string]bool{}, map[string]bool{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.auth[r.Header.Get("Authorization")] = true
		s.refs[r.Header.Get("Referer")] = true
		s.urls = append(s.urls, r.URL.Path)
		s.mu.Unlock()
		h.ServeHTTP(w, r)
	})
}

// leaks fails where a text holds the secret.
func leaks(t *testing.T, what, text string) {
	t.Helper()
	if strings.Contains(text, "secret") {
		t.Errorf("%s tells the secret: %s", what, text)
	}
}

func TestCredentialsReachTheirChannel(t *testing.T) {
	dir := publish(t, world)
	token := func(h http.Handler) http.Handler { // a server that wants /t/secret/ before everything
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rest, ok := strings.CutPrefix(r.URL.Path, "/t/secret/")
			if !ok {
				http.Error(w, "token?", http.StatusUnauthorized)
				return
			}
			r.URL.Path = "/" + rest
			h.ServeHTTP(w, r)
		})
	}
	bearer := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer secret" {
				http.Error(w, "who?", http.StatusUnauthorized)
				return
			}
			h.ServeHTTP(w, r)
		})
	}
	plain := channeltest.NewHandler(dir, channeltest.Options{})
	basic := channeltest.NewHandler(dir, channeltest.Options{User: "user", Password: "secret"})
	for _, c := range []struct {
		why    string
		server http.Handler
		url    func(host string) string
		creds  func(host string) channel.Credentials
	}{
		{"user and password in the URL", basic, func(h string) string { return "http://user:secret@" + h }, nil},
		{"from a file", basic, nil, func(h string) channel.Credentials {
			return channel.Credentials{{Host: h, User: "user", Password: "secret"}}
		}},
		{"the longer path counts", basic, nil, func(h string) channel.Credentials {
			return channel.Credentials{{Host: h, User: "user", Password: "wrong"}, {Host: h, Path: "/linux-64", User: "user", Password: "secret"}, {Host: h, Path: "/noarch", User: "user", Password: "secret"}}
		}},
		{"a token in the URL", token(plain), func(h string) string { return "http://" + h + "/t/secret/" }, nil},
		{"a token from a file", token(plain), nil, func(h string) channel.Credentials { return channel.Credentials{{Host: h, Token: "secret"}} }},
		{"a bearer's token", bearer(plain), nil, func(h string) channel.Credentials { return channel.Credentials{{Host: h, Bearer: "secret"}} }},
	} {
		srv := httptest.NewServer(c.server)
		host := strings.TrimPrefix(srv.URL, "http://")
		ch := srv.URL
		if c.url != nil {
			ch = c.url(host)
		}
		var log served // for its list of warnings
		o := channel.Options{RetryWait: time.Millisecond, Warn: log.warn}
		if c.creds != nil {
			o.Credentials = c.creds(host)
		}
		dirCache := openCache(t)
		set, err := channel.Open(context.Background(), dirCache, []string{ch}, linux, o)
		if err != nil {
			t.Errorf("%s: %v", c.why, err)
			srv.Close()
			continue
		}
		check(t, set)
		leaks(t, c.why+": the snapshot", fmt.Sprintf("%+v", set.Snapshot()))
		leaks(t, c.why+": a record", fmt.Sprintf("%+v", *set.Records("app")[0]))
		leaks(t, c.why+": a channel", fmt.Sprintf("%+v", set.Channels()))
		// The transport shows the same to whoever downloads archives.
		r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, set.Records("app")[0].URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := (&http.Client{Transport: set.Client().RoundTripper()}).Do(r)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("%s: an archive: %v, %v", c.why, res, err)
		} else {
			leaks(t, c.why+": the answer's URL", res.Request.URL.String())
			res.Body.Close()
		}
		set.Close()
		err = filepath.WalkDir(dirCache.Dir(), func(p string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				b, rerr := os.ReadFile(p)
				leaks(t, c.why+": the cache's file "+p, string(b))
				err = rerr
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		srv.Close()
		// And errors, with the server gone.
		_, err = channel.Open(context.Background(), openCache(t), []string{ch + "/secret-free"}, linux, o)
		if err == nil {
			t.Errorf("%s: no error from a server that is gone", c.why)
		} else {
			leaks(t, c.why+": the error", strings.ReplaceAll(err.Error(), "secret-free", ""))
		}
		leaks(t, c.why+": a warning", strings.ReplaceAll(strings.Join(log.warnings, "\n"), "secret-free", ""))
	}
}

func TestWrongCredentials(t *testing.T) {
	s := serve(t, channeltest.Options{User: "user", Password: "right"})
	for _, u := range []string{s.url, strings.Replace(s.url, "://", "://user:secret@", 1)} {
		_, err := channel.Open(context.Background(), s.cache, []string{u}, linux, s.opts)
		var e *channel.Error
		if !errors.As(err, &e) || e.Status != http.StatusUnauthorized || !strings.Contains(e.Hint(), "netrc") {
			t.Errorf("%v, want a 401 with a hint", err)
			continue
		}
		leaks(t, "the error", err.Error())
	}
}

func TestRedirectsTakeNoCredentialsAlong(t *testing.T) {
	dir := publish(t, world)
	var other seen
	cdn := httptest.NewServer(other.wrap(channeltest.Serve(dir)))
	defer cdn.Close()
	var own seen
	front := httptest.NewServer(own.wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rest := strings.TrimPrefix(r.URL.Path, "/t/secret")
		http.Redirect(w, r, cdn.URL+rest, http.StatusFound)
	})))
	defer front.Close()
	host := strings.TrimPrefix(front.URL, "http://")
	for _, ch := range []string{"http://user:secret@" + host, front.URL + "/t/secret/"} {
		set, err := channel.Open(context.Background(), openCache(t), []string{ch}, linux, channel.Options{})
		if err != nil {
			t.Fatalf("Open: %v", err)
		}
		check(t, set)
		set.Close()
	}
	if len(own.auth) != 2 {
		t.Errorf("the channel was shown %v, want the password for one of two", own.auth)
	}
	for v := range other.auth {
		if v != "" {
			t.Errorf("the other server was shown %q", v)
		}
	}
	for v := range other.refs {
		if v != "" {
			t.Errorf("the other server was told Referer %q", v)
		}
	}
	for _, u := range other.urls {
		leaks(t, "a URL of the other server", u)
	}
}

func TestNoCredentialsOverPlainHTTPThatNobodyWrote(t *testing.T) {
	got := map[string]string{}
	tr := roundTrip(func(r *http.Request) (*http.Response, error) {
		got[r.URL.Scheme+"://"+r.URL.Host] = r.Header.Get("Authorization")
		return nil, errors.New("no network")
	})
	c, err := channel.NewClient(channel.ClientOptions{Transport: tr, Credentials: channel.Credentials{{Host: "h.example", Bearer: "x"}, {Host: "n.example", Bearer: "y", Plain: true}}})
	if err != nil {
		t.Fatal(err)
	}
	first, err := url.Parse("https://n.example/")
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []string{"http://h.example", "https://h.example", "http://n.example"} {
		r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, u, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.RoundTripper().RoundTrip(r); err == nil {
			t.Error("want the transport's error")
		}
	}
	if got["http://h.example"] != "" || got["https://h.example"] != "Bearer x" || got["http://n.example"] != "Bearer y" {
		t.Errorf("shown: %v", got)
	}
	// A redirect from https to http, even of the same host, loses them.
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://n.example", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Response = &http.Response{Request: &http.Request{URL: first}}
	if _, err := c.RoundTripper().RoundTrip(r); err == nil || got["http://n.example"] != "" {
		t.Errorf("after a redirect from https: shown %q", got["http://n.example"])
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestTLS(t *testing.T) {
	dir := publish(t, world)
	srv := httptest.NewUnstartedServer(channeltest.Serve(dir))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // it is told of every client that turns away
	srv.StartTLS()
	defer srv.Close()
	_, err := channel.Open(context.Background(), openCache(t), []string{srv.URL}, linux, channel.Options{RetryWait: time.Millisecond})
	var e *channel.Error
	if !errors.As(err, &e) || !strings.Contains(e.Hint(), "ssl_verify") {
		t.Errorf("an unknown authority: %v, want a hint", err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, settings := range []transport.Settings{{CAFile: ca}, {CAFile: filepath.Dir(ca)}, {Insecure: true}} {
		cfg := channel.Config{Settings: settings}
		set, err := channel.Open(context.Background(), openCache(t), []string{srv.URL}, linux, channel.Options{Config: cfg})
		if err != nil {
			t.Errorf("%+v: %v", cfg, err)
			continue
		}
		check(t, set)
		set.Close()
	}
	var ce *channel.ConfigError
	if _, err := channel.Open(context.Background(), openCache(t), []string{srv.URL}, linux, channel.Options{Config: channel.Config{Settings: transport.Settings{CAFile: "/none.pem"}}}); !errors.As(err, &ce) {
		t.Errorf("a CA file that is not there: %v, want a *ConfigError", err)
	}
	// A clock before the certificate.
	past := time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC)
	pool := srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Time: func() time.Time { return past }}}
	_, err = channel.Open(context.Background(), openCache(t), []string{srv.URL}, linux, channel.Options{Transport: tr, Now: func() time.Time { return past }})
	if !errors.As(err, &e) || !strings.Contains(e.Hint(), "the clock of this machine says 1969-01-01T00:00:00Z") {
		t.Errorf("a clock in the past: %v, hint %q", err, e.Hint())
	}
}

func TestProxy(t *testing.T) {
	dir := publish(t, world)
	h := channeltest.Serve(dir)
	var hosts sync.Map
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hosts.Store(r.URL.Host+" "+r.Header.Get("Proxy-Authorization"), true)
		h.ServeHTTP(w, r)
	}))
	defer proxy.Close()
	cfg := channel.Config{Settings: transport.Settings{ProxyServers: map[string]string{"http": strings.Replace(proxy.URL, "://", "://u:p@", 1)}}}
	set, err := channel.Open(context.Background(), openCache(t), []string{"http://conda.example/ch"}, linux, channel.Options{Config: cfg})
	if err == nil {
		set.Close()
	}
	if !errors.Is(err, channel.ErrNoIndex) { // the channel is at the root there
		t.Errorf("Open: %v", err)
	}
	set, err = channel.Open(context.Background(), openCache(t), []string{"http://conda.example"}, linux, channel.Options{Config: cfg})
	if err != nil {
		t.Fatalf("Open through a proxy: %v", err)
	}
	defer set.Close()
	check(t, set)
	if _, ok := hosts.Load("conda.example Basic dTpw"); !ok {
		t.Error("the proxy was not asked for the host with its password")
	}
}

func TestMirrors(t *testing.T) {
	s := serve(t, channeltest.Options{})
	// As conda-forge's own index has it: shards at an absolute place, which may be out of reach.
	moveShards(t, s.dir, "https://conda.anaconda.org/conda-forge/linux-64/shards/")
	dead := httptest.NewServer(http.NotFoundHandler())
	deadURL := dead.URL
	dead.Close()
	cfg := channel.Config{MirroredChannels: map[string][]string{"conda-forge": {deadURL + "/cf", s.url}}}
	s.opts.Config = cfg
	set, err := channel.Open(context.Background(), s.cache, []string{"conda-forge"}, linux, s.opts)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	defer set.Close()
	check(t, set)
	if r := set.Records("app")[0]; r.Channel != "https://conda.anaconda.org/conda-forge" || r.URL != r.Channel+"/linux-64/"+r.FileName {
		t.Errorf("records stand in %s (%s), want the channel's own URL: a lock is for everybody", r.Channel, r.URL)
	}
	if !s.warned("asking the next mirror") {
		t.Errorf("warnings %q", s.warnings)
	}
	if got := cfg.Mirrored("https://conda.anaconda.org/conda-forge/linux-64/a-1-0.conda"); strings.Join(got, " ") != deadURL+"/cf/linux-64/a-1-0.conda "+s.url+"/linux-64/a-1-0.conda" {
		t.Errorf("Mirrored = %v", got)
	}
	if got := cfg.Mirrored("https://h/x"); len(got) != 1 || got[0] != "https://h/x" {
		t.Errorf("Mirrored of what has no mirror = %v", got)
	}
}

func TestDefaultsIsNeverAskedUnlessWritten(t *testing.T) {
	var asked sync.Map
	tr := &http.Transport{DialContext: func(_ context.Context, _, addr string) (net.Conn, error) {
		asked.Store(addr, true)
		return nil, &net.OpError{Op: "dial", Err: errors.New("no network")}
	}}
	o := channel.Options{Transport: tr, RetryWait: time.Millisecond}
	if _, err := channel.Open(context.Background(), openCache(t), []string{"conda-forge", "nodefaults"}, linux, o); err == nil {
		t.Fatal("Open worked without a network")
	}
	if _, ok := asked.Load("repo.anaconda.com:443"); ok {
		t.Error("defaults was asked though nobody wrote it")
	}
	if _, err := channel.Open(context.Background(), openCache(t), []string{"defaults"}, linux, o); err == nil {
		t.Fatal("Open worked without a network")
	}
	if _, ok := asked.Load("repo.anaconda.com:443"); !ok {
		t.Error("defaults was not asked though somebody wrote it")
	}
}
