package peertree

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// storeDir is where an image has the files that environments share.
const storeDir = "opt/corn/store"

// An Image is the file system that an image's layers make, without most of its bytes.
type Image struct {
	nodes map[string]*Node // by path without the leading slash
	data  map[string][]byte
}

// ReadImage streams all layers of an image, lowest first, and hashes their files. Package
// layertest does the same in memory; these images are too large for that.
func ReadImage(img v1.Image) (*Image, error) {
	layers, err := img.Layers()
	if err != nil {
		return nil, fmt.Errorf("read image: %w", err)
	}
	m := &Image{nodes: map[string]*Node{}, data: map[string][]byte{}}
	for i, l := range layers {
		if err := m.layer(l); err != nil {
			return nil, fmt.Errorf("read image: layer %d: %w", i, err)
		}
	}
	return m, nil
}

func (m *Image) layer(l v1.Layer) (err error) {
	rc, err := l.Uncompressed()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rc.Close()) }()
	own := map[string]bool{} // whiteouts hide lower layers alone (OCI image-spec layer.md)
	for tr := tar.NewReader(rc); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		p := path.Clean(h.Name)
		dir, name := path.Split(p)
		if name == ".wh..wh..opq" {
			m.remove(strings.TrimSuffix(dir, "/"), own, true)
			continue
		}
		if gone, ok := strings.CutPrefix(name, ".wh."); ok {
			m.remove(dir+gone, own, false)
			continue
		}
		n, data, err := readNode(h, tr, m.nodes)
		if err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
		if n.Type != 'd' && m.nodes[p] != nil {
			m.remove(p, own, false)
		}
		own[p] = true
		m.nodes[p] = n
		if data != nil {
			m.data[p] = data
		}
	}
}

func (m *Image) remove(p string, own map[string]bool, opaque bool) {
	for q := range m.nodes {
		if !own[q] && (q == p && !opaque || strings.HasPrefix(q, p+"/")) {
			delete(m.nodes, q)
			delete(m.data, q)
		}
	}
}

// pycHead is the header of a .pyc (PEP 552): magic number, flags, and time and size of the
// source, or a hash.
const pycHead = 16

func readNode(h *tar.Header, r io.Reader, nodes map[string]*Node) (*Node, []byte, error) {
	n := &Node{Type: 'o', Mode: uint32(h.Mode & 0o7777), ModTime: h.ModTime.Unix()}
	switch h.Typeflag {
	case tar.TypeDir:
		n.Type = 'd'
	case tar.TypeSymlink:
		n.Type, n.Mode, n.Target = 'l', 0, h.Linkname
	case tar.TypeLink:
		target := nodes[path.Clean(h.Linkname)]
		if target == nil || target.Type != 'f' {
			return nil, nil, fmt.Errorf("hard link to %s, which is no file", h.Linkname)
		}
		*n = *target
	case tar.TypeReg:
		n.Type = 'f'
		sum := sha256.New()
		var keep bytes.Buffer
		w := io.Writer(sum)
		if i := strings.LastIndex(h.Name, "conda-meta/"); i >= 0 && keepsData(h.Name[i:]) {
			w = io.MultiWriter(sum, &keep)
		}
		if strings.HasSuffix(h.Name, ".pyc") {
			n.Head = make([]byte, min(pycHead, h.Size))
			if _, err := io.ReadFull(r, n.Head); err != nil {
				return nil, nil, err
			}
			sum.Write(n.Head)
		}
		if _, err := io.Copy(w, r); err != nil {
			return nil, nil, err
		}
		n.Size, n.SHA256 = h.Size, hex.EncodeToString(sum.Sum(nil))
		if keep.Len() > 0 {
			return n, keep.Bytes(), nil
		}
	}
	return n, nil, nil
}

// realDir follows the links on the way to a folder.
func (m *Image) realDir(p string) (string, error) {
	todo, at := strings.Split(strings.Trim(p, "/"), "/"), ""
	for hops := 0; len(todo) > 0; {
		next := path.Join(at, todo[0])
		todo = todo[1:]
		n := m.nodes[next]
		switch {
		case n == nil:
			return "", fmt.Errorf("%s: the image has no /%s", p, next)
		case n.Type != 'l':
			at = next
			continue
		}
		if hops++; hops > 40 {
			return "", fmt.Errorf("%s: too many symbolic links", p)
		}
		to := path.Join(at, n.Target)
		if path.IsAbs(n.Target) {
			to = path.Clean(n.Target)
		}
		todo, at = append(strings.Split(strings.Trim(to, "/"), "/"), todo...), ""
	}
	return at, nil
}

// Env takes one environment out of the image. A link into the store is followed, once; links
// of packages are not.
func (m *Image) Env(prefix string) (*Tree, error) {
	root, err := m.realDir(prefix)
	if err != nil {
		return nil, fmt.Errorf("find environment: %w", err)
	}
	t := &Tree{Nodes: map[string]*Node{}, Meta: map[string][]byte{}}
	for p, n := range m.nodes {
		rel, ok := strings.CutPrefix(p, root+"/")
		if !ok {
			continue
		}
		if to := path.Join(path.Dir(p), n.Target); n.Type == 'l' && !path.IsAbs(n.Target) && strings.HasPrefix(to, storeDir+"/") {
			stored := m.nodes[to]
			if stored == nil {
				return nil, fmt.Errorf("environment %s: %s leads to /%s, where nothing is", prefix, rel, to)
			}
			followed := *stored
			followed.Stored = true
			n = &followed
		}
		t.Nodes[rel] = n
		if data, ok := m.data[p]; ok {
			t.Meta[rel] = data
		}
	}
	return t, nil
}
