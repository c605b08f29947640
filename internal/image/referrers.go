package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/nasa-openscapes/corn/digest"
)

// Attached documents are OCI artifacts that refer to an image (image-spec v1.1.1 manifest.md,
// "subject" and "Guidelines for Artifact Usage"; distribution-spec v1.1.0, "Pushing Manifests
// with Subject", "Unavailable Referrers API"). Registries that do not know referrers keep the
// list under a tag, sha256-<hex of the image's digest>, which clients write.

// emptyConfig is the config of an artifact that has none.
var emptyConfig = []byte("{}")

const emptyMediaType types.MediaType = "application/vnd.oci.empty.v1+json"

// subjectHeader is how a registry says that it knows of referrers.
const subjectHeader = "OCI-Subject"

func descriptorOf(data []byte, mediaType types.MediaType) v1.Descriptor {
	return v1.Descriptor{MediaType: mediaType, Size: int64(len(data)), Digest: toHash(digest.Sum(data))}
}

// referrersTag is the tag that takes the place of the referrers API.
func referrersTag(subject digest.SHA256) string { return "sha256-" + subject.String() }

// Attach attaches a document to the image or index subject, which is in the output's
// repository. artifactType is a media type that says what the document is, with which Attached
// finds it. Equal documents are attached once.
func Attach(ctx context.Context, out Output, subject digest.SHA256, artifactType string, data []byte) error {
	_, repo, err := out.writable(ctx, nil)
	if err != nil {
		return err
	}
	return repo.readOnly(repo.attach(ctx, subject, artifactType, data))
}

func (r *repository) attach(ctx context.Context, subject digest.SHA256, artifactType string, data []byte) error {
	raw, mediaType, err := r.manifest(ctx, subject.OCI())
	if err != nil {
		return err
	}
	to := descriptorOf(raw, mediaType)
	m := v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: artifactType, Subject: &to,
		Config: descriptorOf(emptyConfig, emptyMediaType), Layers: []v1.Descriptor{descriptorOf(data, types.MediaType(artifactType))},
	}
	for _, blob := range [][]byte{emptyConfig, data} {
		if err := r.putBlob(ctx, blob); err != nil {
			return err
		}
	}
	if raw, err = json.Marshal(m); err != nil {
		return fmt.Errorf("attach to %s: %w", subject.OCI(), err)
	}
	own := descriptorOf(raw, types.OCIManifestSchema1)
	own.ArtifactType = artifactType
	header, err := r.writeManifest(ctx, own.Digest.String(), raw, types.OCIManifestSchema1)
	if err != nil || header.Get(subjectHeader) != "" {
		return err
	}
	return r.listUnderTag(ctx, subject, own)
}

// putBlob stores a small blob, unless it is there.
func (r *repository) putBlob(ctx context.Context, data []byte) error {
	d := descriptorOf(data, "")
	if have, err := r.has(ctx, d.Digest, d.Size); have || err != nil {
		return err
	}
	u := &upload{repo: r, hash: d.Digest, sizeBytes: d.Size, open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}
	return u.run(ctx)
}

// listUnderTag adds a referrer to the list of a registry that keeps none itself. Of two who do
// so at once one may be forgotten; the specification has no remedy.
func (r *repository) listUnderTag(ctx context.Context, subject digest.SHA256, own v1.Descriptor) error {
	list, err := r.listedUnderTag(ctx, subject)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(list.Manifests, func(d v1.Descriptor) bool { return d.Digest == own.Digest }) {
		return nil
	}
	list.Manifests = append(list.Manifests, own)
	raw, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("attach to %s: %w", subject.OCI(), err)
	}
	return r.putManifest(ctx, referrersTag(subject), raw, types.OCIImageIndex)
}

func (r *repository) listedUnderTag(ctx context.Context, subject digest.SHA256) (*v1.IndexManifest, error) {
	list := &v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{}}
	raw, _, err := r.manifest(ctx, referrersTag(subject))
	if errors.Is(err, ErrNotFound) {
		return list, nil
	}
	if err != nil {
		return nil, err
	}
	return list, parseReferrers(raw, list)
}

// AttachedTypes lists the types of the documents that are attached to an image or index, without
// reading them. A registry that does not look at types says nothing of use.
func AttachedTypes(ctx context.Context, out Output, subject digest.SHA256) ([]string, error) {
	_, repo, err := out.writable(ctx, nil)
	if err != nil {
		return nil, err
	}
	list, err := repo.referrers(ctx, subject)
	if err != nil {
		return nil, err
	}
	var types []string
	for _, d := range list.Manifests {
		if !slices.Contains(types, d.ArtifactType) {
			types = append(types, d.ArtifactType)
		}
	}
	return types, nil
}

func parseReferrers(raw []byte, list *v1.IndexManifest) error {
	if err := json.Unmarshal(raw, list); err != nil {
		return fmt.Errorf("list of referrers: %w", err)
	}
	return nil
}

// Attached returns the documents of a type that are attached to an image or index of the
// output's repository, in the registry's order. None is no error.
func Attached(ctx context.Context, out Output, subject digest.SHA256, artifactType string) ([][]byte, error) {
	ref, repo, err := out.readable(ctx)
	if err != nil {
		return nil, err
	}
	list, err := repo.referrers(ctx, subject)
	if err != nil {
		return nil, err
	}
	reader := &registryReader{repo: repo, ref: ref, seen: map[v1.Hash][]byte{}}
	var docs [][]byte
	for _, d := range list.Manifests {
		// A registry that does not look at artifactType says the config's media type.
		if d.ArtifactType != artifactType && d.ArtifactType != string(emptyMediaType) && d.ArtifactType != "" {
			continue
		}
		raw, err := reader.manifest(ctx, d)
		if err != nil {
			return nil, err
		}
		var m v1.Manifest
		if err := json.Unmarshal(raw, &m); err != nil {
			return nil, &FormatError{ref.String(), "manifest " + d.Digest.String(), err.Error()}
		}
		if m.ArtifactType != artifactType {
			continue
		}
		if len(m.Layers) != 1 {
			return nil, &FormatError{ref.String(), "manifest " + d.Digest.String(), fmt.Sprintf("has %d blobs, want the one document of type %s", len(m.Layers), artifactType)}
		}
		data, err := reader.blob(ctx, m.Layers[0])
		if err != nil {
			return nil, err
		}
		docs = append(docs, data)
	}
	return docs, nil
}

// referrers lists what refers to a manifest, by the API or, where there is none, by the tag.
func (r *repository) referrers(ctx context.Context, subject digest.SHA256) (*v1.IndexManifest, error) {
	act := "list what refers to " + subject.OCI()
	resp, err := r.request(ctx, http.MethodGet, r.url("referrers/"+subject.OCI()), http.Header{"Accept": {string(types.OCIImageIndex)}})
	if err != nil {
		return nil, r.fail(ctx, act, err)
	}
	data, err := readJSON(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return nil, r.fail(ctx, act, err)
	}
	if resp.StatusCode != http.StatusOK {
		return r.listedUnderTag(ctx, subject) // there is no such API, or it does not work
	}
	list := new(v1.IndexManifest)
	return list, parseReferrers(data, list)
}
