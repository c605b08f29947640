package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// chunkBytes is how much is sent at once to where a whole blob is too much (413): proxies
// in front of registries have limits of 100 MB and more.
const chunkBytes = 32 << 20

// An upload brings one blob into a repository (OCI distribution-spec, "Push"): POST and
// one PUT with all of it, because every registry can do that. Where the connection breaks,
// the registry is asked how far it got, and gets the rest as a chunk; those that cannot
// tell get all of it again.
type upload struct {
	repo      *repository
	hash      v1.Hash
	sizeBytes int64
	open      func() (io.ReadCloser, error) // the bytes, verified at their end

	location *url.URL // where to go on; nil: not begun
	offset   int64    // how much the registry has
	chunk    int64    // zero: all at once
}

// A sourceError reports that the bytes to be sent could not be read. The registry has no
// part in it, so the upload is not tried again.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// run sends the blob.
func (u *upload) run(ctx context.Context) error {
	for attempt := 1; ; attempt++ {
		err := u.attempt(ctx)
		if err == nil {
			return nil
		}
		if src, ok := errors.AsType[*sourceError](err); ok {
			return src.err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		again, whole := u.worth(err, attempt)
		if !again || attempt >= u.repo.options.Attempts {
			return err
		}
		if err := sleep(ctx, u.repo.uploadWait(err, attempt)); err != nil {
			return err
		}
		if whole || !u.resume(ctx) {
			u.location, u.offset = nil, 0
		}
	}
}

// worth tells whether another attempt may go better, and whether it has to begin anew.
func (u *upload) worth(err error, attempt int) (again, whole bool) {
	e, ok := errors.AsType[*RegistryError](err)
	if !ok {
		return false, false
	}
	switch {
	case e.Status == 0:
		return temporary(e.Err, attempt), false
	case temporaryStatus(e.Status):
		return true, false
	case e.Status == http.StatusRequestEntityTooLarge && u.chunk == 0:
		u.chunk = chunkBytes
		return true, true
	}
	switch e.Status {
	// Bytes that changed on the way, or an upload that the registry has forgotten.
	case http.StatusBadRequest, http.StatusNotFound, http.StatusRequestedRangeNotSatisfiable:
		return true, true
	}
	return false, false
}

func (u *upload) attempt(ctx context.Context) error {
	if u.location == nil {
		if err := u.begin(ctx, nil); err != nil || u.location == nil {
			return err
		}
	}
	for (u.chunk > 0 || u.offset > 0) && u.offset < u.sizeBytes {
		end := u.sizeBytes
		if u.chunk > 0 {
			end = min(end, u.offset+u.chunk)
		}
		if err := u.send(ctx, http.MethodPatch, end); err != nil {
			return err
		}
	}
	return u.send(ctx, http.MethodPut, u.sizeBytes)
}

func (u *upload) act() string { return "upload blob " + u.hash.String() }

// begin starts an upload, or mounts the blob from another repository: then there is no
// location afterwards.
func (u *upload) begin(ctx context.Context, query url.Values) error {
	to := u.repo.url("blobs/uploads/")
	to.RawQuery = query.Encode()
	resp, err := u.repo.request(ctx, http.MethodPost, to, nil)
	if err != nil {
		return u.repo.fail(ctx, u.act(), err)
	}
	if err := u.repo.answered(u.act(), resp, http.StatusAccepted, http.StatusCreated); err != nil {
		return err
	}
	u.location, u.offset = nil, 0
	if resp.StatusCode == http.StatusAccepted {
		err = u.follow(resp)
	} else if len(query) == 0 {
		err = &RegistryError{Ref: u.repo.shown, Act: u.act(), Err: errors.New("registry says that the blob is there before it was sent")}
	}
	return errors.Join(err, resp.Body.Close())
}

// follow takes over the address for the next step.
func (u *upload) follow(resp *http.Response) error {
	text := resp.Header.Get("Location")
	next, err := url.Parse(text)
	if err != nil || text == "" {
		return &RegistryError{Ref: u.repo.shown, Act: u.act(), Err: errors.New("registry does not say where the bytes should go")}
	}
	next = resp.Request.URL.ResolveReference(next)
	if err := checkHop(resp.Request.URL, next); err != nil {
		return &RegistryError{Ref: u.repo.shown, Act: u.act(), Err: err}
	}
	u.location = next
	return nil
}

// send brings the bytes from u.offset to end to the registry; PUT ends the upload.
func (u *upload) send(ctx context.Context, method string, end int64) error {
	to := *u.location
	if method == http.MethodPut {
		q := to.Query()
		q.Set("digest", u.hash.String())
		to.RawQuery = q.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, to.String(), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	body := &outgoing{}
	if n := end - u.offset; n > 0 {
		if body, err = u.body(n); err != nil {
			return &sourceError{err}
		}
		req.Body, req.ContentLength = body, n
	}
	if method == http.MethodPatch {
		req.Header.Set("Content-Range", fmt.Sprintf("%d-%d", u.offset, end-1))
	}
	resp, err := u.repo.client.Do(req)
	if src := body.failure(); src != nil {
		if err == nil {
			_ = resp.Body.Close() // what it says is about bytes that were not all sent
		}
		return &sourceError{src}
	}
	if err != nil {
		return u.repo.fail(ctx, u.act(), err)
	}
	if method == http.MethodPut {
		if err := u.repo.answered(u.act(), resp, http.StatusCreated, http.StatusNoContent, http.StatusOK); err != nil {
			return err
		}
		u.offset = end
		return u.confirm(resp)
	}
	if err := u.repo.answered(u.act(), resp, http.StatusAccepted, http.StatusNoContent, http.StatusCreated); err != nil {
		return err
	}
	err = u.follow(resp)
	u.offset = end
	return errors.Join(err, resp.Body.Close())
}

// confirm compares what the registry calls the blob with its digest.
func (u *upload) confirm(resp *http.Response) error {
	got := resp.Header.Get("Docker-Content-Digest")
	if err := resp.Body.Close(); err != nil {
		return u.repo.fail(resp.Request.Context(), u.act(), err)
	}
	if strings.HasPrefix(got, "sha256:") && got != u.hash.String() {
		return u.repo.lost(u.hash, "was stored by the registry as "+got, nil)
	}
	return nil
}

// resume asks how far a broken upload got. false: nobody knows, begin again.
func (u *upload) resume(ctx context.Context) bool {
	if u.location == nil {
		return false
	}
	resp, err := u.repo.request(ctx, http.MethodGet, u.location, nil)
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }() // the status has none
	if resp.StatusCode != http.StatusNoContent && resp.StatusCode != http.StatusOK {
		return false
	}
	_, last, ok := strings.Cut(strings.TrimPrefix(resp.Header.Get("Range"), "bytes="), "-")
	n, err := strconv.ParseInt(last, 10, 64)
	if !ok || err != nil || n < 0 || n >= u.sizeBytes {
		return false
	}
	if resp.Header.Get("Location") != "" && u.follow(resp) != nil {
		return false
	}
	u.offset = n + 1
	if n == 0 { // "0-0" means nothing as well as one byte
		return false
	}
	return true
}

// body gives the bytes from u.offset on, n of them. Those before are read and dropped, so
// that the whole is verified.
func (u *upload) body(n int64) (*outgoing, error) {
	rc, err := u.open()
	if err != nil {
		return nil, err
	}
	if _, err := io.CopyN(io.Discard, rc, u.offset); err != nil {
		return nil, errors.Join(err, rc.Close())
	}
	return &outgoing{rc: rc, left: n, last: u.offset+n == u.sizeBytes}, nil
}

// outgoing is a body that remembers why it could not be read. net/http may read it after
// the answer has come.
type outgoing struct {
	mu   sync.Mutex
	rc   io.ReadCloser
	left int64
	last bool // the blob ends with it
	err  error
}

func (o *outgoing) Read(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.rc == nil {
		return 0, errors.New("body is closed")
	}
	if o.left == 0 && !o.last {
		return 0, io.EOF
	}
	if int64(len(p)) > o.left && !o.last {
		p = p[:o.left]
	}
	n, err := o.rc.Read(p)
	o.left -= int64(n)
	if o.left == 0 && o.last && err == nil {
		// net/http stops at the length it was told: the end, where the bytes have been
		// verified, has to be seen before the last of them is given away.
		err = o.verify()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		o.err = err
		return 0, err
	}
	return n, err
}

// verify reads on to the end, where nothing may come.
func (o *outgoing) verify() error {
	n, err := io.Copy(io.Discard, o.rc)
	if err == nil && n > 0 {
		err = fmt.Errorf("%d bytes more than announced", n)
	}
	if err == nil {
		err = io.EOF
	}
	return err
}

func (o *outgoing) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.rc == nil {
		return nil
	}
	err := o.rc.Close()
	o.rc = nil
	return err
}

func (o *outgoing) failure() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}
