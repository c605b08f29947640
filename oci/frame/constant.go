package frame

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
)

// A Small is a frame held in memory: the prelude or the trailer of a layer.
type Small struct {
	Key   digest.SHA256
	Info  Info
	Bytes []byte // the frame
	Raw   []byte // its tar stream
}

// preludeRaw is the tar stream of a prelude.
func preludeRaw(dirs []filetree.Entry) ([]byte, int, error) {
	dirs = slices.Clone(dirs)
	slices.SortStableFunc(dirs, func(a, b filetree.Entry) int { return strings.Compare(a.Path, b.Path) })
	w := &Writer{seen: map[string]seen{}} // only what remembers paths
	var raw []byte
	n := 0
	for i := range dirs {
		if dirs[i].Type != filetree.Dir {
			return nil, 0, &EntryError{Path: dirs[i].Path, Reason: "is a " + dirs[i].Type.String() + " in a prelude: want a dir"}
		}
		if err := checkEntry(&dirs[i]); err != nil {
			return nil, 0, err
		}
		again, err := w.remember(&dirs[i])
		if err != nil {
			return nil, 0, err
		}
		if !again {
			raw = appendHeader(raw, &dirs[i])
			n++
		}
	}
	return raw, n, nil
}

// PreludeKey returns the key that Prelude would give, without compressing anything.
func PreludeKey(dirs []filetree.Entry, c Compression) (digest.SHA256, error) {
	raw, _, err := preludeRaw(dirs)
	if err != nil {
		return digest.SHA256{}, err
	}
	return smallKey("prelude", c, raw), nil
}

// Prelude makes the frame that opens a layer: the directories above the roots of its
// other frames, with the attributes that they have in the base image. They are sorted by
// path, so that the order given does not matter. No directories give a frame without entries.
func Prelude(dirs []filetree.Entry, c Compression) (Small, error) {
	raw, n, err := preludeRaw(dirs)
	if err != nil {
		return Small{}, err
	}
	return small("prelude", c, raw, n)
}

// Trailer makes the frame that ends a layer: tar's two zero blocks. It is the same for
// every layer of one compression.
func Trailer(c Compression) (Small, error) { return small("trailer", c, slices.Clone(zeros[:]), 0) }

func small(domain string, c Compression, raw []byte, entries int) (Small, error) {
	var out bytes.Buffer
	w, err := NewWriter(&out, c, Options{})
	if err != nil {
		return Small{}, err
	}
	defer w.Abort()
	w.info.Entries = entries
	w.kind.small = len(raw) <= window
	if err := w.write(raw); err != nil {
		return Small{}, fmt.Errorf("frame: %s: %w", domain, err)
	}
	info, err := w.Close()
	if err != nil {
		return Small{}, err
	}
	return Small{Key: smallKey(domain, c, raw), Info: info, Bytes: out.Bytes(), Raw: raw}, nil
}

func smallKey(domain string, c Compression, raw []byte) digest.SHA256 {
	return digest.NewKey(domain).Str("format", Format(c)).Sum("raw", digest.Sum(raw)).Key()
}
