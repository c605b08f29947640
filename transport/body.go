package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/nasa-openscapes/corn/conda/record"
)

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

// A BrokenError reports a transfer that ended early and could not go on: worth starting again.
type BrokenError struct{ Err error }

func (e *BrokenError) Error() string { return "the connection broke: " + e.Err.Error() }

// Unwrap returns what broke it.
func (e *BrokenError) Unwrap() error { return e.Err }

func (b *body) resume(cause error) error {
	strong := b.etag != "" && b.etag[0] == '"' || b.etag == "" && b.modified != ""
	for {
		b.tries++
		if !b.resumable || !strong || b.tries >= b.c.tries {
			return &BrokenError{cause}
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
		if !Again(res.StatusCode) {
			return &BrokenError{fmt.Errorf("the file has changed, or the server serves no ranges (%s)", res.Status)}
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
