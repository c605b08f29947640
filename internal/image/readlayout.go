package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
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
	want  *v1.Platform
}

// A candidate is a manifest that the reference may mean.
type candidate struct {
	desc     v1.Descriptor
	platform v1.Platform
}

func readLayout(ctx context.Context, ref Ref, files fileSet, want *v1.Platform) (*staticImage, error) {
	l := &layoutReader{ref, files, want}
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
	var all []candidate
	for _, e := range entries {
		c, err := l.expand(ctx, e, 0)
		if err != nil {
			return nil, err
		}
		all = append(all, c...)
	}
	c, err := l.choose(all)
	if err != nil {
		return nil, err
	}
	return l.image(ctx, c.desc)
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

// expand follows indexes down to manifests.
func (l *layoutReader) expand(ctx context.Context, d v1.Descriptor, depth int) ([]candidate, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if depth > 4 {
		return nil, &FormatError{l.ref.String(), "index " + d.Digest.String(), "is nested too deeply"}
	}
	if !d.MediaType.IsIndex() {
		c := candidate{desc: d}
		if d.Platform != nil {
			c.platform = *d.Platform
		}
		return []candidate{c}, nil
	}
	data, err := l.blob(d)
	if err != nil {
		return nil, err
	}
	var index v1.IndexManifest
	if err := json.Unmarshal(data, &index); err != nil {
		return nil, &FormatError{l.ref.String(), "index " + d.Digest.String(), err.Error()}
	}
	matched := !l.ref.Digest.IsZero() && d.Digest == toHash(l.ref.Digest)
	var out []candidate
	for _, m := range index.Manifests {
		if notAnImage(m) {
			continue
		}
		cs, err := l.expand(ctx, m, depth+1)
		if err != nil {
			return nil, err
		}
		for _, c := range cs {
			if matched { // the digest named the index: all that is in it is meant
				c.desc.Annotations = map[string]string{matchedByIndex: ""}
			} else if c.desc.Annotations[annotationRefName] == "" && d.Annotations[annotationRefName] != "" {
				c.desc.Annotations = map[string]string{annotationRefName: d.Annotations[annotationRefName]}
			}
			out = append(out, c)
		}
	}
	return out, nil
}

// notAnImage tells attestations (BuildKit's have the platform unknown/unknown) and other
// artifacts from images. Some tools state an image's config type as its artifact type.
func notAnImage(d v1.Descriptor) bool {
	return d.Platform != nil && d.Platform.OS == "unknown" ||
		d.ArtifactType != "" && !types.MediaType(d.ArtifactType).IsConfig()
}

// matchedByIndex marks candidates whose index the reference named by digest.
const matchedByIndex = "corn.matched"

func (l *layoutReader) choose(all []candidate) (candidate, error) {
	var fit []candidate
	var platforms, names []string
	for _, c := range all {
		if _, byIndex := c.desc.Annotations[matchedByIndex]; !l.ref.Digest.IsZero() && !byIndex && c.desc.Digest != toHash(l.ref.Digest) {
			continue
		}
		if c.platform.OS == "" {
			m, err := l.manifest(c.desc)
			if err != nil {
				return candidate{}, err
			}
			cfg, _, err := l.config(m)
			if err != nil {
				return candidate{}, err
			}
			c.platform = v1.Platform{OS: cfg.OS, Architecture: cfg.Architecture, Variant: cfg.Variant}
		}
		platforms = append(platforms, platformText(c.platform))
		if !fits(c.platform, *l.want) || slices.ContainsFunc(fit, func(f candidate) bool { return f.desc.Digest == c.desc.Digest }) {
			continue
		}
		fit = append(fit, c)
		names = append(names, nameOf(c.desc))
	}
	switch {
	case len(platforms) == 0:
		return candidate{}, &RefError{l.ref.String(), "the layout has no such manifest"}
	case len(fit) == 0:
		slices.Sort(platforms)
		return candidate{}, &PlatformError{l.ref.String(), platformText(*l.want), slices.Compact(platforms)}
	case len(fit) == 1:
		return fit[0], nil
	}
	if exact := slices.IndexFunc(fit, func(c candidate) bool { return c.platform.Variant == l.want.Variant }); exact >= 0 && l.sameName(fit) {
		return fit[exact], nil
	}
	slices.Sort(names)
	return candidate{}, &AmbiguousError{l.ref.String(), names}
}

// sameName tells whether the candidates are variants of one platform under one name.
func (l *layoutReader) sameName(fit []candidate) bool {
	seen := map[string]bool{}
	for _, c := range fit {
		if c.desc.Annotations[annotationRefName] != fit[0].desc.Annotations[annotationRefName] || seen[c.platform.Variant] {
			return false
		}
		seen[c.platform.Variant] = true
	}
	return true
}

func (l *layoutReader) manifest(d v1.Descriptor) (*v1.Manifest, error) {
	part := "manifest " + d.Digest.String()
	data, err := l.blob(d)
	if err != nil {
		return nil, err
	}
	var m v1.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, &FormatError{l.ref.String(), part, err.Error()}
	}
	if m.MediaType != "" && !m.MediaType.IsImage() {
		return nil, &FormatError{l.ref.String(), part, fmt.Sprintf("has media type %s, which is no image", m.MediaType)}
	}
	if !m.Config.MediaType.IsConfig() {
		return nil, &FormatError{l.ref.String(), part, fmt.Sprintf("config has media type %s: it is an artifact, no image", m.Config.MediaType)}
	}
	return &m, nil
}

func (l *layoutReader) config(m *v1.Manifest) (*v1.ConfigFile, []byte, error) {
	data, err := l.blob(m.Config)
	if err != nil {
		return nil, nil, err
	}
	cfg, err := v1.ParseConfigFile(bytes.NewReader(data))
	if err != nil {
		return nil, nil, &FormatError{l.ref.String(), "config " + m.Config.Digest.String(), err.Error()}
	}
	return cfg, data, nil
}

func (l *layoutReader) image(ctx context.Context, d v1.Descriptor) (*staticImage, error) {
	m, err := l.manifest(d)
	if err != nil {
		return nil, err
	}
	cfg, rawConfig, err := l.config(m)
	if err != nil {
		return nil, err
	}
	if len(m.Layers) != len(cfg.RootFS.DiffIDs) {
		return nil, &FormatError{l.ref.String(), "config " + m.Config.Digest.String(),
			fmt.Sprintf("names %d layers, the manifest %d", len(cfg.RootFS.DiffIDs), len(m.Layers))}
	}
	layers := make([]v1.Layer, len(m.Layers))
	for i, ld := range m.Layers {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if layers[i], err = l.layer(ld, cfg.RootFS.DiffIDs[i]); err != nil {
			return nil, err
		}
	}
	img, err := newStatic(cfg, rawConfig, layers, make([]map[string]string, len(layers)), nil)
	if err != nil {
		return nil, err
	}
	img.source, err = parseHash(d.Digest)
	return img, err
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
	return &blobLayer{open: open, digest: d.Digest, diffID: diffID, sizeBytes: size, mediaType: types.MediaType(mt)}, nil
}

func blobPath(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }

// blob reads and verifies a small blob.
func (l *layoutReader) blob(d v1.Descriptor) ([]byte, error) {
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
