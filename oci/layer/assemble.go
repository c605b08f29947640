package layer

import (
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/oci/frame"
)

// A FrameError reports a frame whose bytes are not what its Info says. Assemble has
// removed it from the cache: make it again.
type FrameError struct {
	Layer string // ID
	Key   digest.SHA256
	Err   error
}

func (e *FrameError) Error() string {
	return fmt.Sprintf("layer %s: frame %s: %v", e.Layer, e.Key, e.Err)
}

// Unwrap returns what is wrong.
func (e *FrameError) Unwrap() error { return e.Err }

// Known returns a layer that was assembled before, without opening a frame. One that was
// not is a *cache.MissError.
func Known(c *cache.Cache, s Spec) (*Layer, error) {
	l, err := start(s)
	if err != nil {
		return nil, err
	}
	if err := l.recall(c); err != nil {
		return nil, err
	}
	return l, nil
}

func start(s Spec) (*Layer, error) {
	key, err := s.Key()
	if err != nil {
		return nil, err
	}
	l := &Layer{spec: s, key: key}
	l.ends = sync.OnceValues(l.spec.ends)
	return l, nil
}

func (l *Layer) recall(c *cache.Cache) error {
	b, err := c.GetBytes(KindLayer, l.key)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &l.rec); err != nil || len(l.rec.Spans) != len(l.spec.Frames) {
		l.rec = record{}
		return errors.Join(&cache.MissError{Kind: KindLayer, Key: l.key.String(), Reason: "it cannot be read"},
			c.Remove(KindLayer, l.key))
	}
	return nil
}

// Assemble returns the layer, from memory when it is known, else after one pass over its
// frames. The pass reads every frame, checks it against its Info, and decodes it for the
// diff ID; a first frame whose Info.RawState continues the prelude is not decoded. It uses one
// core; callers run as many side by side as they like.
func Assemble(ctx context.Context, c *cache.Cache, s Spec) (*Layer, error) {
	l, err := start(s)
	if err != nil {
		return nil, err
	}
	if err := l.recall(c); err == nil {
		return l, nil
	} else if !cache.IsMiss(err) {
		return nil, err
	}
	if err := l.pass(ctx); err != nil {
		var bad *FrameError
		if errors.As(err, &bad) {
			err = errors.Join(err, c.Remove(KindFrame, bad.Key))
		}
		return nil, err
	}
	b, err := json.Marshal(l.rec)
	if err != nil {
		return nil, fmt.Errorf("layer %s: %w", s.ID, err)
	}
	if err := c.PutBytes(KindLayer, l.key, b); err != nil {
		return nil, err
	}
	return l, nil
}

// hashing is the state of a pass.
type hashing struct {
	blob, raw hash.Hash
	rec       record
	dec       frame.Decoder
}

func (h *hashing) small(s frame.Small) {
	h.blob.Write(s.Bytes)
	h.raw.Write(s.Raw)
	h.rec.Bytes += int64(len(s.Bytes))
	h.rec.RawBytes += int64(len(s.Raw))
}

func (l *Layer) pass(ctx context.Context) error {
	e, err := l.ends()
	if err != nil {
		return err
	}
	h := &hashing{blob: sha256.New(), raw: sha256.New()}
	defer h.dec.Close()
	h.small(e.first)
	h.rec.Spans = make([]Span, 0, len(l.spec.Frames))
	for i := range l.spec.Frames {
		f := &l.spec.Frames[i]
		if f.Open == nil {
			return fmt.Errorf("layer %s: frame %s: %w", l.spec.ID, f.Key, ErrNoBytes)
		}
		if f.Info.Compression != 0 && f.Info.Compression.IsZstd() != l.spec.Compression.IsZstd() {
			return fmt.Errorf("layer %s: frame %s is compressed with %s, want %s", l.spec.ID, f.Key, f.Info.Compression, l.spec.Compression)
		}
		resumed := i == 0 && h.resume(&f.Info, e.first.Raw)
		if err := l.frame(ctx, h, f, resumed); err != nil {
			return err
		}
	}
	h.small(e.last)
	h.rec.Digest, h.rec.DiffID = digest.SHA256(h.blob.Sum(nil)), digest.SHA256(h.raw.Sum(nil))
	l.rec = h.rec
	return nil
}

// resume continues the diff ID from the state that the frame's writer saved, if that state
// began with the same raw bytes. A state of another Go release that cannot be read costs
// the decoding that it would have saved.
func (h *hashing) resume(info *frame.Info, before []byte) bool {
	if len(info.RawState) == 0 || info.SHA256.IsZero() || info.BeforeBytes != int64(len(before)) {
		return false
	}
	if len(before) > 0 && info.BeforeSHA256 != digest.Sum(before) {
		return false
	}
	next := sha256.New()
	if err := next.(encoding.BinaryUnmarshaler).UnmarshalBinary(info.RawState); err != nil {
		return false
	}
	h.raw = next
	return true
}

// frame adds one frame. A resumed one is in the raw hash already.
func (l *Layer) frame(ctx context.Context, h *hashing, f *Frame, resumed bool) error {
	rc, err := f.Open()
	if err != nil {
		return fmt.Errorf("layer %s: open frame %s: %w", l.spec.ID, f.Key, err)
	}
	defer rc.Close()
	in := digest.NewReader(&ctxReader{ctx, rc}, digest.Want{SHA256: f.Info.SHA256, SizeBytes: f.Info.Bytes})
	tee := io.TeeReader(in, h.blob)
	rawBytes := f.Info.RawBytes
	if resumed {
		_, err = io.Copy(io.Discard, onlyReader{tee})
	} else {
		if err = h.dec.Reset(tee, l.spec.Compression); err == nil {
			rawBytes, err = h.dec.WriteTo(h.raw)
		}
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return &FrameError{Layer: l.spec.ID, Key: f.Key, Err: err}
	case f.Info.RawBytes > 0 && rawBytes != f.Info.RawBytes:
		return &FrameError{Layer: l.spec.ID, Key: f.Key, Err: &digest.MismatchError{What: "size",
			Want: fmt.Sprint(f.Info.RawBytes), Got: fmt.Sprint(rawBytes), ReadBytes: rawBytes}}
	}
	h.rec.Spans = append(h.rec.Spans, Span{Key: f.Key, SHA256: in.SHA256(), Offset: h.rec.Bytes, Bytes: in.SizeBytes(),
		RawOffset: h.rec.RawBytes, RawBytes: rawBytes})
	h.rec.Bytes += in.SizeBytes()
	h.rec.RawBytes += rawBytes
	return nil
}

// onlyReader hides WriterTo.
type onlyReader struct{ io.Reader }

type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *ctxReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
