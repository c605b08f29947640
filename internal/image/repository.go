package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/nasa-openscapes/corn/digest"
)

// acceptManifests is what corn can read. Registries convert to nothing else.
var acceptManifests = strings.Join([]string{
	string(types.OCIImageIndex), string(types.OCIManifestSchema1),
	string(types.DockerManifestList), string(types.DockerManifestSchema2),
}, ", ")

// url is an address below the repository: "manifests/latest", "blobs/sha256:...".
func (r *repository) url(p string) *url.URL {
	return &url.URL{Scheme: r.name.Scheme(), Host: r.name.RegistryStr(), Path: "/v2/" + r.name.RepositoryStr() + "/" + p}
}

// request sends a request without a body.
func (r *repository) request(ctx context.Context, method string, u *url.URL, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	return r.client.Do(req)
}

// manifest reads the manifest or index that a tag or digest names. Its digest is that of
// its bytes.
func (r *repository) manifest(ctx context.Context, reference string) ([]byte, types.MediaType, error) {
	act := "read manifest " + reference
	var data []byte
	var mediaType types.MediaType
	err := r.trying(ctx, func() error {
		resp, err := r.request(ctx, http.MethodGet, r.url("manifests/"+reference), http.Header{"Accept": {acceptManifests}})
		if err != nil {
			return r.fail(ctx, act, err)
		}
		if err := r.answered(act, resp, http.StatusOK); err != nil {
			if e, ok := errors.AsType[*RegistryError](err); ok && e.Status == http.StatusNotFound {
				e.Err = ErrNotFound
			}
			return err
		}
		data, err = readJSON(resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil {
			return r.fail(ctx, act, err)
		}
		mediaType = types.MediaType(strings.TrimSpace(strings.Split(resp.Header.Get("Content-Type"), ";")[0]))
		want := resp.Header.Get("Docker-Content-Digest")
		if strings.HasPrefix(reference, "sha256:") {
			want = reference
		}
		if got := digest.Sum(data).OCI(); strings.HasPrefix(want, "sha256:") && got != want {
			return &RegistryError{Ref: r.shown, Act: act, Err: &digest.MismatchError{
				What: "sha256", Want: strings.TrimPrefix(want, "sha256:"), Got: strings.TrimPrefix(got, "sha256:"), ReadBytes: int64(len(data)),
			}}
		}
		return nil
	})
	return data, mediaType, err
}

// readJSON reads a manifest or config.
func readJSON(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxJSONBytes+1))
	if err == nil && len(data) > maxJSONBytes {
		err = fmt.Errorf("has more than %d bytes", maxJSONBytes)
	}
	return data, err
}

// trying repeats fn while it fails for reasons that pass. What retryTransport has tried
// again, answers with a status, is not tried again here.
func (r *repository) trying(ctx context.Context, fn func() error) error {
	for attempt := 1; ; attempt++ {
		err := fn()
		if err == nil || ctx.Err() != nil || attempt >= r.options.Attempts {
			return err
		}
		e, ok := errors.AsType[*RegistryError](err)
		if !ok || e.Status != 0 || e.Err == nil || !broken(e.Err) {
			return err
		}
		if err := sleep(ctx, backoff(r.options.Backoff, attempt)); err != nil {
			return err
		}
	}
}

// broken tells a body that ended early from a connection that was never made: that has
// been tried often enough.
func broken(err error) bool {
	_, idle := errors.AsType[*idleError](err)
	return idle || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
}

// has asks whether the repository has a blob of that size.
func (r *repository) has(ctx context.Context, h v1.Hash, sizeBytes int64) (bool, error) {
	act := "look for blob " + h.String()
	resp, err := r.request(ctx, http.MethodHead, r.url("blobs/"+h.String()), http.Header{"Accept-Encoding": {"identity"}})
	if err != nil {
		return false, r.fail(ctx, act, err)
	}
	if err := r.answered(act, resp, http.StatusOK, http.StatusNotFound); err != nil {
		return false, err
	}
	_ = resp.Body.Close() // HEAD has none
	if resp.StatusCode == http.StatusNotFound {
		return false, nil
	}
	if resp.ContentLength >= 0 && resp.ContentLength != sizeBytes && resp.Header.Get("Content-Length") != "" {
		return false, r.lost(h, fmt.Sprintf("has %d bytes, want %d", resp.ContentLength, sizeBytes), nil)
	}
	return true, nil
}

// probe asks for the first byte of a blob: a registry can say that it has one and have
// lost it.
func (r *repository) probe(ctx context.Context, d v1.Descriptor) error {
	act := "look for blob " + d.Digest.String()
	resp, err := r.request(ctx, http.MethodGet, r.url("blobs/"+d.Digest.String()), http.Header{"Accept-Encoding": {"identity"}, "Range": {"bytes=0-0"}})
	if err != nil {
		return r.fail(ctx, act, err)
	}
	if resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone {
		return errors.Join(r.lost(d.Digest, "is not there", nil), resp.Body.Close())
	}
	if err := r.answered(act, resp, http.StatusOK, http.StatusPartialContent); err != nil {
		return err
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, 1)); err != nil {
		return errors.Join(r.lost(d.Digest, "has no bytes", err), resp.Body.Close())
	}
	size := resp.ContentLength
	if _, total, ok := strings.Cut(resp.Header.Get("Content-Range"), "/"); ok {
		if size, err = strconv.ParseInt(total, 10, 64); err != nil {
			size = -1 // "*": unknown
		}
	}
	if size >= 0 && size != d.Size {
		err = r.lost(d.Digest, fmt.Sprintf("has %d bytes, want %d", size, d.Size), nil)
	} else {
		err = nil
	}
	return errors.Join(err, resp.Body.Close())
}

func (r *repository) lost(h v1.Hash, reason string, err error) error {
	sum, _ := parseHash(h) // a digest that is none stays zero
	return &LostBlobError{Ref: r.shown, Digest: sum, Reason: reason, Err: err}
}

// hasManifest asks whether the repository has a manifest.
func (r *repository) hasManifest(ctx context.Context, d digest.SHA256) (bool, error) {
	act := "look for manifest " + d.OCI()
	resp, err := r.request(ctx, http.MethodHead, r.url("manifests/"+d.OCI()), http.Header{"Accept": {acceptManifests}})
	if err != nil {
		return false, r.fail(ctx, act, err)
	}
	if err := r.answered(act, resp, http.StatusOK, http.StatusNotFound); err != nil {
		return false, err
	}
	return resp.StatusCode == http.StatusOK, resp.Body.Close()
}

// checkRedirect follows the few redirects that registries use for blobs. None may lead
// from encryption to none, or from a registry out in the world to this machine's network.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return errors.New("more than 10 redirects")
	}
	return checkHop(via[0].URL, req.URL)
}

// checkHop checks an address that a registry gave for going on.
func checkHop(from, to *url.URL) error {
	switch {
	case from.Host == to.Host && from.Scheme == to.Scheme:
		return nil
	case to.Scheme != "https" && (to.Scheme != "http" || from.Scheme == "https"):
		return fmt.Errorf("%s leads to %s://%s, which is not encrypted", from.Host, to.Scheme, to.Host)
	case private(to.Hostname()) && !private(from.Hostname()):
		return fmt.Errorf("%s leads to %s, an address of this machine's network", from.Host, to.Host)
	}
	return nil
}

func private(host string) bool {
	a, err := netip.ParseAddr(host)
	if err != nil {
		return host == "localhost"
	}
	a = a.Unmap()
	return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsUnspecified()
}

// uploadWait is how long to wait before a broken upload is tried again.
func (r *repository) uploadWait(err error, attempt int) time.Duration {
	if e, ok := errors.AsType[*RegistryError](err); ok && e.retryAfter > 0 {
		return e.retryAfter
	}
	return backoff(r.options.Backoff, attempt)
}
