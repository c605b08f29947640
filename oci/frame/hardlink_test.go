package frame_test

import (
	"io"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/oci/frame"
)

// A hard link leads to a file that stands before it in the same frame, and to nothing else.
func TestHardLinks(t *testing.T) {
	hard := func(p, to string) file {
		return file{Entry: filetree.Entry{Path: p, Type: filetree.HardLink, Mode: 0o644, Link: to}}
	}
	for _, tt := range []struct {
		why   string
		files []file
		ok    bool
	}{
		{"to a file", []file{reg("a", "x"), hard("b", "a")}, true},
		{"to a hard link", []file{reg("a", "x"), hard("b", "a"), hard("c", "b")}, true},
		{"to a file of another layer", []file{hard("b", "a")}, false},
		{"to a file that comes later", []file{hard("b", "a"), reg("a", "x")}, false},
		{"to a folder", []file{dir("a"), hard("b", "a")}, false},
		{"to a symbolic link", []file{link("a", "x"), hard("b", "a")}, false},
		{"out of the tree", []file{hard("b", "../a")}, false},
	} {
		w, err := frame.NewWriter(io.Discard, frame.Zstd, frame.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range tt.files {
			if err = w.Add(f.Entry, strings.NewReader(f.data)); err != nil {
				break
			}
		}
		if (err == nil) != tt.ok {
			t.Errorf("%s: Add = %v, want ok %v", tt.why, err, tt.ok)
		}
		w.Abort()
	}
}
