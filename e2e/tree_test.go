package e2e

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"
)

// A tree is a file system: path without the leading slash to what is there. Hard links are
// files like others.
type tree map[string]node

type node struct {
	Kind     byte // 'f' file, 'd' folder, 'l' symbolic link, 'o' other
	Mode     uint32
	UID, GID int
	Time     int64 // Unix seconds
	Size     int64
	Sum      [sha256.Size]byte
	Target   string
}

func (n node) String() string {
	return fmt.Sprintf("%c %04o %d:%d time %d size %d sum %.4x %s", n.Kind, n.Mode, n.UID, n.GID, n.Time, n.Size, n.Sum, n.Target)
}

// layersTree is the file system that the layers of an image make (OCI image-spec layer.md).
// It shares no code with any engine, and none with what wrote the layers.
func layersTree(img v1.Image) (tree, error) {
	layers, err := img.Layers()
	if err != nil {
		return nil, err
	}
	t := tree{}
	for _, l := range layers {
		rc, err := l.Uncompressed()
		if err != nil {
			return nil, err
		}
		own := map[string]bool{} // whiteouts hide lower layers alone
		err = eachInTar(rc, func(p string, n node) error {
			dir, name := path.Split(p)
			dir = strings.TrimSuffix(dir, "/")
			switch gone, isWhiteout := strings.CutPrefix(name, ".wh."); {
			case name == ".wh..wh..opq":
				t.removeBelow(dir, own)
			case isWhiteout:
				t.removeBelow(path.Join(dir, gone), own)
				delete(t, path.Join(dir, gone))
			default:
				if n.Kind != 'd' {
					t.removeBelow(p, own)
				}
				own[p], t[p] = true, n
			}
			return nil
		}, t)
		if err := errors.Join(err, rc.Close()); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t tree) removeBelow(dir string, but map[string]bool) {
	if t[dir].Kind != 'd' {
		return // and do not look at every path for each file
	}
	for p := range t {
		if strings.HasPrefix(p, dir+"/") && !but[p] {
			delete(t, p)
		}
	}
}

// tarTree is the file system of one tar, as "docker export" gives it.
func tarTree(r io.Reader) (tree, error) {
	t := tree{}
	return t, eachInTar(r, func(p string, n node) error {
		t[p] = n
		return nil
	}, t)
}

// eachInTar calls each for every entry but the root. links is where hard links find what they lead to.
func eachInTar(r io.Reader, each func(string, node) error, links tree) error {
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		p := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
		if p == "" {
			continue
		}
		n := node{Mode: uint32(h.Mode & 0o7777), UID: h.Uid, GID: h.Gid, Time: h.ModTime.Unix()}
		switch h.Typeflag {
		case tar.TypeDir:
			n.Kind = 'd'
		case tar.TypeSymlink:
			n.Kind, n.Mode, n.Target = 'l', 0, h.Linkname
		case tar.TypeLink:
			to := strings.TrimPrefix(path.Clean("/"+h.Linkname), "/")
			if n = links[to]; n.Kind != 'f' {
				return fmt.Errorf("%s is a hard link to %s, which is no file", p, to)
			}
		case tar.TypeReg:
			n.Kind, n.Size = 'f', h.Size
			if n.Sum, err = sum(tr); err != nil {
				return fmt.Errorf("%s: %w", p, err)
			}
		default:
			n.Kind = 'o'
		}
		if err := each(p, n); err != nil {
			return err
		}
	}
}

func sum(r io.Reader) (out [sha256.Size]byte, err error) {
	h := sha256.New()
	_, err = io.Copy(h, r)
	return [sha256.Size]byte(h.Sum(nil)), err
}

// folderTree is the file system below a folder of this machine.
func folderTree(ctx context.Context, root string) (tree, error) {
	t := tree{}
	var files []string
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == root {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		p := filepath.ToSlash(strings.TrimPrefix(name, root+"/"))
		n := node{Kind: 'o', Mode: st.Mode & 0o7777, UID: int(st.Uid), GID: int(st.Gid), Time: st.Mtim.Sec}
		switch {
		case d.IsDir():
			n.Kind = 'd'
		case d.Type() == fs.ModeSymlink:
			n.Kind, n.Mode = 'l', 0
			if n.Target, err = os.Readlink(name); err != nil {
				return err
			}
		case d.Type().IsRegular():
			n.Kind, n.Size = 'f', st.Size
			files = append(files, p)
		}
		t[p] = n
		return nil
	})
	if err != nil {
		return nil, err
	}
	sums := make([][sha256.Size]byte, len(files))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for i, p := range files {
		g.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			f, err := os.Open(filepath.Join(root, p))
			if err != nil {
				return err
			}
			defer f.Close()
			sums[i], err = sum(f)
			return err
		})
	}
	err = g.Wait()
	for i, p := range files {
		n := t[p]
		n.Sum = sums[i]
		t[p] = n
	}
	return t, err
}

// differences lists what two trees have otherwise, 20 paths at most. except are paths that
// engines make of their own.
func differences(want, got tree, except ...string) []string {
	var out []string
	paths := maps.Clone(want)
	maps.Copy(paths, got)
	for _, p := range slices.Sorted(maps.Keys(paths)) {
		w, g := want[p], got[p]
		if w == g || slices.Contains(except, p) {
			continue
		}
		if len(out) == 20 {
			return append(out, "and more")
		}
		text := func(n node) string {
			if n.Kind == 0 {
				return "nothing"
			}
			return n.String()
		}
		out = append(out, fmt.Sprintf("/%s\n  want %s\n  got  %s", p, text(w), text(g)))
	}
	return out
}
