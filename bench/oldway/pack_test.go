package oldway

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

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// tree has one file in a store, a link to it, and a package's own link to that link.
func tree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{"store/p/lib", "env/lib"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	err := errors.Join(
		os.WriteFile(filepath.Join(dir, "store/p/lib/a.so.1"), []byte("library"), 0o644),
		os.Symlink("../../store/p/lib/a.so.1", filepath.Join(dir, "env/lib/a.so.1")),
		os.Symlink("a.so.1", filepath.Join(dir, "env/lib/a.so")),
	)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// list prints the entries of a tar stream.
func list(t *testing.T, r io.Reader) string {
	t.Helper()
	var b strings.Builder
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return b.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%c %s %d:%d %s%s\n", h.Typeflag, h.Name, h.Uid, h.Gid, h.Linkname, data)
	}
}

func TestPack(t *testing.T) {
	dir := tree(t)
	env := filepath.Join(dir, "env")
	const asIs = "5 srv/env/ 1000:100 \n5 srv/env/lib/ 1000:100 \n2 srv/env/lib/a.so 1000:100 a.so.1\n2 srv/env/lib/a.so.1 1000:100 ../../store/p/lib/a.so.1\n"
	plain := strings.Replace(asIs, "2 srv/env/lib/a.so.1 1000:100 ../../store/p/lib/a.so.1", "0 srv/env/lib/a.so.1 1000:100 library", 1)
	for _, c := range []struct {
		name, compression string
		o                 PackOptions
		want              string
	}{
		{"as it is", None, PackOptions{}, asIs},
		{"zstd", Zstd, PackOptions{}, asIs},
		{"gzip, links into the store as files", Gzip, PackOptions{Content: LinksInto(filepath.Join(dir, "store"))}, plain},
		{"without a folder", None, PackOptions{Skip: func(rel string) bool { return rel == "lib" }}, "5 srv/env/ 1000:100 \n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.Compression, c.o.At, c.o.UID, c.o.GID = c.compression, "srv/env", 1000, 100
			var buf bytes.Buffer
			if err := Pack(&buf, env, c.o); err != nil {
				t.Fatal(err)
			}
			var r io.Reader = &buf
			var err error
			switch c.compression {
			case Zstd:
				r, err = zstd.NewReader(&buf)
			case Gzip:
				r, err = gzip.NewReader(&buf)
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := list(t, r); got != c.want {
				t.Errorf("entries:\n%swant:\n%s", got, c.want)
			}
		})
	}
	if err := Pack(io.Discard, env, PackOptions{Compression: "lzma"}); err == nil {
		t.Error("Pack with lzma: no error")
	}
}

func TestFind(t *testing.T) {
	look := func(name string) (string, error) {
		if name == "/opt/mm" {
			return name, nil
		}
		return "", os.ErrNotExist
	}
	if got, err := Find(look, func(string) string { return "/opt/mm" }); err != nil || got != "/opt/mm" {
		t.Errorf("Find = %q, %v, want /opt/mm", got, err)
	}
	if _, err := Find(look, func(string) string { return "" }); !errors.Is(err, ErrMissing) {
		t.Errorf("Find without one = %v, want %v", err, ErrMissing)
	}
}

func TestLockTakesTheLocalChannel(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "conda-lock.yml")
	if err := os.WriteFile(file, []byte("url: https://conda.anaconda.org/c/noarch/a-1-0.conda\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	p := &Peer{Dir: dir, Alias: "http://127.0.0.1:1/"}
	got, err := p.Lock("climate", file)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(got)
	if err != nil {
		t.Fatal(err)
	}
	if want := "url: http://127.0.0.1:1/c/noarch/a-1-0.conda\n"; string(data) != want || !strings.HasSuffix(got, "climate-lock.yml") {
		t.Errorf("%s holds %q, want %q in climate-lock.yml", got, data, want)
	}
}
