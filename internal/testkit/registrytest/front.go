package registrytest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// A FaultKind is a way to fail.
type FaultKind int

// The ways to fail.
const (
	// Status answers with Fault.Code and nothing else.
	Status FaultKind = iota
	// Reset sends the headers of the answer and Fault.After bytes of its body, and breaks
	// the connection.
	Reset
	// ResetUpload passes Fault.After bytes of the request's body on, and breaks the
	// connection.
	ResetUpload
	// Corrupt flips a bit of byte Fault.After of the answer's body.
	Corrupt
	// CorruptUpload flips a bit of byte Fault.After of the request's body.
	CorruptUpload
	// IgnoreRange answers as if no range had been asked for.
	IgnoreRange
	// Hang answers nothing until the client gives up or the test ends.
	Hang
)

// A Fault makes requests fail.
type Fault struct {
	Method string // empty: all
	Path   string // what the path has in it, "/blobs/uploads/"; empty: all
	Kind   FaultKind
	Code   int         // for Status
	Header http.Header // for Status
	Body   string      // for Status
	Times  int         // how many requests fail; 0: all
	After  int64

	seen int
}

// A Request is one that was answered, or at least begun.
type Request struct {
	Method string
	Path   string
	Query  string
	Login  bool // it had an Authorization header
}

func (r Request) String() string { return r.Method + " " + r.Path }

// A Registry is a running registry.
type Registry struct {
	// Host is "127.0.0.1:<port>", which clients speak to without TLS.
	Host string

	inner http.Handler
	store *store // nil for a real one
	dir   string // where a real one has its blobs

	mu       sync.Mutex
	requests []Request
	faults   []*Fault
	login    *login
	server   *httptest.Server
	end      chan struct{} // closed when the test is over
}

// front starts the server before inner.
func front(t testing.TB, inner http.Handler, s *store) *Registry {
	t.Helper()
	r := newFront(inner, s)
	t.Cleanup(r.Close)
	return r
}

func newFront(inner http.Handler, s *store) *Registry {
	r := &Registry{inner: inner, store: s, end: make(chan struct{})}
	r.server = httptest.NewServer(r)
	r.Host = strings.TrimPrefix(r.server.URL, "http://")
	return r
}

// Close ends a registry of New. Those of Start and StartDebian end with their tests.
func (r *Registry) Close() {
	close(r.end)
	r.server.CloseClientConnections()
	r.server.Close()
}

// Fail adds a fault. Of several that match a request, the first that is not used up
// applies.
func (r *Registry) Fail(f Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, &f)
}

// Heal removes all faults.
func (r *Registry) Heal() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = nil
}

// Requests returns what was asked since the start or the last Forget.
func (r *Registry) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Request(nil), r.requests...)
}

// Forget empties the list of requests.
func (r *Registry) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = nil
}

// Count tells how many requests had the method (empty: any) and the text in their path.
func (r *Registry) Count(method, path string) int {
	n := 0
	for _, q := range r.Requests() {
		if (method == "" || q.Method == method) && strings.Contains(q.Path, path) {
			n++
		}
	}
	return n
}

func (r *Registry) begin(req *http.Request) *Fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, Request{req.Method, req.URL.Path, req.URL.RawQuery, req.Header.Get("Authorization") != ""})
	for _, f := range r.faults {
		if f.Method != "" && f.Method != req.Method || !strings.Contains(req.URL.Path, f.Path) || f.Times > 0 && f.seen >= f.Times {
			continue
		}
		f.seen++
		return f
	}
	return nil
}

// ServeHTTP is the front itself.
func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	f := r.begin(req)
	if r.askLogin(w, req) {
		return
	}
	if f == nil {
		r.inner.ServeHTTP(w, req)
		return
	}
	switch f.Kind {
	case Status:
		for k, v := range f.Header {
			w.Header()[k] = v
		}
		w.WriteHeader(f.Code)
		_, _ = io.WriteString(w, f.Body) // the client may be gone
	case Reset:
		r.inner.ServeHTTP(&cutter{ResponseWriter: w, left: f.After}, req)
	case Corrupt:
		r.inner.ServeHTTP(&flipper{ResponseWriter: w, at: f.After}, req)
	case ResetUpload:
		req.Body = &cutBody{req.Body, f.After}
		r.inner.ServeHTTP(discard{}, req)
		panic(http.ErrAbortHandler)
	case CorruptUpload:
		req.Body = &flipBody{req.Body, f.After}
		r.inner.ServeHTTP(w, req)
	case IgnoreRange:
		req.Header.Del("Range")
		r.inner.ServeHTTP(w, req)
	case Hang:
		select { // a client that gives up is only noticed when its body has been read
		case <-req.Context().Done():
		case <-r.end:
		}
		panic(http.ErrAbortHandler)
	default:
		panic(fmt.Sprintf("registrytest: fault of unknown kind %d", f.Kind))
	}
}

// cutter breaks the connection in the middle of an answer.
type cutter struct {
	http.ResponseWriter
	left int64
}

func (c *cutter) Write(p []byte) (int, error) {
	if int64(len(p)) <= c.left {
		c.left -= int64(len(p))
		return c.ResponseWriter.Write(p)
	}
	_, _ = c.ResponseWriter.Write(p[:c.left]) // it breaks anyway
	if err := http.NewResponseController(c.ResponseWriter).Flush(); err != nil {
		panic(fmt.Sprintf("registrytest: %v", err))
	}
	panic(http.ErrAbortHandler)
}

// flipper changes one bit of an answer.
type flipper struct {
	http.ResponseWriter
	at int64
}

func (f *flipper) Write(p []byte) (int, error) {
	p = append([]byte(nil), p...)
	flip(p, &f.at)
	return f.ResponseWriter.Write(p)
}

func flip(p []byte, at *int64) {
	if *at >= 0 && *at < int64(len(p)) {
		p[*at] ^= 1
	}
	*at -= int64(len(p))
}

type flipBody struct {
	io.ReadCloser
	at int64
}

func (f *flipBody) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	flip(p[:n], &f.at)
	return n, err
}

// errCut is what the registry behind a broken connection sees.
var errCut = errors.New("connection is broken")

type cutBody struct {
	io.ReadCloser
	left int64
}

func (c *cutBody) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, errCut
	}
	n, err := c.ReadCloser.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}

// discard is an answer that nobody gets.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}

// Inside asks the registry behind the front: no login, no fault, and it does not count.
func (r *Registry) Inside(method, path string, header http.Header, data []byte) (status int, body io.ReadCloser, err error) {
	req, err := http.NewRequest(method, path, bytes.NewReader(data))
	if err != nil {
		return 0, nil, err
	}
	req.Header = header
	rec := httptest.NewRecorder()
	r.inner.ServeHTTP(rec, req)
	resp := rec.Result()
	return resp.StatusCode, resp.Body, nil
}
