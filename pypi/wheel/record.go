package wheel

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/csv"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/nasa-openscapes/corn/digest"
)

// record is one row of RECORD.
type record struct {
	algorithm string // "sha256"; empty where the row has no hash
	sum       []byte
	sizeBytes int64 // -1: not given
}

// readRecord parses RECORD and checks that every file is in it.
func (w *Wheel) readRecord() error {
	text, ok, err := w.read("RECORD")
	if err != nil {
		return err
	}
	if !ok {
		return w.bad("", "no %s/RECORD", w.info)
	}
	w.record = make(map[string]record, len(w.members))
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))
	r.FieldsPerRecord = -1
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return &RecordError{Wheel: w.file, What: "syntax", Got: err.Error()}
		}
		if err := w.addRecord(row); err != nil {
			return err
		}
	}
	for _, m := range w.members {
		if _, ok := w.record[m.Path]; !ok && !w.unlisted(m.Path) {
			return &RecordError{Wheel: w.file, Member: m.Path, What: "missing"}
		}
	}
	return nil
}

// unlisted tells whether a file needs no row: RECORD itself and its signatures.
func (w *Wheel) unlisted(p string) bool {
	name, ok := strings.CutPrefix(p, w.info+"/")
	return ok && (name == "RECORD" || name == "RECORD.jws" || name == "RECORD.p7s")
}

func (w *Wheel) addRecord(row []string) error {
	if len(row) > 3 {
		return &RecordError{Wheel: w.file, What: "syntax", Got: fmt.Sprintf("a row of %d fields, want 3: %q", len(row), row)}
	}
	row = append(row, "", "")
	rec := record{sizeBytes: -1}
	if row[1] != "" {
		name, sum, _ := strings.Cut(row[1], "=")
		if newHash(name) == nil {
			return &RecordError{Wheel: w.file, What: "syntax", Got: fmt.Sprintf("%q has the hash %q: want sha256, sha384 or sha512", row[0], row[1])}
		}
		var err error
		rec.algorithm = name
		if rec.sum, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(sum, "=")); err != nil {
			return &RecordError{Wheel: w.file, What: "syntax", Got: fmt.Sprintf("%q has the hash %q: %v", row[0], row[1], err)}
		}
	}
	if row[2] != "" {
		n, err := strconv.ParseInt(row[2], 10, 64)
		if err != nil || n < 0 {
			return &RecordError{Wheel: w.file, What: "syntax", Got: fmt.Sprintf("%q has the size %q", row[0], row[2])}
		}
		rec.sizeBytes = n
	}
	if old, ok := w.record[row[0]]; ok && (old.algorithm != rec.algorithm || !bytes.Equal(old.sum, rec.sum)) {
		return &RecordError{Wheel: w.file, What: "syntax", Got: fmt.Sprintf("%q is listed twice, with different hashes", row[0])}
	}
	w.record[row[0]] = rec
	return nil
}

// newHash returns a hash that RECORD may use: PEP 427 asks for sha256 or better.
func newHash(algorithm string) hash.Hash {
	switch algorithm {
	case "sha256":
		return sha256.New()
	case "sha384":
		return sha512.New384()
	case "sha512":
		return sha512.New()
	}
	return nil
}

// A row is one line of the RECORD that is written.
type row struct{ path, hash, size string }

func hashed(path string, sum digest.SHA256, sizeBytes int64) row {
	return row{path, "sha256=" + base64.RawURLEncoding.EncodeToString(sum[:]), strconv.FormatInt(sizeBytes, 10)}
}

// formatRecord writes rows as pip does: sorted by all three fields, ends of lines CR LF,
// quotes where a field needs them.
func formatRecord(rows []row) []byte {
	slices.SortFunc(rows, func(a, b row) int {
		if c := strings.Compare(a.path, b.path); c != 0 {
			return c
		}
		if c := strings.Compare(a.hash, b.hash); c != 0 {
			return c
		}
		return strings.Compare(a.size, b.size)
	})
	var b bytes.Buffer
	for _, r := range rows {
		p := r.path
		if strings.ContainsAny(p, "\",\r\n") {
			p = `"` + strings.ReplaceAll(p, `"`, `""`) + `"`
		}
		fmt.Fprintf(&b, "%s,%s,%s\r\n", p, r.hash, r.size)
	}
	return b.Bytes()
}
