package registrytest

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// serveUpload takes blobs (OCI distribution-spec, "Push"). What arrived before a
// connection broke is kept, so that a client can ask for it and go on. It tells whether
// the request was one of these.
func (s *store) serveUpload(w http.ResponseWriter, req *http.Request) bool {
	repo, id, ok := strings.Cut(strings.TrimPrefix(req.URL.Path, "/v2/"), "/blobs/uploads/")
	if !ok {
		return false
	}
	location := "/v2/" + repo + "/blobs/uploads/"
	if req.Method == http.MethodPost && id == "" {
		w.Header().Set("Location", location+s.begin())
		w.WriteHeader(http.StatusAccepted)
		return true
	}
	have, ok := s.upload(id)
	if !ok {
		refuse(w, http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
		return true
	}
	w.Header().Set("Location", location+id)
	from := req.Header.Get("Content-Range")
	if from == "" {
		from = "0-" // all at once, as a stream
	}
	if req.Method == http.MethodPatch && !strings.HasPrefix(from, fmt.Sprintf("%d-", len(have))) {
		refuse(w, http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID", "chunk does not begin where the last one ended")
		return true
	}
	if req.Method == http.MethodPatch || req.Method == http.MethodPut {
		body, err := io.ReadAll(req.Body)
		have = append(have[:len(have):len(have)], body...)
		s.keep(id, have)
		if err != nil {
			refuse(w, http.StatusInternalServerError, "UNKNOWN", "client went away")
			return true
		}
	}
	w.Header().Set("Range", fmt.Sprintf("0-%d", max(0, len(have)-1)))
	switch req.Method {
	case http.MethodGet:
		w.WriteHeader(http.StatusNoContent)
	case http.MethodPatch:
		w.WriteHeader(http.StatusAccepted)
	case http.MethodPut:
		s.commit(w, req, repo, id, have)
	default:
		refuse(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "no such thing")
	}
	return true
}

func (s *store) commit(w http.ResponseWriter, req *http.Request, repo, id string, data []byte) {
	want := req.URL.Query().Get("digest")
	got, _, err := v1.SHA256(strings.NewReader(string(data)))
	if err != nil || got.String() != want {
		s.keep(id, nil)
		refuse(w, http.StatusBadRequest, "DIGEST_INVALID", "provided digest did not match uploaded content")
		return
	}
	s.put(repo, got, data)
	w.Header().Set("Docker-Content-Digest", want)
	w.WriteHeader(http.StatusCreated)
}

func (s *store) begin() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := fmt.Sprintf("upload-%d", len(s.uploads))
	s.uploads[id] = []byte{}
	return id
}

func (s *store) upload(id string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.uploads[id]
	return data, ok
}

func (s *store) keep(id string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.uploads[id] = data
}
