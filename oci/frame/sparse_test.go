package frame

import (
	"bytes"
	"errors"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// TestSparse: a sparse file of a few bytes that says it is a terabyte.
func TestSparse(t *testing.T) {
	sparse := "1\n1099511627775\n1\n"
	body := sparse + string(make([]byte, blockBytes-len(sparse))) + "x"
	records := record("GNU.sparse.major", "1") + record("GNU.sparse.minor", "0") +
		record("GNU.sparse.name", "bomb") + record("GNU.sparse.realsize", "1099511627776")
	raw := appendBlock(nil, 'x', "", "././@PaxHeader", "", 0o644, 0, 0, int64(len(records)), 0)
	raw = append(raw, records...)
	raw = append(raw, zeros[:pad(int64(len(records)))]...)
	raw = appendBlock(raw, '0', "", "bomb", "", 0o644, 0, 0, int64(len(body)), 0)
	raw = append(raw, body...)
	raw = append(raw, zeros[:pad(int64(len(body)))]...)
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(bytes.NewReader(enc.EncodeAll(raw, nil)), Zstd, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var bad *EntryError
	if e, err := r.Next(); !errors.As(err, &bad) || bad.Path != "bomb" {
		t.Errorf("Next = %+v, %v; want an *EntryError for a sparse file", e, err)
	}
}
