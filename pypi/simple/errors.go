package simple

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/nasa-openscapes/corn/digest"
)

// ErrOffline says that the cache does not hold what is needed and that the network may not be used.
var ErrOffline = errors.New("not in the cache, and the network may not be used")

// An Error reports an index or a file that could not be read.
type Error struct {
	Act    string // "look for numpy", "read the metadata of numpy-2.0-...whl"
	URL    string // redacted
	Status int    // HTTP status; 0 where there was no answer, or none that matters
	Err    error  // may be nil where Status says it all
}

func (e *Error) Error() string {
	s := e.Act + " at " + e.URL
	if e.Status != 0 {
		s += strings.TrimRight(fmt.Sprintf(": the server answers %d %s", e.Status, http.StatusText(e.Status)), " ")
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// Hint says what to do about it.
func (e *Error) Hint() string {
	var unknown x509.UnknownAuthorityError
	var mismatch *digest.MismatchError
	var format *FormatError
	var version *VersionError
	var insecure *InsecureError
	switch {
	case errors.Is(e.Err, ErrOffline):
		return "run once with the network, so that the cache holds it"
	case errors.As(e.Err, &insecure):
		return "use https, or name the host with --trusted-host in the requirements file"
	case errors.As(e.Err, &unknown):
		return "the server's certificate is signed by nobody this machine trusts: give your organisation's CA file with SSL_CERT_FILE"
	case errors.As(e.Err, &mismatch):
		return "the server sent other bytes than its index names, twice: a cache or proxy on the way may hold an old copy; try again later, or tell who runs the index"
	case errors.As(e.Err, &version):
		return "the index is newer than this program: update corn"
	case errors.As(e.Err, &format):
		return "check the index's URL (it ends in /simple/ as a rule), whether a login is needed, and whether a proxy answers in its place"
	case e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden || e.Status == http.StatusProxyAuthRequired:
		return "the index wants credentials: put them into ~/.netrc, or into the index's URL through a ${VARIABLE}; nothing is taken from another index instead"
	case e.Status == http.StatusTooManyRequests || e.Status >= 500:
		return "the server is busy or broken: try again later; nothing is taken from another index instead"
	case e.Status == 0:
		return "check the network and the proxy settings (HTTPS_PROXY); nothing is taken from another index instead"
	}
	return ""
}

// A NotFoundError reports a project that no place has.
type NotFoundError struct {
	Name   string
	Places []string // that were asked, in order, without credentials
}

func (e *NotFoundError) Error() string {
	if len(e.Places) == 0 {
		return fmt.Sprintf("no project %s: there is no index to ask", e.Name)
	}
	return fmt.Sprintf("no project %s at %s", e.Name, strings.Join(e.Places, ", "))
}

// Hint says what to do.
func (e *NotFoundError) Hint() string {
	if len(e.Places) == 0 {
		return "--no-index without --find-links leaves nothing: take one of the two out, or add --find-links"
	}
	return "check the spelling, or add the index that has it with --extra-index-url"
}

// A FormatError reports an answer that is no page of an index.
type FormatError struct{ Reason string }

func (e *FormatError) Error() string { return "this is no page of a package index: " + e.Reason }

// A VersionError reports a page of a version of the API that is not known.
type VersionError struct{ Got string }

func (e *VersionError) Error() string {
	return fmt.Sprintf("the index speaks version %q of the simple API: want 1.x", e.Got)
}

// A LimitError reports an answer that is greater than is believable.
type LimitError struct {
	What  string // "page", "metadata", "directory of the wheel"
	Limit int64  // in bytes
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("the %s has more than %d bytes", e.What, e.Limit)
}

// A MetadataError reports metadata that is none, or of another file.
type MetadataError struct{ Reason string }

func (e *MetadataError) Error() string { return e.Reason }

// A NoMetadataError reports a file that says only when it is built what it needs.
type NoMetadataError struct{ File string }

func (e *NoMetadataError) Error() string {
	return fmt.Sprintf("%s is an sdist: what it needs is known only when it is built", e.File)
}

// An InsecureError reports a place that bytes would come from over plain http.
type InsecureError struct{ Host string }

func (e *InsecureError) Error() string {
	return fmt.Sprintf("%s is asked over http, where anybody on the way can change the answer", e.Host)
}
