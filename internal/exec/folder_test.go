package exec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/filetree"
)

// put writes a file of a project and the folders above it.
func put(t *testing.T, dir, name, text string, mode os.FileMode) {
	t.Helper()
	p := filepath.Join(dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o750), os.WriteFile(p, []byte(text), mode)); err != nil {
		t.Fatal(err)
	}
}

// folder lists a project.
func folder(t *testing.T, dir string, l FolderLimits) *Folder {
	t.Helper()
	f, err := OpenFolder(t.Context(), dir, func(p string) bool { return p == "corn.lock" }, l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{
		"postBuild": 0o700, "README.md": 0o600, "src/a.py": 0o664, "src/.git": 0o644, ".git/config": 0o644, "corn.lock": 0o644,
		"data/big.bin": 0o644, "data/small.csv": 0o644, "notes/x.log": 0o644, "notes/keep.log": 0o644,
		"dist/image/oci-layout": 0o644, "dist/image/index.json": 0o644, ".cache/CACHEDIR.TAG": 0o644, ".cache/x": 0o644, "node_modules/m/x.js": 0o644,
	} {
		put(t, dir, name, name, mode)
	}
	put(t, dir, ".dockerignore", "# not for steps\ndata\n!data/small.csv\n*/x.log\n**/node_modules\n", 0o644)
	if err := errors.Join(os.Symlink("../../etc/passwd", filepath.Join(dir, "src/out")), os.Mkdir(filepath.Join(dir, "empty"), 0o755),
		syscall.Mkfifo(filepath.Join(dir, "src/pipe"), 0o644)); err != nil {
		t.Fatal(err)
	}
	f := folder(t, dir, FolderLimits{})
	var got []string
	if err := f.Each(t.Context(), "home/u", 7, 8, func(e filetree.Entry, r io.Reader) error {
		text, err := io.ReadAll(r)
		if e.UID != 7 || e.GID != 8 || e.ModTime != filetree.Epoch1980 {
			t.Errorf("%s has owner %d:%d and time %d", e.Path, e.UID, e.GID, e.ModTime)
		}
		got = append(got, fmt.Sprintf("%s %o %s %s%s", e.Type, e.Mode, e.Path, e.Link, text))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"file 644 home/u/.dockerignore # not for steps\ndata\n!data/small.csv\n*/x.log\n**/node_modules\n",
		"file 644 home/u/README.md README.md",
		"directory 755 home/u/data ", "file 644 home/u/data/small.csv data/small.csv",
		"directory 755 home/u/notes ", "file 644 home/u/notes/keep.log notes/keep.log",
		"file 755 home/u/postBuild postBuild",
		"directory 755 home/u/src ", "file 644 home/u/src/a.py src/a.py", "symlink 0 home/u/src/out ../../etc/passwd",
	}
	for i := range want { // the words of filetree.Type
		want[i] = strings.Replace(want[i], "directory", filetree.Dir.String(), 1)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("folder (-want +got):\n%s", diff)
	}

	// What cannot be seen changes no sum, what can be does.
	sum := func() string {
		s, err := folder(t, dir, FolderLimits{}).Sum(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return s.String()
	}
	first := sum()
	put(t, dir, "corn.lock", "other", 0o644)
	put(t, dir, "data/big.bin", "other", 0o644)
	put(t, dir, "dist/image/index.json", "other", 0o644)
	if err := errors.Join(os.Chmod(filepath.Join(dir, "README.md"), 0o644), os.Mkdir(filepath.Join(dir, "more"), 0o755)); err != nil {
		t.Fatal(err)
	}
	if got := sum(); got != first {
		t.Errorf("the sum changed with what steps do not see")
	}
	put(t, dir, "src/a.py", "src/b.py", 0o644)
	if got := sum(); got == first {
		t.Errorf("the sum did not change with a file")
	}
}

func TestFolderRefuses(t *testing.T) {
	for _, c := range []struct {
		name, file, text, reason string
		limits                   FolderLimits
	}{
		{"whiteout", "a/.wh.b", "", `a/.wh.b: its name begins with .wh.`, FolderLimits{}},
		{"bytes", "a/b", "12345", "a/b: with it there are more than 4 bytes", FolderLimits{Bytes: 4}},
		{"entries", "a/b", "", "a/b: with it there are more than 1 files", FolderLimits{Entries: 1}},
		{"ignore file", ".dockerignore", "[\n", ".dockerignore: ", FolderLimits{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, dir, c.file, c.text, 0o644)
			_, err := OpenFolder(t.Context(), dir, nil, c.limits)
			if e, ok := errors.AsType[*FolderError](err); !ok || !strings.Contains(err.Error(), c.reason) || e.Hint() == "" {
				t.Errorf("OpenFolder = %v, want a *FolderError with %q and a hint", err, c.reason)
			}
		})
	}
	// A file that grows or shrinks after it was listed is no half of a layer.
	for _, text := range []string{"123", "1234567"} {
		dir := t.TempDir()
		put(t, dir, "a", "12345", 0o644)
		f := folder(t, dir, FolderLimits{})
		put(t, dir, "a", text, 0o644)
		if err := f.Tar(t.Context(), &bytes.Buffer{}, "repo", 1, 1); !errors.Is(err, errChanged) {
			t.Errorf("Tar of a file that became %q = %v, want %v", text, err, errChanged)
		}
	}
}
