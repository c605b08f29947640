package channel

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/nasa-openscapes/corn/conda/record"
)

// ClientOptions of a Client. The zero value is the default.
type ClientOptions struct {
	Config      Config
	Credentials Credentials // from files; those in the URLs of channels come by themselves
	UserAgent   string
	RetryWait   time.Duration     // the first pause, which doubles; zero means 500 ms
	Transport   http.RoundTripper // for the bytes; nil means Go's, with Config's proxies and TLS
	// Warn is told of every retry and Received of bytes as they come. Both may be nil and
	// are called concurrently. Neither is shown a secret.
	Warn     func(format string, args ...any)
	Received func(bytes int64)
}

// A Client asks servers. It is safe for concurrent use.
type Client struct {
	opts  ClientOptions
	http  *http.Client
	auth  *transport
	tries int
	stall time.Duration

	mu   sync.Mutex
	down map[string]error // hosts that could not be reached, and why
}

// NewClient returns a client that shows the credentials of o and of extra, which count first.
// Files that Config names and that cannot be read are a *ConfigError.
func NewClient(o ClientOptions, extra ...Credential) (*Client, error) {
	if o.RetryWait <= 0 {
		o.RetryWait = 500 * time.Millisecond
	}
	if o.UserAgent == "" {
		o.UserAgent = "corn (" + runtime.GOOS + "; " + runtime.GOARCH + ")"
	}
	if o.Warn == nil {
		o.Warn = func(string, ...any) {}
	}
	if o.Received == nil {
		o.Received = func(int64) {}
	}
	c := &Client{opts: o, tries: 5, stall: time.Minute, down: map[string]error{}}
	if n := o.Config.MaxRetries; n > 0 {
		c.tries = n + 1
	} else if n < 0 {
		c.tries = 1
	}
	if o.Config.ReadTimeout > 0 {
		c.stall = o.Config.ReadTimeout
	}
	next := o.Transport
	if next == nil {
		var err error
		if next, err = newTransport(o.Config, c.stall); err != nil {
			return nil, err
		}
	}
	c.auth = &transport{next: next, credentials: append(append(Credentials(nil), extra...), o.Credentials...)}
	c.http = &http.Client{Transport: c.auth, CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		if len(via) >= 10 {
			return errors.New("stopped after 10 redirects")
		}
		return nil
	}}
	return c, nil
}

// Transport sends requests of other programs with the same proxies, certificates and
// credentials: whoever downloads archives asks through it.
func (c *Client) Transport() http.RoundTripper { return c.auth }

// maxWait bounds what a server asks for with Retry-After: a run that waits for an hour without a
// word looks dead.
const maxWait = 2 * time.Minute

// get asks for a URL until there is an answer that is neither 429 nor 5xx, as often as allowed.
// The last answer or error is returned. The caller closes the body; broken bodies go on by themselves
// where the server serves ranges. header may be nil; few makes two tries at most where the
// host cannot be reached.
func (c *Client) get(ctx context.Context, rawURL string, header http.Header, few bool) (*http.Response, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, errors.New("is no URL")
	}
	c.mu.Lock()
	down := c.down[u.Host]
	c.mu.Unlock()
	if down != nil {
		return nil, down
	}
	for try := 1; ; try++ {
		res, err := c.once(ctx, rawURL, header)
		tries := c.tries
		unreachable := err != nil && isDial(err)
		if unreachable {
			tries = min(tries, 3)
			if few {
				tries = min(tries, 2)
			}
		}
		if ctx.Err() != nil {
			if res != nil {
				res.Body.Close()
			}
			return nil, ctx.Err()
		}
		if err == nil && !again(res.StatusCode) {
			return res, nil
		}
		if try >= tries || err != nil && final(err) {
			if unreachable {
				c.mu.Lock()
				c.down[u.Host] = err
				c.mu.Unlock()
			}
			return res, err
		}
		wait := c.opts.RetryWait << (try - 1)
		if err != nil {
			c.opts.Warn("%s: %v; asking again in %s", record.Redact(rawURL), err, wait)
		} else {
			wait = max(wait, retryAfter(res))
			c.opts.Warn("%s: the server answers %s; asking again in %s", record.Redact(rawURL), res.Status, wait)
			_, _ = io.CopyN(io.Discard, res.Body, 1<<16) // so that the connection can be used again
			res.Body.Close()
		}
		if err := sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

func again(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusRequestTimeout ||
		status >= 500 && status != http.StatusNotImplemented
}

// once asks once. Errors hold no URL.
func (c *Client) once(ctx context.Context, rawURL string, header http.Header) (*http.Response, error) {
	b := &body{c: c, url: rawURL, header: header}
	res, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	b.ctx = ctx
	b.etag, b.modified = res.Header.Get("ETag"), res.Header.Get("Last-Modified")
	b.resumable = res.StatusCode == http.StatusOK
	b.src = res.Body
	res.Body = b
	return res, nil
}

// bare takes the URL out of net/http's errors: it may hold a token.
func bare(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}

// isDial tells whether there was nobody to talk to.
func isDial(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &dns) || errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect")
}

// final tells whether asking again makes no sense.
func final(err error) bool {
	var cert x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	return errors.As(err, &cert) || errors.As(err, &unknown) || errors.As(err, &host) ||
		err.Error() == "stopped after 10 redirects"
}

// retryAfter reads the header's two forms (RFC 9110 section 10.2.3). A date is compared with the server's
// own, for the clock here may be wrong.
func retryAfter(res *http.Response) time.Duration {
	v := res.Header.Get("Retry-After")
	if v == "" {
		return 0
	}
	if s, err := strconv.Atoi(v); err == nil {
		return min(max(0, time.Duration(s)*time.Second), maxWait)
	}
	at, err := http.ParseTime(v)
	now, err2 := http.ParseTime(res.Header.Get("Date"))
	if err != nil || err2 != nil {
		return 0
	}
	return min(max(0, at.Sub(now)), maxWait)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// errStalled is why a request was ended by the watch.
var errStalled = errors.New("the server stopped sending")

// A body is an answer's body that goes on where it broke: it asks for the rest with a range, on
// the condition that the file is still the same (RFC 9110 section 13.1.5).
type body struct {
	c              *Client
	ctx            context.Context // of the request that this is the answer to; it ends with it
	url            string
	header         http.Header
	etag, modified string
	resumable      bool

	src    io.ReadCloser
	cancel context.CancelCauseFunc
	watch  *time.Timer
	n      int64
	tries  int
}

// open sends the request and starts the watch.
func (b *body) open(ctx context.Context) (*http.Response, error) {
	ctx, b.cancel = context.WithCancelCause(ctx)
	cancel := b.cancel
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url, nil)
	if err != nil {
		cancel(nil)
		return nil, errors.New("is no URL")
	}
	for k, v := range b.header {
		r.Header[k] = v
	}
	r.Header.Set("User-Agent", b.c.opts.UserAgent)
	if r.Header.Get("Accept-Encoding") == "" {
		r.Header.Set("Accept-Encoding", "identity")
	}
	if b.n > 0 {
		r.Header.Del("If-None-Match")
		r.Header.Del("If-Modified-Since")
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-", b.n))
		if b.etag != "" {
			r.Header.Set("If-Range", b.etag)
		} else {
			r.Header.Set("If-Range", b.modified)
		}
	}
	b.watch = time.AfterFunc(b.c.stall, func() { cancel(errStalled) })
	res, err := b.c.http.Do(r)
	if err != nil {
		b.watch.Stop()
		if context.Cause(ctx) == errStalled { //nolint:errorlint // this very value was given to cancel
			err = errStalled
		}
		cancel(nil)
		return nil, bare(err)
	}
	return res, nil
}

// Read implements [io.Reader].
func (b *body) Read(p []byte) (int, error) {
	for {
		n, err := b.src.Read(p)
		if n > 0 {
			b.n += int64(n)
			b.watch.Reset(b.c.stall)
			b.c.opts.Received(int64(n))
			if err != nil && !errors.Is(err, io.EOF) {
				err = nil // it comes again with the next Read
			}
			return n, err
		}
		if err == nil || errors.Is(err, io.EOF) || b.ctx.Err() != nil {
			return 0, err
		}
		if err := b.resume(err); err != nil {
			return 0, err
		}
	}
}

// A brokenError is a transfer that ended early and could not go on: worth starting again.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return "the connection broke: " + e.err.Error() }
func (e *brokenError) Unwrap() error { return e.err }

func (b *body) resume(cause error) error {
	strong := b.etag != "" && b.etag[0] == '"' || b.etag == "" && b.modified != ""
	for {
		b.tries++
		if !b.resumable || !strong || b.tries >= b.c.tries {
			return &brokenError{cause}
		}
		wait := b.c.opts.RetryWait << (b.tries - 1)
		b.c.opts.Warn("%s: the connection broke after %d bytes (%v); going on from there in %s", record.Redact(b.url), b.n, bare(cause), wait)
		b.end()
		if err := sleep(b.ctx, wait); err != nil {
			return err
		}
		res, err := b.open(b.ctx) //nolint:bodyclose // end and Close close it: it becomes src
		if err != nil {
			cause = err
			continue
		}
		var first int64
		_, scanErr := fmt.Sscanf(res.Header.Get("Content-Range"), "bytes %d-", &first)
		if res.StatusCode == http.StatusPartialContent && scanErr == nil && first == b.n {
			b.src = res.Body
			return nil
		}
		b.src = res.Body
		if !again(res.StatusCode) {
			return &brokenError{fmt.Errorf("the file has changed, or the server serves no ranges (%s)", res.Status)}
		}
		cause = fmt.Errorf("the server answers %s", res.Status)
	}
}

func (b *body) end() {
	b.watch.Stop()
	b.src.Close()
	b.cancel(nil)
}

// Close implements [io.Closer].
func (b *body) Close() error {
	b.end()
	return nil
}
