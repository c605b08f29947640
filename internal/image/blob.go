package image

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	kgzip "github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/nasa-openscapes/corn/digest"
)

// maxLayerBytes bounds what one layer may decompress to.
const maxLayerBytes = 64 << 30

// ErrLayerTooLarge reports a layer that decompresses to more than 64 GiB.
var ErrLayerTooLarge = errors.New("layer decompresses to more than 64 GiB")

// A blobLayer is a layer whose bytes lie in a file. What is read from it is
// verified: against digest when compressed, against diffID when not.
type blobLayer struct {
	open      func() (io.ReadCloser, error)
	digest    v1.Hash
	diffID    v1.Hash
	sizeBytes int64
	mediaType types.MediaType
	urls      []string // where a layer that may not be distributed is to be had
}

var _ v1.Layer = (*blobLayer)(nil)
var _ foreignLayer = (*blobLayer)(nil)

// A foreignLayer knows from where its bytes are to be had (OCI descriptor.md, "urls").
type foreignLayer interface{ foreignURLs() []string }

func (l *blobLayer) foreignURLs() []string { return l.urls }

func (l *blobLayer) Digest() (v1.Hash, error)            { return l.digest, nil }
func (l *blobLayer) DiffID() (v1.Hash, error)            { return l.diffID, nil }
func (l *blobLayer) Size() (int64, error)                { return l.sizeBytes, nil }
func (l *blobLayer) MediaType() (types.MediaType, error) { return l.mediaType, nil }
func (l *blobLayer) Compressed() (io.ReadCloser, error) {
	return openVerified(l.open, l.digest, l.sizeBytes)
}
func (l *blobLayer) Uncompressed() (io.ReadCloser, error) {
	rc, err := l.open()
	if err != nil {
		return nil, err
	}
	plain, err := decompress(rc)
	if err != nil {
		return nil, errors.Join(err, rc.Close())
	}
	want, err := parseHash(l.diffID)
	if err != nil {
		return nil, errors.Join(err, plain.Close(), rc.Close())
	}
	return &readCloser{
		Reader: digest.NewReader(&limitReader{r: plain, left: maxLayerBytes}, digest.Want{SHA256: want}),
		close:  []func() error{plain.Close, rc.Close},
	}, nil
}

func openVerified(open func() (io.ReadCloser, error), h v1.Hash, sizeBytes int64) (io.ReadCloser, error) {
	want, err := parseHash(h)
	if err != nil {
		return nil, err
	}
	rc, err := open()
	if err != nil {
		return nil, err
	}
	return &readCloser{
		Reader: digest.NewReader(rc, digest.Want{SHA256: want, SizeBytes: sizeBytes}),
		close:  []func() error{rc.Close},
	}, nil
}

// readCloser reads from one place and closes several, in order.
type readCloser struct {
	io.Reader
	close []func() error
}

func (r *readCloser) Close() error {
	var errs []error
	for _, c := range r.close {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// limitReader fails where io.LimitReader would pretend that the stream ended.
type limitReader struct {
	r    io.Reader
	left int64
}

func (l *limitReader) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, ErrLayerTooLarge
	}
	return n, err
}

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
	// skippable frames may open a zstd stream: 0x184D2A50 to 0x184D2A5F, little endian.
	zstdSkippable = []byte{0x2a, 0x4d, 0x18}
)

type compression uint8

const (
	plainBytes compression = iota
	gzipBytes
	zstdBytes
)

// sniff tells the compression from the first four bytes. A tar starts with a name,
// and no name that layers have starts with a byte of these magics.
func sniff(head []byte) compression {
	switch {
	case bytes.HasPrefix(head, gzipMagic):
		return gzipBytes
	case bytes.HasPrefix(head, zstdMagic), len(head) >= 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:4], zstdSkippable):
		return zstdBytes
	}
	return plainBytes
}

// decompress reads gzip, zstd or plain bytes, whatever r turns out to hold. Closing the
// result does not close r.
func decompress(r io.Reader) (io.ReadCloser, error) {
	br := bufio.NewReaderSize(r, 256<<10)
	head, err := br.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch sniff(head) {
	case gzipBytes:
		z, err := kgzip.NewReader(br)
		if err != nil {
			return nil, fmt.Errorf("read gzip: %w", err)
		}
		return z, nil
	case zstdBytes:
		z, err := zstd.NewReader(br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return nil, fmt.Errorf("read zstd: %w", err)
		}
		return z.IOReadCloser(), nil
	}
	return io.NopCloser(br), nil
}

const (
	dockerZstdLayer types.MediaType = "application/vnd.docker.image.rootfs.diff.tar.zstd"
	ociForeignZstd  types.MediaType = "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"
)

// ociLayerType is the OCI name of a layer's media type. The bytes decide where the
// name says nothing about compression.
func ociLayerType(t types.MediaType, head []byte) (types.MediaType, bool) {
	switch t {
	case types.DockerLayer, types.DockerUncompressedLayer, dockerZstdLayer:
		switch sniff(head) {
		case gzipBytes:
			return types.OCILayer, true
		case zstdBytes:
			return types.OCILayerZStd, true
		}
		return types.OCIUncompressedLayer, true
	}
	return namedLayerType(t)
}

// namedLayerType is ociLayerType where the bytes are not at hand.
func namedLayerType(t types.MediaType) (types.MediaType, bool) {
	switch t {
	case types.OCILayer, types.OCILayerZStd, types.OCIUncompressedLayer,
		types.OCIRestrictedLayer, types.OCIUncompressedRestrictedLayer, ociForeignZstd:
		return t, true
	case types.DockerLayer:
		return types.OCILayer, true
	case types.DockerUncompressedLayer:
		return types.OCIUncompressedLayer, true
	case dockerZstdLayer:
		return types.OCILayerZStd, true
	case types.DockerForeignLayer:
		return types.OCIRestrictedLayer, true
	}
	return t, false
}

// mayNotPush tells whether a layer stays where it is: a registry does not want its bytes
// (OCI layer.md, "Non-Distributable Layers") and they are to be had elsewhere.
func mayNotPush(d v1.Descriptor) bool {
	switch d.MediaType {
	case types.OCIRestrictedLayer, types.OCIUncompressedRestrictedLayer, ociForeignZstd:
		return len(d.URLs) > 0
	}
	return false
}

func parseHash(h v1.Hash) (digest.SHA256, error) {
	if h.Algorithm != "sha256" {
		return digest.SHA256{}, fmt.Errorf("digest %s: only sha256 is read", h)
	}
	return digest.Parse(h.Hex)
}

func toHash(d digest.SHA256) v1.Hash { return v1.Hash{Algorithm: "sha256", Hex: d.String()} }

// hashStream returns digest and length of what r holds.
func hashStream(r io.Reader) (digest.SHA256, int64, error) {
	h := sha256.New()
	n, err := io.Copy(h, r)
	return digest.SHA256(h.Sum(nil)), n, err
}
