package layer

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/oci/frame"
)

// A Span is where a frame stands in a layer. The prelude and the trailer are no spans.
type Span struct {
	Key       digest.SHA256 `json:"key"`
	SHA256    digest.SHA256 `json:"sha256"` // of the compressed frame
	Offset    int64         `json:"offset"` // in the blob
	Bytes     int64         `json:"bytes"`
	RawOffset int64         `json:"rawOffset"` // in the uncompressed stream
	RawBytes  int64         `json:"rawBytes"`
}

// record is what is remembered of an assembled layer.
type record struct {
	Digest   digest.SHA256 `json:"digest"`
	DiffID   digest.SHA256 `json:"diffId"`
	Bytes    int64         `json:"bytes"`
	RawBytes int64         `json:"rawBytes"`
	Spans    []Span        `json:"spans"`
}

// A Layer is an assembled layer. Its digests are known; its bytes are read from the
// frames when asked for. It is safe for concurrent use.
type Layer struct {
	spec Spec
	key  digest.SHA256
	rec  record
	// ends gives the prelude and the trailer. A layer that is taken over by its digests
	// never needs them: encoders are large.
	ends func() (ends, error)
}

var _ v1.Layer = (*Layer)(nil)

// ID returns the spec's ID.
func (l *Layer) ID() string { return l.spec.ID }

// Kind returns the spec's kind.
func (l *Layer) Kind() string { return l.spec.Kind }

// Key returns the layer's key.
func (l *Layer) Key() digest.SHA256 { return l.key }

// Compression returns how the frames are compressed.
func (l *Layer) Compression() frame.Compression { return l.spec.Compression }

// SHA256 returns the digest of the blob.
func (l *Layer) SHA256() digest.SHA256 { return l.rec.Digest }

// DiffSHA256 returns the digest of the uncompressed stream.
func (l *Layer) DiffSHA256() digest.SHA256 { return l.rec.DiffID }

// SizeBytes returns the size of the blob.
func (l *Layer) SizeBytes() int64 { return l.rec.Bytes }

// RawBytes returns the size of the uncompressed stream.
func (l *Layer) RawBytes() int64 { return l.rec.RawBytes }

// Spans returns where the frames stand, in order. The slice is the caller's.
func (l *Layer) Spans() []Span { return append([]Span(nil), l.rec.Spans...) }

// Digest implements v1.Layer.
func (l *Layer) Digest() (v1.Hash, error) { return ociHash(l.rec.Digest), nil }

// DiffID implements v1.Layer.
func (l *Layer) DiffID() (v1.Hash, error) { return ociHash(l.rec.DiffID), nil }

// Size implements v1.Layer.
func (l *Layer) Size() (int64, error) { return l.rec.Bytes, nil }

func ociHash(d digest.SHA256) v1.Hash { return v1.Hash{Algorithm: "sha256", Hex: d.String()} }

// MediaType implements v1.Layer: OCI's tar+zstd or tar+gzip.
func (l *Layer) MediaType() (types.MediaType, error) {
	if l.spec.Compression.IsZstd() {
		return types.OCILayerZStd, nil
	}
	return types.OCILayer, nil
}

// Compressed implements v1.Layer. Frames are opened one after another as reading gets to
// them. Bytes that are not those that were assembled end in a *digest.MismatchError
// instead of io.EOF; a frame that is gone from the cache is a *cache.MissError.
func (l *Layer) Compressed() (io.ReadCloser, error) {
	for i := range l.spec.Frames {
		if l.spec.Frames[i].Open == nil {
			return nil, fmt.Errorf("layer %s: frame %s: %w", l.spec.ID, l.spec.Frames[i].Key, ErrNoBytes)
		}
	}
	e, err := l.ends()
	if err != nil {
		return nil, err
	}
	c := &concat{l: l, at: -1, ends: e}
	return &verified{digest.NewReader(c, digest.Want{SHA256: l.rec.Digest, SizeBytes: l.rec.Bytes}), c}, nil
}

// ErrNoBytes says that a layer is known by its digests alone.
var ErrNoBytes = errors.New("only the key of the frame is known, not its bytes")

// Uncompressed implements v1.Layer.
func (l *Layer) Uncompressed() (io.ReadCloser, error) {
	c, err := l.Compressed()
	if err != nil {
		return nil, err
	}
	z, err := frame.Decompress(c, l.spec.Compression)
	if err != nil {
		c.Close()
		return nil, err
	}
	return &both{z, c}, nil
}

type both struct {
	io.ReadCloser
	below io.Closer
}

func (b *both) Close() error { return errors.Join(b.ReadCloser.Close(), b.below.Close()) }

type verified struct {
	io.Reader
	io.Closer
}

// concat reads prelude, frames and trailer. at is the index of the frame being read:
// -1 is the prelude, len(Frames) the trailer.
type concat struct {
	l    *Layer
	ends ends
	at   int
	cur  io.ReadCloser
}

func (c *concat) Read(p []byte) (int, error) {
	for {
		if c.cur == nil {
			if err := c.open(); err != nil {
				return 0, err
			}
		}
		n, err := c.cur.Read(p)
		if err == io.EOF {
			if err := c.cur.Close(); err != nil {
				return n, err
			}
			c.cur = nil
			c.at++
			if n == 0 {
				continue
			}
			err = nil
		}
		return n, err
	}
}

func (c *concat) open() error {
	switch frames := c.l.spec.Frames; {
	case c.at < 0:
		c.cur = io.NopCloser(bytes.NewReader(c.ends.first.Bytes))
	case c.at < len(frames):
		rc, err := frames[c.at].Open()
		if err != nil {
			return fmt.Errorf("layer %s: open frame %s: %w", c.l.spec.ID, frames[c.at].Key, err)
		}
		c.cur = rc
	case c.at == len(frames):
		c.cur = io.NopCloser(bytes.NewReader(c.ends.last.Bytes))
	default:
		return io.EOF
	}
	return nil
}

func (c *concat) Close() error {
	cur := c.cur
	c.cur, c.at = nil, len(c.l.spec.Frames)+1 // reading on opens no other frame
	if cur == nil {
		return nil
	}
	return cur.Close()
}
