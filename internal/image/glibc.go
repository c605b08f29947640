package image

import (
	"bytes"
	"errors"
	"io"
	"regexp"
)

// glibcBanner is the text that libc.so.6 prints when it is run:
// "GNU C Library (Debian GLIBC 2.41-12) stable release version 2.41."
var glibcBanner = regexp.MustCompile(`GNU C Library [^\n]{0,200}?release version ([0-9]+\.[0-9]+)`)

// glibcVersion reads a C library to its end and returns "2.41", or "" if it has no
// glibc banner.
func glibcVersion(r io.Reader) (string, error) {
	const chunk, overlap = 64 << 10, 512 // the banner matches within 512 bytes
	buf := make([]byte, 0, chunk+overlap)
	version := ""
	for {
		n, err := io.ReadFull(r, buf[len(buf):len(buf)+chunk])
		buf = buf[:len(buf)+n]
		if version == "" && bytes.Contains(buf, []byte("GNU C Library ")) {
			if m := glibcBanner.FindSubmatch(buf); m != nil {
				version = string(m[1])
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return version, nil
		}
		if err != nil {
			return "", err
		}
		keep := min(overlap, len(buf))
		copy(buf, buf[len(buf)-keep:])
		buf = buf[:keep]
	}
}
