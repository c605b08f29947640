package image

import (
	"bytes"
	"encoding/json"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/nasa-openscapes/corn/digest"
)

// A staticImage is an image whose manifest and config are settled. It is safe for
// concurrent use where its layers are.
type staticImage struct {
	manifest    *v1.Manifest
	rawManifest []byte
	config      *v1.ConfigFile
	rawConfig   []byte
	layers      []v1.Layer
	source      digest.SHA256 // of the manifest that a base was read from; zero for others
	read        *v1.Manifest  // that manifest, as it was; nil for others
	rawRead     []byte        // its bytes
}

var _ v1.Image = (*staticImage)(nil)

// newStatic makes an OCI image of layers and a config. rawConfig are the config's bytes;
// layerAnnotations has one element for each layer.
func newStatic(config *v1.ConfigFile, rawConfig []byte, layers []v1.Layer, layerAnnotations []map[string]string, annotations map[string]string) (*staticImage, error) {
	m := &v1.Manifest{
		SchemaVersion: 2,
		MediaType:     types.OCIManifestSchema1,
		Config: v1.Descriptor{
			MediaType: types.OCIConfigJSON,
			Size:      int64(len(rawConfig)),
			Digest:    toHash(digest.Sum(rawConfig)),
		},
		Layers:      make([]v1.Descriptor, 0, len(layers)),
		Annotations: annotations,
	}
	for i, l := range layers {
		d, err := describe(l)
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
		d.Annotations = layerAnnotations[i]
		m.Layers = append(m.Layers, d)
	}
	rawManifest, err := marshalJSON(m)
	if err != nil {
		return nil, fmt.Errorf("encode image manifest: %w", err)
	}
	return &staticImage{manifest: m, rawManifest: rawManifest, config: config, rawConfig: rawConfig, layers: layers}, nil
}

// describe makes a layer's descriptor, with the OCI name of its media type.
func describe(l v1.Layer) (v1.Descriptor, error) {
	var d v1.Descriptor
	var err error
	if d.Digest, err = l.Digest(); err != nil {
		return d, err
	}
	if d.Size, err = l.Size(); err != nil {
		return d, err
	}
	d.MediaType, err = l.MediaType()
	if t, ok := namedLayerType(d.MediaType); ok {
		d.MediaType = t
	}
	if f, ok := bare(l).(foreignLayer); ok {
		d.URLs = f.foreignURLs()
	}
	return d, err
}

// marshalJSON writes compact JSON without HTML escapes and without a newline.
func marshalJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func (i *staticImage) Layers() ([]v1.Layer, error)         { return append([]v1.Layer(nil), i.layers...), nil }
func (i *staticImage) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }
func (i *staticImage) Size() (int64, error)                { return int64(len(i.rawManifest)), nil }
func (i *staticImage) ConfigName() (v1.Hash, error)        { return i.manifest.Config.Digest, nil }
func (i *staticImage) ConfigFile() (*v1.ConfigFile, error) { return i.config.DeepCopy(), nil }
func (i *staticImage) RawConfigFile() ([]byte, error)      { return bytes.Clone(i.rawConfig), nil }
func (i *staticImage) Digest() (v1.Hash, error)            { return toHash(digest.Sum(i.rawManifest)), nil }
func (i *staticImage) Manifest() (*v1.Manifest, error)     { return i.manifest.DeepCopy(), nil }
func (i *staticImage) RawManifest() ([]byte, error)        { return bytes.Clone(i.rawManifest), nil }
func (i *staticImage) LayerByDigest(h v1.Hash) (v1.Layer, error) {
	for n, d := range i.manifest.Layers {
		if d.Digest == h {
			return i.layers[n], nil
		}
	}
	return nil, fmt.Errorf("image has no layer %s", h)
}

func (i *staticImage) LayerByDiffID(h v1.Hash) (v1.Layer, error) {
	for n, d := range i.config.RootFS.DiffIDs {
		if d == h {
			return i.layers[n], nil
		}
	}
	return nil, fmt.Errorf("image has no layer with diff id %s", h)
}
