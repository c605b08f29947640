package pipeline

import (
	"testing"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/image"
)

// TestFrameBytesAddUp: as recorded, and of a layer that was compressed anew, no byte is lost.
func TestFrameBytesAddUp(t *testing.T) {
	l := &image.LayerMetadata{Digest: digest.Sum([]byte("l")), SizeBytes: 10, Frames: []image.FrameMetadata{
		{SizeBytes: 3, TarBytes: 1000}, {SizeBytes: 0, TarBytes: 1}, {SizeBytes: 7, TarBytes: 512},
	}}
	for _, c := range []struct {
		why    string
		digest string
		size   int64
	}{
		{"as it was made", l.Digest.OCI(), 10},
		{"compressed anew", "sha256:other", 777},
		{"not compressed", "sha256:other", 1513},
		{"empty", "sha256:other", 0},
	} {
		var sum int64
		for _, n := range frameBytes(l, c.digest, c.size) {
			if n < 0 {
				t.Errorf("%s: a frame has %d bytes", c.why, n)
			}
			sum += n
		}
		if sum != c.size {
			t.Errorf("%s: frames have %d bytes, the layer %d", c.why, sum, c.size)
		}
	}
	if got := frameBytes(&image.LayerMetadata{Frames: []image.FrameMetadata{{}}}, "sha256:x", 5); got[0] != 0 {
		t.Errorf("a frame without files has %d bytes", got[0])
	}
}
