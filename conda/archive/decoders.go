package archive

import (
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Decoders keeps zstd decoders, which hold the window of what they read, so that a program
// that reads many archives does not make one for each. The zero value is ready; it is safe
// for concurrent use. There are never more than were in use at once.
type Decoders struct {
	mu   sync.Mutex
	idle map[uint64][]*zstd.Decoder // by the window that they accept
}

// get returns a decoder of r. d may be nil.
func (d *Decoders) get(r io.Reader, windowBytes uint64) (*zstd.Decoder, error) {
	if d != nil {
		d.mu.Lock()
		list := d.idle[windowBytes]
		if n := len(list); n > 0 {
			dec := list[n-1] // taken under the lock: put writes to the same array
			d.idle[windowBytes] = list[:n-1]
			d.mu.Unlock()
			return dec, dec.Reset(r)
		}
		d.mu.Unlock()
	}
	// Concurrency 1 decodes in Read itself: no goroutine to wait for, and faster than
	// the asynchronous decoder on two cores. The window comes out of each frame's
	// header; nothing is allocated for a larger one than the frame asks for.
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(windowBytes))
}

// put gives a decoder back.
func (d *Decoders) put(dec *zstd.Decoder, windowBytes uint64) {
	if d == nil || dec.Reset(nil) != nil {
		dec.Close()
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.idle == nil {
		d.idle = map[uint64][]*zstd.Decoder{}
	}
	d.idle[windowBytes] = append(d.idle[windowBytes], dec)
}
