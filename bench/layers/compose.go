package layers

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/nasa-openscapes/corn/bench/oldway"
)

// Marked returns base with one small layer more, below all that is measured. An engine
// that has a layer of the same bytes on the same layers does not unpack it again; nothing
// but this benchmark has layers on these.
func Marked(base v1.Image, mark string) (v1.Image, error) {
	var buf bytes.Buffer
	t := tar.NewWriter(&buf)
	err := errors.Join(
		t.WriteHeader(&tar.Header{Name: ".bench", Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(mark))}),
		second(t.Write([]byte(mark))),
		t.Close(),
	)
	if err != nil {
		return nil, fmt.Errorf("mark the base: %w", err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buf.Bytes())), nil })
	if err != nil {
		return nil, fmt.Errorf("mark the base: %w", err)
	}
	return mutate.AppendLayers(base, l)
}

func second(_ int, err error) error { return err }

// FromFiles puts compressed layers on a base.
func FromFiles(base v1.Image, files []string) (v1.Image, error) {
	var ls []v1.Layer
	for _, f := range files {
		l, err := tarball.LayerFromFile(f)
		if err != nil {
			return nil, fmt.Errorf("layer %s: %w", f, err)
		}
		ls = append(ls, l)
	}
	return mutate.AppendLayers(base, ls...)
}

// WriteArchive writes a docker archive.
func WriteArchive(file, tag string, img v1.Image) error {
	ref, err := name.NewTag(tag)
	if err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	if err := tarball.WriteToFile(file, ref, img); err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	return nil
}

// Spread makes layer files of an unpacked image in which the store's folders stand in n-1
// layers and everything else in the last; with n = 1 there is one layer of plain files,
// in which every link into the store is the file that it leads to. Layers for which there are
// no folders left hold an empty one, which costs a search through the layers as much.
func Spread(root, dir string, n int) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("spread layers: %w", err)
	}
	var files []string
	pack := func(o oldway.PackOptions, from string) error {
		file := filepath.Join(dir, fmt.Sprintf("%03d.tar.gz", len(files)))
		files = append(files, file)
		o.Compression = oldway.Gzip
		return oldway.PackFile(file, from, o)
	}
	store := filepath.Join(root, filepath.FromSlash(Store))
	rest := oldway.PackOptions{KeepOwner: true, Skip: func(rel string) bool { return rel == Store }}
	if n == 1 {
		rest.Content = oldway.LinksInto(store)
		return files, pack(rest, root)
	}
	entries, err := os.ReadDir(store)
	if err != nil {
		return nil, fmt.Errorf("spread layers: %w", err)
	}
	for i := range n - 1 {
		var mine []string
		for j, e := range entries {
			if j%(n-1) == i {
				mine = append(mine, e.Name())
			}
		}
		from := store
		if len(mine) == 0 {
			if from, err = os.MkdirTemp(dir, "empty-"); err != nil {
				return nil, fmt.Errorf("spread layers: %w", err)
			}
			if err := os.Chmod(from, 0o755); err != nil { // it is the store's folder in that layer
				return nil, fmt.Errorf("spread layers: %w", err)
			}
			if err := os.Mkdir(filepath.Join(from, fmt.Sprintf("empty-%d", i)), 0o755); err != nil {
				return nil, fmt.Errorf("spread layers: %w", err)
			}
			mine = []string{fmt.Sprintf("empty-%d", i)}
		}
		o := oldway.PackOptions{At: Store, Skip: func(rel string) bool {
			first, _, _ := strings.Cut(rel, "/")
			return rel != "." && !slices.Contains(mine, first)
		}}
		if err := pack(o, from); err != nil {
			return nil, err
		}
	}
	return files, pack(rest, root)
}
