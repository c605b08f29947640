// Package fetch brings archives into the cache: in parallel, bounded, resumed, verified.
//
// An archive that the cache holds is never asked for again. A download that broke off goes
// on where it stopped, in this process or a later one: HTTP ranges (RFC 9110 section 14).
// Nothing is handed out before its digest agreed.
//
// Servers are tried again on 429, 5xx and connections that break or stall, with pauses that
// double and with Retry-After where the server sends it, up to two minutes.
//
// Out of scope: repodata, and what shows credentials to servers; both are conda/channel's
// (Options.Transport).
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"golang.org/x/sync/errgroup"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/conda/channel"
	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/digest"
)

// A Request asks for one archive. It needs a SHA-256 or an MD5, unless it is Unchecked.
type Request struct {
	Name string // for messages: "numpy-2.2.4-py313h0_0.conda"
	URL  string
	digest.Want
	// Unchecked takes whatever the server gives, for a file that nobody has hashed. It is always
	// fetched, and from its start: without a hash it is not known in the cache. Want has no hash then.
	Unchecked bool
	Origin    string // who asked, "ci/environments/team-a/conda-lock.yml:17"
}

// Options of a Fetcher. The zero value downloads four archives at a time.
type Options struct {
	Jobs         int    // downloads at a time; zero means 4
	Offline      bool   // only what the cache holds
	ChannelAlias string // replaces https://conda.anaconda.org
	UserAgent    string
	MaxTries     int               // zero means 5
	RetryWait    time.Duration     // the first pause; zero means 500 ms. The longest is 240 of them
	StallTime    time.Duration     // a server that sends nothing for so long has broken off; zero means 60 s
	Transport    http.RoundTripper // nil means Go's defaults, with proxies from the environment
	// Mirrored returns where a URL is to be asked for, in order ([channel.Config.Mirrored]); nil means
	// there alone. What a mirror serves is held against the digest like everything else.
	Mirrored func(rawURL string) []string
	// Warn is told of every retry and Received of bytes as they come. Both may be nil and
	// are called concurrently.
	Warn     func(format string, args ...any)
	Received func(bytes int64)
}

// A Fetcher fetches into one cache. It is safe for concurrent use.
type Fetcher struct {
	cache  *cache.Cache
	opts   Options
	client *retryablehttp.Client
}

// DefaultAlias is the host that bare channel names and most locks mean.
const DefaultAlias = channel.DefaultAlias

// New returns a Fetcher into c.
func New(c *cache.Cache, o Options) *Fetcher {
	if o.Jobs <= 0 {
		o.Jobs = 4
	}
	if o.MaxTries <= 0 {
		o.MaxTries = 5
	}
	if o.RetryWait <= 0 {
		o.RetryWait = 500 * time.Millisecond
	}
	if o.StallTime <= 0 {
		o.StallTime = time.Minute
	}
	if o.Warn == nil {
		o.Warn = func(string, ...any) {}
	}
	if o.Received == nil {
		o.Received = func(int64) {}
	}
	if o.UserAgent == "" {
		o.UserAgent = "corn (" + runtime.GOOS + "; " + runtime.GOARCH + ")"
	}
	client := retryablehttp.NewClient()
	client.Logger = nil
	client.RetryMax = o.MaxTries - 1
	client.RetryWaitMin, client.RetryWaitMax = o.RetryWait, 60*o.RetryWait
	client.Backoff = o.backoff
	client.HTTPClient.CheckRedirect = redirect
	// The last answer is kept, so that its status can be told.
	client.ErrorHandler = retryablehttp.PassthroughErrorHandler
	if o.Transport != nil {
		client.HTTPClient.Transport = o.Transport
	} else if t, ok := client.HTTPClient.Transport.(*http.Transport); ok {
		t.ResponseHeaderTimeout = o.StallTime
	}
	return &Fetcher{cache: c, opts: o, client: client}
}

// backoff is the pause before a request is made again. What a server asks for with Retry-After
// is bounded: a build that waits for an hour without a word looks dead.
func (o *Options) backoff(least, most time.Duration, attempt int, res *http.Response) time.Duration {
	wait := min(retryablehttp.DefaultBackoff(least, most, attempt, res), 240*o.RetryWait)
	if res != nil {
		o.Warn("%s: the server answers %s; asking again in %s", record.Redact(res.Request.URL.String()), res.Status, wait)
	} else {
		o.Warn("a server does not answer; asking again in %s", wait)
	}
	return wait
}

// redirect follows redirections as net/http does, but without the Referer header: channels have
// tokens in the paths of URLs, and the next server has no business with them.
func redirect(req *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return errors.New("stopped after 10 redirects") // net/http's words: retryablehttp knows them and does not try again
	}
	req.Header.Del("Referer")
	return nil
}

// An Error reports an archive that could not be fetched.
type Error struct {
	Name   string
	URL    string // redacted
	Origin string
	Status int   // HTTP status, 0 where there was no answer
	Err    error // may be nil where Status says it all
}

func (e *Error) Error() string {
	msg := fmt.Sprintf("fetch %s", e.Name)
	if e.Origin != "" {
		msg += " (" + e.Origin + ")"
	}
	msg += " from " + e.URL
	if e.Status != 0 {
		msg += fmt.Sprintf(": the server answers %d %s", e.Status, http.StatusText(e.Status))
	}
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	return msg
}

func (e *Error) Unwrap() error { return e.Err }

// Hint says what to do about it.
func (e *Error) Hint() string {
	var mismatch *digest.MismatchError
	switch {
	case errors.As(e.Err, &mismatch):
		return "the file is not the one that was locked: lock the environment again, or ask who runs the channel; nothing of it was kept"
	case errors.Is(e.Err, ErrOffline):
		return "build once without --offline, so that the cache holds it"
	case e.Status == http.StatusNotFound || e.Status == http.StatusGone:
		return "the channel no longer has this file: lock the environment again; for a mirror, give its URL with --channel-alias"
	case e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden:
		return "the channel wants credentials: put a token into the channel's URL, or use a mirror with --channel-alias"
	case e.Status == 0:
		return "check the network and the proxy settings (HTTPS_PROXY); what was fetched stays in the cache and the next run goes on from there"
	}
	return "try again later; what was fetched stays in the cache"
}

// ErrOffline says that the cache does not hold an archive and the network may not be used.
var ErrOffline = errors.New("not in the cache, and --offline forbids the network")

// All fetches what the cache does not hold and returns all blobs in the order of reqs.
// The first failure cancels the rest.
func (f *Fetcher) All(ctx context.Context, reqs []Request) ([]cache.Blob, error) {
	blobs := make([]cache.Blob, len(reqs))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(f.opts.Jobs)
	for i, req := range reqs {
		g.Go(func() error {
			b, err := f.One(ctx, req)
			blobs[i] = b
			return err
		})
	}
	return blobs, g.Wait()
}

// Has tells whether the cache holds what req asks for.
func (f *Fetcher) Has(req Request) bool {
	_, err := f.cache.Find(req.Want)
	return err == nil
}

// One fetches one archive, or finds it in the cache.
func (f *Fetcher) One(ctx context.Context, req Request) (cache.Blob, error) {
	if !req.Unchecked {
		if b, err := f.cache.Find(req.Want); !cache.IsMiss(err) {
			return b, err
		}
	}
	places := []string{f.resolve(req.URL)}
	if f.opts.Mirrored != nil {
		if m := f.opts.Mirrored(places[0]); len(m) > 0 {
			places = m
		}
	}
	last := len(places) - 1
	for _, source := range places[:last] {
		b, err := f.from(ctx, source, req)
		if err == nil || ctx.Err() != nil || errors.Is(err, ErrOffline) {
			return b, err
		}
		f.opts.Warn("%v; asking the next mirror", err)
	}
	return f.from(ctx, places[last], req)
}

// from fetches one archive from one place.
func (f *Fetcher) from(ctx context.Context, source string, req Request) (cache.Blob, error) {
	fail := func(status int, err error) (cache.Blob, error) {
		return cache.Blob{}, &Error{Name: req.Name, URL: record.Redact(source), Origin: req.Origin, Status: status, Err: redacted(err)}
	}
	if err := ctx.Err(); err != nil {
		return fail(0, err)
	}
	if local, ok := localPath(source); ok {
		b, err := f.copyFile(ctx, local, req)
		if err != nil {
			return fail(0, err)
		}
		return b, nil
	}
	if f.opts.Offline {
		return fail(0, ErrOffline)
	}
	if req.Unchecked {
		b, status, err := f.whole(ctx, source, req)
		if err != nil {
			return fail(status, err)
		}
		return b, nil
	}
	part, err := f.cache.Partial(ctx, req.Want)
	if err != nil {
		return fail(0, err)
	}
	defer part.Close()
	if b, err := f.cache.Find(req.Want); !cache.IsMiss(err) { // another process was first
		return b, err
	}
	b, status, err := f.download(ctx, source, req, part)
	if err != nil {
		return fail(status, err)
	}
	return b, nil
}

// download fills part, in several tries if the connection breaks in the middle.
func (f *Fetcher) download(ctx context.Context, source string, req Request, part *cache.Partial) (cache.Blob, int, error) {
	resumed := part.Offset() > 0
	for try := 1; ; try++ {
		status, err := f.transfer(ctx, source, part)
		if err == nil {
			b, err := part.Commit()
			var mismatch *digest.MismatchError
			if resumed && errors.As(err, &mismatch) {
				// The bytes of before may have been another file's: once more, from the start.
				resumed = false
				if err := part.Reset(); err != nil {
					return b, 0, err
				}
				continue
			}
			return b, 0, err
		}
		var broken *brokenError
		if !errors.As(err, &broken) || try >= f.opts.MaxTries || ctx.Err() != nil {
			return cache.Blob{}, status, err
		}
		f.opts.Warn("%s: the connection broke after %d bytes (%v); going on from there", req.Name, part.Offset(), redacted(broken.err))
		resumed = true
		select {
		case <-ctx.Done():
			return cache.Blob{}, 0, ctx.Err()
		case <-time.After(f.opts.RetryWait << (try - 1)):
		}
	}
}

// A brokenError is a transfer that may go on later.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return e.err.Error() }
func (e *brokenError) Unwrap() error { return e.err }

// transfer asks once for what part lacks. The status is 0 unless the server refused.
func (f *Fetcher) transfer(ctx context.Context, source string, part *cache.Partial) (int, error) {
	watched, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	hr, err := retryablehttp.NewRequestWithContext(watched, http.MethodGet, source, nil)
	if err != nil {
		return 0, err
	}
	hr.Header.Set("User-Agent", f.opts.UserAgent)
	hr.Header.Set("Accept-Encoding", "identity") // archives are compressed; a range of a coding would be another thing
	if part.Offset() > 0 {
		hr.Header.Set("Range", fmt.Sprintf("bytes=%d-", part.Offset()))
	}
	res, err := f.client.Do(hr)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusPartialContent && startsAt(res, part.Offset()):
	case res.StatusCode == http.StatusOK:
		if err := part.Reset(); err != nil {
			return 0, err
		}
	case res.StatusCode == http.StatusPartialContent, res.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		// The file is shorter than what is here, or the server counts otherwise.
		if err := part.Reset(); err != nil {
			return 0, err
		}
		return 0, &brokenError{fmt.Errorf("the server does not serve the range asked for (%s)", res.Status)}
	default:
		return res.StatusCode, errStatus
	}
	stalled := time.AfterFunc(f.opts.StallTime, func() { stop(errStalled) })
	defer stalled.Stop()
	_, err = io.Copy(part, &counter{res.Body, func(n int64) {
		stalled.Reset(f.opts.StallTime)
		f.opts.Received(n)
	}})
	var mismatch *digest.MismatchError
	var full *cache.FullError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &mismatch), errors.As(err, &full), ctx.Err() != nil:
		return 0, err
	case errors.Is(context.Cause(watched), errStalled):
		err = errStalled
	}
	return 0, &brokenError{err}
}

var errStalled = errors.New("the server stopped sending")

var errStatus = errors.New("asked in vain")

// startsAt tells whether the answer is the range that was asked for.
func startsAt(res *http.Response, offset int64) bool {
	var first int64
	_, err := fmt.Sscanf(res.Header.Get("Content-Range"), "bytes %d-", &first)
	return err == nil && first == offset
}

// A counter tells of bytes as they are read.
type counter struct {
	io.Reader
	received func(int64)
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if n > 0 {
		c.received(int64(n))
	}
	return n, err
}

// resolve applies the channel alias.
func (f *Fetcher) resolve(raw string) string {
	if rest, ok := strings.CutPrefix(raw, DefaultAlias+"/"); ok && f.opts.ChannelAlias != "" {
		return strings.TrimSuffix(f.opts.ChannelAlias, "/") + "/" + rest
	}
	return raw
}

// localPath tells whether source is a file of this machine.
func localPath(source string) (string, bool) {
	if filepath.IsAbs(source) {
		return source, true
	}
	u, err := url.Parse(source)
	if err != nil || u.Scheme != "file" || u.Host != "" && u.Host != "localhost" {
		return "", false
	}
	return filepath.FromSlash(u.Path), true
}

func (f *Fetcher) copyFile(ctx context.Context, name string, req Request) (cache.Blob, error) {
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return cache.Blob{}, fmt.Errorf("no such file: %w", err)
	}
	if err != nil {
		return cache.Blob{}, err
	}
	defer file.Close()
	return f.cache.Put(ctx, &counter{file, f.opts.Received}, req.Want)
}

// redacted hides the URL that net/http puts into its errors: it may hold a token.
func redacted(err error) error {
	if errors.Is(err, errStatus) {
		return nil
	}
	if ue, ok := errors.AsType[*url.Error](err); ok {
		return ue.Err
	}
	return err
}
