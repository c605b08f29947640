package image

import (
	"fmt"
	"maps"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
)

// MaxLayers is how many layers an image may have: overlayfs mounts of container engines
// end at 127 or 128 (the page that holds the mount options).
const MaxLayers = 127

// FormatVersion is the number of the rules by which frames, layers and image.json are
// made. It is raised only when bytes change.
const FormatVersion = 1

// The annotations of a manifest's layers and of the manifest itself. A layer's key says
// which frames it is made of, without reading it; annotations are lost when Docker or
// podman push an image again, which is why image.json repeats them.
const (
	AnnotationFormat    = "io.github.nasa-openscapes.corn.format"
	AnnotationLayerKey  = "io.github.nasa-openscapes.corn.layer.key"
	AnnotationLayerKind = "io.github.nasa-openscapes.corn.layer.kind"
	AnnotationLayerID   = "io.github.nasa-openscapes.corn.layer.id"
	AnnotationBase      = "org.opencontainers.image.base.digest" // OCI annotations.md
)

// created is the time that images of corn have: none of their own.
func created() v1.Time { return v1.Time{Time: time.Unix(filetree.Epoch1980, 0).UTC()} }

// An AddedLayer is a layer that corn puts on the base.
type AddedLayer struct {
	Layer v1.Layer
	Key   digest.SHA256 // over the ordered keys of its frames
	Kind  string        // "content", "placement", "metadata", ...
	ID    string        // of the layout: "numpy", "shared-07", "env-climate"; may be empty
	// CreatedBy is the line of the image's history; empty means "corn: <kind> <id>".
	CreatedBy string
}

// A Composition is what a finished image is made of.
type Composition struct {
	Base   *Base
	Config *ConfigPlan // nil leaves the base's config, less ONBUILD and what names a machine
	Layers []AddedLayer
	// Annotations are those of the manifest besides corn's own. They change the
	// manifest's digest, not the image id.
	Annotations map[string]string
	// MaxLayers bounds the layers of base and corn together; zero means MaxLayers.
	MaxLayers int
}

// Compose puts layers and config on a base. Nothing is read from the base's layers; those
// of c.Layers have to know their digests. Too many layers are a *LayerBudgetError.
func Compose(c Composition) (v1.Image, error) {
	limit := c.MaxLayers
	if limit == 0 {
		limit = MaxLayers
	}
	if c.Base.LayerCount()+len(c.Layers) > limit {
		return nil, &LayerBudgetError{c.Base.LayerCount(), len(c.Layers), limit}
	}
	config := c.Config.apply(c.Base.image.config)
	config.History = baseHistory(config)
	layers := append([]v1.Layer(nil), c.Base.image.layers...)
	annotations := make([]map[string]string, len(layers), len(layers)+len(c.Layers))
	for i, l := range c.Layers {
		diffID, err := l.Layer.DiffID()
		if err != nil {
			return nil, fmt.Errorf("layer %d of %d: %w", i+1, len(c.Layers), err)
		}
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, diffID)
		config.History = append(config.History, v1.History{Created: created(), CreatedBy: l.createdBy()})
		layers = append(layers, l.Layer)
		annotations = append(annotations, l.annotations())
	}
	config.RootFS.Type = "layers"
	all := map[string]string{
		AnnotationFormat: fmt.Sprint(FormatVersion),
		AnnotationBase:   c.Base.Digest().OCI(),
	}
	maps.Copy(all, c.Annotations)
	rawConfig, err := marshalJSON(config)
	if err != nil {
		return nil, fmt.Errorf("encode image config: %w", err)
	}
	return newStatic(config, rawConfig, layers, annotations, all)
}

func (l *AddedLayer) createdBy() string {
	if l.CreatedBy != "" {
		return l.CreatedBy
	}
	if l.ID != "" {
		return "corn: " + l.Kind + " " + l.ID
	}
	return "corn: " + l.Kind
}

func (l *AddedLayer) annotations() map[string]string {
	a := map[string]string{AnnotationLayerKind: l.Kind}
	if !l.Key.IsZero() {
		a[AnnotationLayerKey] = l.Key.String()
	}
	if l.ID != "" {
		a[AnnotationLayerID] = l.ID
	}
	return a
}

// baseHistory returns the base's history if it fits its layers, one neutral line a layer
// otherwise: with a history shorter than the layers, Docker refuses the image.
func baseHistory(c *v1.ConfigFile) []v1.History {
	layers := 0
	for _, h := range c.History {
		if !h.EmptyLayer {
			layers++
		}
	}
	if layers == len(c.RootFS.DiffIDs) {
		return c.History
	}
	h := make([]v1.History, len(c.RootFS.DiffIDs))
	for i := range h {
		h[i] = v1.History{Created: created(), CreatedBy: "base image"}
	}
	return h
}
