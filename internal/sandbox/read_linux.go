package sandbox

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// ReadFile reads a small file of the layers, without what programs changed. Links are not
// followed: one on the way or at the end is fs.ErrNotExist, like a path that is not there.
func (r *Root) ReadFile(name string) ([]byte, error) {
	p := strings.TrimPrefix(path.Clean("/"+name), "/")
	miss := &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	for _, t := range slices.Backward(r.trees) {
		data, decided, err := readIn(treeRoot(t), p)
		if err != nil {
			return nil, err
		}
		if data != nil {
			return data, nil
		}
		if decided {
			return nil, miss
		}
	}
	return nil, miss
}

// readIn looks into one layer. decided tells that no lower layer matters.
func readIn(root, p string) (data []byte, decided bool, err error) {
	const most = 1 << 20
	at := root
	parts := strings.Split(p, "/")
	for i, part := range parts {
		at = filepath.Join(at, part)
		st, err := os.Lstat(at)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, decided, nil
		case err != nil:
			return nil, false, err
		case i < len(parts)-1 && st.IsDir():
			decided = decided || value(at, opaqueXattr) == "y"
		case i == len(parts)-1 && st.Mode().IsRegular() && st.Size() <= most:
			f, err := os.OpenFile(at, os.O_RDONLY|unix.O_NOFOLLOW, 0)
			if err != nil {
				return nil, false, err
			}
			data = make([]byte, st.Size())
			n, err := f.ReadAt(data, 0)
			if n == len(data) {
				err = nil
			}
			return data, true, errors.Join(err, f.Close())
		default:
			return nil, true, nil // gone, or no plain file
		}
	}
	return nil, decided, nil
}

// Names lists what is in a folder of the layers, sorted, without what programs changed.
// Links are not followed.
func (r *Root) Names(dir string) []string {
	p := strings.TrimPrefix(path.Clean("/"+dir), "/")
	seen := map[string]bool{} // false for what is gone
	for _, t := range slices.Backward(r.trees) {
		at := filepath.Join(treeRoot(t), p)
		entries, err := os.ReadDir(at)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if _, known := seen[e.Name()]; !known {
				seen[e.Name()] = e.Type()&os.ModeCharDevice == 0
			}
		}
		if value(at, opaqueXattr) == "y" {
			break
		}
	}
	var names []string
	for name, there := range seen {
		if there {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
