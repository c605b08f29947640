package channeltest

import (
	"net/http"
	"time"
)

// FaultKind is a way to fail.
type FaultKind int

// The ways to fail.
const (
	// Status500 answers 500.
	Status500 FaultKind = iota
	// NotFound answers 404.
	NotFound
	// Status429 answers 429 with "Retry-After: 0".
	Status429
	// Truncate sends the headers of the whole answer, then Fault.After bytes
	// of its body, and breaks the connection.
	Truncate
	// Corrupt flips a bit of the body's byte number Fault.After.
	Corrupt
	// Slow waits Fault.Delay before the answer and between writes of its body.
	Slow
	// IgnoreRange answers 200 with the whole body where a range was asked for.
	IgnoreRange
)

// Fault makes requests for a path fail.
type Fault struct {
	// Path is the path as requested, or a pattern of [path.Match].
	Path string
	Kind FaultKind
	// Times is the number of requests that fail; 0 means all.
	Times int
	// After is the number of body bytes before a Truncate or Corrupt.
	After int64
	// Delay is for Slow.
	Delay time.Duration

	seen int
}

// Fail adds a fault. Of several that match a request, the first that is not
// used up applies.
func (h *Handler) Fail(f Fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = append(h.faults, &f)
}

// Heal removes all faults.
func (h *Handler) Heal() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = nil
}

func (h *Handler) takeFault(name string) *Fault {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range h.faults {
		if !matches(f.Path, name) || (f.Times > 0 && f.seen >= f.Times) {
			continue
		}
		f.seen++
		return f
	}
	return nil
}

// apply answers the request itself and returns nil, or returns the writer to
// answer through.
func (f *Fault) apply(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
	switch f.Kind {
	case Status500:
		http.Error(w, "out of order", http.StatusInternalServerError)
	case NotFound:
		http.Error(w, "not found", http.StatusNotFound)
	case Status429:
		w.Header().Set("Retry-After", "0")
		http.Error(w, "too many requests", http.StatusTooManyRequests)
	case Truncate:
		return &truncateWriter{ResponseWriter: w, left: f.After}
	case Corrupt:
		return &corruptWriter{ResponseWriter: w, at: f.After}
	case Slow:
		time.Sleep(f.Delay)
		return &slowWriter{ResponseWriter: w, delay: f.Delay}
	case IgnoreRange:
		r.Header.Del("Range")
		return w
	}
	return nil
}

type truncateWriter struct {
	http.ResponseWriter
	left int64
}

func (w *truncateWriter) Write(p []byte) (int, error) {
	if int64(len(p)) <= w.left {
		w.left -= int64(len(p))
		return w.ResponseWriter.Write(p)
	}
	if _, err := w.ResponseWriter.Write(p[:w.left]); err != nil {
		return 0, err
	}
	if f, ok := w.ResponseWriter.(*statusWriter).ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
	// The one way for a handler to break the connection.
	panic(http.ErrAbortHandler)
}

type corruptWriter struct {
	http.ResponseWriter
	at int64
}

func (w *corruptWriter) Write(p []byte) (int, error) {
	if w.at >= 0 && w.at < int64(len(p)) {
		p = append([]byte(nil), p...)
		p[w.at] ^= 1
	}
	w.at -= int64(len(p))
	return w.ResponseWriter.Write(p)
}

type slowWriter struct {
	http.ResponseWriter
	delay time.Duration
}

func (w *slowWriter) Write(p []byte) (int, error) {
	time.Sleep(w.delay)
	return w.ResponseWriter.Write(p)
}
