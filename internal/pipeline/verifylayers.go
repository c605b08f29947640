package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/oci/frame"
	"github.com/nasa-openscapes/corn/oci/layer"
)

// checkLayers reads every layer: its bytes are those of its digest, unpacked those of its diff id, and
// those of corn's layers are frames whose keys give the layer's key. Whether a frame is what its
// own key says only its packages can tell: corn build --verify.
func (d *describedImage) checkLayers(ctx context.Context, read bool, talk *report.Printer) (string, error) {
	if !read {
		return "", &skippedError{"their bytes were not read: --layers"}
	}
	layers, err := d.layers()
	if err != nil {
		return "", err
	}
	all, err := d.img.Layers()
	if err != nil {
		return "", err
	}
	var total int64
	for _, l := range layers {
		total += l.Size
	}
	stage := talk.Stage("verify", total, report.Bytes)
	for i, l := range all {
		if err := ctx.Err(); err != nil {
			stage.Abort()
			return "", err
		}
		if err := checkBytes(l.Uncompressed); err != nil {
			stage.Abort()
			return "", fmt.Errorf("layer %d of %d, %s: %w", i+1, len(all), layers[i].Digest, err)
		}
		if rec := layers[i].recorded; rec != nil && rec.Digest.OCI() == layers[i].Digest {
			if err := checkKey(l.Compressed, rec); err != nil {
				stage.Abort()
				return "", fmt.Errorf("layer %s: %w", rec.ID, err)
			}
		}
		stage.Add(layers[i].Size)
	}
	stage.Done("%s", report.Count(len(all), "layer"))
	return fmt.Sprintf("the bytes of %s are those of their digests, and the frames those of their keys", report.Count(len(all), "layer")), nil
}

// checkBytes reads to the end: readers of layers verify before they end.
func checkBytes(open func() (io.ReadCloser, error)) error {
	rc, err := open()
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, rc)
	if cerr := rc.Close(); err == nil {
		err = cerr
	}
	return err
}

// maxPreludeBytes bounds the first frame of a layer: directories above the roots of the others.
const maxPreludeBytes = 16 << 20

// checkKey computes a layer's key from its frames as they are recorded and from the prelude's bytes,
// which have no key of their own.
func checkKey(open func() (io.ReadCloser, error), l *image.LayerMetadata) error {
	spec := layer.Spec{ID: l.ID}
	var prelude []byte
	for i, f := range l.Frames {
		switch {
		case f.Kind == "prelude" && i == 0:
			if f.SizeBytes > maxPreludeBytes {
				return fmt.Errorf("its prelude has %d bytes, at most %d are read", f.SizeBytes, maxPreludeBytes)
			}
			rc, err := open()
			if err != nil {
				return err
			}
			prelude = make([]byte, f.SizeBytes)
			_, err = io.ReadFull(rc, prelude)
			if cerr := rc.Close(); err == nil && cerr != nil {
				err = cerr
			}
			if err != nil {
				return err
			}
		case !f.Key.IsZero():
			spec.Frames = append(spec.Frames, layer.Frame{Key: f.Key})
		}
	}
	candidates := []frame.Compression{frame.Gzip}
	if strings.HasSuffix(l.MediaType, "+zstd") {
		candidates = []frame.Compression{frame.Zstd, frame.ZstdBetter}
	}
	var got digest.SHA256
	for _, c := range candidates {
		spec.Compression = c
		var err error
		if spec.Prelude, err = preludeEntries(prelude, c); err != nil {
			return err
		}
		if got, err = spec.Key(); err != nil {
			return err
		}
		if got == l.Key {
			return nil
		}
	}
	return fmt.Errorf("its frames give the key %s, recorded is %s", got, l.Key)
}

func preludeEntries(data []byte, c frame.Compression) ([]filetree.Entry, error) {
	if len(data) == 0 {
		return nil, nil
	}
	r, err := frame.NewReader(bytes.NewReader(data), c, frame.Limits{})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var out []filetree.Entry
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("its prelude: %w", err)
		}
		out = append(out, e)
	}
}
