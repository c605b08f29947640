package registrytest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Start runs a registry in memory.
func Start(t testing.TB) *Registry {
	t.Helper()
	r := New()
	t.Cleanup(r.Close)
	return r
}

// New runs a registry in memory until it is closed, for those who have no testing.TB.
func New() *Registry {
	s := &store{repos: map[string]map[v1.Hash][]byte{}, unserved: map[v1.Hash]bool{}, uploads: map[string][]byte{}}
	s.next = registry.New(registry.WithBlobHandler(s), registry.Logger(log.New(io.Discard, "", 0)))
	return newFront(s, s)
}

// A store keeps blobs by repository.
type store struct {
	next http.Handler

	mu       sync.Mutex
	repos    map[string]map[v1.Hash][]byte
	unserved map[v1.Hash]bool
	uploads  map[string][]byte
}

// Lose removes a blob from all repositories, as a disk that forgets would: the manifests
// that name it stay.
func (r *Registry) Lose(digest string) {
	h := mustHash(digest)
	if r.store == nil {
		dir := filepath.Join(r.dir, "docker/registry/v2/blobs", h.Algorithm, h.Hex[:2], h.Hex)
		if err := os.RemoveAll(dir); err != nil {
			panic(fmt.Sprintf("registrytest: %v", err))
		}
		return
	}
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	for _, blobs := range r.store.repos {
		delete(blobs, h)
	}
}

// Withhold makes a registry in memory say that it has a blob, and not serve it.
func (r *Registry) Withhold(digest string) {
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	r.store.unserved[mustHash(digest)] = true
}

// Replace gives a blob of a registry in memory other bytes.
func (r *Registry) Replace(digest string, data []byte) {
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	h := mustHash(digest)
	for _, blobs := range r.store.repos {
		if _, ok := blobs[h]; ok {
			blobs[h] = data
		}
	}
}

// Blobs lists the digests and sizes of a repository's blobs, of a registry in memory.
func (r *Registry) Blobs(repo string) map[string]int {
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	out := map[string]int{}
	for h, data := range r.store.repos[repo] {
		out[h.String()] = len(data)
	}
	return out
}

func mustHash(digest string) v1.Hash {
	h, err := v1.NewHash(digest)
	if err != nil {
		panic(fmt.Sprintf("registrytest: %v", err))
	}
	return h
}

var _ registry.BlobStatHandler = (*store)(nil)

func (s *store) find(repo string, h v1.Hash) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.repos[repo][h]
	if !ok {
		return nil, registry.ErrNotFound
	}
	return data, nil
}

// Stat is for HEAD, and the first thing that GET does.
func (s *store) Stat(_ context.Context, repo string, h v1.Hash) (int64, error) {
	data, err := s.find(repo, h)
	return int64(len(data)), err
}

// Get is for GET.
func (s *store) Get(_ context.Context, repo string, h v1.Hash) (io.ReadCloser, error) {
	data, err := s.find(repo, h)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || s.unserved[h] {
		return nil, registry.ErrNotFound
	}
	return readerAt{bytes.NewReader(data)}, nil
}

// readerAt keeps the ReadAt that ranges need.
type readerAt struct{ *bytes.Reader }

func (readerAt) Close() error { return nil }

func (s *store) put(repo string, h v1.Hash, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.repos[repo] == nil {
		s.repos[repo] = map[v1.Hash][]byte{}
	}
	s.repos[repo][h] = data
}

// ServeHTTP does what go-containerregistry's registry leaves out.
func (s *store) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if repo, ok := strings.CutSuffix(strings.TrimPrefix(req.URL.Path, "/v2/"), "/blobs/uploads/"); ok && req.Method == http.MethodPost {
		q := req.URL.Query()
		if h, err := v1.NewHash(q.Get("mount")); err == nil {
			if data, err := s.find(q.Get("from"), h); err == nil {
				s.put(repo, h, data)
				w.Header().Set("Location", "/v2/"+repo+"/blobs/"+h.String())
				w.Header().Set("Docker-Content-Digest", h.String())
				w.WriteHeader(http.StatusCreated)
				return
			}
		}
	}
	if s.serveUpload(w, req) {
		return
	}
	if repo, _, ok := strings.Cut(strings.TrimPrefix(req.URL.Path, "/v2/"), "/manifests/"); ok && req.Method == http.MethodPut {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if missing := s.missing(repo, body); missing != "" {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprintf(w, `{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry","detail":%q}]}`, missing) // the client may be gone
			return
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	s.next.ServeHTTP(w, req)
}

// missing names a blob of a manifest that the repository does not have.
func (s *store) missing(repo string, manifest []byte) string {
	var m v1.Manifest
	if json.Unmarshal(manifest, &m) != nil || m.Config.Digest.Hex == "" {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range append(m.Layers, m.Config) {
		if d.MediaType == types.OCIRestrictedLayer || d.MediaType == types.DockerForeignLayer {
			continue
		}
		if _, ok := s.repos[repo][d.Digest]; !ok || s.unserved[d.Digest] {
			return d.Digest.String()
		}
	}
	return ""
}
