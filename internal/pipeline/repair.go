package pipeline

import (
	"context"
	"errors"
	"sync"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/oci/layer"
)

// suspects are archives of the cache that could not be used. Opening a blob does not hash
// it, which would cost as much as all the rest, so a damaged one shows only there.
type suspects struct {
	mu    sync.Mutex
	blobs []cache.Blob
}

// note takes the blob down if err is an error, and returns err.
func (s *suspects) note(b cache.Blob, err error) error {
	if err != nil {
		s.mu.Lock()
		s.blobs = append(s.blobs, b)
		s.mu.Unlock()
	}
	return err
}

// repair looks for damage in the part of the cache that a failed build used, removes what is
// damaged, and returns how much that was. If there was any, the build is worth another try.
func (b *builder) repair(ctx context.Context, err error) int {
	if ctx.Err() != nil {
		return 0
	}
	n := 0
	for _, blob := range b.suspects.blobs {
		if isA[*cache.CorruptError](b.cache.VerifyBlob(ctx, blob)) {
			n++
		}
	}
	b.suspects.blobs = nil
	if !isA[*digest.MismatchError](err) && !isA[*layer.FrameError](err) {
		return n
	}
	if isA[*layer.FrameError](err) {
		n++ // Assemble has removed it
		b.reused.off, b.reused.frames = true, nil
	}
	for _, key := range b.frameKeys() {
		v, err := b.cache.Get(layer.KindFrame, key)
		if err != nil {
			continue // it is not there, or Get has removed it
		}
		if isA[*cache.CorruptError](errors.Join(v.Verify(), v.Close())) {
			n++
		}
	}
	return n
}

// frameKeys lists the frames of the variant that was built last, the metadata's too.
func (b *builder) frameKeys() []digest.SHA256 {
	keys := []digest.SHA256{b.metaFrame}
	for key := range b.frameIndex(b.compression) {
		keys = append(keys, key)
	}
	return keys
}
