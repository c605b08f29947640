package matchspec

import (
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/conda/record"
)

// alias is where channels live that are given by name alone.
const alias = "https://conda.anaconda.org"

// defaults is one name for several channels, and conda gives each of them that name
// in a spec.
const (
	defaults     = "defaults"
	defaultsHost = "https://repo.anaconda.com/"
)

var defaultsMembers = []string{"pkgs/main", "pkgs/r", "pkgs/msys2"}

// parseChannel turns "channel/subdir" into a normal form of each. A channel below
// alias goes by its name; credentials are left out.
func parseChannel(text string) (channel, subdir Pattern, err error) {
	text = strings.TrimRight(text, "/")
	if i := strings.LastIndexByte(text, '/'); i >= 0 && record.Subdir(text[i+1:]).Known() {
		text, subdir = strings.TrimRight(text[:i], "/"), Literally(text[i+1:])
	}
	if strings.Contains(text, "://") {
		text = withoutSecrets(text)
		text = strings.TrimPrefix(text, alias+"/")
	}
	if slices.Contains(defaultsMembers, text) {
		text = defaults
	}
	channel, err = ParsePattern(text)
	return channel, subdir, err
}

// withoutSecrets takes user info, "/t/<token>" and the query off a channel's URL.
func withoutSecrets(url string) string {
	url, _, _ = strings.Cut(record.Redact(url), "?")
	return strings.Replace(strings.Replace(url, "***@", "", 1), "/t/***", "", 1)
}

// matchChannel compares with a record's channel, a URL. A name fits every URL that ends
// in it, so that a mirror or a folder can stand in for the channel.
func matchChannel(p Pattern, url string) bool {
	want, exact := p.Exact()
	if !exact {
		return p.IsAny() || p.Match(channelName(url)) || p.Match(url)
	}
	switch {
	case strings.Contains(want, "://"):
		return strings.EqualFold(want, strings.TrimRight(url, "/"))
	case want == defaults:
		name, ok := strings.CutPrefix(url, defaultsHost)
		return url == defaults || ok && slices.Contains(defaultsMembers, name) || hasPathSuffix(url, defaults)
	}
	return hasPathSuffix(url, want)
}

func channelName(url string) string { return strings.TrimPrefix(url, alias+"/") }

// hasPathSuffix tells whether url is name, or ends in "/" and name.
func hasPathSuffix(url, name string) bool {
	url, name = strings.TrimRight(url, "/"), strings.TrimLeft(name, "/")
	if len(url) < len(name) || !strings.EqualFold(url[len(url)-len(name):], name) {
		return false
	}
	return len(url) == len(name) || url[len(url)-len(name)-1] == '/'
}
