package repodata

import (
	"context"
	"io"
	"sync"
)

// An ahead reads its source in a goroutine of its own, so that decompressing and decoding
// run side by side. Two buffers go round.
type ahead struct {
	full  chan chunk
	empty chan []byte
	cur   []byte // what is left of buf
	buf   []byte // to be given back
	err   error  // after cur
	quit  context.CancelFunc
	wg    sync.WaitGroup
}

type chunk struct {
	b   []byte
	err error
}

const aheadBytes = 512 << 10

func readAhead(ctx context.Context, src io.Reader) *ahead {
	ctx, cancel := context.WithCancel(ctx)
	a := &ahead{full: make(chan chunk, 2), empty: make(chan []byte, 2), quit: cancel}
	for range 2 {
		a.empty <- make([]byte, aheadBytes)
	}
	a.wg.Go(func() { a.fill(ctx, src) })
	return a
}

func (a *ahead) fill(ctx context.Context, src io.Reader) {
	defer close(a.full)
	for {
		var b []byte
		select {
		case <-ctx.Done():
			a.full <- chunk{err: ctx.Err()} // the channel has room for as many as there are buffers
			return
		case b = <-a.empty:
		}
		n, err := src.Read(b[:cap(b)])
		for n < cap(b)/2 && err == nil { // few large pieces rather than many small ones
			var m int
			m, err = src.Read(b[n:cap(b)])
			n += m
		}
		a.full <- chunk{b[:n], err}
		if err != nil {
			return
		}
	}
}

func (a *ahead) Read(p []byte) (int, error) {
	for len(a.cur) == 0 {
		if a.err != nil {
			return 0, a.err
		}
		if a.buf != nil {
			a.empty <- a.buf
			a.buf = nil
		}
		c := <-a.full
		a.cur, a.buf, a.err = c.b, c.b, c.err
	}
	n := copy(p, a.cur)
	a.cur = a.cur[n:]
	return n, nil
}

// stop waits until the source is no longer read.
func (a *ahead) stop() {
	a.quit()
	a.wg.Wait()
}
