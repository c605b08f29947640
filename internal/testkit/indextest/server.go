package indextest

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

// ServeOptions say how an index answers.
type ServeOptions struct {
	HTMLOnly bool // no JSON
	JSONOnly bool // no HTML
	NoRanges bool // ranges are answered with the whole
	// User and Password, when set, are asked for by basic authentication everywhere.
	User, Password string
}

// A Handler serves the folder of an index: pages under /simple/ in the form that is asked for,
// with ETags, ranges and faults as channeltest's. Paths of faults and requests are those of
// the files: "/simple/tool/index.json", "/files/tool-1.0-py3-none-any.whl".
type Handler struct {
	*channeltest.Handler
	opts ServeOptions
}

// NewHandler returns a handler for the index in dir.
func NewHandler(dir string, o ServeOptions) *Handler {
	return &Handler{channeltest.NewHandler(dir, channeltest.Options{User: o.User, Password: o.Password}), o}
}

const (
	typeJSON = "application/vnd.pypi.simple.v1+json"
	typeHTML = "text/html; charset=utf-8"
)

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.opts.NoRanges {
		r.Header.Del("Range")
	}
	rest, isPage := strings.CutPrefix(r.URL.Path, "/simple/")
	if !isPage {
		h.Handler.ServeHTTP(w, r)
		return
	}
	name, ok := strings.CutSuffix(rest, "/")
	if !ok { // PEP 503: the name ends in a slash, and a repository redirects to it
		http.Redirect(w, r, r.URL.Path+"/", http.StatusMovedPermanently)
		return
	}
	kind, file := typeHTML, "index.html"
	if strings.Contains(r.Header.Get("Accept"), typeJSON) && !h.opts.HTMLOnly || h.opts.JSONOnly {
		kind, file = typeJSON, "index.json"
	}
	own := r.Clone(r.Context())
	own.URL.Path = "/simple/" + name + "/" + file
	h.Handler.ServeHTTP(&typed{w, kind}, own)
}

// typed gives answers that worked the type of a page.
type typed struct {
	http.ResponseWriter
	kind string
}

func (t *typed) WriteHeader(status int) {
	if status == http.StatusOK {
		t.Header().Set("Content-Type", t.kind)
		t.Header().Set("Vary", "Accept")
	}
	t.ResponseWriter.WriteHeader(status)
}

// Flush is for faults that break the connection in the middle.
func (t *typed) Flush() {
	if f, ok := t.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

// A Server is an index that runs for the length of a test.
type Server struct {
	*Handler
	URL   string // of the server; the index is at URL + "/simple"
	Dir   string
	Dists []*Dist
}

// Index is the base URL for --index-url.
func (s *Server) Index() string { return s.URL + "/simple" }

// New serves the worlds until the test ends.
func New(t testing.TB, worlds ...string) *Server {
	t.Helper()
	return NewWith(t, Options{}, ServeOptions{}, worlds...)
}

// NewWith is New with options.
func NewWith(t testing.TB, o Options, so ServeOptions, worlds ...string) *Server {
	t.Helper()
	s := &Server{Dir: t.TempDir()}
	for _, w := range worlds {
		more, err := FromTxtar([]byte(w))
		if err != nil {
			t.Fatalf("read world: %v", err)
		}
		s.Dists = append(s.Dists, more...)
	}
	if err := Publish(s.Dir, s.Dists, o); err != nil {
		t.Fatalf("publish: %v", err)
	}
	s.Handler = NewHandler(s.Dir, so)
	srv := httptest.NewServer(s.Handler)
	t.Cleanup(srv.Close)
	s.URL = srv.URL
	return s
}

// Dist returns the distribution of a file name, and stops the test if there is none.
func (s *Server) Dist(t testing.TB, file string) *Dist {
	t.Helper()
	for _, d := range s.Dists {
		if d.FileName == file {
			return d
		}
	}
	t.Fatalf("no %s among %d", file, len(s.Dists))
	return nil
}

// SHA256 is the sum of a file as it lies there.
func (s *Server) SHA256(t testing.TB, file string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.Dir, "files", file))
	if err != nil {
		t.Fatal(err)
	}
	return sumOf(b)
}
