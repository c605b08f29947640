package projecttest

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// Wheel writes a pure wheel of the given files ("name mode=0755" sets a mode). METADATA,
// WHEEL and RECORD are made unless they are among the files; "@name" stands for
// "name-version" in names, as in "@name.dist-info/entry_points.txt".
func Wheel(fileName string, files []txtar.File) ([]byte, error) {
	parts := strings.Split(fileName, "-")
	if len(parts) != 5 {
		return nil, fmt.Errorf("%s: want name-version-py3-none-any.whl", fileName)
	}
	dist := parts[0] + "-" + parts[1]
	have := map[string]bool{}
	var all []txtar.File
	for _, f := range files {
		f.Name = strings.ReplaceAll(f.Name, "@name", dist)
		have[f.Name] = true
		all = append(all, f)
	}
	for _, f := range []txtar.File{
		{Name: "METADATA", Data: []byte("Metadata-Version: 2.1\nName: " + parts[0] + "\nVersion: " + parts[1] + "\n")},
		{Name: "WHEEL", Data: []byte("Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")},
	} {
		if f.Name = dist + ".dist-info/" + f.Name; !have[f.Name] {
			all = append(all, f)
		}
	}
	record := dist + ".dist-info/RECORD"
	var text strings.Builder
	for _, f := range all {
		sum := sha256.Sum256(f.Data)
		name, _, _ := strings.Cut(f.Name, " ")
		fmt.Fprintf(&text, "%s,sha256=%s,%d\n", name, base64.RawURLEncoding.EncodeToString(sum[:]), len(f.Data))
	}
	fmt.Fprintf(&text, "%s,,\n", record)
	if !have[record] {
		all = append(all, txtar.File{Name: record, Data: []byte(text.String())})
	}
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, f := range all {
		name, attribute, _ := strings.Cut(f.Name, " ")
		h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Date(2024, 5, 6, 7, 8, 10, 0, time.UTC)}
		mode := uint32(0o644)
		if attribute == "mode=0755" {
			mode = 0o755
		}
		h.CreatorVersion, h.ExternalAttrs = 3<<8, (0o100000|mode)<<16 // a regular file of Unix
		w, err := z.CreateHeader(h)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(f.Data); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
