package channel_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/conda/channel"
	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/transport"
)

// write puts files into a new folder, which stands for the user's and for the root.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func env(dir string, vars map[string]string) channel.Env {
	return channel.Env{Home: filepath.Join(dir, "home"), Root: dir, Getenv: func(k string) string { return vars[k] }}
}

func TestReadConfig(t *testing.T) {
	dir := write(t, map[string]string{
		"etc/conda/.condarc":             "channel_alias: https://first\ncustom_channels:\n  a: https://a\n  b: https://b\nssl_verify: false\n",
		"etc/conda/condarc.d/20.yml":     "remote_max_retries: 0\n",
		"etc/conda/condarc.d/10.yml":     "remote_max_retries: 9\nremote_read_timeout_secs: 1.5\n",
		"home/.condarc":                  "channel_alias: https://$HOST/t/${TOKEN}/x\nchannels: [defaults]\nchannel_priority: disabled\ncustom_channels:\n  b: https://b2\nmirrored_channels:\n  conda-forge: [https://m1/cf, https://m2/cf]\nproxy_servers:\n  https: http://u:p@proxy:3128\nssl_verify: /ca.pem\ncustom_multichannels:\n  ours: [a, b]\n",
		"home/.config/conda/condarc":     "channel_alias: https://overridden\nunknown_key: {x: 1}\n",
		"home/.mambarc":                  "remote_connect_timeout_secs: 3\n",
		"prefix/.condarc":                "client_ssl_cert: /c.pem\n",
		"elsewhere.yml":                  "default_channels: [https://d]\n",
		"home/.conda/condarc.d/note.txt": "not: read\nssl_verify: false",
	})
	got, err := channel.ReadConfig(env(dir, map[string]string{"HOST": "h", "TOKEN": "tok", "CONDARC": filepath.Join(dir, "elsewhere.yml"), "CONDA_PREFIX": filepath.Join(dir, "prefix")}))
	if err != nil {
		t.Fatalf("ReadConfig: %v", err)
	}
	if n := len(got.Files); n != 8 {
		t.Errorf("%d files were read: %v", n, got.Files)
	}
	got.Files = nil
	want := channel.Config{
		ChannelAlias: "https://h/t/tok/x", CustomChannels: map[string]string{"a": "https://a", "b": "https://b2"},
		CustomMultichannels: map[string][]string{"ours": {"a", "b"}}, DefaultChannels: []string{"https://d"},
		MirroredChannels: map[string][]string{"conda-forge": {"https://m1/cf", "https://m2/cf"}},
		Settings: transport.Settings{
			ProxyServers: map[string]string{"https": "http://u:p@proxy:3128"}, CAFile: "/ca.pem", ClientCert: "/c.pem",
			ConnectTimeout: 3 * time.Second, ReadTimeout: 1500 * time.Millisecond, MaxRetries: -1,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	got, err = channel.ReadConfig(env(dir, map[string]string{"CONDA_CHANNEL_ALIAS": "https://e", "CONDA_SSL_VERIFY": "false", "REQUESTS_CA_BUNDLE": "/x"}))
	if err != nil || got.ChannelAlias != "https://e" || !got.Insecure || got.CAFile != "" {
		t.Errorf("with variables: %+v, %v", got, err)
	}
	bad := write(t, map[string]string{"home/.condarc": "channel_alias: [\n"})
	_, err = channel.ReadConfig(env(bad, nil))
	var ce *channel.ConfigError
	if !errors.As(err, &ce) || !strings.HasSuffix(ce.File, ".condarc") {
		t.Errorf("a file that is no YAML: %v, want a *ConfigError", err)
	}
	if got, err := channel.ReadConfig(env(t.TempDir(), nil)); err != nil || got.ChannelAlias != "" || got.Files != nil {
		t.Errorf("without files: %+v, %v", got, err)
	}
}

func TestResolve(t *testing.T) {
	cfg := channel.Config{
		CustomChannels:      map[string]string{"team": "https://conda.team.example/x", "local": "/srv/channels"},
		CustomMultichannels: map[string][]string{"both": {"conda-forge", "team/label/dev"}, "loop": {"loop"}},
		MirroredChannels:    map[string][]string{"conda-forge": {"https://u:pw@mirror.example/cf/", "https://mirror2.example/t/tok/cf"}},
	}
	for _, c := range []struct{ in, names, urls string }{
		{"bioconda", "bioconda", "https://conda.anaconda.org/bioconda"},
		{"conda-forge/label/x", "conda-forge/label/x", "https://conda.anaconda.org/conda-forge/label/x"},
		{"bioconda/linux-64", "bioconda", "https://conda.anaconda.org/bioconda"},
		{" https://h.example/c/ ", "https://h.example/c", "https://h.example/c"},
		{"https://h.example/c/noarch", "https://h.example/c", "https://h.example/c"},
		{"https://conda.anaconda.org/conda-forge", "conda-forge", "https://conda.anaconda.org/conda-forge"},
		{"https://user:secret@h.example/c", "https://h.example/c", "https://h.example/c"},
		{"https://h.example/t/secret/get/c", "https://h.example/get/c", "https://h.example/get/c"},
		{"https://conda.anaconda.org/t/secret/private", "private", "https://conda.anaconda.org/private"},
		{"/srv/c", "file:///srv/c", "file:///srv/c"},
		{"/srv/../srv//c/", "file:///srv/c", "file:///srv/c"},
		{"./ch", "file:///project/ch", "file:///project/ch"},
		{"../ch", "file:///ch", "file:///ch"},
		{"file:///srv/c/linux-64", "file:///srv/c", "file:///srv/c"},
		{"team", "https://conda.team.example/x/team", "https://conda.team.example/x/team"},
		{"team/label/dev", "https://conda.team.example/x/team/label/dev", "https://conda.team.example/x/team/label/dev"},
		{"local", "file:///srv/channels/local", "file:///srv/channels/local"},
		{"both", "conda-forge https://conda.team.example/x/team/label/dev", "https://conda.anaconda.org/conda-forge https://conda.team.example/x/team/label/dev"},
		{"defaults", "https://repo.anaconda.com/pkgs/main https://repo.anaconda.com/pkgs/r", "https://repo.anaconda.com/pkgs/main https://repo.anaconda.com/pkgs/r"},
		{"nodefaults", "", ""},
	} {
		chs, _, err := cfg.Resolve(c.in, "/project")
		var names, urls []string
		for _, ch := range chs {
			names, urls = append(names, ch.Name), append(urls, ch.URL)
		}
		if err != nil || strings.Join(names, " ") != c.names || strings.Join(urls, " ") != c.urls {
			t.Errorf("Resolve(%q) = %v, %v, want names %s and URLs %s", c.in, chs, err, c.names, c.urls)
		}
	}
	for alias, want := range map[string]string{"": "https://conda.anaconda.org/x", "https://h/a/": "https://h/a/x", "h.example/a": "https://h.example/a/x", "/srv/all": "file:///srv/all/x", "https://u:p@h/t/tok/": "https://h/x"} {
		chs, _, err := channel.Config{ChannelAlias: alias}.Resolve("x", "")
		if err != nil || chs[0].URL != want || chs[0].Name != "x" {
			t.Errorf("with alias %q: %+v, %v, want %s named x", alias, chs, err, want)
		}
	}
	chs, creds, err := cfg.Resolve("conda-forge", "")
	if err != nil || len(creds) != 2 || creds[0].Password != "pw" || creds[1].Token != "tok" ||
		strings.Join(chs[0].Mirrors, " ") != "https://mirror.example/cf https://mirror2.example/cf" {
		t.Errorf("mirrors: %+v, %d credentials, %v", chs, len(creds), err)
	}
	for _, in := range []string{"", "  ", "a b", "https://", "s3://bucket/c", "file://host/c", "loop", "http://u:secret@/%zz", "a/../b"} {
		_, _, err := cfg.Resolve(in, "/project")
		var ne *record.NameError
		if !errors.As(err, &ne) || strings.Contains(err.Error(), "secret") {
			t.Errorf("Resolve(%q) = %v, want a *record.NameError without secrets", in, err)
		}
	}
}

func TestReadCredentials(t *testing.T) {
	dir := write(t, map[string]string{
		"home/.rattler/credentials.json":       `{"*.prefix.dev":{"BearerToken":"bearer"},"repo.example/private":{"CondaToken":"tok"},"h.example":{"BasicHTTP":{"username":"u","password":"p"}},"s3":{"S3Credentials":{"access_key_id":"x"}}}`,
		"home/.mamba/auth/authentication.json": `{"mamba.example":{"type":"BasicHTTPAuthentication","user":"m","password":"c2VjcmV0"},"tok.example":{"type":"CondaToken","token":"t2"},"b.example":{"type":"BearerToken","token":"b2"},"x":{"type":"Else"}}`,
		"home/.netrc":                          "machine n.example login nl password #np # a comment\nmacdef init\nmachine evil login x password y\n\ndefault login d password dp\nmachine n2.example password only\nmachine n3.example\n\tlogin three\n\tpassword word\n",
	})
	cs, err := channel.ReadCredentials(env(dir, nil))
	if err != nil {
		t.Fatal(err)
	}
	want := channel.Credentials{
		{Host: "*.prefix.dev", Bearer: "bearer"}, {Host: "h.example", User: "u", Password: "p"}, {Host: "repo.example", Path: "/private", Token: "tok"},
		{Host: "b.example", Bearer: "b2"}, {Host: "mamba.example", User: "m", Password: "secret"}, {Host: "tok.example", Token: "t2"},
		{Host: "n.example", User: "nl", Password: "#np", Plain: true}, {Host: "n2.example", Password: "only", Plain: true}, {Host: "n3.example", User: "three", Password: "word", Plain: true},
	}
	if diff := cmp.Diff(want, cs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, text := range map[string]string{
		"home/.rattler/credentials.json": `{"secret`, "home/.mamba/auth/authentication.json": `{"h":{"type":"BasicHTTPAuthentication","user":"u","password":"secret!"}}`,
	} {
		_, err := channel.ReadCredentials(env(write(t, map[string]string{name: text}), nil))
		var ce *channel.ConfigError
		if !errors.As(err, &ce) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want a *ConfigError without secrets", name, err)
		}
	}
	cs, err = channel.ReadCredentials(env(dir, map[string]string{"NETRC": filepath.Join(dir, "none"), "RATTLER_AUTH_FILE": filepath.Join(dir, "none")}))
	if err != nil || len(cs) != 3 {
		t.Errorf("with variables that lead nowhere: %d credentials, %v, want mamba's three", len(cs), err)
	}
}
