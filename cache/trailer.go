package cache

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/nasa-openscapes/corn/digest"
)

// A value's file is payload, meta, trailer. The trailer stands at the end because the
// payload is streamed and its digest is known last.
//
//	 0  8  "CORNVAL1"
//	 8  8  bytes of payload, big-endian
//	16  8  bytes of meta, big-endian
//	24 32  key
//	56 32  SHA-256 of the payload
//	88 32  SHA-256 of the meta
//	120 8  first 8 bytes of the SHA-256 of the 120 before
const (
	trailerMagic = "CORNVAL1"
	trailerBytes = 8 + 8 + 8 + 32 + 32 + 32 + 8 // 128
)

type trailer struct {
	payloadBytes, metaBytes int64
	key, payload, meta      digest.SHA256
}

func (t *trailer) marshal() []byte {
	b := make([]byte, 0, trailerBytes)
	b = append(b, trailerMagic...)
	b = binary.BigEndian.AppendUint64(b, uint64(t.payloadBytes))
	b = binary.BigEndian.AppendUint64(b, uint64(t.metaBytes))
	b = append(b, t.key[:]...)
	b = append(b, t.payload[:]...)
	b = append(b, t.meta[:]...)
	sum := digest.Sum(b)
	return append(b, sum[:8]...)
}

// unmarshal reads 128 bytes. What is wrong with them comes back as a text.
func (t *trailer) unmarshal(b []byte) (wrong string) {
	if string(b[:8]) != trailerMagic {
		return "no trailer"
	}
	sum := digest.Sum(b[:trailerBytes-8])
	if string(sum[:8]) != string(b[trailerBytes-8:]) {
		return "a damaged trailer"
	}
	t.payloadBytes = int64(binary.BigEndian.Uint64(b[8:]))
	t.metaBytes = int64(binary.BigEndian.Uint64(b[16:]))
	copy(t.key[:], b[24:])
	copy(t.payload[:], b[56:])
	copy(t.meta[:], b[88:])
	return ""
}

// check reads trailer and meta of an open file. Damage is a *CorruptError.
func (c *Cache) check(f *os.File, kind string, key digest.SHA256) (*Value, time.Time, error) {
	bad := func(what, want, got string) (*Value, time.Time, error) {
		return nil, time.Time{}, &CorruptError{Kind: kind, Key: key.String(), What: what, Want: want, Got: got}
	}
	st, err := f.Stat()
	if err != nil {
		return nil, time.Time{}, err
	}
	if st.Size() < trailerBytes {
		return bad("size", fmt.Sprintf("at least %d bytes", trailerBytes), fmt.Sprint(st.Size()))
	}
	var raw [trailerBytes]byte
	if _, err := f.ReadAt(raw[:], st.Size()-trailerBytes); err != nil {
		return nil, time.Time{}, err
	}
	var t trailer
	if wrong := t.unmarshal(raw[:]); wrong != "" {
		return bad("trailer", trailerMagic, wrong)
	}
	switch {
	case t.key != key:
		return bad("key", key.String(), t.key.String())
	case t.metaBytes < 0 || t.metaBytes > MaxMeta || t.payloadBytes < 0 ||
		t.payloadBytes > st.Size() || t.payloadBytes+t.metaBytes+trailerBytes != st.Size():
		return bad("size", fmt.Sprint(t.payloadBytes)+" bytes", fmt.Sprint(st.Size()-trailerBytes-t.metaBytes))
	}
	meta := make([]byte, t.metaBytes)
	if _, err := f.ReadAt(meta, t.payloadBytes); err != nil && err != io.EOF {
		return nil, time.Time{}, err
	}
	if got := digest.Sum(meta); got != t.meta {
		return bad("sha256 of meta", t.meta.String(), got.String())
	}
	return &Value{SectionReader: io.NewSectionReader(f, 0, t.payloadBytes), SizeBytes: t.payloadBytes,
		SHA256: t.payload, Meta: meta, c: c, kind: kind, key: key, f: f}, st.ModTime(), nil
}
