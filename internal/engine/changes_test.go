package engine

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/filetree"
)

// archive makes a tar stream of lines: kind, mode, owner, time, path, and the bytes or the link.
func archive(t *testing.T, text string) *tar.Reader {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for line := range strings.Lines(text) {
		f := append(strings.Fields(line), "")
		var mode, owner, at int64
		if _, err := fmt.Sscanf(strings.Join(f[1:4], " "), "%o %d %d", &mode, &owner, &at); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		h := &tar.Header{Name: f[4], Mode: mode, Uid: int(owner), Gid: int(owner), ModTime: time.Unix(at, 0)}
		data := ""
		switch f[0] {
		case "dir":
			h.Typeflag, h.Name = tar.TypeDir, f[4]+"/"
		case "symlink":
			h.Typeflag, h.Linkname = tar.TypeSymlink, f[5]
		case "link":
			h.Typeflag, h.Linkname = tar.TypeLink, f[5]
		case "pipe":
			h.Typeflag = tar.TypeFifo
		default:
			h.Typeflag, h.Size, data = tar.TypeReg, int64(len(f[5])), f[5]
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return tar.NewReader(&buf)
}

// changes are those from one archive to another, a line each.
func changes(t *testing.T, before, after string) (string, error) {
	t.Helper()
	s, err := Snap(archive(t, before))
	if err != nil {
		return "", err
	}
	spool, err := os.Create(filepath.Join(t.TempDir(), "spool"))
	if err != nil {
		t.Fatal(err)
	}
	defer spool.Close()
	var out strings.Builder
	err = s.Changes(archive(t, after), spool, func(e filetree.Entry, r io.Reader) error {
		data, err := io.ReadAll(r)
		if int64(len(data)) != e.SizeBytes {
			t.Errorf("%s: %d bytes, want %d", e.Path, len(data), e.SizeBytes)
		}
		fmt.Fprintln(&out, strings.TrimSpace(fmt.Sprintf("%s %o %d %s %s%s", e.Type, e.Mode, e.UID, e.Path, e.Link, data)))
		return err
	})
	return out.String(), err
}

const before = `dir 755 0 5 a
file 644 0 5 a/changed one
file 644 0 5 a/gone one
file 644 0 5 a/kept one
dir 755 0 5 b
dir 755 0 5 b/gone
file 644 0 5 b/gone/x one
file 644 0 5 b/linked one
link 644 0 5 b/more b/linked
symlink 777 0 5 c a
dir 755 0 5 d
file 644 0 5 d/x one
file 644 0 5 e one
`

// What is other has all folders above it, as an overlay's upper directory has.
func TestChanges(t *testing.T) {
	for _, c := range []struct{ name, from, to, want string }{
		{"nothing", "", "", ""},
		{"bytes of the same number and time", "a/changed one", "a/changed two", "dir 755 0 a\nfile 644 0 a/changed two\n"},
		{"a mode", "644 0 5 a/changed", "600 0 5 a/changed", "dir 755 0 a\nfile 600 0 a/changed one\n"},
		{"an owner", "0 5 a/changed", "7 5 a/changed", "dir 755 0 a\nfile 644 7 a/changed one\n"},
		{"a time alone", "0 5 a/changed", "0 6 a/changed", "dir 755 0 a\nfile 644 0 a/changed one\n"},
		{"a file is gone", "file 644 0 5 a/gone one\n", "", "dir 755 0 a\nfile 644 0 a/.wh.gone\n"},
		{"a folder is gone", "dir 755 0 5 b/gone\nfile 644 0 5 b/gone/x one\n", "", "dir 755 0 b\nfile 644 0 b/.wh.gone\n"},
		{"a file at the top is gone", "file 644 0 5 e one\n", "", "file 644 0 .wh.e\n"},
		{"a folder becomes a file", "dir 755 0 5 d\nfile 644 0 5 d/x one\n", "file 644 0 6 d two\n", "file 644 0 d two\n"},
		{"a file becomes a folder", "file 644 0 5 e one\n", "dir 755 0 6 e\nfile 644 0 6 e/y two\n", "dir 755 0 e\nfile 644 0 e/y two\n"},
		{"another link", "c a", "c b", "symlink 777 0 c b\n"},
		{"a file is gone, a new one beside it", "a/gone", "a/made", "dir 755 0 a\nfile 644 0 a/.wh.gone\nfile 644 0 a/made one\n"},
		{"a file that had another name is copied when it changes", "link 644 0 5 b/more b/linked\n", "file 644 0 5 b/more two\n", "dir 755 0 b\nfile 644 0 b/more two\n"},
		{"copied, and nothing else", "link 644 0 5 b/more b/linked\n", "file 644 0 5 b/more one\n", ""},
		{"a new name for a file takes the file along", "symlink 777 0 5 c a\n", "symlink 777 0 5 c a\nlink 644 0 5 c2 a/kept\n", "dir 755 0 a\nfile 644 0 a/kept one\nhard link 644 0 c2 a/kept\n"},
		{"what a layer cannot have", "file 644 0 5 e one\n", "file 644 0 5 e one\npipe 644 0 5 f\n", ""},
	} {
		after := strings.Replace(before, c.from, c.to, 1)
		got, err := changes(t, before, after)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", c.name, err, diff)
		}
	}
}

func TestChangesThatNoLayerHas(t *testing.T) {
	for _, more := range []string{"file 644 0 6 a/.wh.kept x\n", "link 644 0 6 z nowhere\n", "link 644 0 6 z a\n"} {
		_, err := changes(t, before, before+more)
		if _, ok := errors.AsType[*ArchiveError](err); !ok {
			t.Errorf("%q: %v, want an *ArchiveError", more, err)
		}
	}
}

// An archive has its members whole, whatever their sizes.
func TestArchiveWriter(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "a.tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := NewArchiveWriter(f)
	sizes := []int{0, 1, block - 1, block, block + 1, 5000}
	for _, n := range sizes {
		if err := w.Layer("ab", strings.NewReader(strings.Repeat("x", n))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close("localhost/x:y", "amd64"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	var got []string
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) < len(sizes) && string(data) != strings.Repeat("x", sizes[len(got)]) {
			t.Errorf("%s has %d bytes", h.Name, len(data))
		}
		got = append(got, h.Name)
	}
	if len(got) != len(sizes)+2 || got[len(got)-1] != "manifest.json" || got[1] != "1-ab.tar" {
		t.Errorf("members %q", got)
	}
}
