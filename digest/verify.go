package digest

import (
	"crypto/md5" //nolint:gosec // see digest.go
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
)

// Want says what a stream has to be. Zero fields are not checked, except that
// SizeBytes is checked when it is above zero.
type Want struct {
	SHA256    SHA256
	MD5       MD5
	SizeBytes int64
}

// A MismatchError reports bytes that are not the ones asked for.
type MismatchError struct {
	What      string // "sha256", "md5" or "size"
	Want, Got string
	ReadBytes int64 // how many bytes had been read
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("%s mismatch: want %s, got %s after %d bytes", e.What, e.Want, e.Got, e.ReadBytes)
}

// A Reader hashes and counts what passes through it, and compares with a Want
// before it hands out io.EOF: a caller that reads to the end without an error
// has read the right bytes.
//
// A Reader is for one goroutine.
type Reader struct {
	r      io.Reader
	want   Want
	n      int64
	sha    hash.Hash
	md5    hash.Hash // nil unless an MD5 is wanted
	sum    SHA256
	sumMD5 MD5
	err    error
}

// NewReader returns a Reader over r. MD5 is computed only when want has one,
// because it costs as much as SHA-256 does with hardware support; use
// NewBothReader where both are to be learnt.
func NewReader(r io.Reader, want Want) *Reader {
	v := &Reader{r: r, want: want, sha: sha256.New()}
	if !want.MD5.IsZero() {
		v.md5 = md5.New()
	}
	return v
}

// NewBothReader returns a Reader that also computes an MD5 that nobody asked for.
func NewBothReader(r io.Reader, want Want) *Reader {
	v := NewReader(r, want)
	v.md5 = md5.New()
	return v
}

func (v *Reader) Read(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	n, err := v.r.Read(p)
	v.n += int64(n)
	v.sha.Write(p[:n])
	if v.md5 != nil {
		v.md5.Write(p[:n])
	}
	if v.want.SizeBytes > 0 && v.n > v.want.SizeBytes {
		v.err = &MismatchError{What: "size", Want: fmt.Sprint(v.want.SizeBytes), Got: "more", ReadBytes: v.n}
		return n, v.err
	}
	if errors.Is(err, io.EOF) {
		err = v.finish()
	}
	v.err = err
	return n, err
}

func (v *Reader) finish() error {
	v.sha.Sum(v.sum[:0])
	if v.md5 != nil {
		v.md5.Sum(v.sumMD5[:0])
	}
	switch {
	case v.want.SizeBytes > 0 && v.n != v.want.SizeBytes:
		return &MismatchError{What: "size", Want: fmt.Sprint(v.want.SizeBytes), Got: fmt.Sprint(v.n), ReadBytes: v.n}
	case !v.want.SHA256.IsZero() && v.want.SHA256 != v.sum:
		return &MismatchError{What: "sha256", Want: v.want.SHA256.String(), Got: v.sum.String(), ReadBytes: v.n}
	case !v.want.MD5.IsZero() && v.want.MD5 != v.sumMD5:
		return &MismatchError{What: "md5", Want: v.want.MD5.String(), Got: v.sumMD5.String(), ReadBytes: v.n}
	}
	return io.EOF
}

// SHA256 returns the digest of everything read. It is zero before io.EOF.
func (v *Reader) SHA256() SHA256 { return v.sum }

// MD5 returns the MD5 of everything read, zero where none was computed.
func (v *Reader) MD5() MD5 { return v.sumMD5 }

// SizeBytes returns how many bytes have been read.
func (v *Reader) SizeBytes() int64 { return v.n }
