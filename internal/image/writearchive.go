package image

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/renameio/v2"

	"github.com/nasa-openscapes/corn/filetree"
)

// lockPoll is how often a taken lock is tried again.
const lockPoll = 50 * time.Millisecond

// archive writes what "docker load" reads: manifest.json, the config, and the layers,
// each once. Gzip layers go in as they are. Others go in as plain tars, because Docker
// before 23 cannot read zstd: the archive names layers by what is in them, not by their
// compressed bytes, so nothing is compressed anew.
//
// The file appears under its name when it is complete.
func (w *writing) archive(ctx context.Context, out Output) (err error) {
	if fi, err := os.Stat(out.Path); err == nil && !fi.Mode().IsRegular() {
		return &RefError{out.String(), "is no regular file"}
	}
	dir := filepath.Dir(out.Path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	tmp, err := renameio.NewPendingFile(out.Path, renameio.WithTempDir(dir), renameio.WithStaticPermissions(0o644))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tmp.Cleanup()) }()
	if err := w.archiveTo(ctx, tmp, out); err != nil {
		return err
	}
	if w.result.WrittenBytes, err = tmp.Seek(0, io.SeekCurrent); err != nil {
		return err
	}
	return tmp.CloseAtomicallyReplace()
}

func (w *writing) archiveTo(ctx context.Context, dst io.Writer, out Output) error {
	entry := archiveImage{Config: w.result.ConfigDigest.String() + ".json", RepoTags: []string{}}
	for _, tag := range out.Tags {
		if out.Name != "" {
			tag = out.Name + ":" + tag
		} else {
			tag = defaultName + ":" + tag
		}
		entry.RepoTags = append(entry.RepoTags, tag)
	}
	for i := range w.layers {
		entry.Layers = append(entry.Layers, w.archiveName(i))
	}
	manifest, err := json.Marshal([]archiveImage{entry})
	if err != nil {
		return err
	}
	tw := tar.NewWriter(dst)
	for _, f := range []struct {
		name string
		data []byte
	}{{"manifest.json", manifest}, {entry.Config, w.rawConfig}} {
		if err := tw.WriteHeader(archiveHeader(f.name, int64(len(f.data)))); err != nil {
			return err
		}
		if _, err := tw.Write(f.data); err != nil {
			return err
		}
	}
	written := map[string]bool{}
	for i, l := range w.layers {
		name := entry.Layers[i]
		if written[name] {
			continue
		}
		written[name] = true
		if err := w.archiveLayer(ctx, tw, name, i, l); err != nil {
			return fmt.Errorf("layer %d of %d: %w", i+1, len(w.layers), err)
		}
		w.result.Layers[i].Written = true
	}
	return tw.Close()
}

// defaultName is the repository of an archive's tags where none was given: Docker keeps
// no tag without one.
const defaultName = "corn"

// archiveName is the name of a layer's file: its digest for gzip, its diff id for a tar.
func (w *writing) archiveName(i int) string {
	if w.manifest.Layers[i].MediaType == types.OCILayer {
		return w.result.Layers[i].Digest.String() + ".tar.gz"
	}
	return w.result.Layers[i].DiffID.String() + ".tar"
}

func (w *writing) archiveLayer(ctx context.Context, tw *tar.Writer, name string, i int, l v1.Layer) error {
	d := w.manifest.Layers[i]
	open, size := compressed(ctx, l), d.Size
	want := d.Digest
	if d.MediaType != types.OCILayer {
		open, want = uncompressed(ctx, l), w.config.RootFS.DiffIDs[i]
		if d.MediaType != types.OCIUncompressedLayer {
			// A tar header needs the size first: read it once to count.
			var err error
			if size, err = countBytes(ctx, open); err != nil {
				return err
			}
		}
	}
	rc, err := openVerified(open, want, size)
	if err != nil {
		return err
	}
	if err := tw.WriteHeader(archiveHeader(name, size)); err != nil {
		return errors.Join(err, rc.Close())
	}
	_, err = io.Copy(tw, &ctxReader{ctx, rc})
	return errors.Join(err, rc.Close())
}

func countBytes(ctx context.Context, open func() (io.ReadCloser, error)) (int64, error) {
	rc, err := open()
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(io.Discard, &ctxReader{ctx, rc})
	return n, errors.Join(err, rc.Close())
}

func archiveHeader(name string, size int64) *tar.Header {
	return &tar.Header{
		Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644,
		ModTime: time.Unix(filetree.Epoch1980, 0).UTC(), Format: tar.FormatPAX,
	}
}
