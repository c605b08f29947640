package simple

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/pypi/pep440"
	"github.com/nasa-openscapes/corn/pypi/wheel"
	"github.com/nasa-openscapes/corn/transport"
)

// maxMetadataBytes bounds one METADATA: the greatest of PyPI have 1 MB, descriptions included.
const maxMetadataBytes = 8 << 20

// Metadata says what a wheel needs. It is checked against the hash that the page gives, and has
// to be of the project and version of the file's name. Where the index serves no metadata,
// the wheel's is read by ranges, and of a server without these the whole wheel is fetched into
// the cache. What is read by ranges no hash vouches for: whoever installs the wheel
// compares again.
//
// An sdist is a *NoMetadataError; everything else an *Error. The result is shared: it is not to be
// changed.
func (c *Client) Metadata(ctx context.Context, f *File) (*wheel.Metadata, error) {
	if f.Kind != Wheel {
		return nil, &NoMetadataError{File: f.Name}
	}
	c.mu.Lock()
	a := c.metadata[f.URL]
	if a == nil {
		a = &asked[*wheel.Metadata]{}
		c.metadata[f.URL] = a
	}
	c.mu.Unlock()
	return a.once(ctx, func() (*wheel.Metadata, error) { return c.readMetadata(ctx, f) })
}

func (c *Client) readMetadata(ctx context.Context, f *File) (*wheel.Metadata, error) {
	key := metadataKey(f)
	if b, err := c.cache.GetBytes(kindMetadata, key); err == nil {
		if m, err := wheel.ParseMetadata(b); err == nil {
			return m, nil
		}
	} else if !cache.IsMiss(err) {
		return nil, err
	}
	text, err := c.metadataText(ctx, f)
	if err == nil {
		var m *wheel.Metadata
		if m, err = checked(text, f); err == nil {
			if _, isLocal := local(f.URL); isLocal && f.SHA256.IsZero() {
				return m, nil // the file may change, and reading it costs little
			}
			return m, c.cache.PutBytes(kindMetadata, key, m.Text())
		}
	}
	e := &Error{Act: "read the metadata of " + f.Name, URL: redact(f.URL), Err: err}
	if status, ok := err.(statusError); ok { //nolint:errorlint // it comes as it is
		e.Status, e.Err = int(status), nil
	}
	return nil, e
}

func metadataKey(f *File) digest.SHA256 {
	k := digest.NewKey("pypi metadata").Int("version", 1)
	if !f.SHA256.IsZero() {
		return k.Sum("file", f.SHA256).Key()
	}
	return k.Str("url", f.URL).Sum("metadata", f.MetadataSHA256).Key()
}

// checked reads METADATA and compares it with the file's name.
func checked(text []byte, f *File) (*wheel.Metadata, error) {
	m, err := wheel.ParseMetadata(text)
	if err != nil {
		return nil, &MetadataError{err.Error()}
	}
	if wheel.NormalizeName(m.Name) != f.Project || !sameVersion(m.Version, f.Version) {
		return nil, &MetadataError{fmt.Sprintf("the metadata is of %s, and the file's name says %s %s",
			quoted(m.Name+" "+m.Version), f.Project, f.Version)}
	}
	return m, nil
}

// sameVersion compares versions by what they mean: a file name need not spell one as METADATA does.
func sameVersion(a, b string) bool {
	x, err := pep440.Parse(a)
	y, err2 := pep440.Parse(b)
	if err != nil || err2 != nil {
		return a == b
	}
	return pep440.Compare(x, y) == 0
}

func (c *Client) metadataText(ctx context.Context, f *File) ([]byte, error) {
	if name, ok := local(f.URL); ok {
		return fileMetadata(filepath.FromSlash(name), f)
	}
	if !f.SHA256.IsZero() {
		if b, err := c.cache.Find(f.want()); err == nil {
			return fileMetadata(b.Path, f)
		}
	}
	if c.opts.Offline {
		return nil, ErrOffline
	}
	if f.HasMetadata {
		text, err := c.besideIt(ctx, f)
		if status, ok := err.(statusError); !ok || status != http.StatusNotFound { //nolint:errorlint // it comes as it is
			return text, err
		}
		c.opts.Warn("%s: the index promises metadata of it and has none; reading the wheel", f.Name)
	}
	text, err := c.rangesMetadata(ctx, f)
	if !errors.Is(err, errNoRanges) {
		return text, err
	}
	b, err := c.whole(ctx, f)
	if err != nil {
		return nil, err
	}
	return fileMetadata(b.Path, f)
}

// besideIt asks for the metadata file (PEP 658). Bytes that are not those of the page are asked
// for once more, past what caches on the way hold.
func (c *Client) besideIt(ctx context.Context, f *File) ([]byte, error) {
	for try := 1; ; try++ {
		header := http.Header{}
		if try > 1 {
			header.Set("Cache-Control", "no-cache")
		}
		text, err := c.small(ctx, f.URL+".metadata", header)
		if err == nil && !f.MetadataSHA256.IsZero() && digest.Sum(text) != f.MetadataSHA256 {
			err = &digest.MismatchError{What: "sha256", Want: f.MetadataSHA256.String(), Got: digest.Sum(text).String(), ReadBytes: int64(len(text))}
		}
		var mismatch *digest.MismatchError
		var broken *transport.BrokenError
		if (errors.As(err, &mismatch) || errors.As(err, &broken)) && try < 2 {
			c.opts.Warn("%s.metadata: %v; asking again", redact(f.URL), err)
			continue
		}
		return text, err
	}
}

// small reads a small file.
func (c *Client) small(ctx context.Context, where string, header http.Header) ([]byte, error) {
	res, err := c.http.Get(ctx, where, header, false)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		_, _ = io.CopyN(io.Discard, res.Body, 1<<16) // so that the connection can be used again
		return nil, statusError(res.StatusCode)
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, maxMetadataBytes+1))
	if err == nil && len(b) > maxMetadataBytes {
		err = &LimitError{What: "metadata", Limit: maxMetadataBytes}
	}
	return b, err
}

// whole fetches a file into the cache, verified by whatever the page says of it.
func (c *Client) whole(ctx context.Context, f *File) (cache.Blob, error) {
	if c.opts.Offline {
		return cache.Blob{}, ErrOffline
	}
	for try := 1; ; try++ {
		b, err := c.wholeOnce(ctx, f)
		var broken *transport.BrokenError
		if errors.As(err, &broken) && try < 3 {
			c.opts.Warn("%s: %v; asking again", redact(f.URL), err)
			continue
		}
		return b, err
	}
}

func (c *Client) wholeOnce(ctx context.Context, f *File) (cache.Blob, error) {
	res, err := c.http.Get(ctx, f.URL, nil, false)
	if err != nil {
		return cache.Blob{}, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		_, _ = io.CopyN(io.Discard, res.Body, 1<<16)
		return cache.Blob{}, statusError(res.StatusCode)
	}
	return c.keep(ctx, f, res.Body)
}

// keep stores a file's bytes and checks every hash that the page gives.
func (c *Client) keep(ctx context.Context, f *File, r io.Reader) (cache.Blob, error) {
	if f.SizeBytes > 0 { // more than that is no more of it
		r = &bounded{r: r, left: f.SizeBytes, size: f.SizeBytes}
	}
	v, err := newOthers(r, f.Hashes)
	if err != nil {
		return cache.Blob{}, err
	}
	return c.cache.Put(ctx, v, f.want())
}

// A bounded reader fails where more comes than was announced.
type bounded struct {
	r          io.Reader
	left, size int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, &digest.MismatchError{What: "size", Want: fmt.Sprint(b.size), Got: "more", ReadBytes: b.size - b.left}
	}
	return n, err
}

// Hash returns the SHA-256 of a file whose page gives none, by fetching it into the cache. It is
// checked against the hashes that the page does give.
func (c *Client) Hash(ctx context.Context, f *File) (digest.SHA256, int64, error) {
	if !f.SHA256.IsZero() {
		return f.SHA256, f.SizeBytes, nil
	}
	var b cache.Blob
	var err error
	if name, ok := local(f.URL); ok {
		var file *os.File
		if file, err = os.Open(filepath.FromSlash(name)); err == nil {
			defer file.Close()
			b, err = c.keep(ctx, f, file)
		}
	} else {
		b, err = c.whole(ctx, f)
	}
	if err != nil {
		e := &Error{Act: "fetch " + f.Name, URL: redact(f.URL), Err: err}
		if status, ok := err.(statusError); ok { //nolint:errorlint // it comes as it is
			e.Status, e.Err = int(status), nil
		}
		return digest.SHA256{}, 0, e
	}
	return b.SHA256, b.SizeBytes, nil
}

// fileMetadata reads METADATA out of a wheel on this machine.
func fileMetadata(name string, f *File) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	st, err := file.Stat()
	if err != nil {
		return nil, err
	}
	return zipMetadata(file, st.Size(), f)
}

// zipMetadata reads METADATA out of a wheel.
func zipMetadata(r io.ReaderAt, size int64, f *File) ([]byte, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, notZip(err)
	}
	var found *zip.File
	for _, m := range z.File {
		dir, ok := strings.CutSuffix(m.Name, ".dist-info/METADATA")
		if !ok || strings.Contains(dir, "/") {
			continue
		}
		if found != nil {
			return nil, &MetadataError{fmt.Sprintf("the wheel has %s and %s", quoted(found.Name), quoted(m.Name))}
		}
		found = m
	}
	if found == nil {
		return nil, &MetadataError{"the wheel has no .dist-info/METADATA"}
	}
	if found.UncompressedSize64 > maxMetadataBytes {
		return nil, &LimitError{What: "metadata", Limit: maxMetadataBytes}
	}
	in, err := found.Open()
	if err != nil {
		return nil, notZip(err)
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, maxMetadataBytes+1))
	if err != nil {
		return nil, notZip(err)
	}
	if len(text) > maxMetadataBytes {
		return nil, &LimitError{What: "metadata", Limit: maxMetadataBytes}
	}
	return text, nil
}

// notZip says that a file is no wheel, unless it is the network that failed.
func notZip(err error) error {
	if errors.Is(err, zip.ErrFormat) || errors.Is(err, zip.ErrAlgorithm) || errors.Is(err, zip.ErrChecksum) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return &MetadataError{"the file is no wheel: " + err.Error()}
	}
	return err
}
