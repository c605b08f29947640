package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/testkit/layertest"
)

type h = layertest.H

const passwd = "root:x:0:0:root:/root:/bin/bash\n" +
	"# comment:x:5:5::/:/x\n" +
	"broken line\n" +
	"jovyan:x:1000:100:Jo:/home/jovyan:/bin/bash\n" +
	"nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n" +
	"bad:x:many:1::/:/x\n"

const group = "root:x:0:\nusers:x:100:jovyan\nbad:x:many:\n"

// debianish is a base in the shape of pangeo's: merged /usr, a user, conda's folders.
func debianish() []v1.Layer {
	return []v1.Layer{
		layertest.Layer(
			h{Name: "./", Mode: 0o755}, h{Name: "bin", Link: "usr/bin"}, h{Name: "lib", Link: "usr/lib"}, h{Name: "lib64", Link: "usr/lib64"},
			h{Name: "etc/"}, h{Name: "etc/passwd", Data: passwd}, h{Name: "etc/group", Data: group},
			h{Name: "etc/os-release", Link: "../usr/lib/os-release"},
			h{Name: "usr/"}, h{Name: "usr/lib/"}, h{Name: "usr/lib/os-release", Data: "PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nID=debian\nVERSION_ID='13'\nHOME_URL=x\n"},
			h{Name: "usr/bin/"}, h{Name: "usr/bin/dash", Mode: 0o755, Data: "ELF"}, h{Name: "usr/bin/sh", Link: "dash"},
			h{Name: "usr/bin/bash", Mode: 0o755, Data: "ELF"}, h{Name: "usr/bin/env", Mode: 0o755, Data: "ELF"},
			h{Name: "usr/lib64/"}, h{Name: "usr/lib64/ld-linux-x86-64.so.2", Link: "../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"},
			h{Name: "usr/lib/x86_64-linux-gnu/"},
			h{Name: "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", Mode: 0o755, Data: "the loader"},
			h{Name: "usr/lib/x86_64-linux-gnu/libc.so.6", Mode: 0o755, Data: "\x7fELF..GNU C Library (Debian GLIBC 2.41-12) stable release version 2.41.\nCopyright"},
			h{Name: "usr/lib/x86_64-linux-gnu/libm.so.6", Data: "libm"},
			h{Name: "usr/lib/x86_64-linux-gnu/libz.so.1", Link: "libz.so.1.3.1"}, h{Name: "usr/lib/x86_64-linux-gnu/libz.so.1.3.1", Data: "zlib of the first layer"},
			h{Name: "usr/lib/x86_64-linux-gnu/libsecret.so.1", Data: "not wanted"},
		),
		layertest.Layer(
			h{Name: "srv/", Mode: 0o775, UID: 0, GID: 100}, h{Name: "srv/conda/", UID: 1000, GID: 100, Mode: 0o2755,
				PAX: map[string]string{"SCHILY.xattr.user.corn": "a\x01b"}},
			h{Name: "srv/conda/envs/", UID: 1000, GID: 100},
			h{Name: "usr/lib/x86_64-linux-gnu/libz.so.1.3.1", Data: "zlib of the second layer"},
		),
	}
}

var pangeoConfig = v1.ConfigFile{
	Config: v1.Config{
		User: "jovyan", WorkingDir: "/home/jovyan", Entrypoint: []string{"/srv/start"}, OnBuild: []string{"USER root"},
		Env: []string{"PATH=/srv/conda/envs/notebook/bin:/srv/conda/bin:/usr/bin:/bin", "CONDA_DIR=/srv/conda",
			"NB_PYTHON_PREFIX=/srv/conda/envs/notebook", "LANG=C.UTF-8"},
		Labels: map[string]string{"a": "b"},
	},
}

// layoutOf writes an image as an OCI layout and returns its folder.
func layoutOf(t *testing.T, img v1.Image, options ...layout.Option) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "layout")
	p, err := layout.Write(dir, emptyIndex())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.AppendImage(img, options...); err != nil {
		t.Fatal(err)
	}
	return dir
}

// open opens a base and closes it at the end of the test.
func open(t *testing.T, ref string) *Base {
	t.Helper()
	b, err := OpenBase(t.Context(), ref, OpenOptions{TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func baseOf(t *testing.T, c v1.ConfigFile, layers ...v1.Layer) *Base {
	t.Helper()
	return open(t, "oci:"+layoutOf(t, layertest.Image(&c, layers...)))
}

// archiveOf writes "docker save" archives, of Docker's older or any other form.
func archiveOf(t *testing.T, name string, compress func([]byte) []byte, images ...archived) string {
	t.Helper()
	var files []h
	var manifest []archiveImage
	for i, a := range images {
		config := a.config
		config.OS, config.Architecture = "linux", "amd64"
		if a.arch != "" {
			config.Architecture = a.arch
		}
		m := archiveImage{Config: digest.Sum([]byte{byte(i)}).String() + ".json", RepoTags: a.tags}
		for j, l := range a.layers {
			config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, toHash(digest.Sum(l.plain)))
			config.RootFS.Type = "layers"
			lname := string(rune('a'+i)) + string(rune('0'+j)) + "/layer.tar"
			data := l.plain
			if l.stored != nil {
				data = l.stored
			}
			if l.link != "" {
				files = append(files, h{Name: lname, Link: l.link})
			} else {
				files = append(files, h{Name: lname, Data: string(data)})
			}
			m.Layers = append(m.Layers, lname)
		}
		raw, err := json.Marshal(config)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, h{Name: m.Config, Data: string(raw)})
		manifest = append(manifest, m)
	}
	raw, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	data := layertest.Tar(append(files, h{Name: "manifest.json", Data: string(raw)})...)
	if compress != nil {
		data = compress(data)
	}
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

type archived struct {
	config v1.ConfigFile
	arch   string
	tags   []string
	layers []archivedBytes
}

type archivedBytes struct {
	plain, stored []byte
	link          string
}

// memoryCache is a FactsCache that counts.
type memoryCache struct {
	mu   sync.Mutex
	m    map[digest.SHA256][]byte
	gets int
	puts int
}

func (c *memoryCache) Get(key digest.SHA256) ([]byte, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gets++
	d, ok := c.m[key]
	return d, ok, nil
}

func (c *memoryCache) Put(key digest.SHA256, data []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil {
		c.m = map[digest.SHA256][]byte{}
	}
	c.puts++
	c.m[key] = data
	return nil
}

func readAll(t *testing.T, open func() (io.ReadCloser, error)) []byte {
	t.Helper()
	rc, err := open()
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(rc)
	if err != nil {
		t.Fatal(err)
	}
	if err := rc.Close(); err != nil {
		t.Fatal(err)
	}
	return data
}

func tarNames(t *testing.T, data []byte) []string {
	t.Helper()
	var names []string
	tr := tar.NewReader(bytes.NewReader(data))
	for {
		hdr, err := tr.Next()
		if err == io.EOF {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, hdr.Name)
	}
}

// lines are facts as facts.jsonl has them.
func lines(t testing.TB, facts ...*artifact.Facts) [][]byte {
	t.Helper()
	var out [][]byte
	for _, f := range facts {
		line, err := artifact.Encode(f)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, line)
	}
	return out
}
