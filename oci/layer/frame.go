package layer

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/oci/frame"
)

// Kinds of values that this package keeps in a cache.
const (
	KindFrame = "frame" // payload: the frame; meta: frame.Info as JSON
	KindLayer = "layer" // payload: a record of digests and offsets as JSON
)

// A Frame is a finished frame that can be read.
type Frame struct {
	Key  digest.SHA256
	Info frame.Info
	// Open starts reading the compressed bytes. It may be called any number of times,
	// from any goroutine. It may be nil where only the layer's key is asked for.
	Open func() (io.ReadCloser, error)
}

// CachedFrame finds a frame in the cache. One that is not there is a *cache.MissError.
// No file stays open.
func CachedFrame(c *cache.Cache, key digest.SHA256) (Frame, error) {
	v, err := c.Get(KindFrame, key)
	if err != nil {
		return Frame{}, err
	}
	defer v.Close()
	f := Frame{Key: key, Open: func() (io.ReadCloser, error) { return c.Get(KindFrame, key) }}
	if err := json.Unmarshal(v.Meta, &f.Info); err != nil || f.Info.Bytes != v.SizeBytes {
		if err := c.Remove(KindFrame, key); err != nil {
			return Frame{}, err
		}
		return Frame{}, &cache.MissError{Kind: KindFrame, Key: key.String(), Reason: "its description cannot be read"}
	}
	return f, nil
}

// A FrameWriter makes a frame in a cache. It is for one goroutine.
type FrameWriter struct {
	c   *cache.Cache
	key digest.SHA256
	out *cache.Writer
	w   *frame.Writer
}

// CreateFrame starts a frame. key names everything that its bytes depend on,
// frame.Format(comp) included. Call Commit or Abort; Abort after Commit does nothing.
func CreateFrame(c *cache.Cache, key digest.SHA256, comp frame.Compression, o frame.Options) (*FrameWriter, error) {
	out, err := c.Create(KindFrame, key)
	if err != nil {
		return nil, err
	}
	w, err := frame.NewWriter(out, comp, o)
	if err != nil {
		out.Abort()
		return nil, err
	}
	return &FrameWriter{c: c, key: key, out: out, w: w}, nil
}

// Add writes one entry; see frame.Writer.Add.
func (f *FrameWriter) Add(e filetree.Entry, r io.Reader) error { return f.w.Add(e, r) }

// Commit finishes the frame and makes it visible in the cache.
func (f *FrameWriter) Commit() (Frame, error) {
	defer f.Abort()
	info, err := f.w.Close()
	if err != nil {
		return Frame{}, err
	}
	meta, err := json.Marshal(info)
	if err != nil {
		return Frame{}, fmt.Errorf("layer: describe frame %s: %w", f.key, err)
	}
	if err := f.out.SetMeta(meta); err != nil {
		return Frame{}, err
	}
	if err := f.out.Commit(); err != nil {
		return Frame{}, err
	}
	c, key := f.c, f.key
	return Frame{Key: key, Info: info, Open: func() (io.ReadCloser, error) { return c.Get(KindFrame, key) }}, nil
}

// Abort drops the frame.
func (f *FrameWriter) Abort() {
	f.w.Abort()
	f.out.Abort()
}
