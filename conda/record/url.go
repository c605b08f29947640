package record

import (
	"net/url"
	"strings"

	"github.com/nasa-openscapes/corn/digest"
)

// Location says where an archive stands in a channel.
type Location struct {
	// Channel is the channel's base URL without user info, token, query, fragment and final
	// slash: "https://conda.anaconda.org/conda-forge". Credentials are the
	// business of the one who fetches; nothing that is written into an image holds them.
	Channel  string
	Subdir   Subdir
	FileName string // decoded: "x264-1!164.3095-h166bdaf_2.tar.bz2"
}

// URL joins the parts.
func (l Location) URL() string { return Join(l.Channel, l.Subdir, l.FileName) }

// A URLError reports a URL that leads to no archive of a channel.
// The URL is redacted when the error is made.
type URLError struct {
	URL    string
	Reason string
	Err    error // what net/url or ParseFileName said; may be nil
}

func (e *URLError) Error() string {
	s := "archive URL " + e.URL + ": " + e.Reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *URLError) Unwrap() error { return e.Err }

// ParseURL takes the URL of an archive apart: .../<channel>/<subdir>/<file name>.
// Schemes are http, https, file, s3, gs and oci. The fragment is left out ([ParseFragment] reads it),
// and so are the query and credentials. The file name has passed [ParseFileName].
// Errors are *URLError.
func ParseURL(rawURL string) (Location, error) {
	fail := func(reason string, err error) (Location, error) {
		return Location{}, &URLError{URL: Redact(rawURL), Reason: reason, Err: err}
	}
	u, err := url.Parse(rawURL)
	if err != nil {
		// net/url quotes the whole text in its error, secrets included.
		return fail("is no URL", nil)
	}
	switch u.Scheme {
	case "http", "https", "s3", "gs", "oci":
		if u.Host == "" {
			return fail("has no host", nil)
		}
	case "file":
		if u.Host != "" && u.Host != "localhost" {
			return fail("names a host, want file:///path", nil)
		}
		u.Host = ""
	default:
		return fail("want http, https or file", nil)
	}
	// Segments are split before they are decoded, so that an encoded slash stays in its segment
	// and fails the check of names there.
	segments := strings.Split(strings.TrimPrefix(u.EscapedPath(), "/"), "/")
	if u.Scheme != "file" {
		segments = dropToken(segments)
	}
	n := len(segments)
	if n < 2 {
		return fail("want <channel>/<subdir>/<archive>", nil)
	}
	fileName, err := url.PathUnescape(segments[n-1])
	if err != nil {
		return fail("has a badly encoded file name", nil)
	}
	if _, err := ParseFileName(fileName); err != nil {
		return fail("names no archive", err)
	}
	subdir, err := ParseSubdir(segments[n-2])
	if err != nil {
		return fail("names no subdir", err)
	}
	for _, s := range segments[:n-2] {
		if d, err := url.PathUnescape(s); err != nil || d == ".." || d == "." || strings.ContainsAny(d, "\x00\n\r") {
			return fail("has a channel that is no plain path", nil)
		}
	}
	channel := u.Scheme + "://" + u.Host
	if n > 2 {
		channel += "/" + strings.Join(segments[:n-2], "/")
	}
	return Location{Channel: strings.TrimRight(channel, "/"), Subdir: subdir, FileName: fileName}, nil
}

// dropToken removes conda's "t/<token>" (anaconda.org and Anaconda's servers).
func dropToken(segments []string) []string {
	for i := 0; i+1 < len(segments); i++ {
		if segments[i] == "t" && segments[i+1] != "" {
			return append(append([]string{}, segments[:i]...), segments[i+2:]...)
		}
	}
	return segments
}

// Join returns <channel>/<subdir>/<fileName>, or the subdir's URL where fileName is empty.
// The channel is a URL; a final slash of it does not count.
func Join(channel string, subdir Subdir, fileName string) string {
	s := strings.TrimRight(channel, "/") + "/" + string(subdir)
	if fileName != "" {
		s += "/" + url.PathEscape(fileName)
	}
	return s
}

// ChannelURL turns what users write for a channel into its base URL: a name ("conda-forge",
// "pyviz/label/dev") below alias, an absolute path as a file URL, a URL as it is. A final slash goes,
// and so does a final subdir, which conda allows ("conda-forge/linux-64"). Credentials stay.
func ChannelURL(alias, channel string) (string, error) {
	trimmed := strings.TrimRight(channel, "/")
	if i := strings.LastIndexByte(trimmed, '/'); i > 0 && Subdir(trimmed[i+1:]).Known() {
		trimmed = strings.TrimRight(trimmed[:i], "/")
	}
	switch {
	case trimmed == "":
		return "", &NameError{What: "channel", Input: channel, Reason: "is empty"}
	case strings.Contains(trimmed, "://"):
		if _, err := url.Parse(trimmed); err != nil {
			return "", &NameError{What: "channel", Input: Redact(channel), Reason: "is no URL"}
		}
		return trimmed, nil
	case strings.HasPrefix(trimmed, "/"):
		return (&url.URL{Scheme: "file", Path: trimmed}).String(), nil
	}
	for s := range strings.SplitSeq(trimmed, "/") {
		if reason := checkPart("name", s, "-_.+"); reason != "" {
			return "", &NameError{What: "channel", Input: channel, Reason: reason}
		}
	}
	return strings.TrimRight(alias, "/") + "/" + trimmed, nil
}

// ChannelName is the short name of a channel below alias ("conda-forge"), and the redacted URL
// where it stands elsewhere.
func ChannelName(alias, channelURL string) string {
	name, ok := strings.CutPrefix(strings.TrimRight(channelURL, "/"), strings.TrimRight(alias, "/")+"/")
	if !ok || alias == "" {
		return Redact(channelURL)
	}
	return name
}

// ParseFragment reads the hash that explicit locks put behind '#' (CEP 23): 32 hexadecimal digits
// are an md5, "sha256:" with 64 digits, or 64 digits alone, a sha256. An empty
// fragment gives two zero values.
func ParseFragment(fragment string) (digest.SHA256, digest.MD5, error) {
	switch {
	case fragment == "":
		return digest.SHA256{}, digest.MD5{}, nil
	case strings.HasPrefix(fragment, "sha256:") || len(fragment) == 64:
		sum, err := digest.Parse(fragment)
		return sum, digest.MD5{}, err
	}
	sum, err := digest.ParseMD5(strings.TrimPrefix(fragment, "md5:"))
	return digest.SHA256{}, sum, err
}
