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

// Prelude makes the frame that opens a layer: the directories above the roots of its
// other frames, with the attributes that they have in the base image. They are sorted by
// path, so that the order given does not matter. No directories give a frame without entries.
func Prelude(dirs []filetree.Entry, c Compression) (Small, error) {
	dirs = slices.Clone(dirs)
	slices.SortStableFunc(dirs, func(a, b filetree.Entry) int { return strings.Compare(a.Path, b.Path) })
	for i := range dirs {
		if dirs[i].Type != filetree.Dir {
			return Small{}, &EntryError{Path: dirs[i].Path, Reason: "is a " + dirs[i].Type.String() + " in a prelude: want a dir"}
		}
	}
	var out bytes.Buffer
	w, err := NewWriter(&out, c, Options{})
	if err != nil {
		return Small{}, err
	}
	defer w.Abort()
	var raw []byte
	for i := range dirs {
		before := w.info.Entries
		if err := w.Add(dirs[i], nil); err != nil {
			return Small{}, err
		}
		if w.info.Entries > before {
			raw = appendHeader(raw, &dirs[i])
		}
	}
	info, err := w.Close()
	if err != nil {
		return Small{}, err
	}
	return small("prelude", c, info, out.Bytes(), raw), nil
}

// Trailer makes the frame that ends a layer: tar's two zero blocks. It is the same for
// every layer of one compression.
func Trailer(c Compression) (Small, error) {
	var out bytes.Buffer
	w, err := NewWriter(&out, c, Options{})
	if err != nil {
		return Small{}, err
	}
	defer w.Abort()
	if err := w.write(zeros[:]); err != nil {
		return Small{}, fmt.Errorf("frame: trailer: %w", err)
	}
	info, err := w.Close()
	if err != nil {
		return Small{}, err
	}
	return small("trailer", c, info, out.Bytes(), zeros[:]), nil
}

func small(domain string, c Compression, info Info, b, raw []byte) Small {
	key := digest.NewKey(domain).Str("format", Format(c)).Sum("raw", digest.Sum(raw)).Key()
	return Small{Key: key, Info: info, Bytes: b, Raw: slices.Clone(raw)}
}
