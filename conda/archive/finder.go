package archive

import "bytes"

// finder collects the offsets of a needle in a stream, as repeated bytes.Index would in
// the whole: from the left, without overlap. It holds at most len(needle)-1 bytes.
type finder struct {
	needle  []byte
	tail    []byte // the last bytes written, at most len(needle)-1
	pos     int64  // offset of the first byte behind tail
	next    int64  // where the next match may start
	offsets []int64
	left    int // how many matches may still be found
	over    bool
}

func newFinder(needle string, limit int) *finder {
	return &finder{needle: []byte(needle), left: limit}
}

// write takes the next bytes of the stream.
func (f *finder) write(p []byte) {
	keep := len(f.needle) - 1
	if len(f.tail) > 0 {
		// Matches that start in the tail end within the first keep bytes of p.
		joint := append(f.tail, p[:min(keep, len(p))]...)
		f.search(joint, f.pos-int64(len(f.tail)), len(f.tail))
	}
	f.search(p, f.pos, len(p))
	f.pos += int64(len(p))
	if len(p) >= keep {
		f.tail = append(f.tail[:0], p[len(p)-keep:]...)
	} else {
		f.tail = append(f.tail, p...)
		if drop := len(f.tail) - keep; drop > 0 {
			f.tail = append(f.tail[:0], f.tail[drop:]...)
		}
	}
}

// search finds matches that start in the first n bytes of b, whose offset in the stream is base.
func (f *finder) search(b []byte, base int64, n int) {
	at := 0
	if f.next > base {
		at = int(min(f.next-base, int64(len(b))))
	}
	for at < n && !f.over {
		i := bytes.Index(b[at:], f.needle)
		if i < 0 || at+i >= n {
			return
		}
		at += i
		if f.left--; f.left < 0 {
			f.over = true
			return
		}
		f.offsets = append(f.offsets, base+int64(at))
		at += len(f.needle)
		f.next = base + int64(at)
	}
}
