package layertest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"
)

// H is a tar header and its bytes; a layer is written from a list of them. Names, modes
// and types are taken as they are, hostile ones included.
type H struct {
	Name string
	Type byte // tar.TypeReg if zero and Name has no trailing slash, else tar.TypeDir
	Mode int64
	UID  int
	GID  int
	Link string
	Data string
	PAX  map[string]string
}

// Tar writes entries as an uncompressed tar. It panics on what archive/tar cannot write:
// a test's own mistake.
func Tar(entries ...H) []byte {
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{
			Name: e.Name, Typeflag: e.Type, Mode: e.Mode, Uid: e.UID, Gid: e.GID, Linkname: e.Link,
			Size: int64(len(e.Data)), ModTime: time.Unix(1700000000, 0), PAXRecords: e.PAX,
		}
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
			if strings.HasSuffix(e.Name, "/") {
				h.Typeflag = tar.TypeDir
			} else if e.Link != "" {
				h.Typeflag = tar.TypeSymlink
			}
		}
		if h.Mode == 0 {
			h.Mode = 0o644
			if h.Typeflag == tar.TypeDir {
				h.Mode = 0o755
			}
		}
		if err := tw.WriteHeader(h); err != nil {
			panic(fmt.Sprintf("layertest: %s: %v", e.Name, err))
		}
		if _, err := tw.Write([]byte(e.Data)); err != nil {
			panic(fmt.Sprintf("layertest: %s: %v", e.Name, err))
		}
	}
	if err := tw.Close(); err != nil {
		panic(fmt.Sprintf("layertest: %v", err))
	}
	return b.Bytes()
}

// Layer makes a Docker gzip layer of entries.
func Layer(entries ...H) v1.Layer {
	data := Tar(entries...)
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
	if err != nil {
		panic(fmt.Sprintf("layertest: %v", err))
	}
	return l
}

// Blob makes a layer of bytes and media type as they are. Its diff id is that of the
// bytes after decompression.
func Blob(data []byte, mediaType types.MediaType, plain []byte) v1.Layer {
	h, _, err := v1.SHA256(bytes.NewReader(plain))
	if err != nil {
		panic(fmt.Sprintf("layertest: %v", err))
	}
	return &blob{static.NewLayer(data, mediaType), plain, h}
}

type blob struct {
	v1.Layer
	plain  []byte
	diffID v1.Hash
}

func (b *blob) DiffID() (v1.Hash, error) { return b.diffID, nil }
func (b *blob) Uncompressed() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(b.plain)), nil
}

// Gzip compresses.
func Gzip(data []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(data) // a bytes.Buffer does not fail
	_ = z.Close()
	return b.Bytes()
}

// Zstd compresses.
func Zstd(data []byte) []byte {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		panic(fmt.Sprintf("layertest: %v", err))
	}
	return z.EncodeAll(data, nil)
}

// Image puts layers and a config together, in Docker's media types. OS and architecture
// are linux and amd64 unless config says otherwise.
func Image(config *v1.ConfigFile, layers ...v1.Layer) v1.Image {
	img, err := mutate.AppendLayers(empty.Image, layers...)
	if err != nil {
		panic(fmt.Sprintf("layertest: %v", err))
	}
	have, err := img.ConfigFile()
	if err != nil {
		panic(fmt.Sprintf("layertest: %v", err))
	}
	c := config.DeepCopy()
	if c.OS == "" {
		c.OS, c.Architecture = "linux", "amd64"
	}
	c.RootFS = have.RootFS
	if c.History == nil {
		c.History = have.History
	}
	if img, err = mutate.ConfigFile(img, c); err != nil {
		panic(fmt.Sprintf("layertest: %v", err))
	}
	return img
}
