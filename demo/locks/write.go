package locks

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

// ChannelName is the demo channel as environment.yml names it.
const ChannelName = "corn-demo"

// ChannelURL is where locks say the channel is. Nothing is served there: builds map
// the host to a local server or folder.
const ChannelURL = "https://conda.anaconda.org/" + ChannelName

// Lock is one environment's packages, dependencies first.
type Lock struct {
	Environment Environment
	Packages    []channeltest.Record
}

// contentHash is made as conda-lock makes its own, of the channels and the specs.
func (l Lock) contentHash() (string, error) {
	type channel struct {
		URL         string   `json:"url"`
		UsedEnvVars []string `json:"used_env_vars"`
	}
	var channels []string
	for _, ch := range l.Environment.Channels {
		text, err := json.Marshal(channel{ch, []string{}})
		if err != nil {
			return "", err
		}
		channels = append(channels, string(text))
	}
	specs := slices.Sorted(slices.Values(l.Environment.Specs))
	text, err := json.Marshal(map[string]any{"channels": channels, "specs": specs})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", sha256.Sum256(text)), nil
}

// WriteCondaLock writes conda-lock.yml, version 1: the fields of conda-lock's model and
// no others.
func (l Lock) WriteCondaLock(w io.Writer) error {
	hash, err := l.contentHash()
	if err != nil {
		return fmt.Errorf("hash the environment: %w", err)
	}
	var b strings.Builder
	b.WriteString("# Made from environment.yml and the demo channel; do not edit.\nversion: 1\nmetadata:\n")
	fmt.Fprintf(&b, "  content_hash:\n    %s: %s\n  channels:\n", channeltest.Platform, hash)
	for _, ch := range l.Environment.Channels {
		fmt.Fprintf(&b, "  - url: %s\n    used_env_vars: []\n", scalar(ch))
	}
	fmt.Fprintf(&b, "  platforms:\n  - %s\n  sources:\n  - environment.yml\npackage:\n", channeltest.Platform)
	for _, r := range l.Packages {
		fmt.Fprintf(&b, "- name: %s\n  version: %s\n  manager: conda\n  platform: %s\n", scalar(r.Index.Name), scalar(r.Index.Version), channeltest.Platform)
		deps, err := dependencies(r)
		if err != nil {
			return err
		}
		if len(deps) == 0 {
			b.WriteString("  dependencies: {}\n")
		} else {
			b.WriteString("  dependencies:\n")
		}
		for _, name := range slices.Sorted(maps.Keys(deps)) {
			fmt.Fprintf(&b, "    %s: %s\n", scalar(name), scalar(deps[name]))
		}
		fmt.Fprintf(&b, "  url: %s\n  hash:\n    md5: %s\n    sha256: %s\n  category: main\n  optional: false\n",
			ChannelURL+"/"+r.Path(), scalar(r.MD5), scalar(r.SHA256))
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// dependencies maps names to constraints; two constraints on one name join with a
// comma, for conda-lock's model has one text for each name.
func dependencies(r channeltest.Record) (map[string]string, error) {
	deps := map[string]string{}
	for _, text := range r.Index.Depends {
		s, err := parseSpec(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.Path(), err)
		}
		want := strings.TrimSpace(s.version + " " + s.build)
		if old := deps[s.name]; old != "" && want != "" {
			want = old + "," + want
		} else if want == "" {
			want = old
		}
		deps[s.name] = want
	}
	return deps, nil
}

// WriteExplicit writes an @EXPLICIT list (CEP 23) with MD5 fragments, as conda-lock
// renders conda-linux-64.lock.
func (l Lock) WriteExplicit(w io.Writer) error {
	hash, err := l.contentHash()
	if err != nil {
		return fmt.Errorf("hash the environment: %w", err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Made from environment.yml and the demo channel; do not edit.\n# platform: %s\n# input_hash: %s\n@EXPLICIT\n", channeltest.Platform, hash)
	for _, r := range l.Packages {
		fmt.Fprintf(&b, "%s/%s#%s\n", ChannelURL, r.Path(), r.MD5)
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// scalar quotes what YAML would not read as a string. Words and dotted names are
// plain; numbers, and anything with a sign of YAML's, are quoted.
func scalar(s string) string {
	plain := s != ""
	letter := false
	for i, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
			letter = letter || r != 'e' && r != 'E' // 1e5 is a number
		case r >= '0' && r <= '9', r == '_', r == '.', r == '-' && i > 0, r == '/' && i > 0:
		default:
			plain = false
		}
	}
	switch strings.ToLower(s) {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null", "inf", "nan":
		plain = false
	}
	// A hash or version that starts with a digit could be read as hex, octal or a date.
	if plain && letter && (s[0] < '0' || s[0] > '9') && s[0] != '.' {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}
