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

// ends are the first and the last frame of a layer. A layer without prelude directories
// has no prelude frame: first.Bytes is empty.
type ends struct{ first, last frame.Small }

func (s *Spec) ends() (e ends, err error) {
	if len(s.Prelude) > 0 {
		if e.first, err = frame.Prelude(s.Prelude, s.Compression); err != nil {
			return e, fmt.Errorf("layer %s: prelude: %w", s.ID, err)
		}
	}
	if e.last, err = frame.Trailer(s.Compression); err != nil {
		return e, fmt.Errorf("layer %s: trailer: %w", s.ID, err)
	}
	return e, nil
}

// Key returns the key of the layer: a function of the prelude, the ordered keys of the
// frames and the compression. It needs neither Info nor Open of the frames.
func (s *Spec) Key() (digest.SHA256, error) {
	k := digest.NewKey("layer").Str("format", frame.Format(s.Compression))
	if len(s.Prelude) > 0 {
		first, err := frame.PreludeKey(s.Prelude, s.Compression)
		if err != nil {
			return digest.SHA256{}, fmt.Errorf("layer %s: prelude: %w", s.ID, err)
		}
		k.Sum("prelude", first)
	}
	k.Int("frames", int64(len(s.Frames)))
	for i := range s.Frames {
		k.Sum("frame", s.Frames[i].Key)
	}
	return k.Key(), nil
}
