package fetch

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/digest"
)

// whole fetches an archive that has no hash, each try from the start: bytes of two tries may be of two files. The
// status is 0 unless the server refused.
func (f *Fetcher) whole(ctx context.Context, source string, req Request) (cache.Blob, int, error) {
	for try := 1; ; try++ {
		b, status, err := f.wholeOnce(ctx, source, req)
		mismatch, _ := errors.AsType[*digest.MismatchError](err)
		full, _ := errors.AsType[*cache.FullError](err)
		if err == nil || status != 0 || mismatch != nil || full != nil || try >= f.opts.MaxTries || ctx.Err() != nil {
			return b, status, err
		}
		f.opts.Warn("%s: the connection broke (%v); once more from the start", req.Name, redacted(err))
		select {
		case <-ctx.Done():
			return cache.Blob{}, 0, ctx.Err()
		case <-time.After(f.opts.RetryWait << (try - 1)):
		}
	}
}

func (f *Fetcher) wholeOnce(ctx context.Context, source string, req Request) (cache.Blob, int, error) {
	watched, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	hr, err := retryablehttp.NewRequestWithContext(watched, http.MethodGet, source, nil)
	if err != nil {
		return cache.Blob{}, 0, err
	}
	hr.Header.Set("User-Agent", f.opts.UserAgent)
	hr.Header.Set("Accept-Encoding", "identity")
	res, err := f.client.Do(hr)
	if err != nil {
		return cache.Blob{}, 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return cache.Blob{}, res.StatusCode, errStatus
	}
	stalled := time.AfterFunc(f.opts.StallTime, func() { stop(errStalled) })
	defer stalled.Stop()
	var body io.Reader = &counter{res.Body, func(n int64) {
		stalled.Reset(f.opts.StallTime)
		f.opts.Received(n)
	}}
	b, err := f.cache.Put(ctx, body, req.Want)
	if err != nil && errors.Is(context.Cause(watched), errStalled) {
		err = errStalled
	}
	return b, 0, err
}
