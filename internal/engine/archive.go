package engine

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// An ArchiveWriter writes a docker archive, for Load, of layers that are not compressed and whose
// sizes are not known before.
type ArchiveWriter struct {
	f     *os.File
	at    int64
	diffs []string
	names []string
}

// NewArchiveWriter writes to f, an empty file.
func NewArchiveWriter(f *os.File) *ArchiveWriter { return &ArchiveWriter{f: f} }

// Layer adds a layer, a tar stream of the given diff id.
func (w *ArchiveWriter) Layer(diffID string, r io.Reader) error {
	name := fmt.Sprintf("%d-%s.tar", len(w.names), diffID)
	w.diffs, w.names = append(w.diffs, "sha256:"+diffID), append(w.names, name)
	return w.member(name, r)
}

const block = 512

// member writes the bytes first, and the header when it knows their number.
func (w *ArchiveWriter) member(name string, r io.Reader) error {
	if _, err := w.f.Seek(w.at+block, io.SeekStart); err != nil {
		return err
	}
	n, err := io.Copy(w.f, r)
	if err != nil {
		return err
	}
	var header bytes.Buffer
	// GNU's form has sizes above 8 GiB in the same 512 bytes.
	if err := tar.NewWriter(&header).WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: n, Format: tar.FormatGNU}); err != nil {
		return err
	}
	if _, err := w.f.WriteAt(header.Bytes(), w.at); err != nil {
		return err
	}
	w.at += block + (n+block-1)/block*block
	return w.f.Truncate(w.at)
}

// Close ends the archive. The image's environment is empty; name is what Load calls it.
func (w *ArchiveWriter) Close(name, architecture string) error {
	config, err := json.Marshal(map[string]any{
		"architecture": architecture, "os": "linux", "config": map[string]any{},
		"rootfs": map[string]any{"type": "layers", "diff_ids": w.diffs},
	})
	if err != nil {
		return err
	}
	sum := sha256.Sum256(config)
	configName := hex.EncodeToString(sum[:]) + ".json"
	manifest, err := json.Marshal([]map[string]any{{"Config": configName, "RepoTags": []string{name}, "Layers": w.names}})
	if err != nil {
		return err
	}
	if err := w.member(configName, bytes.NewReader(config)); err != nil {
		return err
	}
	if err := w.member("manifest.json", bytes.NewReader(manifest)); err != nil {
		return err
	}
	return w.f.Truncate(w.at + 2*block)
}
