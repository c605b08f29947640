package channeltest

import (
	"net/http/httptest"
	"testing"
)

// Server is a channel that runs for the length of a test.
type Server struct {
	*Handler
	// URL is the channel's address, without a final slash.
	URL string
	// Dir is the channel's folder.
	Dir string
	// Records are the archives, in the order of the txtar worlds.
	Records []Record
}

// New publishes the packages of the txtar worlds in a temporary folder and serves
// it until the test ends.
func New(t testing.TB, worlds ...string) *Server {
	t.Helper()
	return NewWith(t, Options{}, worlds...)
}

// NewWith is New with options.
func NewWith(t testing.TB, opts Options, worlds ...string) *Server {
	t.Helper()
	var archives []Archive
	for _, world := range worlds {
		more, err := FromTxtar([]byte(world))
		if err != nil {
			t.Fatalf("read world: %v", err)
		}
		archives = append(archives, more...)
	}
	dir := t.TempDir()
	records, err := Publish(dir, archives)
	if err != nil {
		t.Fatalf("publish: %v", err)
	}
	s := ServeDir(t, opts, dir)
	s.Records = records
	return s
}

// ServeDir serves a channel that exists in dir, until the test ends.
func ServeDir(t testing.TB, opts Options, dir string) *Server {
	t.Helper()
	h := NewHandler(dir, opts)
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return &Server{Handler: h, URL: srv.URL, Dir: dir}
}

// Record returns the record of the archive with the given file name, and stops
// the test if there is none.
func (s *Server) Record(t testing.TB, fileName string) Record {
	t.Helper()
	for _, r := range s.Records {
		if r.FileName == fileName {
			return r
		}
	}
	t.Fatalf("no archive %s among %d", fileName, len(s.Records))
	return Record{}
}
