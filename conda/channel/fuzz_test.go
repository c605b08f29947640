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

func FuzzAuthFiles(f *testing.F) {
	f.Add([]byte(`{"h":{"type":"CondaToken","token":"t","BearerToken":"x"}}`))
	f.Fuzz(func(_ *testing.T, b []byte) {
		for _, parse := range []func([]byte) (Credentials, error){parseMamba, parseRattler} {
			cs, _ := parse(b)
			for _, c := range cs {
				r := &http.Request{URL: &url.URL{Scheme: "https", Host: c.Host, Path: "/a b/c"}, Header: http.Header{}}
				c.Apply(r)
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
