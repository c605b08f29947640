package record

import "strings"

// hidden stands where a secret was.
const hidden = "***"

// Redact hides what a URL may hold of secrets: user info, the query, and conda's
// "/t/<token>/". Scheme, host, path and fragment (a hash, in explicit locks) stay. It works
// on the text alone, so that what is no valid URL is hidden as well, and it never makes
// a text with secrets out of one without.
func Redact(url string) string {
	rest, fragment, hasFragment := strings.Cut(url, "#")
	rest, _, hasQuery := strings.Cut(rest, "?")
	scheme, path, hasScheme := strings.Cut(rest, "://")
	var host string
	if hasScheme {
		host, path = path, ""
		if i := strings.IndexByte(host, '/'); i >= 0 {
			host, path = host[:i], host[i:]
		}
		// A password may hold "@" itself, and one with a raw slash ends up in path.
		if i := strings.LastIndexByte(host, '@'); i >= 0 {
			host = hidden + host[i:]
		}
		if i := strings.LastIndexByte(path, '@'); i >= 0 && strings.Contains(host, ":") && !portOnly(host) {
			host, path = hidden, path[i:]
		}
	} else {
		path = scheme
	}
	segments := strings.Split(path, "/")
	for i := 1; i < len(segments); i++ {
		if segments[i-1] == "t" && segments[i] != "" {
			segments[i] = hidden
		}
	}
	var b strings.Builder
	if hasScheme {
		b.WriteString(scheme + "://" + host)
	}
	b.WriteString(strings.Join(segments, "/"))
	if hasQuery {
		b.WriteString("?" + hidden)
	}
	if hasFragment {
		b.WriteString("#" + fragment)
	}
	return b.String()
}

// portOnly tells whether what follows the last colon of a host is a port.
func portOnly(host string) bool {
	port := host[strings.LastIndexByte(host, ':')+1:]
	for i := range len(port) {
		if port[i] < '0' || port[i] > '9' {
			return strings.HasSuffix(host, "]") // an IPv6 address without a port
		}
	}
	return port != ""
}
