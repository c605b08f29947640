package channel

import (
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/transport"
)

// A Channel is one place that packages come from.
type Channel struct {
	Name    string   // "conda-forge", "conda-forge/label/dev", or the URL without credentials
	URL     string   // the base URL without credentials, as in record.Record
	Mirrors []string // what to ask instead of URL, in this order; without credentials; nil means URL
}

// defaultChannels is what conda means by "defaults" on Linux.
var defaultChannels = []string{"https://repo.anaconda.com/pkgs/main", "https://repo.anaconda.com/pkgs/r"}

// Resolve turns what a user wrote for a channel into the channels that it means: one, or several
// for "defaults" and custom_multichannels. It returns the credentials in its URLs apart. It understands names,
// names with labels ("conda-forge/label/dev"), URLs, file URLs, absolute paths, and relative ones
// that start with "./" or "../" and are taken from dir. A final subdir ("conda-forge/linux-64") is
// dropped as conda does. "nodefaults" means none. Text that names no channel is a *record.NameError.
func (c Config) Resolve(text, dir string) ([]Channel, []Credential, error) {
	return c.resolve(strings.TrimSpace(text), dir, 0)
}

func (c Config) resolve(text, dir string, depth int) ([]Channel, []Credential, error) {
	if text == "nodefaults" {
		return nil, nil, nil
	}
	members, multi := c.CustomMultichannels[text]
	if !multi && text == "defaults" {
		members, multi = c.DefaultChannels, true
		if members == nil {
			members = defaultChannels
		}
	}
	if !multi {
		return c.one(text, dir)
	}
	if depth > 3 {
		return nil, nil, &record.NameError{What: "channel", Input: record.Redact(text), Reason: "custom_multichannels contain one another"}
	}
	var all []Channel
	var creds []Credential
	for _, m := range members {
		chs, cs, err := c.resolve(m, dir, depth+1)
		if err != nil {
			return nil, nil, fmt.Errorf("%s stands for several channels: %w", text, err)
		}
		all, creds = append(all, chs...), append(creds, cs...)
	}
	return all, creds, nil
}

func (c Config) one(text, dir string) ([]Channel, []Credential, error) {
	full := text
	switch {
	case strings.HasPrefix(text, "./"), strings.HasPrefix(text, "../"), text == ".", text == "..":
		full = strings.TrimRight(dir, "/") + "/" + text
	case strings.HasPrefix(text, "/"), strings.Contains(text, "://"):
	default:
		full = c.custom(text)
	}
	base, err := record.ChannelURL(c.alias(), full)
	if err != nil {
		return nil, nil, err
	}
	if base, err = cleanFileURL(base); err != nil {
		return nil, nil, err
	}
	var creds []Credential
	clean := func(raw string) string {
		u, cred, ok := transport.Split(raw)
		if ok {
			creds = append(creds, cred)
		}
		return u
	}
	ch := Channel{URL: clean(base)}
	alias, _, _ := transport.Split(c.alias())
	ch.Name = record.ChannelName(alias, ch.URL)
	mirrors := c.MirroredChannels[text]
	if mirrors == nil {
		mirrors = c.MirroredChannels[ch.Name]
	}
	for _, m := range mirrors {
		m, err := record.ChannelURL(c.alias(), m)
		if err != nil {
			return nil, nil, fmt.Errorf("mirrored_channels of %s: %w", ch.Name, err)
		}
		ch.Mirrors = append(ch.Mirrors, clean(m))
	}
	return []Channel{ch}, creds, nil
}

func (c Config) alias() string {
	if c.ChannelAlias == "" {
		return DefaultAlias
	}
	alias := strings.TrimRight(c.ChannelAlias, "/")
	switch {
	case strings.HasPrefix(alias, "/"):
		return (&url.URL{Scheme: "file", Path: alias}).String()
	case !strings.Contains(alias, "://"): // conda takes a bare host for https as well
		return "https://" + alias
	}
	return alias
}

// custom puts a name below the place that custom_channels gives for it, or for the first part of it:
// with "team: https://h/x", "team/label/dev" is https://h/x/team/label/dev.
func (c Config) custom(name string) string {
	for prefix := name; prefix != ""; {
		if base, ok := c.CustomChannels[prefix]; ok {
			if !strings.Contains(base, "://") && !strings.HasPrefix(base, "/") {
				base = strings.TrimRight(c.alias(), "/") + "/" + base
			}
			return strings.TrimRight(base, "/") + "/" + name
		}
		i := strings.LastIndexByte(prefix, '/')
		if i < 0 {
			break
		}
		prefix = prefix[:i]
	}
	return name
}

// cleanFileURL gives the URL of a folder one form, whatever dots and slashes it was written with.
func cleanFileURL(raw string) (string, error) {
	if !strings.HasPrefix(raw, "file:") {
		u, err := url.Parse(raw)
		if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https"}, u.Scheme) {
			return "", &record.NameError{What: "channel", Input: record.Redact(raw), Reason: "want a name, a path, or a URL with http, https or file"}
		}
		return raw, nil
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host != "" && u.Host != "localhost" || u.Path == "" {
		return "", &record.NameError{What: "channel", Input: raw, Reason: "want file:///path"}
	}
	return (&url.URL{Scheme: "file", Path: path.Clean(u.Path)}).String(), nil
}

// Mirrored returns where the file at a URL is to be asked for, in order: at the mirrors of its channel, or
// at the URL itself where it has none. Credentials that stand in the mirrors' URLs stay: they are the
// business of whoever asks, and of nobody else.
func (c Config) Mirrored(rawURL string) []string {
	for _, name := range slices.Sorted(maps.Keys(c.MirroredChannels)) {
		chs, _, err := c.Resolve(name, "/")
		if err != nil || len(chs) != 1 {
			continue
		}
		rest, ok := strings.CutPrefix(rawURL, chs[0].URL+"/")
		if !ok {
			continue
		}
		var all []string
		for _, m := range c.MirroredChannels[name] {
			if base, err := record.ChannelURL(c.alias(), m); err == nil {
				all = append(all, base+"/"+rest)
			}
		}
		return all
	}
	return []string{rawURL}
}
