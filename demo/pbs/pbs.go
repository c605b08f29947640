// Package pbs gives the CPythons of python-build-standalone, and pip.
//
// They come out of versions of the Go module github.com/kluctl/go-embed-python, which
// carries them as data, through the go command and so through whatever module proxy it
// is set to; checksums are go's own. The module is no requirement of this one.
//
// The interpreters need glibc 2.17 and nothing else. They have no headers, and "/install"
// is baked into their text files as the prefix.
package pbs

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

// Prefix is what the text files of an interpreter take for their prefix.
const Prefix = "/install"

const module = "github.com/kluctl/go-embed-python"

// releases are the versions of the module, by the Python in them. The date in one is
// the release of python-build-standalone.
var releases = map[string]string{
	"3.10.16": "v0.0.0-3.10.16-20241219-1",
	"3.11.11": "v0.0.0-3.11.11-20241219-1",
	"3.14.6":  "v0.0.0-3.14.6-20260610-1",
}

// Release is the version of the module that holds a Python; ok is false where none does.
func Release(python string) (release string, ok bool) {
	release, ok = releases[python]
	return release, ok
}

// Python gives the files of an interpreter ("3.11.11") below its prefix, their contents
// being kept in dir. Every time is the day of the release, in UTC.
func Python(ctx context.Context, python, dir string) ([]channeltest.File, error) {
	return unpack(ctx, python, "python/internal/data/linux-amd64", filepath.Join(dir, python+"-python"))
}

// Pip gives the files of the pip that comes with an interpreter, below site-packages
// (its scripts below bin), as [Python] does.
func Pip(ctx context.Context, python, dir string) ([]channeltest.File, error) {
	return unpack(ctx, python, "pip/internal/data", filepath.Join(dir, python+"-pip"))
}

// listed is one file of files.json.
type listed struct {
	Name       string      `json:"name"`
	Perm       fs.FileMode `json:"perm"`
	Symlink    string      `json:"symlink"`
	Compressed bool        `json:"compressed"` // kept as Name + ".gz"
}

func unpack(ctx context.Context, python, below, dir string) ([]channeltest.File, error) {
	release, ok := releases[python]
	if !ok {
		return nil, fmt.Errorf("no python-build-standalone %s is known", python)
	}
	when, err := day(release)
	if err != nil {
		return nil, err
	}
	root, err := download(ctx, release)
	if err != nil {
		return nil, err
	}
	root = filepath.Join(root, filepath.FromSlash(below))
	text, err := os.ReadFile(filepath.Join(root, "files.json"))
	if err != nil {
		return nil, err
	}
	var list struct {
		Files []listed `json:"files"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("files.json of %s %s: %w", module, release, err)
	}
	var files []channeltest.File
	for _, l := range list.Files {
		switch {
		case l.Perm.IsDir():
		case l.Perm&fs.ModeSymlink != 0:
			files = append(files, channeltest.File{Path: l.Name, Link: l.Symlink, ModTime: when})
		default:
			src := filepath.Join(dir, filepath.FromSlash(l.Name))
			if err := keep(filepath.Join(root, filepath.FromSlash(l.Name)), src, l.Compressed); err != nil {
				return nil, err
			}
			mode := uint32(0o644)
			if l.Perm&0o111 != 0 {
				mode = 0o755
			}
			files = append(files, channeltest.File{Path: l.Name, Mode: mode, Src: src, ModTime: when})
		}
	}
	slices.SortFunc(files, func(a, b channeltest.File) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}

// day is the Unix time of the release's date: v0.0.0-3.11.11-20241219-1.
func day(release string) (int64, error) {
	parts := strings.Split(release, "-")
	if len(parts) != 4 {
		return 0, fmt.Errorf("release %s: want v0.0.0-PYTHON-DATE-N", release)
	}
	t, err := time.Parse("20060102", parts[2])
	return t.Unix(), err
}

// download has the go command bring the module and says where it lies.
func download(ctx context.Context, release string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", module+"@"+release)
	cmd.Dir = os.TempDir() // the module at hand has no say in it
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	runErr := cmd.Run()
	var answer struct{ Dir, Error string }
	if err := json.Unmarshal(stdout.Bytes(), &answer); err != nil || answer.Dir == "" {
		return "", fmt.Errorf("go mod download %s@%s: %w: %s%s", module, release,
			errors.Join(runErr, err), answer.Error, strings.TrimSpace(stderr.String()))
	}
	return answer.Dir, nil
}

// keep copies a file of the module to dst, plain; a dst that is there is whole.
func keep(src, dst string, compressed bool) error {
	if _, err := os.Stat(dst); err == nil {
		return nil
	}
	if compressed {
		src += ".gz"
	}
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	var r io.Reader = in
	if compressed {
		if r, err = gzip.NewReader(in); err != nil {
			return fmt.Errorf("read %s: %w", src, err)
		}
	}
	if err := os.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(dst), ".keep-")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if _, err = io.Copy(tmp, r); err != nil {
		err = fmt.Errorf("read %s: %w", src, err)
	}
	if err := errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), dst)
}
