package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/testkit/layertest"
	"github.com/nasa-openscapes/corn/internal/testkit/registrytest"
)

// aLayer is a content layer as corn makes it: several gzip members, which no other tool
// would make of the same tar.
func aLayer(t *testing.T, id, text string) (AddedLayer, LayerMetadata) {
	t.Helper()
	plain := layertest.Tar(h{Name: "opt/corn/store/" + id, Data: text})
	l := layertest.Blob(append(layertest.Gzip(plain[:512]), layertest.Gzip(plain[512:])...), types.OCILayer, plain)
	d, err := l.Digest()
	if err != nil {
		t.Fatal(err)
	}
	size, err := l.Size()
	if err != nil {
		t.Fatal(err)
	}
	key := digest.Sum([]byte(id + text))
	m := LayerMetadata{
		Key: key, Kind: "content", ID: id, Digest: digestOf(d), DiffID: digest.Sum(plain), SizeBytes: size, MediaType: string(types.OCILayer),
		Frames: []FrameMetadata{{Key: key, Kind: "content", SizeBytes: size, TarBytes: int64(len(plain))}},
	}
	return AddedLayer{Layer: l, Key: key, Kind: "content", ID: id}, m
}

var someFacts = &artifact.Facts{
	FactsVersion: artifact.FactsVersion, Kind: artifact.Conda, FileName: "p-1-0.conda",
	SHA256: digest.Sum([]byte("p")), MD5: digest.SumMD5([]byte("p")), SizeBytes: 9, Name: "p", Version: "1", Build: "0", Noarch: "generic",
	Conda: &artifact.CondaFacts{Index: json.RawMessage(`{"name":"p"}`)},
}

// cornImage is an image with two content layers and a metadata layer. change may falsify
// what it says of itself.
func cornImage(t *testing.T, b *Base, change func(*Metadata)) (v1.Image, []AddedLayer) {
	t.Helper()
	one, oneMeta := aLayer(t, "numpy", "array")
	two, twoMeta := aLayer(t, "shared-07", "small things")
	m := &Metadata{
		Version: MetadataVersion, Format: FormatVersion, Platform: "linux/amd64",
		Base:   BaseMetadata{Manifest: b.Digest(), Config: b.ConfigDigest(), Layers: b.LayerCount()},
		Layers: []LayerMetadata{oneMeta, twoMeta},
	}
	if change != nil {
		change(m)
	}
	entries, data, err := m.Files(lines(t, someFacts))
	if err != nil {
		t.Fatal(err)
	}
	var files []h
	for _, e := range entries {
		if d, ok := data[e.Path]; ok {
			files = append(files, h{Name: e.Path, Data: string(d)})
		}
	}
	layers := []AddedLayer{one, two, {Layer: layertest.Layer(files...), Key: digest.Sum([]byte("meta")), Kind: MetadataKind, ID: "meta"}}
	return compose(t, Composition{Base: b, Layers: layers}), layers
}

func readPrevious(t *testing.T, ref string, rs *Registries) *Previous {
	t.Helper()
	p, err := ReadPrevious(t.Context(), ref, OpenOptions{Registries: rs})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestReadPrevious(t *testing.T) {
	onEach(t, func(t *testing.T, reg *registrytest.Registry) {
		b := baseOf(t, pangeoConfig, debianish()...)
		img, added := cornImage(t, b, nil)
		ref := reg.Host + "/x/y:1"
		r := pushTo(t, img, ref)
		reg.Forget()
		rs := quick()
		p := readPrevious(t, ref, rs)
		if p.Problem != nil || len(p.Rejected) > 0 || len(p.Layers) != 2 || p.Digest != r.Digest || p.ConfigDigest != r.ConfigDigest {
			t.Fatalf("previous %+v, problem %v", p, p.Problem)
		}
		if n := len(reg.Requests()); n != 4 {
			t.Errorf("%d requests %v, want ping, manifest, config and metadata", n, reg.Requests())
		}
		if p.Facts[someFacts.SHA256] == nil || p.Facts[someFacts.SHA256].FileName != "p-1-0.conda" {
			t.Errorf("facts %v", p.Facts)
		}
		for _, a := range added[:2] {
			l := p.Layers[a.Key]
			if l == nil || l.Recorded.ID != a.ID || l.Annotations[AnnotationLayerID] != a.ID {
				t.Fatalf("layer %s: %+v", a.ID, l)
			}
			want, _ := a.Layer.Digest()
			if got, _ := l.Digest(); got != want {
				t.Errorf("layer %s is %s, want %s", a.ID, got, want)
			}
			if !bytes.Equal(readAll(t, l.Compressed), readAll(t, a.Layer.Compressed)) {
				t.Errorf("layer %s has other bytes", a.ID)
			}
		}
		if lost, err := p.Lost(t.Context()); len(lost) > 0 || err != nil {
			t.Errorf("lost %v, %v", lost, err)
		}

		// The whole again, with layers taken over: same digest, no bytes. And into another
		// repository: mounted.
		taken := slices.Clone(added)
		for i := range taken[:2] {
			taken[i].Layer = p.Layers[taken[i].Key]
		}
		again := compose(t, Composition{Base: b, Layers: taken})
		for _, to := range []string{ref, reg.Host + "/other/z:1"} {
			reg.Forget()
			r2 := write(t, again, Output{Kind: Registry, Path: to, Registries: rs})
			if r2.Digest != r.Digest {
				t.Errorf("to %s: digest %s, want %s", to, r2.Digest, r.Digest)
			}
			if r2.Layers[2].Written || r2.Layers[3].Written || reg.Count("GET", "/blobs/sha256") > 0 {
				t.Errorf("to %s: layers %+v, requests %v", to, r2.Layers, reg.Requests())
			}
			if mounted := r2.Layers[2].Mounted && r2.Layers[3].Mounted; mounted != (to != ref) {
				t.Errorf("to %s: mounted %v", to, mounted)
			}
			checkPushed(t, to, again)
		}
	})
}

func TestPreviousOfALayout(t *testing.T) {
	img, added := cornImage(t, baseOf(t, pangeoConfig, debianish()...), nil)
	dir := t.TempDir()
	write(t, img, Output{Kind: OCILayout, Path: dir})
	p := readPrevious(t, "oci:"+dir, nil)
	if p.Problem != nil || len(p.Layers) != 2 || p.Layers[added[0].Key].Annotations[AnnotationLayerID] != "numpy" {
		t.Errorf("previous %+v, problem %v", p, p.Problem)
	}
}

// What other tools do to images, and what is left to take over.
func TestPreviousThatIsOfLittleUse(t *testing.T) {
	reg := registrytest.Start(t)
	b := baseOf(t, pangeoConfig, debianish()...)
	good, added := cornImage(t, b, nil)
	changed := func(change func(*Metadata)) v1.Image {
		img, _ := cornImage(t, b, change)
		return img
	}
	// again pushes layers as another tool would, one by one changed, without annotations.
	again := func(change func(i int, l v1.Layer) v1.Layer) v1.Image {
		layers, err := good.Layers()
		if err != nil {
			t.Fatal(err)
		}
		for i := range layers {
			layers[i] = change(i, layers[i])
		}
		cfg, err := good.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		return layertest.Image(cfg, layers...)
	}
	recompressed := func(l v1.Layer) v1.Layer {
		plain := readAll(t, l.Uncompressed)
		return layertest.Blob(layertest.Zstd(plain), types.OCILayerZStd, plain)
	}
	child, err := mutate.AppendLayers(again(func(_ int, l v1.Layer) v1.Layer { return l }), layertest.Layer(h{Name: "child"}))
	if err != nil {
		t.Fatal(err)
	}
	annotatedChild, err := mutate.AppendLayers(good, layertest.Layer(h{Name: "child"}))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		why      string
		img      v1.Image
		reason   PreviousReason
		usable   int
		rejected string
	}{
		{"as it was", good, "", 2, ""},
		{"annotations gone", again(func(_ int, l v1.Layer) v1.Layer { return l }), "", 2, ""},
		{"built upon, annotations kept", annotatedChild, "", 2, ""},
		{"built upon, annotations gone", child, PreviousNotCorn, 0, ""},
		{"made by others", b.Image(), PreviousNotCorn, 0, ""},
		{"compressed anew", again(func(_ int, l v1.Layer) v1.Layer { return recompressed(l) }), PreviousChanged, 0, "compressed anew"},
		{"one layer compressed anew", again(func(i int, l v1.Layer) v1.Layer {
			if i == 3 {
				return recompressed(l)
			}
			return l
		}), "", 1, "compressed anew"},
		{"layers are others", again(func(i int, l v1.Layer) v1.Layer {
			if i == 2 {
				return layertest.Layer(h{Name: "other"})
			}
			return l
		}), "", 1, "is not in the manifest"},
		{"older format", changed(func(m *Metadata) { m.Format-- }), PreviousFormat, 0, ""},
		{"newer metadata", changed(func(m *Metadata) { m.Version++ }), PreviousFormat, 0, ""},
		{"damaged metadata", changed(func(m *Metadata) { m.Layers[0].Frames[0].Offset = 7 }), PreviousDamaged, 0, ""},
		{"another platform", changed(func(m *Metadata) { m.Platform = "linux/arm64" }), PreviousNoPlatform, 0, ""},
		{"wrong size", changed(func(m *Metadata) { m.Layers[0].SizeBytes++; m.Layers[0].Frames[0].SizeBytes++ }), "", 1, "bytes"},
		{"wrong diff id", changed(func(m *Metadata) { m.Layers[1].DiffID[0] ^= 1 }), "", 1, "diff id"},
		{"wrong key", changed(func(m *Metadata) { m.Layers[1].Key[0] ^= 1 }), "", 1, "annotated with"},
		{"no key", changed(func(m *Metadata) { m.Layers[1].Key = digest.SHA256{} }), "", 1, "has no key"},
		{"wrong media type", changed(func(m *Metadata) { m.Layers[1].MediaType = string(types.OCILayerZStd) }), "", 1, "recorded as"},
	} {
		ref := reg.Host + "/x/y:" + strings.ReplaceAll(strings.ReplaceAll(c.why, " ", "-"), ",", "")
		serve(t, ref, c.img)
		p := readPrevious(t, ref, quick())
		var reason PreviousReason
		if p.Problem != nil {
			reason = p.Problem.Reason
			if !strings.Contains(p.Problem.Error(), ref) || p.Problem.Detail == "" || p.Metadata != nil {
				t.Errorf("%s: problem %v", c.why, p.Problem)
			}
		}
		if reason != c.reason || len(p.Layers) != c.usable {
			t.Errorf("%s: %d layers, problem %v, want %d and %q", c.why, len(p.Layers), p.Problem, c.usable, c.reason)
		}
		if c.rejected != "" && (len(p.Rejected) == 0 || !strings.Contains(p.Rejected[0].Reason, c.rejected)) {
			t.Errorf("%s: rejected %+v, want one that %s", c.why, p.Rejected, c.rejected)
		}
		for key, l := range p.Layers { // never wrong bytes
			i := slices.IndexFunc(added, func(a AddedLayer) bool { return a.Key == key })
			if i < 0 || !bytes.Equal(readAll(t, l.Compressed), readAll(t, added[i].Layer.Compressed)) {
				t.Errorf("%s: key %s gives other bytes", c.why, key)
			}
		}
	}
}

func TestPreviousThatCannotBeRead(t *testing.T) {
	reg := registrytest.Start(t)
	b := baseOf(t, pangeoConfig, debianish()...)
	img, added := cornImage(t, b, nil)
	ref := reg.Host + "/x/y:1"
	pushTo(t, img, ref)
	arm := pangeoConfig.DeepCopy()
	arm.OS, arm.Architecture = "linux", "arm64"
	serve(t, reg.Host+"/x/index:1", mutate.AppendManifests(empty.Index, mutate.IndexAddendum{
		Add: layertest.Image(arm, debianish()...), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}},
	}))
	want := func(why, ref string, reason PreviousReason) *Previous {
		t.Helper()
		p := readPrevious(t, ref, quick())
		if p.Problem == nil || p.Problem.Reason != reason || len(p.Layers) > 0 {
			t.Errorf("%s: %v, want %q", why, p.Problem, reason)
		}
		return p
	}
	want("no tag", reg.Host+"/x/y:2", PreviousMissing)
	want("no folder", "oci:/nowhere", PreviousUnreachable)
	want("no reference", "://", PreviousMissing)
	want("no registry", "127.0.0.1:1/x/y:1", PreviousUnreachable)
	want("an index without the platform", reg.Host+"/x/index:1", PreviousNoPlatform)
	for _, code := range []int{401, 403, 500} {
		reg.Fail(registrytest.Fault{Path: "/manifests/", Kind: registrytest.Status, Code: code})
		want("manifests answered with an error", ref, PreviousUnreachable)
		reg.Heal()
	}
	meta, err := added[2].Layer.Digest()
	if err != nil {
		t.Fatal(err)
	}
	reg.Fail(registrytest.Fault{Path: meta.String(), Kind: registrytest.Corrupt, After: 50})
	want("metadata with a flipped bit", ref, PreviousDamaged)
	reg.Heal()
	reg.Withhold(meta.String())
	p := want("metadata lost", ref, PreviousDamaged)
	if _, ok := errors.AsType[*LostBlobError](p.Problem); !ok {
		t.Errorf("metadata lost: %v does not lead to a *LostBlobError", p.Problem)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	reg.Fail(registrytest.Fault{Path: "/manifests/", Kind: registrytest.Hang})
	if p, err := ReadPrevious(ctx, ref, OpenOptions{Registries: quick()}); p != nil || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("cancelled: %v, %v", p, err)
	}
}

func TestPreviousWithALostLayer(t *testing.T) {
	for name, lose := range map[string]func(*registrytest.Registry, string){
		"gone":     (*registrytest.Registry).Lose,
		"debian":   (*registrytest.Registry).Lose,
		"withheld": (*registrytest.Registry).Withhold,
		"replaced": func(r *registrytest.Registry, d string) { r.Replace(d, []byte("x")) },
	} {
		t.Run(name, func(t *testing.T) {
			start := registries["memory"]
			if name == "debian" {
				start = registries["debian"]
			}
			reg := start(t)
			b := baseOf(t, pangeoConfig, debianish()...)
			img, added := cornImage(t, b, nil)
			ref := reg.Host + "/x/y:1"
			pushTo(t, img, ref)
			p := readPrevious(t, ref, quick())
			l := p.Layers[added[0].Key]
			d, _ := l.Digest()
			lose(reg, d.String())

			// Taken over without a look, it is found out when the image is written.
			taken := slices.Clone(added)
			taken[0].Layer = l
			more, _ := aLayer(t, "new", name)
			next := compose(t, Composition{Base: b, Layers: append(taken, more)})
			for _, out := range []Output{
				{Kind: Registry, Path: reg.Host + "/x/y:2", Registries: quick()},
				{Kind: Registry, Path: reg.Host + "/other/y:2", Registries: quick()},
				{Kind: OCILayout, Path: t.TempDir()},
			} {
				_, err := Write(t.Context(), next, out)
				if lost, ok := errors.AsType[*LostBlobError](err); !ok || lost.Digest != digestOf(d) {
					t.Errorf("to %s: %v, want a *LostBlobError of %s", out, err, d)
				}
			}
			lost, err := p.Lost(t.Context())
			if err != nil || !slices.Equal(lost, []digest.SHA256{added[0].Key}) || p.Layers[added[0].Key] != nil || len(p.Layers) != 1 || len(p.Rejected) != 1 {
				t.Errorf("lost %v, %v, rejected %+v", lost, err, p.Rejected)
			}
			// Made again, it is sent again, where the registry takes it.
			if name == "gone" || name == "debian" {
				next = compose(t, Composition{Base: b, Layers: append(slices.Clone(added), more)})
				r := pushTo(t, next, reg.Host+"/x/y:2")
				if !r.Layers[2].Written || r.Layers[3].Written {
					t.Errorf("layers %+v, want the lost one written", r.Layers)
				}
				checkPushed(t, reg.Host+"/x/y:2", next)
			}
		})
	}
}
