package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/nasa-openscapes/corn/digest"
)

// A registryReader picks one image out of a repository. It reads manifests and configs,
// each once, and no layer.
type registryReader struct {
	ref  Ref
	repo *repository

	mu   sync.Mutex
	seen map[v1.Hash][]byte
}

var _ source = (*registryReader)(nil)

func readRegistry(ctx context.Context, ref Ref, rs *Registries, want *v1.Platform) (*staticImage, error) {
	n, err := ref.repositoryName()
	if err != nil {
		return nil, err
	}
	repo, err := rs.repository(ctx, n, readingScope)
	if err != nil {
		return nil, err
	}
	l := &registryReader{ref: ref, repo: repo, seen: map[v1.Hash][]byte{}}
	reference := "latest"
	switch {
	case !ref.Digest.IsZero():
		reference = ref.Digest.OCI()
	case ref.Tag != "":
		reference = ref.Tag
	}
	data, mediaType, err := repo.manifest(ctx, reference)
	if err != nil {
		return nil, err
	}
	root, err := l.root(data, mediaType)
	if err != nil {
		return nil, err
	}
	return (&chooser{ref, l, want}).pick(ctx, []v1.Descriptor{root})
}

// root describes what a reference led to. Registries without a useful Content-Type exist;
// the manifest's own word counts then, and last what it holds.
func (l *registryReader) root(data []byte, mediaType types.MediaType) (v1.Descriptor, error) {
	d := v1.Descriptor{MediaType: mediaType, Size: int64(len(data)), Digest: toHash(digest.Sum(data))}
	if !d.MediaType.IsIndex() && !d.MediaType.IsImage() {
		var m struct {
			MediaType     types.MediaType   `json:"mediaType"`
			SchemaVersion int               `json:"schemaVersion"`
			Manifests     []json.RawMessage `json:"manifests"`
		}
		part := "manifest " + d.Digest.String()
		if err := json.Unmarshal(data, &m); err != nil {
			return d, &FormatError{l.ref.String(), part, err.Error()}
		}
		switch {
		case m.MediaType.IsIndex() || m.MediaType.IsImage():
			d.MediaType = m.MediaType
		case m.SchemaVersion == 1:
			return d, &FormatError{l.ref.String(), part, "is of Docker's schema 1, which Docker itself no longer reads: push the image again"}
		case m.MediaType != "":
			return d, &FormatError{l.ref.String(), part, fmt.Sprintf("has media type %s, which is no image", m.MediaType)}
		case m.Manifests != nil:
			d.MediaType = types.OCIImageIndex
		default:
			d.MediaType = types.OCIManifestSchema1
		}
	}
	l.seen[d.Digest] = data
	return d, nil
}

func (l *registryReader) remember(h v1.Hash, read func() ([]byte, error)) ([]byte, error) {
	l.mu.Lock()
	data, ok := l.seen[h]
	l.mu.Unlock()
	if ok {
		return data, nil
	}
	data, err := read()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.seen[h] = data
	l.mu.Unlock()
	return data, nil
}

func (l *registryReader) manifest(ctx context.Context, d v1.Descriptor) ([]byte, error) {
	if _, err := parseHash(d.Digest); err != nil {
		return nil, &FormatError{l.ref.String(), "manifest " + d.Digest.String(), err.Error()}
	}
	return l.remember(d.Digest, func() ([]byte, error) {
		data, _, err := l.repo.manifest(ctx, d.Digest.String())
		if errors.Is(err, ErrNotFound) {
			return nil, &LostBlobError{Ref: l.repo.shown, Digest: digestOf(d.Digest), Reason: "is a manifest that an index names, and is not there", Err: err}
		}
		return data, err
	})
}

func digestOf(h v1.Hash) digest.SHA256 {
	d, _ := parseHash(h) // the caller has parsed it before
	return d
}

func (l *registryReader) blob(ctx context.Context, d v1.Descriptor) ([]byte, error) {
	part := "blob " + d.Digest.String()
	if _, err := parseHash(d.Digest); err != nil {
		return nil, &FormatError{l.ref.String(), part, err.Error()}
	}
	if d.Size > maxJSONBytes || d.Size < 0 {
		return nil, &FormatError{l.ref.String(), part, fmt.Sprintf("is said to have %d bytes, at most %d are read", d.Size, maxJSONBytes)}
	}
	return l.remember(d.Digest, func() ([]byte, error) {
		rc, err := (&remoteLayer{repo: l.repo, desc: d}).compressed(ctx)
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(rc)
		return data, errors.Join(err, rc.Close())
	})
}

func (l *registryReader) layer(d v1.Descriptor, diffID v1.Hash) (v1.Layer, error) {
	part := "layer " + d.Digest.String()
	for _, h := range []v1.Hash{d.Digest, diffID} {
		if _, err := parseHash(h); err != nil {
			return nil, &FormatError{l.ref.String(), part, err.Error()}
		}
	}
	mt, ok := namedLayerType(d.MediaType)
	if !ok {
		return nil, &FormatError{l.ref.String(), part, fmt.Sprintf("has media type %s; want a tar, plain, gzip or zstd", d.MediaType)}
	}
	if d.Size < 0 {
		return nil, &FormatError{l.ref.String(), part, fmt.Sprintf("is said to have %d bytes", d.Size)}
	}
	d.MediaType = mt
	return &remoteLayer{repo: l.repo, desc: d, diffID: diffID}, nil
}
