package image

import (
	"io"
	"math"
	"sync"
)

// A meter tells of the progress of one blob. What is read again after a break does not count
// again.
type meter struct {
	tell func(int64) // nil: nobody asks

	mu   sync.Mutex
	left int64 // bytes that have not been told of
}

func (w *writing) meter(sizeBytes int64) *meter { return &meter{tell: w.progress, left: sizeBytes} }

// done tells of n bytes.
func (m *meter) done(n int64) {
	if m.tell == nil {
		return
	}
	m.mu.Lock()
	n = min(n, m.left)
	m.left -= n
	m.mu.Unlock()
	if n > 0 {
		m.tell(n)
	}
}

// all tells of what is left: the blob is where it should be.
func (m *meter) all() { m.done(math.MaxInt64) }

// around counts the bytes that are read from what open opens. Each reader begins at the
// start, and tells only of what no reader before it has.
func (m *meter) around(open func() (io.ReadCloser, error)) func() (io.ReadCloser, error) {
	if m.tell == nil {
		return open
	}
	var seen int64 // by all readers so far; guarded by mu
	return func() (io.ReadCloser, error) {
		rc, err := open()
		if err != nil {
			return nil, err
		}
		at := int64(0)
		return &metered{rc, func(n int) {
			at += int64(n)
			m.mu.Lock()
			ahead := at - seen
			seen = max(seen, at)
			m.mu.Unlock()
			if ahead > 0 {
				m.done(ahead)
			}
		}}, nil
	}
}

type metered struct {
	io.ReadCloser
	read func(n int)
}

func (r *metered) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.read(n)
	return n, err
}
