package channeltest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"strings"
	"sync"
	"time"
)

// Options says how a Handler serves. The zero value serves plainly.
type Options struct {
	// Redirect answers requests for archives with 302 to the same path below
	// /cdn, as channels do whose archives lie elsewhere.
	Redirect bool
	// User and Password, when set, are asked for by basic authentication
	// everywhere but below /cdn.
	User, Password string
}

// Request is one request a Handler has answered.
type Request struct {
	Method, Path string
	// Range, IfNoneMatch and IfRange are the header fields of that name.
	Range, IfNoneMatch, IfRange string
	Status                      int
}

// Handler serves a folder as a CDN serves a channel: strong ETags, 304 answers to
// If-None-Match, ranges with If-Range, Cache-Control, no folder listings.
// It is safe for concurrent use.
type Handler struct {
	root http.Dir
	dir  string
	opts Options

	mu       sync.Mutex
	etags    map[string]etag
	faults   []*Fault
	requests []Request
}

type etag struct {
	sizeBytes int64
	modTime   time.Time
	value     string
}

// NewHandler returns a handler for the channel in dir.
func NewHandler(dir string, opts Options) *Handler {
	return &Handler{root: http.Dir(dir), dir: dir, opts: opts, etags: map[string]etag{}}
}

// Serve returns a handler for the channel in dir, with default options.
func Serve(dir string) http.Handler { return NewHandler(dir, Options{}) }

// Requests returns what was asked so far, in the order of arrival of the answers.
func (h *Handler) Requests() []Request {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Request(nil), h.requests...)
}

// Count returns how many requests came for path, or for paths that match
// it where it holds a * (as in [path.Match]). Redirected requests count at both places.
func (h *Handler) Count(pattern string) int {
	n := 0
	for _, r := range h.Requests() {
		if matches(pattern, r.Path) {
			n++
		}
	}
	return n
}

// Forget empties the list of requests.
func (h *Handler) Forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.requests = nil
}

func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return pattern == name || (err == nil && ok)
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sw := &statusWriter{ResponseWriter: w}
	// A broken connection is a panic(http.ErrAbortHandler): note the request first.
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.requests = append(h.requests, Request{
			Method: r.Method, Path: r.URL.Path, Status: sw.status, Range: r.Header.Get("Range"),
			IfNoneMatch: r.Header.Get("If-None-Match"), IfRange: r.Header.Get("If-Range"),
		})
	}()
	h.serve(sw, r)
}

func (h *Handler) serve(w *statusWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	name, cdn := strings.CutPrefix(path.Clean(r.URL.Path), "/cdn/")
	name = "/" + strings.TrimPrefix(name, "/")
	if h.opts.User != "" && !cdn {
		if user, password, ok := r.BasicAuth(); !ok || user != h.opts.User || password != h.opts.Password {
			w.Header().Set("WWW-Authenticate", `Basic realm="channel"`)
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
	}
	out := http.ResponseWriter(w)
	if f := h.takeFault(r.URL.Path); f != nil {
		if out = f.apply(w, r); out == nil {
			return
		}
	}
	if h.opts.Redirect && !cdn && isArchive(name) {
		out.Header().Set("Cache-Control", "no-store")
		http.Redirect(out, r, "/cdn"+name, http.StatusFound)
		return
	}
	h.serveFile(out, r, name)
}

func isArchive(name string) bool {
	return strings.HasSuffix(name, ".conda") || strings.HasSuffix(name, ".tar.bz2")
}

func (h *Handler) serveFile(w http.ResponseWriter, r *http.Request, name string) {
	f, err := h.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	tag, err := h.etag(name, f, st)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	head := w.Header()
	head.Set("ETag", tag)
	head.Set("Content-Type", contentType(name))
	switch {
	case isArchive(name):
		head.Set("Cache-Control", "public, max-age=31536000")
	case strings.Contains(name, "/shards/"):
		head.Set("Cache-Control", "public, max-age=31536000, immutable")
	default:
		head.Set("Cache-Control", "public, max-age=30")
	}
	http.ServeContent(w, r, name, st.ModTime(), f)
}

func contentType(name string) string {
	if strings.HasSuffix(name, ".json") {
		return "application/json"
	}
	return "application/octet-stream"
}

// etag is the hash of the content, remembered while size and time stay.
func (h *Handler) etag(name string, f io.ReadSeeker, st os.FileInfo) (string, error) {
	h.mu.Lock()
	known := h.etags[name]
	h.mu.Unlock()
	if known.value != "" && known.sizeBytes == st.Size() && known.modTime.Equal(st.ModTime()) {
		return known.value, nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", fmt.Errorf("hash %s: %w", name, err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	value := `"` + hex.EncodeToString(sum.Sum(nil))[:32] + `"`
	h.mu.Lock()
	defer h.mu.Unlock()
	h.etags[name] = etag{sizeBytes: st.Size(), modTime: st.ModTime(), value: value}
	return value, nil
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}
