package image

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// A source gives the parts of images, from a layout or a registry. Manifests and blobs
// are small, and verified against their descriptors.
type source interface {
	manifest(ctx context.Context, d v1.Descriptor) ([]byte, error)
	blob(ctx context.Context, d v1.Descriptor) ([]byte, error)
	// layer promises a layer with its OCI media type. Its bytes need not have been read.
	layer(d v1.Descriptor, diffID v1.Hash) (v1.Layer, error)
}

// A chooser picks the image that a reference means on a platform.
type chooser struct {
	ref  Ref
	src  source
	want *v1.Platform
}

// pick follows the entries that the reference may mean down to one image.
func (l *chooser) pick(ctx context.Context, entries []v1.Descriptor) (*staticImage, error) {
	var all []candidate
	for _, e := range entries {
		c, err := l.expand(ctx, e, 0)
		if err != nil {
			return nil, err
		}
		all = append(all, c...)
	}
	c, err := l.choose(ctx, all)
	if err != nil {
		return nil, err
	}
	return l.image(ctx, c.desc)
}

// A candidate is a manifest that the reference may mean.
type candidate struct {
	desc     v1.Descriptor
	platform v1.Platform
}

// expand follows indexes down to manifests.
func (l *chooser) expand(ctx context.Context, d v1.Descriptor, depth int) ([]candidate, error) {
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
	data, err := l.src.manifest(ctx, d)
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

func (l *chooser) choose(ctx context.Context, all []candidate) (candidate, error) {
	var fit []candidate
	var platforms, names []string
	for _, c := range all {
		if _, byIndex := c.desc.Annotations[matchedByIndex]; !l.ref.Digest.IsZero() && !byIndex && c.desc.Digest != toHash(l.ref.Digest) {
			continue
		}
		if c.platform.OS == "" {
			m, err := l.manifest(ctx, c.desc)
			if err != nil {
				return candidate{}, err
			}
			cfg, _, err := l.config(ctx, m)
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
		return candidate{}, &RefError{l.ref.String(), "there is no such manifest"}
	case len(fit) == 0:
		slices.Sort(platforms)
		return candidate{}, &PlatformError{l.ref.String(), platformText(*l.want), slices.Compact(platforms)}
	case len(fit) == 1, l.ref.Kind == Registry:
		// OCI image-index.md: of several that match, the first. In a folder they can
		// have names of their own, and which is meant has to be said.
		return fit[0], nil
	}
	if exact := slices.IndexFunc(fit, func(c candidate) bool { return c.platform.Variant == l.want.Variant }); exact >= 0 && l.sameName(fit) {
		return fit[exact], nil
	}
	slices.Sort(names)
	return candidate{}, &AmbiguousError{l.ref.String(), names}
}

// sameName tells whether the candidates are variants of one platform under one name.
func (l *chooser) sameName(fit []candidate) bool {
	seen := map[string]bool{}
	for _, c := range fit {
		if c.desc.Annotations[annotationRefName] != fit[0].desc.Annotations[annotationRefName] || seen[c.platform.Variant] {
			return false
		}
		seen[c.platform.Variant] = true
	}
	return true
}

func (l *chooser) manifest(ctx context.Context, d v1.Descriptor) (*v1.Manifest, error) {
	part := "manifest " + d.Digest.String()
	data, err := l.src.manifest(ctx, d)
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

func (l *chooser) config(ctx context.Context, m *v1.Manifest) (*v1.ConfigFile, []byte, error) {
	data, err := l.src.blob(ctx, m.Config)
	if err != nil {
		return nil, nil, err
	}
	cfg, err := v1.ParseConfigFile(bytes.NewReader(data))
	if err != nil {
		return nil, nil, &FormatError{l.ref.String(), "config " + m.Config.Digest.String(), err.Error()}
	}
	return cfg, data, nil
}

func (l *chooser) image(ctx context.Context, d v1.Descriptor) (*staticImage, error) {
	m, err := l.manifest(ctx, d)
	if err != nil {
		return nil, err
	}
	cfg, rawConfig, err := l.config(ctx, m)
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
		if layers[i], err = l.src.layer(ld, cfg.RootFS.DiffIDs[i]); err != nil {
			return nil, err
		}
	}
	img, err := newStatic(cfg, rawConfig, layers, make([]map[string]string, len(layers)), nil)
	if err != nil {
		return nil, err
	}
	img.read = m
	if img.rawRead, err = l.src.manifest(ctx, d); err != nil {
		return nil, err
	}
	img.source, err = parseHash(d.Digest)
	return img, err
}
