package projecttest

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/nasa-openscapes/corn/internal/testkit/layertest"
)

// OpenImage opens "oci:DIR", "oci:DIR:TAG" and "docker-archive:FILE". A layout without a
// tag must hold one image.
func OpenImage(ref string) (v1.Image, error) {
	kind, rest, _ := strings.Cut(ref, ":")
	if kind == "docker-archive" {
		return tarball.ImageFromPath(rest, nil)
	}
	if kind != "oci" {
		return nil, fmt.Errorf("image %q: want oci:DIR[:TAG] or docker-archive:FILE", ref)
	}
	dir, tag, _ := strings.Cut(rest, ":")
	found, err := Images(dir, tag)
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("image %q: the layout has %d images of that name", ref, len(found))
	}
	return found[0], nil
}

// Images opens the images of a layout that have a tag, or all of them for "", each once.
func Images(dir, tag string) ([]v1.Image, error) {
	p, err := layout.FromPath(dir)
	if err != nil {
		return nil, err
	}
	index, err := p.ImageIndex()
	if err != nil {
		return nil, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	var out []v1.Image
	var seen []v1.Hash
	for _, d := range manifest.Manifests {
		if tag != "" && d.Annotations["org.opencontainers.image.ref.name"] != tag || slices.Contains(seen, d.Digest) {
			continue
		}
		seen = append(seen, d.Digest)
		img, err := p.Image(d.Digest)
		if err != nil {
			return nil, err
		}
		out = append(out, img)
	}
	return out, nil
}

// Check finds what is wrong with an image that corn wrote: digests and sizes that do not
// fit, a path that stands twice in one layer of corn's, or before its folder, files of the
// store that are not root's or not readable, links that lead nowhere, kernelspecs that start
// nothing. baseLayers is how many of the layers are the base's.
func Check(img v1.Image, baseLayers int) error {
	var errs []error
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	if err := checkDigests(img, layers); err != nil {
		errs = append(errs, err)
	}
	if len(layers) > 127 {
		errs = append(errs, fmt.Errorf("%d layers: overlay takes 127", len(layers)))
	}
	for i, l := range layers[baseLayers:] {
		if err := checkLayer(l); err != nil {
			errs = append(errs, fmt.Errorf("layer %d: %w", baseLayers+i, err))
		}
	}
	tree, err := layertest.FlattenLayers(layers)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	for _, p := range tree.Paths("") {
		if e := tree.Entries[p]; e.Layer >= baseLayers {
			if err := checkEntry(tree, e); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", p, err))
			}
		}
	}
	config, err := img.ConfigFile()
	if err != nil {
		return err
	}
	if n := len(config.Config.OnBuild); n > 0 {
		errs = append(errs, fmt.Errorf("config has %d ONBUILD triggers", n))
	}
	if len(config.Config.Entrypoint) > 0 {
		if e, err := entryOf(tree, strings.TrimPrefix(config.Config.Entrypoint[0], "/")); err != nil || e.Mode&0o111 == 0 {
			errs = append(errs, fmt.Errorf("entrypoint %s: %w", config.Config.Entrypoint[0], err))
		}
	}
	return errors.Join(errs...)
}

// checkDigests hashes all that manifest and config name. (Package validate knows no zstd.)
func checkDigests(img v1.Image, layers []v1.Layer) error {
	m, err := img.Manifest()
	if err != nil {
		return err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return err
	}
	raw, err := img.RawConfigFile()
	if err != nil {
		return err
	}
	var errs []error
	if sum, n, err := v1.SHA256(bytes.NewReader(raw)); err != nil || sum != m.Config.Digest || n != m.Config.Size {
		errs = append(errs, fmt.Errorf("config is %s of %d bytes, the manifest says %s of %d (%w)", sum, n, m.Config.Digest, m.Config.Size, err))
	}
	if len(layers) != len(m.Layers) || len(layers) != len(config.RootFS.DiffIDs) || len(config.History) != 0 && len(config.History) < len(layers) {
		return errors.Join(append(errs, fmt.Errorf("%d layers, %d diff ids, %d lines of history", len(layers), len(config.RootFS.DiffIDs), len(config.History)))...)
	}
	for i, l := range layers {
		for _, side := range []struct {
			open func() (io.ReadCloser, error)
			want v1.Hash
			size int64
		}{{l.Compressed, m.Layers[i].Digest, m.Layers[i].Size}, {l.Uncompressed, config.RootFS.DiffIDs[i], -1}} {
			if err := checkDigest(side.open, side.want, side.size); err != nil {
				errs = append(errs, fmt.Errorf("layer %d: %w", i, err))
			}
		}
	}
	return errors.Join(errs...)
}

func checkDigest(open func() (io.ReadCloser, error), want v1.Hash, sizeBytes int64) (err error) {
	rc, err := open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rc.Close()) }()
	got, n, err := v1.SHA256(rc)
	if err != nil {
		return err
	}
	if got != want || sizeBytes >= 0 && n != sizeBytes {
		return fmt.Errorf("is %s of %d bytes, want %s of %d", got, n, want, sizeBytes)
	}
	return nil
}

// checkLayer reads one layer as Docker's tar-split does, which refuses a path that stands
// twice, folders included.
func checkLayer(l v1.Layer) (err error) {
	rc, err := l.Uncompressed()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rc.Close()) }()
	seen := map[string]bool{".": true}
	var errs []error
	for tr := tar.NewReader(rc); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return errors.Join(errs...)
		}
		if err != nil {
			return err
		}
		name := path.Clean(h.Name)
		if seen[name] {
			errs = append(errs, fmt.Errorf("%s stands there twice", name))
		}
		if !seen[path.Dir(name)] {
			errs = append(errs, fmt.Errorf("%s stands there before its folder", name))
		}
		seen[name] = true
		if h.Uname != "" || h.Gname != "" {
			errs = append(errs, fmt.Errorf("%s names its owner %s:%s", name, h.Uname, h.Gname))
		}
		if !h.AccessTime.IsZero() || !h.ChangeTime.IsZero() {
			errs = append(errs, fmt.Errorf("%s has other times than its modification", name))
		}
	}
}

// epoch1980 is 1980-01-02T00:00:00Z.
const epoch1980 = 315619200

// storeDir is the folder of shared files.
const storeDir = "opt/corn/store"

func checkEntry(t *layertest.Tree, e *layertest.Entry) error {
	var errs []error
	if e.ModTime < epoch1980 {
		errs = append(errs, fmt.Errorf("time %d is before 1980", e.ModTime))
	}
	if e.Type == "other" {
		errs = append(errs, errors.New("is no file, folder or link"))
	}
	if below, ok := strings.CutPrefix(e.Path, storeDir+"/"); ok {
		if e.UID != 0 || e.GID != 0 {
			errs = append(errs, fmt.Errorf("belongs to %d:%d, want root", e.UID, e.GID))
		}
		if e.Type == "file" && (e.Mode&0o444 != 0o444 || e.Mode&0o7000 != 0 || e.Mode&0o111 != 0 && e.Mode&0o111 != 0o111) {
			errs = append(errs, fmt.Errorf("mode %04o", e.Mode))
		}
		if e.Type == "dir" && (e.Mode != 0o755 || e.ModTime != epoch1980) {
			errs = append(errs, fmt.Errorf("folder with mode %04o and time %d", e.Mode, e.ModTime))
		}
		if !strings.Contains(below, "/") && e.Type != "dir" {
			errs = append(errs, fmt.Errorf("a %s at the top of the store", e.Type))
		}
	}
	if e.Type == "symlink" && strings.Contains(e.Link, storeDir+"/") {
		if strings.HasPrefix(e.Link, "/") {
			errs = append(errs, fmt.Errorf("absolute link into the store: %s", e.Link))
		}
		if target, err := t.Resolve(e.Path); err != nil {
			errs = append(errs, err)
		} else if !strings.HasPrefix(target, storeDir+"/") {
			errs = append(errs, fmt.Errorf("link into the store ends at %s", target))
		}
	}
	if strings.HasSuffix(e.Path, ".pyc") && path.Base(path.Dir(e.Path)) == "__pycache__" {
		if err := checkBytecode(t, e.Path); err != nil {
			errs = append(errs, err)
		}
	}
	if path.Base(e.Path) == "kernel.json" && path.Base(path.Dir(path.Dir(e.Path))) == "kernels" {
		if err := checkKernel(t, e.Path); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// checkBytecode compares the header of a .pyc with the source beside it, as Python does
// before it takes the one for the other (PEP 552, timestamp-based).
func checkBytecode(t *layertest.Tree, p string) error {
	data, err := t.ReadFile(p)
	if err != nil {
		return err
	}
	if len(data) < 16 {
		return fmt.Errorf("%d bytes are no bytecode", len(data))
	}
	module, _, _ := strings.Cut(path.Base(p), ".")
	source, err := entryOf(t, path.Join(path.Dir(path.Dir(p)), module+".py"))
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	flags, when, size := binary.LittleEndian.Uint32(data[4:]), binary.LittleEndian.Uint32(data[8:]), binary.LittleEndian.Uint32(data[12:])
	if flags != 0 || int64(when) != source.ModTime || int64(size) != source.Size {
		return fmt.Errorf("bytecode with flags %d of a source of %d bytes and time %d; the image has %d bytes and time %d", flags, size, when, source.Size, source.ModTime)
	}
	return nil
}

// A Kernel is a kernelspec of an image.
type Kernel struct {
	Dir         string   `json:"-"`
	DisplayName string   `json:"display_name"`
	Language    string   `json:"language"`
	Argv        []string `json:"argv"`
}

// Kernels lists the kernelspecs in the folder that Jupyter of the notebook env reads, or in
// /usr/local/share/jupyter/kernels, by path.
func Kernels(t *layertest.Tree, dir string) ([]Kernel, error) {
	var out []Kernel
	for _, p := range t.Paths(dir) {
		if path.Base(p) != "kernel.json" {
			continue
		}
		data, err := t.ReadFile(p)
		if err != nil {
			return nil, err
		}
		k := Kernel{Dir: path.Dir(p)}
		if err := json.Unmarshal(data, &k); err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		out = append(out, k)
	}
	return out, nil
}

func checkKernel(t *layertest.Tree, p string) error {
	data, err := t.ReadFile(p)
	if err != nil {
		return err
	}
	var k Kernel
	if err := json.Unmarshal(data, &k); err != nil {
		return err
	}
	if len(k.Argv) == 0 {
		return errors.New("starts nothing")
	}
	if !strings.HasPrefix(k.Argv[0], "/") {
		return nil // an env's own kernelspec may say "python"; corn's never do
	}
	e, err := entryOf(t, k.Argv[0][1:])
	if err != nil {
		return err
	}
	if e.Type != "file" || e.Mode&0o111 == 0 {
		return fmt.Errorf("starts %s, which is no program", k.Argv[0])
	}
	return nil
}

func entryOf(t *layertest.Tree, p string) (*layertest.Entry, error) {
	real, err := t.Resolve(p)
	if err != nil {
		return nil, err
	}
	return t.Entries[real], nil
}
