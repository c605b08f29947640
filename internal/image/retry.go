package image

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// retryTransport tries requests again that no body or one that can be had again belongs
// to, ends those that hang, and counts all of them. It lies under the login, so that this
// is tried again too.
type retryTransport struct {
	next     http.RoundTripper
	attempts int
	backoff  time.Duration
	idle     time.Duration

	requests, sent, received atomic.Int64
}

var _ http.RoundTripper = (*retryTransport)(nil)

// userAgent is what corn calls itself towards registries. Its release is no business of
// theirs, and would make two releases behave differently.
const userAgent = "corn"

func (t *retryTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	again := req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
	for attempt := 1; ; attempt++ {
		if attempt > 1 && req.GetBody != nil {
			body, err := req.GetBody()
			if err != nil {
				return nil, err
			}
			req = req.Clone(req.Context())
			req.Body = body
		}
		resp, err := t.once(req)
		wait, ok := t.wait(resp, err, attempt)
		if !ok || !again || attempt >= t.attempts || req.Context().Err() != nil {
			return resp, err
		}
		if resp != nil {
			_ = resp.Body.Close() // the answer is not wanted
		}
		if err := sleep(req.Context(), wait); err != nil {
			return nil, err
		}
	}
}

// wait tells whether an attempt is worth repeating, and after which time.
func (t *retryTransport) wait(resp *http.Response, err error, attempt int) (time.Duration, bool) {
	wait := backoff(t.backoff, attempt)
	if err != nil {
		return wait, temporary(err, attempt)
	}
	if asked := retryAfter(resp.Header, time.Now()); asked > 0 {
		wait = asked
	}
	return wait, temporaryStatus(resp.StatusCode)
}

// once sends a request and watches over it until the answer's body is closed.
func (t *retryTransport) once(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	w := &watch{cancel: cancel, cause: func() error { return context.Cause(ctx) }, idle: t.idle}
	w.timer = time.AfterFunc(t.idle, func() { cancel(&idleError{t.idle}) })
	out := req.Clone(ctx)
	out.Header.Set("User-Agent", userAgent)
	if req.Body != nil && req.Body != http.NoBody {
		out.Body = &watched{req.Body, w, &t.sent, false}
	}
	t.requests.Add(1)
	resp, err := t.next.RoundTrip(out)
	if err != nil {
		w.stop()
		err = w.why(err)
		cancel(nil)
		return nil, err
	}
	w.touch()
	resp.Request = req
	resp.Body = &watched{resp.Body, w, &t.received, true}
	return resp, nil
}

// An idleError reports a connection on which nothing happened any more.
type idleError struct{ after time.Duration }

func (e *idleError) Error() string { return fmt.Sprintf("no byte moved for %s", e.after) }

// maxRetryAfter bounds how long a registry may make a build wait.
const maxRetryAfter = 2 * time.Minute

// retryAfter reads the header of that name: seconds or a date (RFC 9110, 10.2.3). Zero
// means that the registry has no wish.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if v == "" {
		return 0
	}
	if n, err := strconv.ParseFloat(v, 64); err == nil && !math.IsNaN(n) {
		if n > maxRetryAfter.Seconds() {
			return maxRetryAfter
		}
		return max(0, time.Duration(n*float64(time.Second)))
	}
	if at, err := http.ParseTime(v); err == nil {
		return min(max(0, at.Sub(now)), maxRetryAfter)
	}
	return 0
}

// backoff is the wait after the given attempt, the first being 1.
func backoff(first time.Duration, attempt int) time.Duration {
	return min(first<<min(attempt-1, 16), maxRetryAfter)
}

// sleep waits, or returns why it was cut short.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// temporaryStatus tells answers that a later attempt may change. 499 and 520 to 524 are
// those of proxies in front of a registry.
func temporaryStatus(code int) bool {
	switch code {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
		499, 520, 521, 522, 523, 524:
		return true
	}
	return false
}

// maxRefusals is how often a connection that is refused is tried: a registry that
// restarts is back soon, and a wrong port never will be.
const maxRefusals = 2

// temporary tells errors of the network that a later attempt may not meet.
func temporary(err error, attempt int) bool {
	var (
		dns       *net.DNSError
		unknown   x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		noTLS     tls.RecordHeaderError
		unchecked *tls.CertificateVerificationError
	)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return false
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &noTLS):
		return false // plain HTTP where TLS was tried first
	case errors.As(err, &dns):
		return !dns.IsNotFound
	case errors.As(err, &unknown), errors.As(err, &host), errors.As(err, &invalid), errors.As(err, &unchecked):
		return false
	case errors.Is(err, syscall.ECONNREFUSED):
		return attempt <= maxRefusals
	}
	return true
}

// A watch ends a request on which nothing happens.
type watch struct {
	cancel context.CancelCauseFunc
	cause  func() error
	idle   time.Duration
	timer  *time.Timer
}

// why is what the watch ended the request for, else err.
func (w *watch) why(err error) error {
	if idle, ok := errors.AsType[*idleError](w.cause()); ok {
		return idle
	}
	return err
}

func (w *watch) touch() { w.timer.Reset(w.idle) }
func (w *watch) stop()  { w.timer.Stop() }

// watched is a body on its way. It counts, and keeps the watch calm.
type watched struct {
	io.ReadCloser
	watch *watch
	count *atomic.Int64
	last  bool // the request is over when this body is closed
}

func (b *watched) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.count.Add(int64(n))
	if n > 0 {
		b.watch.touch()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = b.watch.why(err)
	}
	return n, err
}

func (b *watched) Close() error {
	err := b.ReadCloser.Close()
	if b.last {
		b.watch.stop()
		b.watch.cancel(nil)
	}
	return err
}
