// Package layers looks into the images that are measured, unpacks them as a node does, and
// makes images of the same files in other layers.
package layers

import (
	"archive/tar"
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/nasa-openscapes/corn/bench/oldway"
)

// Store is where the image keeps what its environments share.
const Store = "opt/corn/store"

// Open returns the image of an OCI layout that holds one.
func Open(dir string) (v1.Image, error) {
	p, err := layout.FromPath(dir)
	if err != nil {
		return nil, fmt.Errorf("open layout: %w", err)
	}
	index, err := p.ImageIndex()
	if err != nil {
		return nil, fmt.Errorf("open layout %s: %w", dir, err)
	}
	m, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("open layout %s: %w", dir, err)
	}
	if len(m.Manifests) == 0 {
		return nil, fmt.Errorf("layout %s has no image", dir)
	}
	return p.Image(m.Manifests[len(m.Manifests)-1].Digest)
}

// plain opens a layer's tar stream. go-containerregistry's Uncompressed knows zstd by the
// media type alone in some of its sources and not in others; the first bytes tell.
func plain(l v1.Layer) (io.ReadCloser, error) {
	rc, err := l.Compressed()
	if err != nil {
		return nil, err
	}
	b := bufio.NewReaderSize(rc, 1<<20)
	magic, err := b.Peek(4)
	if err != nil {
		return nil, errors.Join(err, rc.Close())
	}
	switch {
	case magic[0] == 0x1f && magic[1] == 0x8b:
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, errors.Join(err, rc.Close())
		}
		return &stacked{z, rc}, nil
	case string(magic) == "\x28\xb5\x2f\xfd", magic[0]&0xf0 == 0x50 && string(magic[1:]) == "\x2a\x4d\x18":
		z, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, errors.Join(err, rc.Close())
		}
		return &stacked{z.IOReadCloser(), rc}, nil
	}
	return &stacked{io.NopCloser(b), rc}, nil
}

type stacked struct {
	io.ReadCloser
	below io.Closer
}

func (s *stacked) Close() error { return errors.Join(s.ReadCloser.Close(), s.below.Close()) }

// Added returns the layers above the base's.
func Added(img v1.Image, baseLayers int) ([]v1.Layer, error) {
	all, err := img.Layers()
	if err != nil {
		return nil, fmt.Errorf("layers of the image: %w", err)
	}
	return all[min(baseLayers, len(all)):], nil
}

// SizeOf adds up the compressed bytes of layers.
func SizeOf(ls []v1.Layer) (int64, error) {
	var sum int64
	for _, l := range ls {
		n, err := l.Size()
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// NewBytes is the compressed size of the layers of after that before lacks: what a push or
// a pull moves.
func NewBytes(before, after []v1.Layer) (sum int64, changed int, err error) {
	have := map[v1.Hash]bool{}
	for _, l := range before {
		d, err := l.Digest()
		if err != nil {
			return 0, 0, err
		}
		have[d] = true
	}
	for _, l := range after {
		d, err := l.Digest()
		if err != nil {
			return 0, 0, err
		}
		if have[d] {
			continue
		}
		n, err := l.Size()
		if err != nil {
			return 0, 0, err
		}
		sum += n
		changed++
	}
	return sum, changed, nil
}

// A Tally says what the layers hold.
type Tally struct {
	Files, Links, Dirs int
	FileBytes          int64 // of regular files
	DistinctBytes      int64 // of regular files, equal ones once
	UniqueBytes        int64 // those, compressed as one tar stream
}

// Count reads layers and compresses each distinct file once. In memory a file costs its
// digest, whatever its size.
func Count(ls []v1.Layer, compression string) (Tally, error) {
	var t Tally
	var out counter
	z, err := oldway.Compressor(&out, compression)
	if err != nil {
		return t, err
	}
	tw := tar.NewWriter(z)
	seen := map[[sha256.Size]byte]bool{}
	spool, err := os.CreateTemp("", "corn-bench-")
	if err != nil {
		return t, err
	}
	defer os.Remove(spool.Name())
	defer spool.Close()
	err = walk(ls, func(_ int, h *tar.Header, r io.Reader) error {
		switch h.Typeflag {
		case tar.TypeDir:
			t.Dirs++
			return nil
		case tar.TypeSymlink:
			t.Links++
			return nil
		case tar.TypeReg:
		default:
			return nil
		}
		t.Files++
		t.FileBytes += h.Size
		// The digest decides whether the bytes are wanted, so they wait on disk.
		if _, err := spool.Seek(0, io.SeekStart); err != nil {
			return err
		}
		sum := sha256.New()
		if _, err := io.Copy(io.MultiWriter(spool, sum), r); err != nil {
			return err
		}
		id := [sha256.Size]byte(sum.Sum(nil))
		if seen[id] {
			return nil
		}
		seen[id] = true
		t.DistinctBytes += h.Size
		if err := tw.WriteHeader(&tar.Header{Name: h.Name, Typeflag: tar.TypeReg, Mode: h.Mode, Size: h.Size, ModTime: h.ModTime.Truncate(time.Second)}); err != nil {
			return err
		}
		_, err := io.Copy(tw, io.NewSectionReader(spool, 0, h.Size))
		return err
	})
	err = errors.Join(err, tw.Close(), z.Close())
	t.UniqueBytes = out.n
	return t, err
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

// walk calls fn for every entry, with the number of its layer.
func walk(ls []v1.Layer, fn func(layer int, h *tar.Header, r io.Reader) error) error {
	for i, l := range ls {
		if err := walkOne(l, func(h *tar.Header, r io.Reader) error { return fn(i, h, r) }); err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
	}
	return nil
}

func walkOne(l v1.Layer, fn func(h *tar.Header, r io.Reader) error) (err error) {
	r, err := plain(l)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		h.Name = strings.TrimPrefix(path.Clean("/"+h.Name), "/")
		if err := fn(h, tr); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}
