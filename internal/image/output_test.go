package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/nasa-openscapes/corn/internal/testkit/layertest"
)

// built is an image with a gzip, a zstd and a plain layer, one of them twice.
func built(t *testing.T, marker string) v1.Image {
	t.Helper()
	plain := layertest.Tar(h{Name: "p", Data: "plain " + marker})
	z := layertest.Tar(h{Name: "z", Data: "zstd " + marker})
	twice := AddedLayer{Layer: layertest.Blob(layertest.Zstd(z), types.OCILayerZStd, z), Kind: "content", ID: "z"}
	b := baseOf(t, pangeoConfig, debianish()...)
	return compose(t, Composition{Base: b, Layers: []AddedLayer{
		twice,
		{Layer: layertest.Blob(plain, types.OCIUncompressedLayer, plain), Kind: "placement"},
		twice,
	}})
}

func write(t *testing.T, img v1.Image, o Output) Result {
	t.Helper()
	r, err := Write(t.Context(), img, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// snapshot reads a folder: path to size and hash.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	m := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		m[strings.TrimPrefix(p, dir)] = fmt.Sprintf("%d bytes %x", len(data), sha256.Sum256(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestParseOutput(t *testing.T) {
	for in, want := range map[string]Output{
		"oci:out":                      {Kind: OCILayout, Path: "out"},
		"oci:a:b":                      {Kind: OCILayout, Path: "a:b"},
		"docker-archive:x.tar":         {Kind: DockerArchive, Path: "x.tar"},
		"docker://localhost:5000/x:v1": {Kind: Registry, Path: "localhost:5000/x:v1"},
		"docker://quay.io/x/y":         {Kind: Registry, Path: "quay.io/x/y"},
		"registry:quay.io/x/y:z":       {Kind: Registry, Path: "quay.io/x/y:z"},
	} {
		got, err := ParseOutput(in)
		if d := cmp.Diff(want, got); err != nil || d != "" || got.String() != strings.Replace(in, "registry:", "docker://", 1) {
			t.Errorf("ParseOutput(%q): %v, printed %q (-want +got):\n%s", in, err, got, d)
		}
	}
	for _, in := range []string{"", "out", "oci:", "docker-archive:", "quay.io/x/y:z", "docker:x", "docker://", "docker://A", "registry:", "docker://x/y@sha256:" + strings.Repeat("1", 64)} {
		var bad *RefError
		if _, err := ParseOutput(in); !errors.As(err, &bad) {
			t.Errorf("ParseOutput(%q): %v, want a *RefError", in, err)
		}
	}
}

func TestLayoutRoundTrip(t *testing.T) {
	img := built(t, "1")
	dir := filepath.Join(t.TempDir(), "new", "out")
	r := write(t, img, Output{Kind: OCILayout, Path: dir, Tags: []string{"abc1234"}})

	// go-containerregistry reads it as others would.
	ii, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(ii, validate.Fast); err != nil {
		t.Errorf("go-containerregistry finds the layout invalid: %v", err)
	}
	im, err := ii.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(im.Manifests) != 1 || im.Manifests[0].Annotations[annotationRefName] != "abc1234" || im.Manifests[0].Platform.Architecture != "amd64" {
		t.Errorf("index.json lists %+v", im.Manifests)
	}
	// And so does corn.
	b := open(t, "oci:"+dir+":abc1234")
	want, err := layertest.Flatten(img)
	if err != nil {
		t.Fatal(err)
	}
	got, err := layertest.Flatten(b.Image())
	if err != nil {
		t.Fatal(err)
	}
	if d := layertest.Diff(want, got, ""); d != "" {
		t.Errorf("tree changed:\n%s", d)
	}
	if b.ConfigDigest() != r.ConfigDigest {
		t.Errorf("image id %s, written %s", b.ConfigDigest(), r.ConfigDigest)
	}
	if len(r.Layers) != 5 || !r.Layers[2].Written || r.Layers[4].Written || r.Layers[2].Annotations[AnnotationLayerID] != "z" {
		t.Errorf("layers of the result: %+v", r.Layers)
	}
	var sum int64
	for name := range snapshot(t, filepath.Join(dir, "blobs")) {
		fi, err := os.Stat(filepath.Join(dir, "blobs", name))
		if err != nil {
			t.Fatal(err)
		}
		if sum += fi.Size(); fi.Mode().Perm() != 0o644 {
			t.Errorf("%s has mode %v, want 0644", name, fi.Mode())
		}
	}
	if sum != r.SizeBytes || sum != r.WrittenBytes {
		t.Errorf("%d bytes of blobs, result says %d and %d written", sum, r.SizeBytes, r.WrittenBytes)
	}
}

func TestLayoutIsWrittenOnce(t *testing.T) {
	img := built(t, "1")
	dir := t.TempDir()
	write(t, img, Output{Kind: OCILayout, Path: dir})
	before := snapshot(t, dir)
	info, err := os.Stat(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	r := write(t, img, Output{Kind: OCILayout, Path: dir})
	if r.WrittenBytes != 0 || slices.ContainsFunc(r.Layers, func(l LayerResult) bool { return l.Written }) {
		t.Errorf("the second time %d bytes were written: %+v", r.WrittenBytes, r.Layers)
	}
	if d := cmp.Diff(before, snapshot(t, dir)); d != "" {
		t.Errorf("layout (-before +after):\n%s", d)
	}
	if again, err := os.Stat(filepath.Join(dir, "index.json")); err != nil || !os.SameFile(info, again) {
		t.Errorf("index.json was written again, %v", err)
	}
	// A blob that was cut short is replaced.
	blob := filepath.Join(dir, "blobs/sha256", r.Layers[2].Digest.String())
	if err := os.Truncate(blob, 3); err != nil {
		t.Fatal(err)
	}
	write(t, img, Output{Kind: OCILayout, Path: dir})
	if d := cmp.Diff(before, snapshot(t, dir)); d != "" {
		t.Errorf("layout after repair (-before +after):\n%s", d)
	}
}

func TestLayoutKeepsOtherImages(t *testing.T) {
	dir := t.TempDir()
	tags := func() map[string]string {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(dir, "index.json"))
		if err != nil {
			t.Fatal(err)
		}
		var im v1.IndexManifest
		if err := json.Unmarshal(data, &im); err != nil {
			t.Fatal(err)
		}
		m := map[string]string{}
		for _, d := range im.Manifests {
			name := d.Annotations[annotationRefName]
			if _, twice := m[name]; twice {
				t.Errorf("index.json has %q twice", name)
			}
			m[name] = d.Digest.Hex
		}
		return m
	}
	one, two := built(t, "1"), built(t, "2")
	d1 := write(t, one, Output{Kind: OCILayout, Path: dir, Tags: []string{"v1", "latest"}}).Digest.String()
	d2 := write(t, two, Output{Kind: OCILayout, Path: dir, Name: "quay.io/x/y", Tags: []string{"v2", "latest", "latest"}}).Digest.String()
	if d := cmp.Diff(map[string]string{"v1": d1, "v2": d2, "latest": d2}, tags()); d != "" {
		t.Errorf("tags (-want +got):\n%s", d)
	}
	write(t, one, Output{Kind: OCILayout, Path: dir})
	write(t, two, Output{Kind: OCILayout, Path: dir}) // takes the place without a name
	if d := cmp.Diff(map[string]string{"v1": d1, "v2": d2, "latest": d2, "": d2}, tags()); d != "" {
		t.Errorf("tags (-want +got):\n%s", d)
	}
	if open(t, "oci:"+dir+":v1").Image() == nil {
		t.Error("v1 cannot be opened")
	}
}

func TestConcurrentWritersOfOneLayout(t *testing.T) {
	dir := t.TempDir()
	var imgs []v1.Image
	for _, m := range []string{"a", "b", "c", "d"} {
		imgs = append(imgs, built(t, m))
	}
	var wg sync.WaitGroup
	for i, img := range imgs {
		wg.Go(func() {
			if _, err := Write(t.Context(), img, Output{Kind: OCILayout, Path: dir, Tags: []string{string(rune('a' + i))}}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, tag := range []string{"a", "b", "c", "d"} {
		if open(t, "oci:"+dir+":"+tag).LayerCount() != 5 {
			t.Errorf("%s is not whole", tag)
		}
	}
}

// A failing layer gives other bytes than it promised, or none.
type failing struct {
	v1.Layer
	data []byte
	err  error
}

func (f *failing) Compressed() (io.ReadCloser, error) {
	return io.NopCloser(io.MultiReader(bytes.NewReader(f.data), &errReader{f.err})), nil
}

type errReader struct{ err error }

func (e *errReader) Read([]byte) (int, error) {
	if e.err != nil {
		return 0, e.err
	}
	return 0, io.EOF
}

func TestFailedWritesLeaveTheLastImage(t *testing.T) {
	good := layertest.Layer(h{Name: "x", Data: "1"})
	data := readAll(t, good.Compressed)
	full := errors.New("no space left on device")
	wrong := bytes.Clone(data)
	wrong[len(wrong)-1] ^= 1
	b := baseOf(t, pangeoConfig, debianish()...)
	for _, kind := range []RefKind{OCILayout, DockerArchive} {
		for name, layer := range map[string]v1.Layer{
			"error":     &failing{good, data[:10], full},
			"short":     &failing{good, data[:10], nil},
			"long":      &failing{good, append(bytes.Clone(data), 0), nil},
			"corrupted": &failing{good, wrong, nil},
		} {
			t.Run(string(kind)+" "+name, func(t *testing.T) {
				dir := t.TempDir()
				out := Output{Kind: kind, Path: filepath.Join(dir, "out")}
				write(t, compose(t, Composition{Base: b}), out)
				before := snapshot(t, dir)
				_, err := Write(t.Context(), compose(t, Composition{Base: b, Layers: []AddedLayer{{Layer: layer, Kind: "content"}}}), out)
				if err == nil || name == "error" && !errors.Is(err, full) || !strings.Contains(err.Error(), "layer 3 of 3") {
					t.Errorf("Write with a layer that fails: error %v, want one that names layer 3", err)
				}
				if d := cmp.Diff(before, snapshot(t, dir)); d != "" {
					t.Errorf("the output changed (-before +after):\n%s", d)
				}
			})
		}
		t.Run(string(kind)+" cancelled", func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			dir := t.TempDir()
			if _, err := Write(ctx, built(t, "1"), Output{Kind: kind, Path: filepath.Join(dir, "out")}); !errors.Is(err, context.Canceled) {
				t.Errorf("Write that is cancelled: error %v, want context.Canceled", err)
			}
			for name := range snapshot(t, dir) {
				t.Errorf("%s is left behind", name)
			}
		})
	}
}

func TestOutputsThatAreSomethingElse(t *testing.T) {
	img := built(t, "1")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thesis.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	var bad *RefError
	if _, err := Write(t.Context(), img, Output{Kind: OCILayout, Path: dir}); !errors.As(err, &bad) {
		t.Errorf("a folder with other files: %v, want a *RefError", err)
	}
	if _, err := Write(t.Context(), img, Output{Kind: DockerArchive, Path: dir}); !errors.As(err, &bad) {
		t.Errorf("an archive where a folder is: %v, want a *RefError", err)
	}
	if _, err := Write(t.Context(), img, Output{Kind: OCILayout, Path: filepath.Join(dir, "thesis.txt")}); err == nil {
		t.Error("a layout where a file is: no error")
	}
	if _, err := Write(t.Context(), img, Output{Kind: OCILayout, Path: t.TempDir(), Tags: []string{"no spaces"}}); !errors.Is(err, ErrBadTag) {
		t.Errorf("a tag with a space: %v, want ErrBadTag", err)
	}
	if _, err := Write(t.Context(), img, Output{}); !errors.As(err, &bad) {
		t.Errorf("no output: %v, want a *RefError", err)
	}
}

func TestArchiveRoundTrip(t *testing.T) {
	img := built(t, "1")
	dir := t.TempDir()
	file := filepath.Join(dir, "sub", "image.tar")
	r := write(t, img, Output{Kind: DockerArchive, Path: file, Name: "quay.io/x/y", Tags: []string{"v1", "v2"}})
	first, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(first)) != r.WrittenBytes {
		t.Errorf("archive has %d bytes, result says %d", len(first), r.WrittenBytes)
	}
	write(t, img, Output{Kind: DockerArchive, Path: file, Name: "quay.io/x/y", Tags: []string{"v1", "v2"}})
	second, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Error("the second archive differs from the first")
	}
	names := tarNames(t, first)
	if len(names) != 6 || names[0] != "manifest.json" || !strings.HasSuffix(names[2], ".tar.gz") || !strings.HasSuffix(names[4], ".tar") {
		t.Errorf("archive has %v, want manifest, config and four layers, gzip as it is, others plain", names)
	}
	manifest, err := tarball.LoadManifest(func() (io.ReadCloser, error) { return os.Open(file) })
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(manifest[0].RepoTags, []string{"quay.io/x/y:v1", "quay.io/x/y:v2"}) || len(manifest[0].Layers) != 5 {
		t.Errorf("manifest.json = %+v", manifest)
	}
	b := open(t, "docker-archive:"+file+":quay.io/x/y:v2")
	if b.ConfigDigest() != r.ConfigDigest {
		t.Errorf("image id %s, written %s", b.ConfigDigest(), r.ConfigDigest)
	}
	want, err := layertest.Flatten(img)
	if err != nil {
		t.Fatal(err)
	}
	got, err := layertest.Flatten(b.Image())
	if err != nil {
		t.Fatal(err)
	}
	if d := layertest.Diff(want, got, ""); d != "" {
		t.Errorf("tree changed:\n%s", d)
	}
}
