// Package digest holds SHA-256 and MD5 values and the readers that check them.
//
// Everything that corn downloads, caches or writes into an image is named by its SHA-256
// (RFC 6234). MD5 (RFC 1321) exists because older conda locks carry nothing else; it is
// compared and never used as a name.
//
// Out of scope: other algorithms. OCI allows sha512, no registry that hubs use stores it.
package digest

import (
	"crypto/md5" //nolint:gosec // conda locks of before 2021 carry md5 only
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// SHA256 is a SHA-256 value. The zero value means "not known": no file that
// can be found hashes to 32 zero bytes.
type SHA256 [sha256.Size]byte

// MD5 is an MD5 value; the zero value means "not known".
type MD5 [md5.Size]byte

// Sum returns the SHA-256 of b.
func Sum(b []byte) SHA256 { return sha256.Sum256(b) }

// SumMD5 returns the MD5 of b.
func SumMD5(b []byte) MD5 { return md5.Sum(b) }

// Parse reads 64 hexadecimal digits of either case, with or without OCI's
// "sha256:" in front. Anything else is a *ParseError.
func Parse(s string) (SHA256, error) {
	var d SHA256
	err := decode(d[:], strings.TrimPrefix(s, "sha256:"), s, "sha256")
	return d, err
}

// ParseMD5 reads 32 hexadecimal digits of either case. Anything else is a *ParseError.
func ParseMD5(s string) (MD5, error) {
	var d MD5
	err := decode(d[:], s, s, "md5")
	return d, err
}

func decode(dst []byte, hexDigits, input, algorithm string) error {
	if len(hexDigits) != 2*len(dst) {
		return &ParseError{Input: input, Algorithm: algorithm}
	}
	if _, err := hex.Decode(dst, []byte(hexDigits)); err != nil {
		clear(dst)
		return &ParseError{Input: input, Algorithm: algorithm}
	}
	return nil
}

// A ParseError reports text that is not a digest.
type ParseError struct {
	Input     string // the text as it was given
	Algorithm string // "sha256" or "md5"
}

func (e *ParseError) Error() string {
	want := 64
	if e.Algorithm == "md5" {
		want = 32
	}
	return fmt.Sprintf("%q is no %s: want %d hexadecimal digits", e.Input, e.Algorithm, want)
}

// String returns 64 lower-case hexadecimal digits.
func (d SHA256) String() string { return hex.EncodeToString(d[:]) }

// OCI returns the digest as OCI descriptors write it, "sha256:<hex>".
func (d SHA256) OCI() string { return "sha256:" + d.String() }

// IsZero tells whether the digest is not known.
func (d SHA256) IsZero() bool { return d == SHA256{} }

// MarshalText writes 64 hexadecimal digits, or nothing for the zero value.
func (d SHA256) MarshalText() ([]byte, error) {
	if d.IsZero() {
		return nil, nil
	}
	return []byte(d.String()), nil
}

// UnmarshalText reads what MarshalText writes.
func (d *SHA256) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*d = SHA256{}
		return nil
	}
	var err error
	*d, err = Parse(string(b))
	return err
}

// String returns 32 lower-case hexadecimal digits.
func (d MD5) String() string { return hex.EncodeToString(d[:]) }

// IsZero tells whether the digest is not known.
func (d MD5) IsZero() bool { return d == MD5{} }

// MarshalText writes 32 hexadecimal digits, or nothing for the zero value.
func (d MD5) MarshalText() ([]byte, error) {
	if d.IsZero() {
		return nil, nil
	}
	return []byte(d.String()), nil
}

// UnmarshalText reads what MarshalText writes.
func (d *MD5) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*d = MD5{}
		return nil
	}
	var err error
	*d, err = ParseMD5(string(b))
	return err
}
