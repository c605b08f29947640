package channel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/nasa-openscapes/corn/transport"
)

// DefaultAlias is the server that bare channel names mean.
const DefaultAlias = "https://conda.anaconda.org"

// Config says how to reach channels, and nothing about what is in them. The zero value is
// conda's default.
type Config struct {
	ChannelAlias        string              // where names stand; empty means DefaultAlias
	CustomChannels      map[string]string   // name to the URL that it stands below
	CustomMultichannels map[string][]string // name to several channels
	DefaultChannels     []string            // what "defaults" means; nil means conda's
	MirroredChannels    map[string][]string // name to URLs that hold the same, asked in this order
	Files               []string            // what was read, in order

	transport.Settings // what is said of the network, and not of channels
}

// An Env is what ReadConfig and ReadCredentials look at. Programs fill it from the process.
type Env struct {
	Getenv func(string) string
	Home   string // the user's folder; empty means none
	// Root is put before the system's files (/etc/conda/.condarc); empty in programs.
	Root string
}

// condarc is what is read of a file. Every other key is ignored.
type condarc struct {
	ChannelAlias        *string             `yaml:"channel_alias"`
	CustomChannels      map[string]string   `yaml:"custom_channels"`
	CustomMultichannels map[string][]string `yaml:"custom_multichannels"`
	DefaultChannels     []string            `yaml:"default_channels"`
	MirroredChannels    map[string][]string `yaml:"mirrored_channels"`
	ProxyServers        map[string]string   `yaml:"proxy_servers"`
	SSLVerify           any                 `yaml:"ssl_verify"`
	ClientCert          *string             `yaml:"client_ssl_cert"`
	ClientKey           *string             `yaml:"client_ssl_cert_key"`
	ConnectTimeout      *float64            `yaml:"remote_connect_timeout_secs"`
	ReadTimeout         *float64            `yaml:"remote_read_timeout_secs"`
	MaxRetries          *int                `yaml:"remote_max_retries"`
}

// A ConfigError reports a configuration or credentials file that cannot be read.
type ConfigError = transport.ConfigError

// condarcPlaces are conda's and mamba's, the weakest first. An entry that ends in ".d" is a folder.
func condarcPlaces(env Env) []string {
	var places []string
	for _, dir := range []string{"/etc/conda", "/var/lib/conda"} {
		for _, f := range []string{".condarc", "condarc", "condarc.d", ".mambarc"} {
			places = append(places, filepath.Join(env.Root, dir, f))
		}
	}
	if root := env.Getenv("CONDA_ROOT"); root != "" {
		places = append(places, filepath.Join(root, ".condarc"), filepath.Join(root, "condarc"), filepath.Join(root, "condarc.d"))
	}
	if x := env.Getenv("XDG_CONFIG_HOME"); filepath.IsAbs(x) {
		places = append(places, filepath.Join(x, "conda/.condarc"), filepath.Join(x, "conda/condarc"), filepath.Join(x, "conda/condarc.d"))
	}
	if env.Home != "" {
		for _, f := range []string{".config/conda/.condarc", ".config/conda/condarc", ".config/conda/condarc.d",
			".conda/.condarc", ".conda/condarc", ".conda/condarc.d", ".condarc", ".mambarc"} {
			places = append(places, filepath.Join(env.Home, f))
		}
	}
	if p := env.Getenv("CONDA_PREFIX"); p != "" {
		places = append(places, filepath.Join(p, ".condarc"), filepath.Join(p, "condarc"), filepath.Join(p, "condarc.d"))
	}
	for _, v := range []string{"CONDARC", "MAMBARC"} {
		if f := env.Getenv(v); f != "" {
			places = append(places, f)
		}
	}
	return places
}

// ReadConfig reads the .condarc files of a machine, where conda looks for them and in conda's
// order: a later one overrides, maps are merged key by key. CONDA_CHANNEL_ALIAS, CONDA_SSL_VERIFY,
// CONDA_CLIENT_SSL_CERT, CONDA_CLIENT_SSL_CERT_KEY, REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE override the
// files. $NAME and ${NAME} in values are replaced. A file that is no YAML is a *ConfigError.
func ReadConfig(env Env) (Config, error) {
	var c Config
	for _, place := range condarcPlaces(env) {
		files := []string{place}
		if strings.HasSuffix(place, ".d") {
			yml, _ := filepath.Glob(filepath.Join(place, "*.yml"))
			yaml, _ := filepath.Glob(filepath.Join(place, "*.yaml"))
			files = append(yml, yaml...)
			slices.Sort(files)
		}
		for _, f := range files {
			if err := c.readFile(f, env); err != nil {
				return Config{}, err
			}
		}
	}
	if v := env.Getenv("CONDA_CHANNEL_ALIAS"); v != "" {
		c.ChannelAlias = v
	}
	for _, v := range []string{"CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CONDA_SSL_VERIFY"} {
		if v := env.Getenv(v); v != "" {
			c.setVerify(v)
		}
	}
	if v := env.Getenv("CONDA_CLIENT_SSL_CERT"); v != "" {
		c.ClientCert = v
	}
	if v := env.Getenv("CONDA_CLIENT_SSL_CERT_KEY"); v != "" {
		c.ClientKey = v
	}
	return c, nil
}

func (c *Config) readFile(name string, env Env) error {
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		// A folder called condarc is no file of ours.
		if st, serr := os.Stat(name); serr == nil && st.IsDir() {
			return nil
		}
		return &ConfigError{File: name, Err: err}
	}
	var rc condarc
	if err := yaml.Unmarshal(b, &rc); err != nil {
		return &ConfigError{File: name, Err: fmt.Errorf("no YAML as conda reads it: %s", yaml.FormatError(err, false, false))}
	}
	c.Files = append(c.Files, name)
	c.apply(rc, func(s string) string { return expand(s, env.Getenv) })
	return nil
}

func (c *Config) apply(rc condarc, x func(string) string) {
	if rc.ChannelAlias != nil {
		c.ChannelAlias = x(*rc.ChannelAlias)
	}
	mergeMap(&c.CustomChannels, rc.CustomChannels, x)
	mergeMap(&c.ProxyServers, rc.ProxyServers, x)
	list := func(l []string) []string {
		l = slices.Clone(l)
		for i := range l {
			l[i] = x(l[i])
		}
		return l
	}
	mergeMap(&c.CustomMultichannels, rc.CustomMultichannels, list)
	mergeMap(&c.MirroredChannels, rc.MirroredChannels, list)
	if rc.DefaultChannels != nil {
		c.DefaultChannels = list(rc.DefaultChannels)
	}
	switch v := rc.SSLVerify.(type) {
	case bool:
		c.setVerify(fmt.Sprint(v))
	case string:
		c.setVerify(x(v))
	}
	if rc.ClientCert != nil {
		c.ClientCert = x(*rc.ClientCert)
	}
	if rc.ClientKey != nil {
		c.ClientKey = x(*rc.ClientKey)
	}
	if rc.ConnectTimeout != nil {
		c.ConnectTimeout = time.Duration(*rc.ConnectTimeout * float64(time.Second))
	}
	if rc.ReadTimeout != nil {
		c.ReadTimeout = time.Duration(*rc.ReadTimeout * float64(time.Second))
	}
	if rc.MaxRetries != nil {
		if c.MaxRetries = *rc.MaxRetries; c.MaxRetries == 0 {
			c.MaxRetries = -1
		}
	}
}

func mergeMap[V any](dst *map[string]V, src map[string]V, x func(V) V) {
	for k, v := range src {
		if *dst == nil {
			*dst = map[string]V{}
		}
		(*dst)[k] = x(v)
	}
}

// setVerify reads ssl_verify: a boolean in any of YAML's and the environment's forms, the word
// that means the system's certificates, or a path.
func (c *Config) setVerify(v string) {
	c.Insecure, c.CAFile = false, ""
	switch strings.ToLower(v) {
	case "true", "yes", "on", "1", "<system>", "<truststore>", "truststore":
	case "false", "no", "off", "0", "<false>":
		c.Insecure = true
	default:
		c.CAFile = v
	}
}

// expand replaces $NAME and ${NAME} where NAME is set, as conda does; all else stays.
func expand(s string, getenv func(string) string) string {
	return os.Expand(s, func(name string) string {
		if v := getenv(name); v != "" {
			return v
		}
		return "${" + name + "}"
	})
}
