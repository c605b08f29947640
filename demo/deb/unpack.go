package deb

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
	"github.com/ulikunitz/xz"
)

// unpackVersion is part of a folder's name: raise it when the folders change.
const unpackVersion = "1"

// unwanted are the folders that nothing at run time looks into.
var unwanted = []string{"usr/share/doc/", "usr/share/man/", "usr/share/locale/", "usr/share/info/",
	"usr/share/lintian/", "usr/share/bug/", "usr/share/doc-base/", "usr/share/nodejs/",
	"usr/share/bash-completion/", "usr/share/perl5/", "usr/share/gdb/"}

// Unpack reads the .deb file at name and gives its files and links at their slash paths
// below the root (merged: /lib, /bin and /sbin are usr/lib, usr/bin and usr/sbin), less
// documentation, manuals and translations. Contents lie in dir, which Unpack makes and
// fills the first time, and only whole; hard links come as files of the same content.
func Unpack(ctx context.Context, name, dir string) ([]channeltest.File, error) {
	dir += "-" + unpackVersion
	if files, err := readList(dir); err == nil {
		return files, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".unpack-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	files, err := unpack(ctx, name, tmp)
	if err != nil {
		return nil, fmt.Errorf("unpack %s: %w", filepath.Base(name), err)
	}
	list, err := json.Marshal(files)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(tmp, "list.json"), list, 0o644); err != nil {
		return nil, err
	}
	if err := os.Rename(tmp, dir); err != nil {
		if _, err := os.Stat(filepath.Join(dir, "list.json")); err != nil {
			return nil, err
		} // else another process was faster, with the same bytes
	}
	return readList(dir)
}

// readList reads what an earlier Unpack left; in the list Src is relative to dir.
func readList(dir string) ([]channeltest.File, error) {
	text, err := os.ReadFile(filepath.Join(dir, "list.json"))
	if err != nil {
		return nil, err
	}
	var files []channeltest.File
	if err := json.Unmarshal(text, &files); err != nil {
		return nil, err
	}
	for i := range files {
		if files[i].Src != "" {
			files[i].Src = filepath.Join(dir, files[i].Src)
		}
	}
	return files, nil
}

func unpack(ctx context.Context, name, dir string) ([]channeltest.File, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	member, data, err := findData(bufio.NewReaderSize(f, 256<<10))
	if err != nil {
		return nil, err
	}
	plain, err := decompress(ctx, member, data)
	if err != nil {
		return nil, err
	}
	files, err := untar(plain, dir)
	return files, errors.Join(err, plain.Close())
}

func untar(r io.Reader, dir string) ([]channeltest.File, error) {
	var files []channeltest.File
	src := map[string]string{}
	in := tar.NewReader(r)
	for {
		h, err := in.Next()
		if err == io.EOF {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		p := Merged(h.Name)
		if isUnwanted(p) {
			continue
		}
		file := channeltest.File{Path: p, Mode: uint32(h.Mode) & 0o777, ModTime: h.ModTime.Unix()}
		switch h.Typeflag {
		case tar.TypeReg:
			file.Src = strconv.Itoa(len(files))
			src[p] = file.Src
			if err := write(filepath.Join(dir, file.Src), in); err != nil {
				return nil, err
			}
		case tar.TypeLink:
			to, ok := src[Merged(h.Linkname)]
			if !ok {
				return nil, fmt.Errorf("hard link %s to %s, which did not come before it", p, h.Linkname)
			}
			file.Src = to
		case tar.TypeSymlink:
			file.Link = h.Linkname
		case tar.TypeDir:
			continue
		default:
			return nil, fmt.Errorf("%s is of type %q, want a file or a link", p, h.Typeflag)
		}
		files = append(files, file)
	}
}

// Merged is name as a clean slash path below the root of a system whose /lib, /bin and
// /sbin lie in /usr.
func Merged(name string) string {
	p := strings.TrimPrefix(path.Clean("/"+name), "/")
	switch first, _, _ := strings.Cut(p, "/"); first {
	case "bin", "sbin", "lib", "lib64":
		return "usr/" + p
	}
	return p
}

func isUnwanted(p string) bool {
	for _, u := range unwanted {
		if strings.HasPrefix(p, u) {
			return true
		}
	}
	return false
}

func write(name string, r io.Reader) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

// findData reads the ar archive up to its data.tar member.
func findData(r *bufio.Reader) (name string, data io.Reader, err error) {
	magic := make([]byte, 8)
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != "!<arch>\n" {
		return "", nil, errors.New("not an ar archive")
	}
	header := make([]byte, 60)
	for {
		if _, err := io.ReadFull(r, header); err != nil {
			return "", nil, fmt.Errorf("no data.tar in it: %w", err)
		}
		size, err := strconv.ParseInt(strings.TrimSpace(string(header[48:58])), 10, 64)
		if err != nil || size < 0 || string(header[58:]) != "`\n" {
			return "", nil, errors.New("bad ar header")
		}
		name := strings.TrimRight(string(header[:16]), " /")
		if strings.HasPrefix(name, "data.tar") {
			return name, io.LimitReader(r, size), nil
		}
		if _, err := r.Discard(int(size + size%2)); err != nil {
			return "", nil, err
		}
	}
}

// decompress opens a member by the end of its name. For xz the program of that name is
// several times faster than Go's and used where it is; the bytes are the same.
func decompress(ctx context.Context, name string, r io.Reader) (io.ReadCloser, error) {
	switch path.Ext(name) {
	case ".tar":
		return io.NopCloser(r), nil
	case ".gz":
		return gzip.NewReader(r)
	case ".zst":
		d, err := zstd.NewReader(r)
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	case ".xz":
		if program, err := exec.LookPath("xz"); err == nil {
			return pipe(exec.CommandContext(ctx, program, "-dc"), r)
		}
		d, err := xz.NewReader(r)
		if err != nil {
			return nil, err
		}
		return io.NopCloser(d), nil
	}
	return nil, fmt.Errorf("member %s: compression is not known", name)
}

// process is the output of a program; Close waits for it and gives its failure.
type process struct {
	io.Reader
	cmd *exec.Cmd
}

func pipe(cmd *exec.Cmd, r io.Reader) (io.ReadCloser, error) {
	cmd.Stdin = r
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &process{bufio.NewReaderSize(out, 256<<10), cmd}, nil
}

func (p *process) Close() error {
	if _, err := io.Copy(io.Discard, p.Reader); err != nil {
		return errors.Join(err, p.cmd.Wait())
	}
	return p.cmd.Wait()
}
