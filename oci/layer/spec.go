package layer

import (
	"fmt"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/oci/frame"
)

// A Spec says what a layer is to hold.
type Spec struct {
	ID, Kind    string // for messages and reports; they decide nothing
	Compression frame.Compression
	// Prelude are the directories above the roots of the frames, with the attributes
	// that they have in the base. Their order does not matter.
	Prelude []filetree.Entry
	Frames  []Frame // in the order in which they stand in the layer
}

// ends makes the first and the last frame. A layer without prelude directories has
// no prelude frame: first.Bytes is empty.
func (s *Spec) ends() (first, last frame.Small, err error) {
	if len(s.Prelude) > 0 {
		if first, err = frame.Prelude(s.Prelude, s.Compression); err != nil {
			return first, last, fmt.Errorf("layer %s: prelude: %w", s.ID, err)
		}
	}
	if last, err = frame.Trailer(s.Compression); err != nil {
		return first, last, fmt.Errorf("layer %s: trailer: %w", s.ID, err)
	}
	return first, last, nil
}

// Key returns the key of the layer: a function of the prelude, the ordered keys of the
// frames and the compression. It needs neither Info nor Open of the frames.
func (s *Spec) Key() (digest.SHA256, error) {
	first, _, err := s.ends()
	if err != nil {
		return digest.SHA256{}, err
	}
	return s.key(first), nil
}

func (s *Spec) key(first frame.Small) digest.SHA256 {
	k := digest.NewKey("layer").Str("format", frame.Format(s.Compression)).Sum("prelude", first.Key)
	k.Int("frames", int64(len(s.Frames)))
	for i := range s.Frames {
		k.Sum("frame", s.Frames[i].Key)
	}
	return k.Key()
}
