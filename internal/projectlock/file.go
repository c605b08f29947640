package projectlock

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// maxBytes bounds the file: one for a hundred kernels has far less than a megabyte.
const maxBytes = 16 << 20

// Read returns the bytes of a project's corn.lock and its name for messages; the bytes are
// nil where there is none.
func Read(project string) ([]byte, string, error) {
	name := filepath.ToSlash(filepath.Join(project, FileName))
	root, err := os.OpenRoot(project) // a link out of the project is none of the project's files
	if err != nil {
		return nil, name, err
	}
	defer root.Close()
	info, err := root.Stat(FileName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, name, nil
	}
	if err != nil {
		return nil, name, fmt.Errorf("read %s: %w", name, err)
	}
	if !info.Mode().IsRegular() {
		return nil, name, fmt.Errorf("read %s: it is no regular file", name)
	}
	f, err := root.Open(FileName)
	if err != nil {
		return nil, name, fmt.Errorf("read %s: %w", name, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return nil, name, fmt.Errorf("read %s: %w", name, err)
	}
	if len(data) > maxBytes {
		return nil, name, fmt.Errorf("read %s: it has more than %d bytes", name, maxBytes)
	}
	if data == nil {
		data = []byte{}
	}
	return data, name, nil
}

// Write puts the file into its place, whole or not at all. A file that has these bytes
// already is left alone.
func Write(project string, data []byte) (written bool, err error) {
	file := filepath.Join(project, FileName)
	if old, err := os.ReadFile(file); err == nil && bytes.Equal(old, data) {
		return false, nil
	}
	if err := renameio.WriteFile(file, data, 0o644); err != nil {
		return false, fmt.Errorf("write %s: %w", FileName, err)
	}
	return true, nil
}
