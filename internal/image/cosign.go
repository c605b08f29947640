package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/nasa-openscapes/corn/digest"
)

// cosign keeps what it signs in images of their own, under tags made of the signed image's digest
// (cosign, specs/SIGNATURE_SPEC.md).
const (
	SignatureTag   = ".sig" // signatures of the image
	AttestationTag = ".att" // signed statements about it
)

// A SignedBlob is one signature, or one signed statement.
type SignedBlob struct {
	MediaType   string
	Data        []byte
	Annotations map[string]string
}

// SignedBlobs returns what lies under the image's tag with the suffix, SignatureTag or
// AttestationTag. None is no error.
func SignedBlobs(ctx context.Context, out Output, subject digest.SHA256, suffix string) ([]SignedBlob, error) {
	ref, repo, err := out.readable(ctx)
	if err != nil {
		return nil, err
	}
	m, err := repo.signed(ctx, ref, subject, suffix)
	if m == nil || err != nil {
		return nil, err
	}
	reader := &registryReader{repo: repo, ref: ref, seen: map[v1.Hash][]byte{}}
	var blobs []SignedBlob
	for _, l := range m.Layers {
		data, err := reader.blob(ctx, l)
		if err != nil {
			return nil, err
		}
		blobs = append(blobs, SignedBlob{string(l.MediaType), data, l.Annotations})
	}
	return blobs, nil
}

// signed reads the manifest under a tag of cosign's; nil: there is none.
func (r *repository) signed(ctx context.Context, ref Ref, subject digest.SHA256, suffix string) (*v1.Manifest, error) {
	raw, _, err := r.manifest(ctx, referrersTag(subject)+suffix)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m, err := v1.ParseManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, &FormatError{ref.String(), "manifest " + referrersTag(subject) + suffix, err.Error()}
	}
	return m, nil
}

// AddSigned adds a signature or a signed statement to those that there are. Of two who do so at
// once one may be forgotten; the registry knows no remedy.
func AddSigned(ctx context.Context, out Output, subject digest.SHA256, suffix string, blob SignedBlob) error {
	ref, repo, err := out.writable(ctx, nil)
	if err != nil {
		return err
	}
	return repo.readOnly(repo.addSigned(ctx, ref, subject, suffix, blob))
}

func (r *repository) addSigned(ctx context.Context, ref Ref, subject digest.SHA256, suffix string, blob SignedBlob) error {
	m, err := r.signed(ctx, ref, subject, suffix)
	if err != nil {
		return err
	}
	if m == nil {
		m = &v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1}
	}
	d := descriptorOf(blob.Data, types.MediaType(blob.MediaType))
	d.Annotations = blob.Annotations
	m.Layers = append(slices.Clone(m.Layers), d)
	// The config of an image with these layers: cosign looks at images.
	config := v1.ConfigFile{RootFS: v1.RootFS{Type: "layers"}}
	for _, l := range m.Layers {
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, l.Digest)
	}
	rawConfig, err := json.Marshal(config)
	if err != nil {
		return fmt.Errorf("sign %s: %w", subject.OCI(), err)
	}
	m.Config = descriptorOf(rawConfig, types.OCIConfigJSON)
	for _, data := range [][]byte{blob.Data, rawConfig} {
		if err := r.putBlob(ctx, data); err != nil {
			return err
		}
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("sign %s: %w", subject.OCI(), err)
	}
	return r.putManifest(ctx, referrersTag(subject)+suffix, raw, types.OCIManifestSchema1)
}
