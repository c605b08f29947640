package base

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
)

// image puts layers under the config.
func (c Config) image(layers []v1.Layer) (v1.Image, error) {
	img := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	img = mutate.ConfigMediaType(img, types.OCIConfigJSON)
	if c.DockerSchema {
		img = mutate.MediaType(empty.Image, types.DockerManifestSchema2)
		img = mutate.ConfigMediaType(img, types.DockerConfigJSON)
	}
	file := c.configFile()
	img, err := mutate.ConfigFile(img, file)
	if err != nil {
		return nil, fmt.Errorf("set config: %w", err)
	}
	for i, layer := range layers {
		add := mutate.Addendum{Layer: layer, History: v1.History{Created: file.Created, CreatedBy: fmt.Sprintf("demo base, layer %d", i+1)}}
		if img, err = mutate.Append(img, add); err != nil {
			return nil, fmt.Errorf("append layer: %w", err)
		}
	}
	return img, nil
}

func (c Config) layerType() types.MediaType {
	if c.DockerSchema {
		return types.DockerLayer
	}
	return types.OCILayer
}

// memoryLayer is a gzip layer of a tar in memory.
func (c Config) memoryLayer(plain []byte) (v1.Layer, error) {
	var packed bytes.Buffer
	if err := compress(&packed, bytes.NewReader(plain)); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(packed.Bytes())), nil
	}, tarball.WithMediaType(c.layerType()))
}

// fileLayer is a layer that is a gzip file on disk.
func (c Config) fileLayer(path string) (v1.Layer, error) {
	return tarball.LayerFromFile(path, tarball.WithMediaType(c.layerType()))
}

// gzipLevel is part of the layers' digests, as is the library, which go.mod pins.
const gzipLevel = 5

// compress writes gzip.
func compress(dst io.Writer, src io.Reader) error {
	zw, err := gzip.NewWriterLevel(dst, gzipLevel)
	if err != nil {
		return err
	}
	if _, err := io.Copy(zw, src); err != nil {
		return fmt.Errorf("compress layer: %w", err)
	}
	return zw.Close()
}

// WriteLayout writes the image as an OCI layout folder with one manifest, in place
// of whatever dir was.
func WriteLayout(dir string, img v1.Image) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("clear %s: %w", dir, err)
	}
	p, err := layout.Write(dir, empty.Index)
	if err != nil {
		return fmt.Errorf("write layout %s: %w", dir, err)
	}
	if err := p.AppendImage(img, layout.WithPlatform(v1.Platform{OS: "linux", Architecture: "amd64"})); err != nil {
		return fmt.Errorf("write layout %s: %w", dir, err)
	}
	return readable(dir)
}

// readable opens a folder to every user, whatever the umask and the library think: blobs
// come out of temporary files, which are their owner's alone.
func readable(dir string) error {
	return filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if d.IsDir() {
			mode = 0o755
		}
		return os.Chmod(p, mode)
	})
}

// WriteArchive writes the image as "docker save" does, under the given name
// ("demo/base:trixie"). The file appears by rename.
func WriteArchive(file, ref string, img v1.Image) error {
	tag, err := name.NewTag(ref)
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".archive-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	if err := tarball.Write(tag, img, tmp); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	if err := tmp.Chmod(0o644); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	if err := tmp.Close(); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return os.Rename(tmp.Name(), file)
}
