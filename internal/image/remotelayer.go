package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/nasa-openscapes/corn/digest"
)

// A remoteLayer is a layer of which only the descriptor has been read. Its bytes come from
// the registry whenever they are asked for, and are verified like a blobLayer's.
type remoteLayer struct {
	repo   *repository
	desc   v1.Descriptor // with the OCI media type
	diffID v1.Hash
}

var (
	_ v1.Layer     = (*remoteLayer)(nil)
	_ contextLayer = (*remoteLayer)(nil)
	_ foreignLayer = (*remoteLayer)(nil)
)

func (l *remoteLayer) Digest() (v1.Hash, error)            { return l.desc.Digest, nil }
func (l *remoteLayer) DiffID() (v1.Hash, error)            { return l.diffID, nil }
func (l *remoteLayer) Size() (int64, error)                { return l.desc.Size, nil }
func (l *remoteLayer) MediaType() (types.MediaType, error) { return l.desc.MediaType, nil }
func (l *remoteLayer) foreignURLs() []string               { return l.desc.URLs }

// Compressed has no context to end it; the connection's own limits do.
func (l *remoteLayer) Compressed() (io.ReadCloser, error) { return l.compressed(context.Background()) }

// Uncompressed is as Compressed.
func (l *remoteLayer) Uncompressed() (io.ReadCloser, error) {
	return l.uncompressed(context.Background())
}

func (l *remoteLayer) compressed(ctx context.Context) (io.ReadCloser, error) {
	rc, err := openVerified(func() (io.ReadCloser, error) { return l.repo.blob(ctx, l.desc) }, l.desc.Digest, l.desc.Size)
	if err != nil {
		return nil, err
	}
	return &otherBytes{rc, l}, nil
}

func (l *remoteLayer) uncompressed(ctx context.Context) (io.ReadCloser, error) {
	b := &blobLayer{open: func() (io.ReadCloser, error) { return l.compressed(ctx) }, diffID: l.diffID}
	return b.Uncompressed()
}

// otherBytes makes a *LostBlobError of bytes that are not the blob's.
type otherBytes struct {
	io.ReadCloser
	layer *remoteLayer
}

func (o *otherBytes) Read(p []byte) (int, error) {
	n, err := o.ReadCloser.Read(p)
	if m, ok := errors.AsType[*digest.MismatchError](err); ok {
		err = o.layer.repo.lost(o.layer.desc.Digest, fmt.Sprintf("has other bytes: %s is %s", m.What, m.Got), m)
	}
	return n, err
}

// A contextLayer gives bytes that a context can end.
type contextLayer interface {
	compressed(ctx context.Context) (io.ReadCloser, error)
	uncompressed(ctx context.Context) (io.ReadCloser, error)
}

// bare takes the wrapping off a layer of a previous image.
func bare(l v1.Layer) v1.Layer {
	if p, ok := l.(*PreviousLayer); ok {
		return bare(p.Layer)
	}
	return l
}

// compressed and uncompressed open a layer under a context where it can be.
func compressed(ctx context.Context, l v1.Layer) func() (io.ReadCloser, error) {
	if c, ok := bare(l).(contextLayer); ok {
		return func() (io.ReadCloser, error) { return c.compressed(ctx) }
	}
	return l.Compressed
}

func uncompressed(ctx context.Context, l v1.Layer) func() (io.ReadCloser, error) {
	if c, ok := bare(l).(contextLayer); ok {
		return func() (io.ReadCloser, error) { return c.uncompressed(ctx) }
	}
	return l.Uncompressed
}

// blob reads a blob. Where the connection breaks it goes on from there, as long as there
// is progress. The bytes are not verified here.
func (r *repository) blob(ctx context.Context, d v1.Descriptor) (io.ReadCloser, error) {
	b := &download{size: d.Size, attempts: r.options.Attempts}
	b.open = func(off int64) (io.ReadCloser, error) { return r.openBlob(ctx, d, off) }
	b.wait = func(attempt int) error { return sleep(ctx, backoff(r.options.Backoff, attempt)) }
	b.fail = func(err error) error { return r.fail(ctx, "read blob "+d.Digest.String(), err) }
	var err error
	b.body, err = b.open(0)
	return b, err
}

// openBlob asks for a blob from an offset on. A layer that may not be distributed is
// looked for at the addresses of its descriptor too.
func (r *repository) openBlob(ctx context.Context, d v1.Descriptor, off int64) (io.ReadCloser, error) {
	rc, err := r.openAt(ctx, r.url("blobs/"+d.Digest.String()), d, off)
	if _, lost := errors.AsType[*LostBlobError](err); !lost {
		return rc, err
	}
	for _, s := range d.URLs {
		u, bad := url.Parse(s)
		if bad != nil || u.Scheme != "https" || private(u.Hostname()) {
			continue
		}
		if rc, other := r.openAt(ctx, u, d, off); other == nil {
			return rc, nil
		}
	}
	return nil, err
}

func (r *repository) openAt(ctx context.Context, u *url.URL, d v1.Descriptor, off int64) (io.ReadCloser, error) {
	act := "read blob " + d.Digest.String()
	h := http.Header{"Accept-Encoding": {"identity"}} // else net/http decompresses
	if off > 0 {
		h.Set("Range", fmt.Sprintf("bytes=%d-%d", off, d.Size-1))
	}
	resp, err := r.request(ctx, http.MethodGet, u, h)
	if err != nil {
		return nil, r.fail(ctx, act, err)
	}
	if resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone {
		return nil, errors.Join(r.lost(d.Digest, "is not there", nil), resp.Body.Close())
	}
	if err := r.answered(act, resp, http.StatusOK, http.StatusPartialContent); err != nil {
		return nil, err
	}
	skip, size := int64(0), resp.ContentLength
	switch {
	case resp.StatusCode == http.StatusOK:
		skip = off // no ranges here
	case !strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", off)):
		return nil, errors.Join(r.lost(d.Digest, fmt.Sprintf("comes from %q, want it from byte %d", resp.Header.Get("Content-Range"), off), nil), resp.Body.Close())
	case size >= 0:
		size += off
	}
	if size >= 0 && size != d.Size {
		return nil, errors.Join(r.lost(d.Digest, fmt.Sprintf("has %d bytes, want %d", size, d.Size), nil), resp.Body.Close())
	}
	if _, err := io.CopyN(io.Discard, resp.Body, skip); err != nil {
		return nil, errors.Join(r.fail(ctx, act, err), resp.Body.Close())
	}
	return resp.Body, nil
}

// A download reads on where a connection broke.
type download struct {
	open func(off int64) (io.ReadCloser, error)
	wait func(attempt int) error
	fail func(error) error

	body     io.ReadCloser // nil after a break
	off      int64
	size     int64
	attempts int
	failed   int // since the last byte
}

func (b *download) Read(p []byte) (int, error) {
	for {
		if b.body == nil {
			body, err := b.open(b.off)
			if err != nil {
				return 0, err
			}
			b.body = body
		}
		n, err := b.body.Read(p)
		b.off += int64(n)
		if n > 0 {
			b.failed = 0
		}
		if errors.Is(err, io.EOF) && b.off < b.size {
			err = io.ErrUnexpectedEOF
		}
		if err == nil || errors.Is(err, io.EOF) {
			return n, err
		}
		_ = b.body.Close() // it is broken already
		b.body = nil
		failure := b.fail(err)
		e, again := errors.AsType[*RegistryError](failure)
		again = again && e.Status == 0 && temporary(err, 1)
		if b.failed++; !again || b.failed >= b.attempts {
			return n, failure
		}
		if err := b.wait(b.failed); err != nil {
			return n, err
		}
		if n > 0 {
			return n, nil
		}
	}
}

func (b *download) Close() error {
	if b.body == nil {
		return nil
	}
	err := b.body.Close()
	b.body = nil
	return err
}
