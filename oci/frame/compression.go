package frame

import (
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// FormatVersion is raised whenever the bytes of any frame change. It is part of every
// frame's key. [Compressor] is part of it: a release of the compressor may change bytes.
const FormatVersion = 1

// Compressor is the module version of the compressor whose output is golden-tested.
const Compressor = "github.com/klauspost/compress v1.20.3"

// A Compression says how frames are compressed. Frames of one layer have the same
// algorithm; Zstd and ZstdBetter may meet in one layer.
type Compression uint8

// The compressions. Their numbers appear in keys: append only. docs/formats/frame.md
// has the measurements behind the levels.
const (
	Zstd       Compression = 1 // zstd, klauspost's "default" level
	ZstdBetter Compression = 2 // zstd, klauspost's "better" level
	Gzip       Compression = 3 // gzip, level 5
)

const gzipLevel = 5

// String returns "zstd", "zstd:better" or "gzip".
func (c Compression) String() string {
	switch c {
	case Zstd:
		return "zstd"
	case ZstdBetter:
		return "zstd:better"
	case Gzip:
		return "gzip"
	}
	return fmt.Sprintf("compression(%d)", uint8(c))
}

// ParseCompression reads what String returns. Anything else is a *CompressionError.
func ParseCompression(s string) (Compression, error) {
	for _, c := range []Compression{Zstd, ZstdBetter, Gzip} {
		if s == c.String() {
			return c, nil
		}
	}
	return 0, &CompressionError{Name: s}
}

// IsZstd tells whether frames are zstd frames. If not they are gzip members.
func (c Compression) IsZstd() bool { return c == Zstd || c == ZstdBetter }

func (c Compression) known() bool { return c >= Zstd && c <= Gzip }

// Format names everything besides the entries that decides a frame's bytes. It belongs
// into the key of every frame.
func Format(c Compression) string {
	return fmt.Sprintf("frame/%d %s %s", FormatVersion, c, Compressor)
}

// A CompressionError reports a compression that does not exist.
type CompressionError struct{ Name string }

func (e *CompressionError) Error() string {
	return fmt.Sprintf("no compression %q: want zstd, zstd:better or gzip", e.Name)
}

// encoder is what zstd and gzip writers have in common.
type encoder interface {
	io.WriteCloser
	Reset(w io.Writer)
}

// A Pool keeps encoders for reuse: each holds several MB of tables and history. There are never
// more than were in use at once. Its zero value is ready, and it is safe for concurrent use.
// A nil *Pool makes new encoders.
type Pool struct {
	mu   sync.Mutex
	idle map[encoderKind][]encoder
}

// An encoderKind is a compression and how much memory the encoder may take. Small ones give the
// same bytes: they make room for history by the block instead of by the window, which costs
// time where there is more than a window of data, and nothing where there is less.
type encoderKind struct {
	c     Compression
	small bool
}

func (p *Pool) get(k encoderKind) (encoder, error) {
	if p != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		if list := p.idle[k]; len(list) > 0 {
			p.idle[k] = list[:len(list)-1]
			return list[len(list)-1], nil
		}
	}
	return newEncoder(k)
}

func (p *Pool) put(k encoderKind, e encoder) {
	if p == nil {
		return
	}
	e.Reset(nil)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.idle == nil {
		p.idle = map[encoderKind][]encoder{}
	}
	p.idle[k] = append(p.idle[k], e)
}

// window is how far back a zstd frame refers. The level's own 8 MiB make an encoder hold
// 17 MB of history, a dozen of which work side by side; half of it costs well under
// 1 % of ratio on Python packages.
const window = 4 << 20

func newEncoder(k encoderKind) (encoder, error) {
	switch c := k.c; c {
	case Zstd, ZstdBetter:
		level := zstd.SpeedDefault
		if c == ZstdBetter {
			level = zstd.SpeedBetterCompression
		}
		// One goroutine: frames are encoded side by side instead. With more the encoder
		// runs asynchronously and is slower on two cores. The checksum costs 4 bytes a
		// frame and lets any reader find a damaged one.
		return zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true),
			zstd.WithWindowSize(window), zstd.WithLowerEncoderMem(k.small))
	case Gzip:
		return gzip.NewWriterLevel(nil, gzipLevel)
	}
	return nil, &CompressionError{Name: k.c.String()}
}
