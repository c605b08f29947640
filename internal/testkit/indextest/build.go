package indextest

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// built is the clock of everything that is made.
var built = time.Date(2024, 5, 6, 7, 8, 10, 0, time.UTC)

// MetadataText is METADATA or PKG-INFO.
func (d *Dist) MetadataText() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "Metadata-Version: 2.1\nName: %s\nVersion: %s\n", d.Name, d.Version)
	if d.RequiresPython != "" {
		fmt.Fprintf(&b, "Requires-Python: %s\n", d.RequiresPython)
	}
	for _, r := range d.Requires {
		fmt.Fprintf(&b, "Requires-Dist: %s\n", r)
	}
	for _, e := range d.Extras {
		fmt.Fprintf(&b, "Provides-Extra: %s\n", e)
	}
	b.WriteString("\nA distribution for tests.\n")
	return []byte(b.String())
}

// Bytes makes the archive.
func (d *Dist) Bytes() ([]byte, error) {
	switch {
	case d.isWheel():
		return d.wheel()
	case strings.HasSuffix(d.FileName, ".tar.gz"):
		return d.sdist()
	}
	return Zip(d.sdistFiles())
}

func (d *Dist) wheel() ([]byte, error) {
	info := d.base() + ".dist-info/"
	have := map[string]bool{}
	files := append([]txtar.File(nil), d.Files...)
	for _, f := range files {
		name, _, _ := strings.Cut(f.Name, " ")
		have[name] = true
	}
	add := func(name string, data []byte) {
		if !have[info+name] {
			files = append(files, txtar.File{Name: info + name, Data: data})
		}
	}
	add("METADATA", d.MetadataText())
	var w strings.Builder
	fmt.Fprintf(&w, "Wheel-Version: 1.0\nGenerator: indextest\nRoot-Is-Purelib: %v\n", !d.PlatLib)
	tags := strings.Split(strings.TrimSuffix(d.FileName, ".whl"), "-")
	if len(tags) >= 5 {
		tags = tags[len(tags)-3:]
		for py := range strings.SplitSeq(tags[0], ".") {
			for platform := range strings.SplitSeq(tags[2], ".") {
				fmt.Fprintf(&w, "Tag: %s-%s-%s\n", py, tags[1], platform)
			}
		}
	}
	add("WHEEL", []byte(w.String()))
	if len(d.Console)+len(d.GUI) > 0 {
		var e strings.Builder
		for _, group := range []struct {
			name string
			list []string
		}{{"console_scripts", d.Console}, {"gui_scripts", d.GUI}} {
			if len(group.list) == 0 {
				continue
			}
			fmt.Fprintf(&e, "[%s]\n", group.name)
			for _, s := range group.list {
				fmt.Fprintln(&e, s)
			}
			e.WriteByte('\n')
		}
		add("entry_points.txt", []byte(e.String()))
	}
	record := Record(files, info+"RECORD")
	if d.LyingRecord {
		first := files[0].Data
		record = bytes.Replace(record, []byte(sum(first)), []byte(sum(append([]byte("lie"), first...))), 1)
	}
	add("RECORD", record)
	return Zip(files)
}

// Record is the RECORD of a wheel of the files, which stands at the path.
func Record(files []txtar.File, at string) []byte {
	var b strings.Builder
	for _, f := range files {
		name, _ := nameAndMode(f.Name)
		fmt.Fprintf(&b, "%s,sha256=%s,%d\n", name, sum(f.Data), len(f.Data))
	}
	fmt.Fprintf(&b, "%s,,\n", at)
	return []byte(b.String())
}

func (d *Dist) sdistFiles() []txtar.File {
	root := d.base() + "/"
	files := []txtar.File{{Name: root + "PKG-INFO", Data: d.MetadataText()}}
	for _, f := range d.Files {
		files = append(files, txtar.File{Name: root + f.Name, Data: f.Data})
	}
	return files
}

// nameAndMode parts "path mode=0755".
func nameAndMode(s string) (string, uint32) {
	name, attribute, _ := strings.Cut(s, " ")
	if attribute == "mode=0755" {
		return name, 0o755
	}
	return name, 0o644
}

// sum is a SHA-256 as RECORD has it.
func sum(data []byte) string {
	h := sha256.Sum256(data)
	return base64.RawURLEncoding.EncodeToString(h[:])
}

// Zip makes a zip of files, whose names are "path" or "path mode=0755".
func Zip(files []txtar.File) ([]byte, error) {
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, f := range files {
		name, mode := nameAndMode(f.Name)
		h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: built}
		h.CreatorVersion, h.ExternalAttrs = 3<<8, (0o100000|mode)<<16 // a regular file of Unix
		w, err := z.CreateHeader(h)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(f.Data); err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return buf.Bytes(), err
}

func (d *Dist) sdist() ([]byte, error) {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	t := tar.NewWriter(z)
	for _, f := range d.sdistFiles() {
		name, mode := nameAndMode(f.Name)
		if err := t.WriteHeader(&tar.Header{Name: name, Mode: int64(mode), Size: int64(len(f.Data)), ModTime: built, Typeflag: tar.TypeReg, Format: tar.FormatUSTAR}); err != nil {
			return nil, err
		}
		if _, err := t.Write(f.Data); err != nil {
			return nil, err
		}
	}
	if err := t.Close(); err != nil {
		return nil, err
	}
	err := z.Close()
	return buf.Bytes(), err
}
