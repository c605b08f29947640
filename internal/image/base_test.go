package image

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/testkit/layertest"
)

func emptyIndex() v1.ImageIndex { return empty.Index }

func TestParseRef(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	sum := digest.Sum([]byte("x"))
	for _, d := range []string{"lay", "lay:out"} {
		if err := errors.Join(os.Mkdir(d, 0o755), os.WriteFile(filepath.Join(d, "oci-layout"), nil, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.WriteFile("a.tar", nil, 0o644), os.WriteFile("a:b.tar", nil, 0o644), os.Mkdir("plain", 0o755)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		in   string
		want Ref
	}{
		{"oci:lay", Ref{Kind: OCILayout, Path: "lay"}},
		{"lay", Ref{Kind: OCILayout, Path: "lay"}},
		{"oci:lay:v1.2", Ref{Kind: OCILayout, Path: "lay", Tag: "v1.2"}},
		{"oci:lay:out", Ref{Kind: OCILayout, Path: "lay:out"}}, // a folder that exists wins
		{"oci:lay:out:v1", Ref{Kind: OCILayout, Path: "lay:out", Tag: "v1"}},
		{"oci:lay@" + sum.OCI(), Ref{Kind: OCILayout, Path: "lay", Digest: sum}},
		{"oci:not/there", Ref{Kind: OCILayout, Path: "not/there"}}, // opening it says what is wrong
		{"docker-archive:a.tar", Ref{Kind: DockerArchive, Path: "a.tar"}},
		{"docker-archive:a.tar:v1", Ref{Kind: DockerArchive, Path: "a.tar", Tag: "v1"}},
		{"docker-archive:a.tar:pangeo/base-image:v1", Ref{Kind: DockerArchive, Path: "a.tar", Tag: "pangeo/base-image:v1"}},
		{"docker-archive:a.tar:localhost:5000/x:v1", Ref{Kind: DockerArchive, Path: "a.tar", Tag: "localhost:5000/x:v1"}},
		{"docker-archive:a:b.tar:v1", Ref{Kind: DockerArchive, Path: "a:b.tar", Tag: "v1"}},
		{"quay.io/pangeo/base-image:2024", Ref{Kind: Registry, Path: "quay.io/pangeo/base-image", Tag: "2024"}},
		{"pangeo/base-image", Ref{Kind: Registry, Path: "pangeo/base-image"}},
		{"ubuntu:24.04", Ref{Kind: Registry, Path: "ubuntu", Tag: "24.04"}},
		{"docker://ubuntu", Ref{Kind: Registry, Path: "ubuntu"}},
		{"docker:24", Ref{Kind: Registry, Path: "docker", Tag: "24"}},   // an image of Docker Hub
		{"registry:2", Ref{Kind: Registry, Path: "registry", Tag: "2"}}, // another one
		{"registry:localhost:5000/x", Ref{Kind: Registry, Path: "localhost:5000/x"}},
		{"localhost:5000/x", Ref{Kind: Registry, Path: "localhost:5000/x"}}, // a port, no tag
		{"quay.io/x/y@" + sum.OCI(), Ref{Kind: Registry, Path: "quay.io/x/y", Digest: sum}},
		{"quay.io/x/y:1@" + sum.OCI(), Ref{Kind: Registry, Path: "quay.io/x/y", Tag: "1", Digest: sum}},
		{"docker://lay", Ref{Kind: Registry, Path: "lay"}}, // the folder is not meant
	} {
		got, err := ParseRef(tt.in)
		if err != nil || got != tt.want {
			t.Errorf("ParseRef(%q) = %+v, %v, want %+v", tt.in, got, err, tt.want)
		}
		if again, err := ParseRef(got.String()); err != nil || again != got {
			t.Errorf("ParseRef(%q) = %+v, %v, want what was printed, %+v", got.String(), again, err, got)
		}
	}
	for in, want := range map[string]string{
		"docker://":             "neither a folder nor the name of an image",
		"docker://Upper/case":   "neither a folder nor the name of an image",
		"quay.io/x/y:no tag":    "is no tag",
		"quay.io/x/y@sha256:12": "no sha256 digest",
		"/nothing":              "no such folder",
		"https://quay.io/x/y":   "neither a folder nor the name of an image",
		"./nothing":             "no such folder",
		"plain":                 "has no oci-layout file",
		"a.tar":                 "write docker-archive:a.tar",
		"oci:":                  "names no folder",
		"docker-archive:":       "names no file",
		"oci:lay@sha256:12":     "no sha256 digest",
		"":                      "no such folder",
	} {
		_, err := ParseRef(in)
		var bad *RefError
		if !errors.As(err, &bad) || bad.Ref != in || !strings.Contains(bad.Reason, want) {
			t.Errorf("ParseRef(%q) = %v, want a *RefError with %q", in, err, want)
		}
	}
}

func TestOpenNormalisesWithoutRecompressing(t *testing.T) {
	plain := layertest.Tar(h{Name: "f", Data: "1"})
	z := layertest.Zstd(plain)
	src := layertest.Image(&pangeoConfig, layertest.Layer(h{Name: "a", Data: "1"}), layertest.Blob(z, types.OCILayerZStd, plain))
	b := open(t, "oci:"+layoutOf(t, src))
	m, err := b.Image().Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if m.MediaType != types.OCIManifestSchema1 || m.Config.MediaType != types.OCIConfigJSON {
		t.Errorf("media types are %s and %s, want OCI's", m.MediaType, m.Config.MediaType)
	}
	from, err := src.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []types.MediaType{types.OCILayer, types.OCILayerZStd} {
		if m.Layers[i].MediaType != want || m.Layers[i].Digest != from.Layers[i].Digest {
			t.Errorf("layer %d is %s %s, want %s %s", i, m.Layers[i].MediaType, m.Layers[i].Digest, want, from.Layers[i].Digest)
		}
	}
	layers, err := b.Image().Layers()
	if err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, layers[1].Compressed); !bytes.Equal(got, z) {
		t.Error("the zstd layer's bytes changed")
	}
	if got := readAll(t, layers[1].Uncompressed); !bytes.Equal(got, plain) {
		t.Error("the zstd layer decompresses to something else")
	}
	if b.CondaDir() != "srv/conda" || b.NotebookPrefix() != "srv/conda/envs/notebook" || b.LayerCount() != 2 {
		t.Errorf("CondaDir %q, NotebookPrefix %q, %d layers", b.CondaDir(), b.NotebookPrefix(), b.LayerCount())
	}
}

func TestDockerArchive(t *testing.T) {
	one, two := layertest.Tar(h{Name: "f", Data: "1"}), layertest.Tar(h{Name: "g", Data: "2"})
	img := archived{config: pangeoConfig, tags: []string{"pangeo/base:v1", "docker.io/library/base:v2"},
		layers: []archivedBytes{{plain: one}, {plain: two, stored: layertest.Gzip(two)}, {plain: one, link: "../a0/layer.tar"}}}
	other := archived{config: pangeoConfig, tags: []string{"other:v1"}, layers: []archivedBytes{{plain: two}}}

	for name, compress := range map[string]func([]byte) []byte{"plain": nil, "gzip": layertest.Gzip, "zstd": layertest.Zstd} {
		t.Run(name, func(t *testing.T) {
			b := open(t, "docker-archive:"+archiveOf(t, "base.tar", compress, img))
			m, err := b.Image().Manifest()
			if err != nil {
				t.Fatal(err)
			}
			want := []types.MediaType{types.OCIUncompressedLayer, types.OCILayer, types.OCIUncompressedLayer}
			for i, d := range m.Layers {
				if d.MediaType != want[i] {
					t.Errorf("layer %d has media type %s, want %s", i, d.MediaType, want[i])
				}
			}
			if m.Layers[0].Digest != toHash(digest.Sum(one)) || m.Layers[0].Digest != m.Layers[2].Digest {
				t.Errorf("layers 0 and 2 are %s and %s, want both to be the tar's own digest", m.Layers[0].Digest, m.Layers[2].Digest)
			}
			layers, err := b.Image().Layers()
			if err != nil {
				t.Fatal(err)
			}
			if got := tarNames(t, readAll(t, layers[1].Uncompressed)); len(got) != 1 || got[0] != "g" {
				t.Errorf("layer 1 has %v, want g", got)
			}
		})
	}
	t.Run("temporary file goes", func(t *testing.T) {
		tmp := t.TempDir()
		b, err := OpenBase(t.Context(), "docker-archive:"+archiveOf(t, "base.tar.gz", layertest.Gzip, img), OpenOptions{TempDir: tmp})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if left, err := os.ReadDir(tmp); err != nil || len(left) != 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
	two2 := archiveOf(t, "two.tar", nil, img, other)
	for tag, layers := range map[string]int{":pangeo/base:v1": 3, ":base:v2": 3, ":other:v1": 1, ":v2": 3} {
		if b := open(t, "docker-archive:"+two2+tag); b.LayerCount() != layers {
			t.Errorf("%s has %d layers, want %d", tag, b.LayerCount(), layers)
		}
	}
	var ambiguous *AmbiguousError
	if _, err := OpenBase(t.Context(), "docker-archive:"+two2, OpenOptions{}); !errors.As(err, &ambiguous) || len(ambiguous.Have) != 3 {
		t.Errorf("two images and no tag: %v, want an *AmbiguousError with 3 tags", err)
	}
	var ref *RefError
	if _, err := OpenBase(t.Context(), "docker-archive:"+two2+":v9", OpenOptions{}); !errors.As(err, &ref) || !strings.Contains(err.Error(), "other:v1") {
		t.Errorf("a tag that is not there: %v, want a *RefError that lists the tags", err)
	}
}

func TestBadArchives(t *testing.T) {
	one := layertest.Tar(h{Name: "f", Data: "1"})
	good := archiveOf(t, "good.tar", nil, archived{config: pangeoConfig, layers: []archivedBytes{{plain: one}}})
	data, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	write := func(data []byte) string {
		f := filepath.Join(t.TempDir(), "x.tar")
		if err := os.WriteFile(f, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return f
	}
	for name, file := range map[string]string{
		"truncated":            write(data[:700]),
		"empty":                write(nil),
		"no tar":               write([]byte(strings.Repeat("no tar at all ", 100))),
		"truncated gzip":       write(layertest.Gzip(data)[:200]),
		"layer of other bytes": archiveOf(t, "x.tar", nil, archived{config: pangeoConfig, layers: []archivedBytes{{plain: one, stored: layertest.Tar(h{Name: "evil"})}}}),
		"layer link loop":      archiveOf(t, "x.tar", nil, archived{config: pangeoConfig, layers: []archivedBytes{{plain: one, link: "layer.tar"}}}),
		"no images":            write(layertest.Tar(h{Name: "manifest.json", Data: "[]"})),
		"manifest no JSON":     write(layertest.Tar(h{Name: "manifest.json", Data: "{"})),
		"config missing":       write(layertest.Tar(h{Name: "manifest.json", Data: `[{"Config":"../../etc/passwd","Layers":[]}]`})),
		"other platform":       archiveOf(t, "x.tar", nil, archived{config: pangeoConfig, arch: "arm64", layers: []archivedBytes{{plain: one}}}),
	} {
		b, err := OpenBase(t.Context(), "docker-archive:"+file, OpenOptions{TempDir: t.TempDir()})
		if err == nil {
			t.Errorf("%s: no error", name)
			_ = b.Close()
		}
	}
	if _, err := OpenBase(t.Context(), "docker-archive:/no/such/file.tar", OpenOptions{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such file: %v, want fs.ErrNotExist", err)
	}
}

func multi(t *testing.T) (dir string, amd v1.Hash, index v1.Hash) {
	t.Helper()
	ii := v1.ImageIndex(empty.Index)
	for _, arch := range []string{"amd64", "arm64"} {
		c := v1.ConfigFile{OS: "linux", Architecture: arch, Config: v1.Config{User: arch}}
		img := layertest.Image(&c, layertest.Layer(h{Name: arch, Data: arch}))
		if arch == "amd64" {
			var err error
			if amd, err = img.Digest(); err != nil {
				t.Fatal(err)
			}
		}
		ii = mutate.AppendManifests(ii, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
	}
	attestation := layertest.Image(&v1.ConfigFile{OS: "unknown", Architecture: "unknown"})
	ii = mutate.AppendManifests(ii, mutate.IndexAddendum{Add: attestation, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"}}})
	index, err := ii.Digest()
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(t.TempDir(), "multi")
	p, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.AppendIndex(ii, layout.WithAnnotations(map[string]string{annotationRefName: "v1"})); err != nil {
		t.Fatal(err)
	}
	return dir, amd, index
}

func TestPlatforms(t *testing.T) {
	dir, amd, index := multi(t)
	for _, ref := range []string{"oci:" + dir, "oci:" + dir + ":v1", "oci:" + dir + "@" + amd.String(), "oci:" + dir + "@" + index.String(), dir} {
		if b := open(t, ref); b.Config().Config.User != "amd64" {
			t.Errorf("%s for linux/amd64 is the image of %s", ref, b.Config().Config.User)
		}
	}
	b, err := OpenBase(t.Context(), dir, OpenOptions{Platform: "linux/arm64/v8"})
	if err != nil || b.Config().Config.User != "arm64" {
		t.Fatalf("linux/arm64/v8: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	var p *PlatformError
	if _, err := OpenBase(t.Context(), dir, OpenOptions{Platform: "linux/s390x"}); !errors.As(err, &p) || strings.Join(p.Have, " ") != "linux/amd64 linux/arm64" {
		t.Errorf("linux/s390x: %v, want a *PlatformError that names amd64 and arm64", err)
	}
	var r *RefError
	for _, ref := range []string{dir + ":v2", dir + "@" + digest.Sum(nil).OCI()} {
		if _, err := OpenBase(t.Context(), "oci:"+ref, OpenOptions{}); !errors.As(err, &r) {
			t.Errorf("%s: %v, want a *RefError", ref, err)
		}
	}
	if _, err := OpenBase(t.Context(), dir, OpenOptions{Platform: "amd64"}); err == nil {
		t.Error("platform amd64 is accepted, want an error that asks for os/architecture")
	}
}

func TestSeveralImagesInALayout(t *testing.T) {
	dir := layoutOf(t, layertest.Image(&v1.ConfigFile{Config: v1.Config{User: "one"}}), layout.WithAnnotations(map[string]string{annotationRefName: "one"}))
	if err := layout.Path(dir).AppendImage(layertest.Image(&v1.ConfigFile{Config: v1.Config{User: "two"}}),
		layout.WithAnnotations(map[string]string{annotationRefName: "example.org/x:two"})); err != nil {
		t.Fatal(err)
	}
	for _, tag := range []string{"one", "two"} {
		if b := open(t, "oci:"+dir+":"+tag); b.Config().Config.User != tag {
			t.Errorf("tag %s is image %s", tag, b.Config().Config.User)
		}
	}
	var a *AmbiguousError
	if _, err := OpenBase(t.Context(), dir, OpenOptions{}); !errors.As(err, &a) || len(a.Have) != 2 {
		t.Errorf("no tag: %v, want an *AmbiguousError with two names", err)
	}
}

func TestCorruptLayouts(t *testing.T) {
	fresh := func() (string, *v1.Manifest) {
		img := layertest.Image(&pangeoConfig, layertest.Layer(h{Name: "f", Data: strings.Repeat("x", 1000)}))
		m, err := img.Manifest()
		if err != nil {
			t.Fatal(err)
		}
		return layoutOf(t, img), m
	}
	change := func(dir string, h v1.Hash, f func([]byte) []byte) {
		t.Helper()
		p := filepath.Join(dir, blobPath(h))
		data, err := os.ReadFile(p)
		if err == nil {
			err = os.WriteFile(p, f(data), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	flip := func(b []byte) []byte { b[len(b)/2] ^= 1; return b }

	dir, m := fresh()
	change(dir, m.Config.Digest, flip)
	var bad *FormatError
	if _, err := OpenBase(t.Context(), dir, OpenOptions{}); !errors.As(err, &bad) || !strings.Contains(err.Error(), "sha256 mismatch") {
		t.Errorf("changed config: %v, want a *FormatError with a mismatch", err)
	}
	dir, m = fresh()
	change(dir, m.Layers[0].Digest, func(b []byte) []byte { return b[:len(b)-5] })
	if _, err := OpenBase(t.Context(), dir, OpenOptions{}); !errors.As(err, &bad) || !strings.Contains(err.Error(), "the manifest says") {
		t.Errorf("truncated layer: %v, want a *FormatError with both sizes", err)
	}
	dir, m = fresh()
	if err := os.Remove(filepath.Join(dir, blobPath(m.Layers[0].Digest))); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenBase(t.Context(), dir, OpenOptions{}); !errors.As(err, &bad) {
		t.Errorf("missing layer: %v, want a *FormatError", err)
	}
	dir, m = fresh() // a layer of the right size and other bytes is found when it is read
	other := layertest.Gzip(layertest.Tar(h{Name: "evil", Data: strings.Repeat("x", 1000)}))
	change(dir, m.Layers[0].Digest, func(b []byte) []byte { return append(other, make([]byte, len(b))...)[:len(b)] })
	b := open(t, dir)
	if _, err := b.Facts(t.Context(), FactsOptions{}); err == nil {
		t.Error("a layer of other bytes: no error from Facts")
	}
	dir, _ = fresh()
	if err := os.WriteFile(filepath.Join(dir, "index.json"), []byte(`{"manifests": []}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenBase(t.Context(), dir, OpenOptions{}); !errors.As(err, &bad) {
		t.Errorf("empty index: %v, want a *FormatError", err)
	}
	// A blob that is a link out of the layout is not followed.
	dir, m = fresh()
	p := filepath.Join(dir, blobPath(m.Config.Digest))
	if err := errors.Join(os.Remove(p), os.Symlink("/etc/passwd", p)); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenBase(t.Context(), dir, OpenOptions{}); !errors.As(err, &bad) {
		t.Errorf("blob that leads out: %v, want a *FormatError", err)
	}
}

func TestOCILayoutInATar(t *testing.T) {
	dir := layoutOf(t, layertest.Image(&pangeoConfig, layertest.Layer(h{Name: "f", Data: "1"})))
	var files []h
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		files = append(files, h{Name: filepath.ToSlash(rel), Data: string(data)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "oci.tar")
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write(layertest.Tar(files...)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), os.WriteFile(file, z.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
	if b := open(t, "docker-archive:"+file); b.LayerCount() != 1 || b.Digest() != open(t, dir).Digest() {
		t.Errorf("the layout in a tar opens as another image")
	}
}
