package archive_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/dsnet/compress/bzip2"
	"github.com/klauspost/compress/zstd"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/conda/archive"
)

// tm is one member of a tar, written as it is: these tests need archives that no tool makes.
type tm struct {
	name string
	data string
	typ  byte // 0: a file
	link string
	mode int64
}

func makeTar(t testing.TB, members []tm) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Typeflag: m.typ, Linkname: m.link, Mode: m.mode, Size: int64(len(m.data)), Format: tar.FormatPAX}
		if m.typ == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			h = &tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "x"}}
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, m.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zst(t testing.TB, b []byte, opts ...zstd.EOption) []byte {
	t.Helper()
	enc, err := zstd.NewWriter(nil, opts...)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	return enc.EncodeAll(b, nil)
}

func bz2(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := bzip2.NewWriter(&out, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// zipFile is one member of a zip.
type zipFile struct {
	name string
	data []byte
}

func makeZip(t testing.TB, files ...zipFile) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		out, err := w.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write(f.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const (
	condaName = "p-1-0.conda"
	bz2Name   = "p-1-0.tar.bz2"
	indexJSON = `{"name":"p","version":"1","build":"0","build_number":0,"depends":[]}`
)

// condaOf makes p-1-0.conda out of the members of its two tars.
func condaOf(t testing.TB, info, payload []tm) []byte {
	return makeZip(t,
		zipFile{"metadata.json", []byte(`{"conda_pkg_format_version":2}`)},
		zipFile{"pkg-p-1-0.tar.zst", zst(t, makeTar(t, payload))},
		zipFile{"info-p-1-0.tar.zst", zst(t, makeTar(t, info))})
}

// listing makes info/ for a payload: index.json and a paths.json without hashes.
func listing(payload ...tm) []tm {
	type entry struct {
		Path string `json:"_path"`
		Type string `json:"path_type"`
	}
	doc := struct {
		Paths   []entry `json:"paths"`
		Version int     `json:"paths_version"`
	}{Paths: []entry{}, Version: 1}
	for _, m := range payload {
		e := entry{strings.TrimSuffix(strings.TrimPrefix(m.name, "./"), "/"), "hardlink"}
		switch m.typ {
		case tar.TypeSymlink:
			e.Type = "softlink"
		case tar.TypeDir:
			e.Type = "directory"
		}
		doc.Paths = append(doc.Paths, e)
	}
	b, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	return []tm{{name: "info/index.json", data: indexJSON}, {name: "info/paths.json", data: string(b)}}
}

func open(t testing.TB, b []byte, name string, o archive.Options) *archive.Archive {
	t.Helper()
	a, err := o.Open(bytes.NewReader(b), int64(len(b)), name)
	if err != nil {
		t.Fatalf("Open(%s): %v", name, err)
	}
	return a
}

func facts(t testing.TB, b []byte, name string) *artifact.Facts {
	t.Helper()
	f, err := open(t, b, name, archive.Options{}).Facts(context.Background())
	if err != nil {
		t.Fatalf("Facts(%s): %v", name, err)
	}
	return f
}

// walked is what a Walk delivered, one line per path, and the bytes of files.
func walked(ctx context.Context, a *archive.Archive) (lines []string, data map[string]string, err error) {
	data = map[string]string{}
	err = a.Walk(ctx, func(h archive.Header, r io.Reader) error {
		b, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if int64(len(b)) != h.SizeBytes {
			return fmt.Errorf("%s: %d bytes, header says %d", h.Path, len(b), h.SizeBytes)
		}
		line := fmt.Sprintf("%s %04o %d %s", h.Type, h.Mode, h.SizeBytes, h.Path)
		if h.Link != "" {
			line += " -> " + h.Link
		}
		if h.HardLink != "" {
			line += " = " + h.HardLink
		}
		lines = append(lines, line)
		data[h.Path] = string(b)
		return nil
	})
	return lines, data, err
}
