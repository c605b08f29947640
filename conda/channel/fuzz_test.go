package channel

import (
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/conda/record"
)

func FuzzResolve(f *testing.F) {
	for _, s := range []string{"conda-forge", "https://user:SECRET@h/t/SECRET/c/linux-64", "/srv/x", "file:///a/../b", "../x", "http://[::1]:8/t/SECRET", "https://h/%2e%2e/t/SECRET%2f", "defaults"} {
		f.Add(s)
	}
	cfg := Config{CustomChannels: map[string]string{"a": "https://u:SECRET@h/x"}}
	f.Fuzz(func(t *testing.T, text string) {
		chs, _, err := cfg.Resolve(text, "/project")
		if err != nil {
			var ne *record.NameError
			if !errors.As(err, &ne) {
				t.Errorf("Resolve(%q) = %v of type %T", text, err, err)
			}
			return
		}
		for _, ch := range chs {
			u, err := url.Parse(ch.URL)
			if err != nil || u.User != nil {
				t.Errorf("Resolve(%q) has URL %q (%v)", text, ch.URL, err)
			}
			if u.Scheme != "file" && (u.RawQuery != "" || u.ForceQuery) {
				t.Errorf("Resolve(%q) has URL %q with a query", text, ch.URL)
			}
			// One token is taken out; who writes a second one has a folder of that name.
			if u.Scheme != "file" && strings.Count("/"+text+"/", "/t/") <= 1 && record.Redact(ch.URL) != ch.URL {
				t.Errorf("Resolve(%q) has URL %q, which holds a secret", text, ch.URL)
			}
		}
	})
}

func FuzzNetrc(f *testing.F) {
	f.Add([]byte("machine h login l password p\nmacdef x\nfoo\n\ndefault login a"))
	f.Fuzz(func(t *testing.T, b []byte) {
		cs, err := parseNetrc(b)
		for _, c := range cs {
			if err == nil && c.Host == "" {
				t.Errorf("a credential for no host in %q", b)
			}
		}
	})
}

func FuzzAuthFiles(f *testing.F) {
	f.Add([]byte(`{"h":{"type":"CondaToken","token":"t","BearerToken":"x"}}`))
	f.Fuzz(func(_ *testing.T, b []byte) {
		for _, parse := range []func([]byte) (Credentials, error){parseMamba, parseRattler} {
			cs, _ := parse(b)
			for _, c := range cs {
				r := &http.Request{URL: &url.URL{Scheme: "https", Host: c.Host, Path: "/a b/c"}, Header: http.Header{}}
				c.apply(r)
			}
		}
	})
}

func FuzzCondarc(f *testing.F) {
	f.Add([]byte("channel_alias: https://${X}/$Y\nssl_verify: [1]\nproxy_servers: {http: a}\n"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		name := filepath.Join(dir, ".condarc")
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := ReadConfig(Env{Home: dir, Root: dir, Getenv: func(string) string { return "" }})
		var ce *ConfigError
		if err != nil && !errors.As(err, &ce) {
			t.Errorf("ReadConfig = %v of type %T", err, err)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	for in, want := range map[string]string{"": "0s", "3": "3s", "-1": "0s", "x": "0s", "99999": "2m0s", "Wed, 21 Oct 2015 07:28:10 GMT": "10s", "Wed, 21 Oct 2015 07:27:00 GMT": "0s"} {
		res := &http.Response{Header: http.Header{"Retry-After": {in}, "Date": {"Wed, 21 Oct 2015 07:28:00 GMT"}}}
		if got := retryAfter(res).String(); got != want {
			t.Errorf("retryAfter(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestFreshSeconds(t *testing.T) {
	for in, want := range map[string]int64{"": 0, "max-age=30": 30, "public, Max-Age=\"60\"": 60, "no-cache, max-age=9": 0, "max-age=9, no-store": 0, "max-age=x": 0, "max-age=999999999": 86400} {
		if got := freshSeconds(http.Header{"Cache-Control": {in}}); got != want {
			t.Errorf("freshSeconds(%q) = %d, want %d", in, got, want)
		}
	}
	if got := freshSeconds(http.Header{"Cache-Control": {"max-age=30"}, "Age": {"12"}}); got != 18 {
		t.Errorf("with Age: %d, want 18", got)
	}
}

func TestNoProxy(t *testing.T) {
	get := func(string) string { return "a.example, .b.example,*.c.example" }
	for host, want := range map[string]bool{"a.example": true, "x.a.example": true, "ba.example": false, "b.example": true, "y.c.example": true, "d.example": false, "localhost": true, "127.0.0.2": true} {
		if got := noProxy(host, get); got != want {
			t.Errorf("noProxy(%q) = %v, want %v", host, got, want)
		}
	}
	if !noProxy("any", func(string) string { return "*" }) {
		t.Error(`NO_PROXY "*" lets a proxy be used`)
	}
}
