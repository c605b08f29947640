package simple

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/nasa-openscapes/corn/digest"
)

// errNoRanges says that a server does not serve parts of files.
var errNoRanges = errors.New("the server serves no ranges")

const (
	// tailBytes are asked for first: the directory of most wheels, and METADATA, which stands at
	// the end because RECORD does.
	tailBytes = 32 << 10
	// chunkBytes is how much is asked for where something is missing; it doubles.
	chunkBytes = 64 << 10
	// maxRangeBytes bounds what is read of one wheel: directories of 100,000 files have 12 MB.
	maxRangeBytes = 64 << 20
	maxRanges     = 64
)

// rangesMetadata reads METADATA with a few requests for parts of the wheel.
func (c *Client) rangesMetadata(ctx context.Context, f *File) ([]byte, error) {
	r := &remote{ctx: ctx, c: c, url: f.URL, size: f.SizeBytes}
	if err := r.tail(); err != nil {
		return nil, err
	}
	if f.SizeBytes > 0 && r.size != f.SizeBytes {
		return nil, &digest.MismatchError{What: "size", Want: fmt.Sprint(f.SizeBytes), Got: fmt.Sprint(r.size)}
	}
	text, err := zipMetadata(r, r.size, f)
	if r.err != nil { // the zip reader may have put its own words around it
		err = r.err
	}
	return text, err
}

// A remote is a file on a server of which the parts that are looked at are fetched.
type remote struct {
	ctx  context.Context // a ReaderAt has no other place for it; it lives for one call
	c    *Client
	url  string
	size int64 // zero: not known yet
	etag string

	parts    []part
	asked    int
	fetched  int64
	nextSize int64
	err      error
}

type part struct {
	at   int64
	data []byte
}

// tail fetches the end, and learns the size.
func (r *remote) tail() error {
	spec := fmt.Sprintf("bytes=-%d", tailBytes)
	if r.size > 0 { // some servers know no suffixes
		spec = fmt.Sprintf("bytes=%d-%d", max(0, r.size-tailBytes), r.size-1)
	}
	return r.get(spec, -1, tailBytes)
}

// get asks for a range. At is where the answer has to begin; -1: anywhere.
func (r *remote) get(spec string, at, most int64) error {
	if r.asked++; r.asked > maxRanges || r.fetched > maxRangeBytes {
		return &LimitError{What: "directory of the wheel", Limit: maxRangeBytes}
	}
	header := http.Header{"Range": {spec}}
	res, err := r.c.http.Get(r.ctx, r.url, header, false)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusOK, res.StatusCode == http.StatusRequestedRangeNotSatisfiable, res.StatusCode == http.StatusNotImplemented:
		return errNoRanges // the body is not read: Close ends the connection
	case res.StatusCode != http.StatusPartialContent:
		return statusError(res.StatusCode)
	}
	var first, last, total int64
	if _, err := fmt.Sscanf(res.Header.Get("Content-Range"), "bytes %d-%d/%d", &first, &last, &total); err != nil ||
		first < 0 || last < first || last >= total || last-first >= most {
		return errNoRanges // several parts, or no total: nothing to build on
	}
	etag := res.Header.Get("ETag")
	if at >= 0 && (first != at || total != r.size || etag != r.etag) {
		return &MetadataError{"the file on the server changed while it was read"}
	}
	data := make([]byte, last-first+1)
	if n, err := io.ReadFull(res.Body, data); err != nil {
		return fmt.Errorf("after %d of %d bytes: %w", n, len(data), err)
	}
	if at < 0 {
		r.size, r.etag = total, etag
	}
	r.fetched += int64(len(data))
	r.parts = append(r.parts, part{first, data})
	return nil
}

// ReadAt implements [io.ReaderAt].
func (r *remote) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		at := off + int64(n)
		if at >= r.size {
			return n, io.EOF
		}
		if got := r.have(p[n:], at); got > 0 {
			n += got
			continue
		}
		if err := r.fill(at, int64(len(p)-n)); err != nil {
			r.err = err
			return n, err
		}
	}
	return n, nil
}

// have copies what is there.
func (r *remote) have(p []byte, at int64) int {
	for _, part := range r.parts {
		if at >= part.at && at < part.at+int64(len(part.data)) {
			return copy(p, part.data[at-part.at:])
		}
	}
	return 0
}

// fill fetches from at up to what is there already.
func (r *remote) fill(at, need int64) error {
	r.nextSize = min(max(chunkBytes, 2*r.nextSize), 2<<20)
	end := min(at+max(need, r.nextSize), r.size)
	for _, part := range r.parts {
		if part.at > at && part.at < end {
			end = part.at
		}
	}
	return r.get(fmt.Sprintf("bytes=%d-%d", at, end-1), at, end-at)
}
