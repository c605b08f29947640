package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// maxJSONBytes bounds manifests, indexes and configs. Registries take 4 MiB at most.
const maxJSONBytes = 8 << 20

// Annotations of index.json that carry an image's name: OCI annotations.md, and what
// containerd and Docker write beside it.
const (
	annotationRefName       = "org.opencontainers.image.ref.name"
	annotationContainerName = "io.containerd.image.name"
)

// A layoutReader picks one image out of an OCI layout.
type layoutReader struct {
	ref   Ref
	files fileSet
}

var _ source = (*layoutReader)(nil)

func readLayout(ctx context.Context, ref Ref, files fileSet, want *v1.Platform) (*staticImage, error) {
	l := &layoutReader{ref, files}
	data, err := readSmall(files, "index.json")
	if err != nil {
		return nil, &FormatError{ref.String(), "index.json", err.Error()}
	}
	var index v1.IndexManifest
	if err := json.Unmarshal(data, &index); err != nil {
		return nil, &FormatError{ref.String(), "index.json", err.Error()}
	}
	entries, err := l.named(index.Manifests)
	if err != nil {
		return nil, err
	}
	return (&chooser{ref, l, want}).pick(ctx, entries)
}

// named keeps the entries of index.json that the reference means.
func (l *layoutReader) named(entries []v1.Descriptor) ([]v1.Descriptor, error) {
	var have []string
	var out []v1.Descriptor
	for _, e := range entries {
		name := e.Annotations[annotationRefName]
		switch {
		case !l.ref.Digest.IsZero():
			// A digest may be one of a manifest inside an index: look at all.
			out = append(out, e)
		case l.ref.Tag == "":
			out = append(out, e)
		case name == l.ref.Tag, strings.HasSuffix(name, ":"+l.ref.Tag),
			strings.HasSuffix(e.Annotations[annotationContainerName], ":"+l.ref.Tag):
			out = append(out, e)
		}
		have = append(have, nameOf(e))
	}
	if len(out) == 0 {
		slices.Sort(have)
		if l.ref.Tag != "" {
			return nil, &RefError{l.ref.String(), fmt.Sprintf("no image has the tag %q; there are: %s", l.ref.Tag, listOr(have, "none"))}
		}
		return nil, &FormatError{l.ref.String(), "index.json", "lists no image"}
	}
	return out, nil
}

func nameOf(d v1.Descriptor) string {
	if n := d.Annotations[annotationRefName]; n != "" {
		return n
	}
	return d.Digest.String()
}

func listOr(list []string, none string) string {
	if len(list) == 0 {
		return none
	}
	return strings.Join(list, ", ")
}

func (l *layoutReader) layer(d v1.Descriptor, diffID v1.Hash) (v1.Layer, error) {
	part := "layer " + d.Digest.String()
	for _, h := range []v1.Hash{d.Digest, diffID} {
		if _, err := parseHash(h); err != nil {
			return nil, &FormatError{l.ref.String(), part, err.Error()}
		}
	}
	open := func() (io.ReadCloser, error) {
		rc, _, err := l.files.open(blobPath(d.Digest))
		return rc, err
	}
	rc, size, err := l.files.open(blobPath(d.Digest))
	if err != nil {
		return nil, &FormatError{l.ref.String(), part, err.Error()}
	}
	var head [4]byte
	n, err := io.ReadFull(rc, head[:])
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = nil
	}
	if err = errors.Join(err, rc.Close()); err != nil {
		return nil, &FormatError{l.ref.String(), part, err.Error()}
	}
	if size != d.Size {
		return nil, &FormatError{l.ref.String(), part, fmt.Sprintf("has %d bytes, the manifest says %d", size, d.Size)}
	}
	mt, ok := ociLayerType(d.MediaType, head[:n])
	if !ok {
		return nil, &FormatError{l.ref.String(), part, fmt.Sprintf("has media type %s; want a tar, plain, gzip or zstd", d.MediaType)}
	}
	return &blobLayer{open: open, digest: d.Digest, diffID: diffID, sizeBytes: size, mediaType: mt}, nil
}

func blobPath(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }

// manifest reads a manifest or index: in a layout they are blobs like any other.
func (l *layoutReader) manifest(ctx context.Context, d v1.Descriptor) ([]byte, error) {
	return l.blob(ctx, d)
}

// blob reads and verifies a small blob.
func (l *layoutReader) blob(_ context.Context, d v1.Descriptor) ([]byte, error) {
	part := "blob " + d.Digest.String()
	if d.Size > maxJSONBytes || d.Size < 0 {
		return nil, &FormatError{l.ref.String(), part, fmt.Sprintf("is said to have %d bytes, at most %d are read", d.Size, maxJSONBytes)}
	}
	rc, err := openVerified(func() (io.ReadCloser, error) {
		rc, _, err := l.files.open(blobPath(d.Digest))
		return rc, err
	}, d.Digest, d.Size)
	if err != nil {
		return nil, &FormatError{l.ref.String(), part, err.Error()}
	}
	data, err := io.ReadAll(rc)
	if err = errors.Join(err, rc.Close()); err != nil {
		return nil, &FormatError{l.ref.String(), part, err.Error()}
	}
	return data, nil
}

// readSmall reads a whole file of at most maxJSONBytes.
func readSmall(files fileSet, name string) ([]byte, error) {
	rc, size, err := files.open(name)
	if err != nil {
		return nil, err
	}
	if size > maxJSONBytes {
		return nil, errors.Join(fmt.Errorf("%s has %d bytes, at most %d are read", name, size, maxJSONBytes), rc.Close())
	}
	data, err := io.ReadAll(io.LimitReader(rc, maxJSONBytes+1))
	return data, errors.Join(err, rc.Close())
}
