package pipeline

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/kerneltest"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/pypi/wheel"
)

// An InspectRequest says which image to look into.
type InspectRequest struct {
	Image    string // a reference as for a base image, "docker-daemon:NAME", or a project's folder
	Platform string // picks the image of an index; empty: that of this machine
	CacheDir string // empty: cache.DefaultDir
}

// An InspectResult is what `corn inspect --json` prints. docs/formats/inspect-json.md describes it.
type InspectResult struct {
	Format       int               `json:"format"` // 1
	Image        string            `json:"image"`
	Digest       string            `json:"digest"` // of the manifest
	ImageID      string            `json:"image_id"`
	Platform     string            `json:"platform"`
	Size         int64             `json:"size_bytes"` // manifest, config and layers as they lie there
	Corn         bool              `json:"corn"`       // it says what is in it
	Base         *InspectedBase    `json:"base,omitempty"`
	Annotations  map[string]string `json:"annotations"` // of the manifest
	Bytes        InspectedBytes    `json:"bytes"`
	Kernels      []InspectedKernel `json:"kernels"`
	Environments []InspectedEnv    `json:"environments"`
	Layers       []InspectedLayer  `json:"layers"`    // lowest first
	Artifacts    []InspectedItem   `json:"artifacts"` // most bytes first
	Tests        []TestedKernel    `json:"tests"`     // what is attached in the registry
}

// InspectedBase is the image that it was built on.
type InspectedBase struct {
	Name   string `json:"name,omitempty"`
	Digest string `json:"digest"`
	Layers int    `json:"layers"`
	Size   int64  `json:"size_bytes"`
	Glibc  string `json:"glibc,omitempty"`
}

// InspectedBytes says where each byte of an image goes. Their sum is the image's size.
type InspectedBytes struct {
	Base   int64 `json:"base"`
	Own    int64 `json:"own"`    // what one environment alone has
	Shared int64 `json:"shared"` // content that several environments have
	Other  int64 `json:"other"`  // manifest, config, metadata, folders; of a foreign image, all of it
}

// InspectedKernel is one kernel that Jupyter offers.
type InspectedKernel struct {
	Name        string `json:"name"`
	DisplayName string `json:"display_name"`
	Language    string `json:"language"`
	Environment string `json:"environment"`
}

// InspectedEnv is one environment. Bytes are those of compressed layers.
type InspectedEnv struct {
	Name     string             `json:"name"`
	Prefix   string             `json:"prefix"`
	Python   string             `json:"python,omitempty"`
	Layout   string             `json:"layout"`
	Own      int64              `json:"own_bytes"`    // what would not be there without it
	Shared   int64              `json:"shared_bytes"` // what others have, too
	Packages []InspectedPackage `json:"packages"`     // by name
}

// InspectedPackage is one package of an environment.
type InspectedPackage struct {
	Name      string        `json:"name"`
	Version   string        `json:"version"`
	Build     string        `json:"build,omitempty"`
	Kind      artifact.Kind `json:"kind"`
	Requested bool          `json:"requested"` // environment.yml or requirements.txt asks for it by name
}

// InspectedLayer is one layer.
type InspectedLayer struct {
	Kind      string   `json:"kind"` // "base", one of image.json, "meta", or "unknown"
	ID        string   `json:"id,omitempty"`
	Digest    string   `json:"digest"`
	DiffID    string   `json:"diff_id"`
	Size      int64    `json:"size_bytes"`
	MediaType string   `json:"media_type"`
	Artifacts []string `json:"artifacts"` // file names
}

// InspectedItem is one archive, and the bytes that its files take.
type InspectedItem struct {
	File         string        `json:"file"`
	Kind         artifact.Kind `json:"kind"`
	SHA256       string        `json:"sha256"`
	Size         int64         `json:"bytes"`         // of all layers
	ArchiveBytes int64         `json:"archive_bytes"` // of the archive itself
	Environments []string      `json:"environments"`
}

// Inspect tells what is in an image. No package is fetched for it: manifest, config and the small
// metadata layer say it all.
func Inspect(ctx context.Context, req InspectRequest, talk *report.Printer) (*InspectResult, error) {
	d, err := openDescribed(ctx, req.Image, req.Platform, req.CacheDir, talk)
	if err != nil {
		return nil, err
	}
	defer d.close()
	res, err := d.inspect()
	if err != nil {
		return nil, err
	}
	if d.meta == nil {
		talk.Warn("%s has no /%s: corn did not make it, or it was built upon; what is in its layers is not known", d.shown, image.MetadataPath)
	}
	res.Tests = d.attachedTests(ctx, talk)
	return res, nil
}

func (d *describedImage) inspect() (*InspectResult, error) {
	manifest, err := d.img.Manifest()
	if err != nil {
		return nil, err
	}
	size, err := image.Size(d.img)
	if err != nil {
		return nil, err
	}
	res := &InspectResult{
		Format: 1, Image: d.shown, Digest: d.source.Digest().OCI(), ImageID: d.source.ConfigDigest().OCI(), Platform: d.platform, Size: size,
		Corn: d.meta != nil, Annotations: manifest.Annotations, Kernels: []InspectedKernel{}, Environments: []InspectedEnv{},
		Layers: []InspectedLayer{}, Artifacts: []InspectedItem{}, Tests: []TestedKernel{},
	}
	if res.Annotations == nil {
		res.Annotations = map[string]string{}
	}
	layers, err := d.layers()
	if err != nil {
		return nil, err
	}
	if d.meta != nil {
		res.describe(d.meta, layers)
	}
	for _, l := range layers {
		res.Layers = append(res.Layers, l.InspectedLayer)
	}
	b := &res.Bytes
	b.Other = size - b.Base - b.Own - b.Shared
	return res, nil
}

// A readLayer is a layer of the manifest, and what the image records of it.
type readLayer struct {
	InspectedLayer
	recorded *image.LayerMetadata // nil: nothing
}

// layers lists the layers of the manifest. A layer that was compressed anew is known by its diff id.
func (d *describedImage) layers() ([]readLayer, error) {
	manifest, err := d.img.Manifest()
	if err != nil {
		return nil, err
	}
	config, err := d.img.ConfigFile()
	if err != nil {
		return nil, err
	}
	byDiff := map[string]*image.LayerMetadata{}
	if d.meta != nil {
		for i := range d.meta.Layers {
			byDiff[d.meta.Layers[i].DiffID.OCI()] = &d.meta.Layers[i]
		}
	}
	names := d.fileNames()
	var out []readLayer
	for i, l := range manifest.Layers {
		r := readLayer{InspectedLayer: InspectedLayer{
			Kind: "unknown", Digest: l.Digest.String(), DiffID: config.RootFS.DiffIDs[i].String(), Size: l.Size, MediaType: string(l.MediaType), Artifacts: []string{},
		}}
		switch {
		case d.meta == nil:
		case i < d.meta.Base.Layers:
			r.Kind = "base"
		case byDiff[r.DiffID] != nil:
			r.recorded = byDiff[r.DiffID]
			r.Kind, r.ID = r.recorded.Kind, r.recorded.ID
			for _, f := range r.recorded.Frames {
				if name := names[f.Artifact]; name != "" && !slices.Contains(r.Artifacts, name) {
					r.Artifacts = append(r.Artifacts, name)
				}
			}
		case i == len(manifest.Layers)-1 || l.Annotations[image.AnnotationLayerKind] == image.MetadataKind:
			r.Kind, r.ID = image.MetadataKind, image.MetadataKind
		}
		out = append(out, r)
	}
	return out, nil
}

func (d *describedImage) fileNames() map[digest.SHA256]string {
	out := map[digest.SHA256]string{}
	if d.meta != nil {
		for _, a := range d.meta.Artifacts {
			out[a.SHA256] = a.FileName
		}
	}
	return out
}

// describe fills in what the image says of itself.
func (res *InspectResult) describe(m *image.Metadata, layers []readLayer) {
	res.Base = &InspectedBase{Name: res.Annotations[image.AnnotationBaseName], Digest: m.Base.Manifest.OCI(), Layers: m.Base.Layers, Glibc: m.Base.Glibc}
	for _, k := range m.Kernels {
		res.Kernels = append(res.Kernels, InspectedKernel{k.Name, k.DisplayName, k.Language, k.Env})
	}
	users := map[digest.SHA256][]string{}
	for _, e := range m.Envs {
		for _, sum := range e.Artifacts {
			if !slices.Contains(users[sum], e.Name) {
				users[sum] = append(users[sum], e.Name)
			}
		}
	}
	own, shared, items := map[string]int64{}, map[string]int64{}, map[digest.SHA256]int64{}
	for _, l := range layers {
		if l.Kind == "base" {
			res.Base.Size += l.Size
			res.Bytes.Base += l.Size
		}
		if l.recorded == nil {
			continue
		}
		for i, n := range frameBytes(l.recorded, l.Digest, l.Size) {
			f := l.recorded.Frames[i]
			items[f.Artifact] += n
			switch of := users[f.Artifact]; {
			case f.Env != "":
				own[f.Env] += n
				res.Bytes.Own += n
			case len(of) == 1:
				own[of[0]] += n
				res.Bytes.Own += n
			case len(of) > 1:
				res.Bytes.Shared += n
				for _, env := range of {
					shared[env] += n
				}
			}
		}
	}
	known := map[digest.SHA256]*image.ArtifactMetadata{}
	for i := range m.Artifacts {
		a := &m.Artifacts[i]
		known[a.SHA256] = a
		res.Artifacts = append(res.Artifacts, InspectedItem{a.FileName, a.Kind, a.SHA256.String(), items[a.SHA256], a.SizeBytes, append([]string{}, users[a.SHA256]...)})
	}
	slices.SortStableFunc(res.Artifacts, func(a, b InspectedItem) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), strings.Compare(a.File, b.File))
	})
	for _, e := range m.Envs {
		ie := InspectedEnv{Name: e.Name, Prefix: "/" + e.Prefix, Python: e.Python, Layout: e.Layout, Own: own[e.Name], Shared: shared[e.Name], Packages: []InspectedPackage{}}
		for _, sum := range e.Artifacts {
			if a := known[sum]; a != nil {
				ie.Packages = append(ie.Packages, InspectedPackage{a.Name, a.Version, a.Build, a.Kind, isRequested(&e, a)})
			}
		}
		slices.SortFunc(ie.Packages, func(a, b InspectedPackage) int {
			return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(string(a.Kind), string(b.Kind)))
		})
		res.Environments = append(res.Environments, ie)
	}
}

// isRequested tells whether the project asks for a package by name.
func isRequested(e *image.EnvMetadata, a *image.ArtifactMetadata) bool {
	if a.Kind == artifact.Wheel {
		return slices.Contains(e.RequestedPip, wheel.NormalizeName(a.Name))
	}
	return slices.Contains(e.Requested, a.Name)
}

// frameBytes says how many of a layer's bytes are each frame's. A layer that was compressed
// anew has no frames any more; its bytes are parted as the tar entries are.
func frameBytes(l *image.LayerMetadata, layerDigest string, sizeBytes int64) []int64 {
	out := make([]int64, len(l.Frames))
	if l.Digest.OCI() == layerDigest {
		for i, f := range l.Frames {
			out[i] = f.SizeBytes
		}
		return out
	}
	var all, before int64
	for _, f := range l.Frames {
		all += f.TarBytes
	}
	if all <= 0 {
		return out
	}
	part := func(n int64) int64 { return int64(float64(sizeBytes) * (float64(n) / float64(all))) }
	for i, f := range l.Frames {
		out[i] = part(before+f.TarBytes) - part(before)
		before += f.TarBytes
	}
	return out
}

// attachedTests reads what is attached to the image of its tests, each kernel once, the last word
// that is a result.
func (d *describedImage) attachedTests(ctx context.Context, talk *report.Printer) []TestedKernel {
	out := []TestedKernel{}
	at, ok := d.inRegistry()
	if !ok {
		return out
	}
	docs, err := image.Attached(ctx, at, d.source.Digest(), testResultsType)
	if err != nil {
		talk.Say("inspect    what is attached to the image is not known: %v", err)
		return out
	}
	for _, doc := range docs {
		var r attachedResults
		if json.Unmarshal(doc, &r) != nil || r.Version != 1 {
			continue
		}
		for _, k := range r.Kernels {
			i := slices.IndexFunc(out, func(o TestedKernel) bool { return o.Name == k.Name })
			switch {
			case i < 0:
				out = append(out, k)
			case k.Result == kerneltest.Passed || out[i].Result == untested:
				out[i] = k
			}
		}
	}
	slices.SortFunc(out, func(a, b TestedKernel) int { return strings.Compare(a.Name, b.Name) })
	return out
}
