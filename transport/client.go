package transport

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nasa-openscapes/corn/conda/record"
)

// Options of a Client. The zero value is the default.
type Options struct {
	Settings    Settings
	Credentials Credentials // the first that fits best is shown
	UserAgent   string
	RetryWait   time.Duration     // the first pause, which doubles; zero means 500 ms
	Transport   http.RoundTripper // for the bytes; nil means Go's, with Settings' proxies and TLS
	// Warn is told of every retry and Received of bytes as they come. Both may be nil and
	// are called concurrently. Neither is shown a secret.
	Warn     func(format string, args ...any)
	Received func(bytes int64)
}

// A Client asks servers. It is safe for concurrent use.
type Client struct {
	opts  Options
	http  *http.Client
	auth  *transport
	tries int
	stall time.Duration

	mu   sync.Mutex
	down map[string]error // hosts that could not be reached, and why
}

// New returns a client. Files that Settings name and that cannot be read are a *ConfigError.
func New(o Options) (*Client, error) {
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
	if n := o.Settings.MaxRetries; n > 0 {
		c.tries = n + 1
	} else if n < 0 {
		c.tries = 1
	}
	if o.Settings.ReadTimeout > 0 {
		c.stall = o.Settings.ReadTimeout
	}
	next := o.Transport
	if next == nil {
		var err error
		if next, err = newTransport(o.Settings, c.stall); err != nil {
			return nil, err
		}
	}
	c.auth = &transport{next: next, credentials: o.Credentials}
	c.http = &http.Client{Transport: c.auth, CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		if len(via) >= 10 {
			return errors.New("stopped after 10 redirects")
		}
		return nil
	}}
	return c, nil
}

// RoundTripper sends requests of others with the same proxies, certificates and
// credentials: whoever downloads archives asks through it.
func (c *Client) RoundTripper() http.RoundTripper { return c.auth }

// maxWait bounds what a server asks for with Retry-After: a run that waits for an hour without a
// word looks dead.
const maxWait = 2 * time.Minute

// Get asks for a URL until there is an answer that is neither 429 nor 5xx, as often as allowed.
// The last answer or error is returned. The caller closes the body; broken bodies go on by themselves
// where the server serves ranges. header may be nil; few makes two tries at most where the
// host cannot be reached.
func (c *Client) Get(ctx context.Context, rawURL string, header http.Header, few bool) (*http.Response, error) {
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
		if err == nil && !Again(res.StatusCode) {
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

// Again tells whether a status says that asking again may help.
func Again(status int) bool {
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

// maxFresh bounds what a server says about freshness: an index that nobody looks at for longer is
// a mistake of the server's.
const maxFresh = 24 * time.Hour

// FreshSeconds is for how long an answer may be used without asking again, from Cache-Control
// (RFC 9111 section 4.2.1). Expires is not looked at: channels and indexes send max-age.
func FreshSeconds(h http.Header) int64 {
	var fresh int64
	for d := range strings.SplitSeq(strings.ToLower(strings.Join(h.Values("Cache-Control"), ",")), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(d), "=")
		switch name {
		case "no-cache", "no-store":
			return 0
		case "max-age":
			n, err := strconv.ParseInt(strings.Trim(value, `"`), 10, 64)
			if err == nil {
				fresh = n
			}
		}
	}
	if age, err := strconv.ParseInt(h.Get("Age"), 10, 64); err == nil && age > 0 {
		fresh -= age
	}
	return min(max(0, fresh), int64(maxFresh/time.Second))
}
