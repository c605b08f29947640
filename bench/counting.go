package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"

	"github.com/google/go-containerregistry/pkg/registry"
)

// A counter stands before a server and counts what passes.
type counter struct {
	next                    http.Handler
	requests, sent, fetched atomic.Int64 // fetched: bytes of answers; sent: of requests' bodies
	files                   atomic.Int64 // answers with a body, GET alone
}

// A traffic is what passed a counter.
type traffic struct {
	Requests int64 `json:"requests"`
	Sent     int64 `json:"sent_bytes"`
	Fetched  int64 `json:"fetched_bytes"`
	Files    int64 `json:"files"` // whole or in part
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.requests.Add(1)
	r.Body = countedBody{r.Body, &c.sent}
	cw := &countedWriter{ResponseWriter: w}
	c.next.ServeHTTP(cw, r)
	c.fetched.Add(cw.n)
	if r.Method == http.MethodGet && cw.n > 0 && (cw.status == 0 || cw.status < 300) {
		c.files.Add(1)
	}
}

func (c *counter) now() traffic {
	return traffic{c.requests.Load(), c.sent.Load(), c.fetched.Load(), c.files.Load()}
}

// since is what passed after a moment.
func (c *counter) since(t traffic) traffic {
	n := c.now()
	return traffic{n.Requests - t.Requests, n.Sent - t.Sent, n.Fetched - t.Fetched, n.Files - t.Files}
}

type countedBody struct {
	io.ReadCloser
	n *atomic.Int64
}

func (b countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n.Add(int64(n))
	return n, err
}

type countedWriter struct {
	http.ResponseWriter
	n      int64
	status int
}

func (w *countedWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *countedWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.n += int64(n)
	return n, err
}

// A registryServer is a registry of its own, with nothing in it, on loopback.
type registryServer struct {
	*counter
	server *httptest.Server
	dir    string
}

func (b *bench) newRegistry(name string) (*registryServer, error) {
	dir := b.path("registry-" + name)
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("start a registry: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("start a registry: %w", err)
	}
	c := &counter{next: registry.New(registry.WithBlobHandler(registry.NewDiskBlobHandler(dir)), registry.Logger(log.New(io.Discard, "", 0)))}
	return &registryServer{counter: c, server: httptest.NewServer(c), dir: dir}, nil
}

// ref names an image there.
func (r *registryServer) ref(path string) string {
	return strings.TrimPrefix(r.server.URL, "http://") + "/" + path
}

func (r *registryServer) close() {
	r.server.Close()
	os.RemoveAll(r.dir)
}
