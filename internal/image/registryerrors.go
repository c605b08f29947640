package image

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/nasa-openscapes/corn/digest"
)

// ErrNotFound reports an image that its registry does not have.
var ErrNotFound = errors.New("no such image")

// A RegistryError reports what a registry answered instead of what was asked for, or that
// it did not answer. Nothing in it is secret: addresses come without user and query.
type RegistryError struct {
	Ref     string // repository or image
	Act     string // "read manifest 2026.01", "upload blob sha256:..."
	Status  int    // HTTP status; 0 without an answer
	Code    string // of OCI distribution-spec, "MANIFEST_UNKNOWN"; may be empty
	Message string // the registry's own words; may be empty
	Err     error  // why there was no answer; ErrNotFound for a missing manifest; may be nil

	retryAfter time.Duration   // as the registry asked; 0 without a wish
	named      []digest.SHA256 // what its words are about
	codes      []string        // all that it gave; Code is the first
}

func (e *RegistryError) Error() string {
	s := fmt.Sprintf("%s: %s", e.Ref, e.Act)
	if e.Status != 0 {
		s += fmt.Sprintf(": registry answers %d", e.Status)
		if e.Code != "" {
			s += " " + e.Code
		} else if t := http.StatusText(e.Status); t != "" {
			s += " " + t
		}
		if e.Message != "" {
			s += ": " + e.Message
		}
		return s
	}
	if e.Err != nil {
		s += ": " + scrub(e.Err.Error())
	}
	return s
}

func (e *RegistryError) Unwrap() error { return e.Err }

// A ReadOnlyError reports a registry that takes no image from this user: a pull request
// from a fork, a missing login, a registry in maintenance.
type ReadOnlyError struct {
	Ref    string
	Status int    // 401, 403 or 405
	Reason string // the registry's own words
}

func (e *ReadOnlyError) Error() string {
	s := fmt.Sprintf("%s cannot be pushed to: registry answers %d %s", e.Ref, e.Status, http.StatusText(e.Status))
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	return s
}

// A LostBlobError reports a blob that a manifest names, or that the registry says it has,
// and that it does not serve as it should.
type LostBlobError struct {
	Ref    string        // repository
	Digest digest.SHA256 // of the blob
	Reason string        // "is not there", "has 3 bytes, want 12"
	Err    error         // may be nil
}

func (e *LostBlobError) Error() string {
	return fmt.Sprintf("%s: blob %s %s", e.Ref, e.Digest.OCI(), e.Reason)
}

func (e *LostBlobError) Unwrap() error { return e.Err }

// A CredentialError reports a credential helper or a file of credentials that is of no use.
type CredentialError struct {
	Registry string
	Err      error
}

func (e *CredentialError) Error() string {
	text := e.Err.Error()
	// What a helper printed before it failed may be what it was asked for.
	if i := strings.Index(text, ", out: "); i >= 0 {
		text = text[:i]
	}
	return fmt.Sprintf("credentials for %s: %s", e.Registry, scrub(text))
}

func (e *CredentialError) Unwrap() error { return e.Err }

// address finds URLs in the text of errors.
var address = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^\s"'<>\\]+`)

// scrub removes users, passwords and queries from the addresses in a text, and all that
// would make it more than one line.
func scrub(text string) string {
	text = address.ReplaceAllStringFunc(text, func(s string) string {
		u, err := url.Parse(s)
		if err != nil || u.Host == "" {
			return "(address)"
		}
		return u.Scheme + "://" + u.Host + u.EscapedPath()
	})
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}

// maxMessage bounds the words of a registry in an error.
const maxMessage = 300

func clip(s string) string {
	s = strings.TrimSpace(scrub(s))
	if len(s) > maxMessage {
		s = strings.ToValidUTF8(s[:maxMessage], "") + "..."
	}
	return s
}

// fail makes an error of what came instead of an answer. The end of the context stays
// what it is.
func (r *repository) fail(ctx context.Context, act string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if _, known := errors.AsType[*RegistryError](err); known {
		return err
	}
	if _, known := errors.AsType[*CredentialError](err); known {
		return err
	}
	if answer, ok := errors.AsType[*transport.Error](err); ok {
		return r.refused(act, answer)
	}
	// net/http repeats the address in front; it may be a signed one.
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return &RegistryError{Ref: r.shown, Act: act, Err: err}
}

// answered makes an error of an answer other than those wanted, and nil of one that is.
// The body of a wrong answer is closed.
func (r *repository) answered(act string, resp *http.Response, want ...int) error {
	err := transport.CheckError(resp, want...)
	if err == nil {
		return nil
	}
	_ = resp.Body.Close() // nothing more is read from it
	answer, ok := errors.AsType[*transport.Error](err)
	if !ok {
		return &RegistryError{Ref: r.shown, Act: act, Status: resp.StatusCode, Err: err}
	}
	e := r.refused(act, answer)
	e.retryAfter = retryAfter(resp.Header, time.Now())
	return e
}

func (r *repository) refused(act string, answer *transport.Error) *RegistryError {
	e := &RegistryError{Ref: r.shown, Act: act, Status: answer.StatusCode}
	for i, d := range answer.Errors {
		if i == 0 {
			e.Code, e.Message = clip(string(d.Code)), clip(d.Message)
		}
		e.codes = append(e.codes, string(d.Code))
		// The detail is the digest, or an object that has it.
		text, _ := d.Detail.(string)
		if detail, ok := d.Detail.(map[string]any); ok {
			text, _ = detail["digest"].(string)
		}
		if sum, err := digest.Parse(text); err == nil {
			e.named = append(e.named, sum)
		}
	}
	return e
}

// readOnly makes a *ReadOnlyError of a refusal during a push. 405 is what a registry in
// maintenance says. A refusal by the registry that a layer is read from is another thing.
func (r *repository) readOnly(err error) error {
	e, ok := errors.AsType[*RegistryError](err)
	if !ok || e.Ref != r.shown {
		return err
	}
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusMethodNotAllowed:
		reason := e.Code
		if e.Message != "" {
			reason = strings.TrimPrefix(reason+": "+e.Message, ": ")
		}
		return &ReadOnlyError{Ref: r.shown, Status: e.Status, Reason: reason}
	}
	return err
}
