package channel

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/nasa-openscapes/corn/conda/repodata"
	"github.com/nasa-openscapes/corn/digest"
)

// ErrOffline says that the cache does not hold what is needed and that the network may not be used.
var ErrOffline = errors.New("not in the cache, and the network may not be used")

// ErrNoIndex says that a place has none of the forms of an index.
var ErrNoIndex = errors.New("no repodata there")

// An Error reports a channel that could not be read.
type Error struct {
	Act     string // "read the index", "fetch the records of numpy"
	Channel string // its name or redacted URL
	Subdir  string // may be empty
	URL     string // redacted; may be empty
	Status  int    // HTTP status; 0 where there was no answer, or none that matters
	Err     error  // may be nil where Status says it all
	now     time.Time
}

func (e *Error) Error() string {
	s := e.Act + " of channel " + e.Channel
	if e.Subdir != "" {
		s += " for " + e.Subdir
	}
	if e.URL != "" {
		s += " from " + e.URL
	}
	if e.Status != 0 {
		s += fmt.Sprintf(": the server answers %d %s", e.Status, http.StatusText(e.Status))
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Hint says what to do about it.
func (e *Error) Hint() string {
	var cert x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	var mismatch *digest.MismatchError
	var format *repodata.FormatError
	var version *repodata.VersionError
	switch {
	case errors.Is(e.Err, ErrOffline):
		return "run once with the network, so that the cache holds the index"
	case errors.Is(e.Err, ErrNoIndex):
		return "check the channel's name and the platform; a name stands below channel_alias (https://conda.anaconda.org), for other places give a URL"
	case errors.As(e.Err, &cert) && cert.Reason == x509.Expired && cert.Cert != nil && e.now.Before(cert.Cert.NotBefore):
		return fmt.Sprintf("the clock of this machine says %s, before the server's certificate began; set it", e.now.UTC().Format(time.RFC3339))
	case errors.As(e.Err, &unknown):
		return "the server's certificate is signed by nobody this machine trusts: give your organisation's CA file with ssl_verify in .condarc, or SSL_CERT_FILE"
	case errors.As(e.Err, &mismatch):
		return "the server sent other bytes than its index names, twice: a cache or proxy on the way may hold an old copy; try again later, or tell who runs the channel"
	case errors.Is(e.Err, repodata.ErrHTML):
		return "the server answers with a web page: check the channel's URL, whether a login is needed, and whether a proxy answers in its place"
	case errors.As(e.Err, &version):
		return "the channel is newer than this program: update corn"
	case errors.As(e.Err, &format):
		return "the channel's index is damaged: try again later, or tell who runs the channel"
	case e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden || e.Status == http.StatusProxyAuthRequired:
		return "the channel wants credentials: put them into ~/.netrc, log in with `mamba auth login` or `pixi auth login`, or put a token into the channel's URL"
	case e.Status == http.StatusTooManyRequests || e.Status >= 500:
		return "the server is busy or broken: try again later"
	case e.Status == http.StatusNotFound || e.Status == http.StatusGone:
		return "the channel has changed since its index was read: run again with --refresh"
	case e.Status == 0:
		return "check the network and the proxy settings (HTTPS_PROXY, or proxy_servers in .condarc)"
	}
	return ""
}

// A NotLoadedError reports records that were asked for before Closure or Load had them: a mistake of
// the calling program.
type NotLoadedError struct{ Name string }

func (e *NotLoadedError) Error() string {
	return "the records of " + e.Name + " were asked for, but not loaded before"
}
