package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gofrs/flock"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/renameio/v2"
	"golang.org/x/sync/errgroup"

	"github.com/nasa-openscapes/corn/digest"
)

// layoutVersion is the content of oci-layout (OCI image-layout.md, "oci-layout file").
const layoutVersion = `{"imageLayoutVersion":"1.0.0"}`

// layout writes an OCI layout: blobs first, each by rename, index.json last, by rename.
// What fails or is killed on the way leaves index.json as it was, and at worst blobs that
// nothing names. Blobs of the right size are not written again: they are named by their
// digest, and only whole ones ever get their name.
func (w *writing) layout(ctx context.Context, out Output) error {
	if err := checkLayoutDir(out.Path); err != nil {
		return err
	}
	blobs := filepath.Join(out.Path, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return err
	}
	if err := w.layoutLayers(ctx, blobs, out.Jobs); err != nil {
		return err
	}
	for _, data := range [][]byte{w.rawConfig, w.rawManifest} {
		n, err := putBlob(ctx, blobs, toHash(digest.Sum(data)), int64(len(data)), func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(data)), nil
		})
		if err != nil {
			return err
		}
		w.result.WrittenBytes += n
	}
	return w.index(ctx, out)
}

// layoutLayers writes the layers, one after the other, or several at once: from a disk that is
// no faster, from a registry it is.
func (w *writing) layoutLayers(ctx context.Context, blobs string, jobs int) error {
	written := make([]int64, len(w.layers))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(jobs, 1))
	for i, l := range w.layers {
		d := w.manifest.Layers[i]
		if slices.ContainsFunc(w.manifest.Layers[:i], func(o v1.Descriptor) bool { return o.Digest == d.Digest }) {
			continue
		}
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err // another layer failed
			}
			m := w.meter(d.Size)
			var err error
			if written[i], err = putBlob(ctx, blobs, d.Digest, d.Size, m.around(compressed(ctx, l))); err != nil {
				return fmt.Errorf("layer %d of %d: %w", i+1, len(w.layers), err)
			}
			m.all()
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, n := range written {
		w.result.Layers[i].Written = n > 0
		w.result.WrittenBytes += n
	}
	return nil
}

// checkLayoutDir refuses a folder that holds something else.
func checkLayoutDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 || isLayout(dir) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries { // a first write that was cut short, or is going on
		n := e.Name()
		if n != "blobs" && n != lockName && !strings.HasPrefix(n, ".oci-layout") && n != "oci-layout" {
			return &RefError{string(OCILayout) + ":" + dir, "the folder holds other things and is no OCI layout"}
		}
	}
	return nil
}

// putBlob writes one blob unless it is there, and returns how many bytes it wrote.
func putBlob(ctx context.Context, dir string, h v1.Hash, sizeBytes int64, open func() (io.ReadCloser, error)) (n int64, err error) {
	file := filepath.Join(dir, h.Hex)
	if fi, err := os.Lstat(file); err == nil && fi.Mode().IsRegular() && fi.Size() == sizeBytes {
		return 0, nil
	}
	rc, err := openVerified(open, h, sizeBytes)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rc.Close()) }()
	tmp, err := renameio.NewPendingFile(file, renameio.WithTempDir(dir), renameio.WithStaticPermissions(0o644))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, tmp.Cleanup()) }()
	if n, err = io.Copy(tmp, &ctxReader{ctx, rc}); err != nil {
		return 0, err
	}
	return n, tmp.CloseAtomicallyReplace()
}

// ctxReader ends a copy when the context ends.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// lockName is a file that builds into one layout take turns by. A name with a dot in
// front is ignored by readers of layouts.
const lockName = ".corn.lock"

// index puts the image into index.json and leaves the other images there.
func (w *writing) index(ctx context.Context, out Output) (err error) {
	lock := flock.New(filepath.Join(out.Path, lockName))
	if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
		return fmt.Errorf("lock layout: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()

	file := filepath.Join(out.Path, "index.json")
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	old, err := os.ReadFile(file)
	switch {
	case err == nil:
		if err := json.Unmarshal(old, &index); err != nil {
			return fmt.Errorf("read index.json: %w", err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	index.Manifests = w.entries(index.Manifests, out)
	data, err := marshalJSON(index)
	if err != nil {
		return err
	}
	if data = append(data, '\n'); bytes.Equal(data, old) && isLayout(out.Path) {
		return nil
	}
	if err := renameio.WriteFile(filepath.Join(out.Path, "oci-layout"), []byte(layoutVersion), 0o644, renameio.WithStaticPermissions(0o644)); err != nil {
		return err
	}
	return renameio.WriteFile(file, data, 0o644, renameio.WithStaticPermissions(0o644))
}

// entries is the new list of index.json: the old one without this image and without
// those whose tags it takes, then the image, once a tag.
func (w *writing) entries(old []v1.Descriptor, out Output) []v1.Descriptor {
	kept := slices.DeleteFunc(slices.Clone(old), func(d v1.Descriptor) bool {
		name := d.Annotations[annotationRefName]
		switch {
		case len(out.Tags) == 0:
			return name == ""
		case name == "":
			return d.Digest == toHash(w.result.Digest)
		}
		return slices.Contains(out.Tags, name)
	})
	desc := v1.Descriptor{
		MediaType: types.OCIManifestSchema1,
		Size:      int64(len(w.rawManifest)),
		Digest:    toHash(w.result.Digest),
		Platform:  &v1.Platform{OS: w.config.OS, Architecture: w.config.Architecture, Variant: w.config.Variant},
	}
	if len(out.Tags) == 0 {
		return append(kept, desc)
	}
	for i, tag := range out.Tags {
		if slices.Contains(out.Tags[:i], tag) {
			continue
		}
		d := desc
		d.Annotations = map[string]string{annotationRefName: tag}
		if out.Name != "" {
			d.Annotations[annotationContainerName] = out.Name + ":" + tag
		}
		kept = append(kept, d)
	}
	return kept
}
