package channeltest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// member is a file with the facts that info/ and tar headers need.
type member struct {
	File
	sizeBytes int64
	sha256    string
	prefix    string // "", "text" or "binary"
}

func (f *File) open() (io.ReadCloser, error) {
	if f.Src == "" {
		return io.NopCloser(bytes.NewReader(f.Data)), nil
	}
	return os.Open(f.Src)
}

func (f *File) regular() bool { return f.Link == "" && f.HardLink == "" && !f.Dir }

// scan reads the file once, for its size, hash and placeholder.
func scan(f File, placeholder string) (member, error) {
	m := member{File: f}
	if !f.regular() {
		return m, nil
	}
	r, err := f.open()
	if err != nil {
		return m, fmt.Errorf("open %s: %w", f.Path, err)
	}
	defer r.Close()
	h := sha256.New()
	var finder finder
	finder.needle = []byte(placeholder)
	if m.sizeBytes, err = io.Copy(io.MultiWriter(h, &finder), r); err != nil {
		return m, fmt.Errorf("read %s: %w", f.Path, err)
	}
	m.sha256 = hex.EncodeToString(h.Sum(nil))
	switch f.PrefixMode {
	case "none":
	case "":
		// conda-build leaves the prefix in bytecode alone.
		if finder.found && !strings.HasSuffix(f.Path, ".pyc") {
			m.prefix = "text"
			if finder.binary {
				m.prefix = "binary"
			}
		}
	default:
		m.prefix = f.PrefixMode
	}
	return m, nil
}

// finder looks for a needle in a stream, and for a NUL byte, which is what
// makes a file binary for conda's build tools.
type finder struct {
	needle        []byte
	tail          []byte
	found, binary bool
}

func (f *finder) Write(p []byte) (int, error) {
	f.binary = f.binary || bytes.IndexByte(p, 0) >= 0
	if len(f.needle) == 0 || f.found {
		return len(p), nil
	}
	keep := len(f.needle) - 1
	// A needle that spans two writes lies in the old tail and the new head.
	seam := append(f.tail, p[:min(keep, len(p))]...)
	f.found = bytes.Contains(seam, f.needle) || bytes.Contains(p, f.needle)
	if len(p) >= keep {
		f.tail = append(f.tail[:0], p[len(p)-keep:]...)
	} else {
		f.tail = append([]byte(nil), seam[max(0, len(seam)-keep):]...)
	}
	return len(p), nil
}

// emptySHA256 is what conda-build records for a link whose target is missing.
var emptySHA256 = hex.EncodeToString(sha256.New().Sum(nil))

// resolveLinks gives symbolic and hard links the size and hash of what they lead to
// inside the package (CEP 34: the contents of the target file are hashed).
func resolveLinks(members []member) {
	byPath := make(map[string]*member, len(members))
	for i := range members {
		byPath[members[i].Path] = &members[i]
	}
	for i := range members {
		m := &members[i]
		if m.regular() {
			continue
		}
		m.sha256, m.sizeBytes = emptySHA256, 0
		t := m
		for range 40 { // as many links as the kernel follows
			switch {
			case t.Link != "":
				t = byPath[path.Join(path.Dir(t.Path), t.Link)]
			case t.HardLink != "":
				t = byPath[t.HardLink]
			}
			if t == nil || t.Dir {
				break
			}
			if t.regular() {
				m.sha256, m.sizeBytes = t.sha256, t.sizeBytes
				if m.HardLink != "" {
					m.prefix = t.prefix
				}
				break
			}
		}
	}
}
