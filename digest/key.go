package digest

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// A KeyWriter makes a cache key out of named fields. Every name and value is
// written with its length, so that no two lists of fields give one stream of bytes.
type KeyWriter struct{ h hash.Hash }

// NewKey starts a key. The domain keeps keys of different things apart:
// "content-frame" and "layer" never meet, whatever their fields.
func NewKey(domain string) *KeyWriter {
	k := &KeyWriter{h: sha256.New()}
	return k.put("corn").put(domain)
}

func (k *KeyWriter) put(s string) *KeyWriter {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(s)))
	k.h.Write(n[:])
	k.h.Write([]byte(s))
	return k
}

// Str adds a text field.
func (k *KeyWriter) Str(name, value string) *KeyWriter { return k.put(name).put(value) }

// Int adds a number.
func (k *KeyWriter) Int(name string, value int64) *KeyWriter {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(value))
	return k.put(name).put(string(n[:]))
}

// Sum adds a digest.
func (k *KeyWriter) Sum(name string, value SHA256) *KeyWriter {
	return k.put(name).put(string(value[:]))
}

// Strs adds a list; its order counts.
func (k *KeyWriter) Strs(name string, values []string) *KeyWriter {
	k.Int(name, int64(len(values)))
	for _, v := range values {
		k.put(v)
	}
	return k
}

// Key returns the key. The writer may go on being used.
func (k *KeyWriter) Key() SHA256 { return SHA256(k.h.Sum(nil)) }
