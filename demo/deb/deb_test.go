package deb

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

func TestUpstream(t *testing.T) {
	for in, want := range map[string]string{
		"1:2.2.4+ds-1":                       "2.2.4",  // epoch, repacked
		"2.2.3+dfsg-9":                       "2.2.3",  //
		"8.2.0+0.really.8.1.8-1":             "8.1.8",  // gone back to an older one
		"5.14.3+really5.14.3-1":              "5.14.3", //
		"1:1.3.dfsg+really1.3.1-1+b1":        "1.3.1",  // and rebuilt
		"1:1.2.13.dfsg-1":                    "1.2.13", //
		"4.0.11+ds1+~cs11.25.27-7":           "4.0.11", // several upstreams
		"0.17.2+~0.6.3-0.1+b1":               "0.17.2", //
		"3.5.7-1~deb13u2":                    "3.5.7",  // security update
		"2023.01.0-1.1":                      "2023.01.0",
		"0.1-3-3":                            "0.1-3", // R's own hyphen
		"20.11.0+git20211126.ae0bd61-2":      "20.11.0",
		"4.2.2.20221110-2":                   "4.2.2.20221110",
		"1.3.2+git20240429.124f234-2":        "1.3.2",
		"2026c-0+deb13u1":                    "2026c",
		"1:2.75-10+deb13u1+b3":               "2.75",
		"20250419":                           "20250419", // native
		"5.0.10+really4.7.0~dfsg-4.1":        "4.7.0",
		"1.7.3+git20210712.3f11b86~dfsg-1.1": "1.7.3",
	} {
		if got := Upstream(in); got != want {
			t.Errorf("Upstream(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestManifest(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	m := Manifest{
		{"trixie", "b"}:   {"trixie", "b", "2", sum, "pool/main/b/b_2.deb"},
		{"trixie", "a"}:   {"trixie", "a", "1:1-1", sum, "pool/main/a/a_1.deb"},
		{"bookworm", "b"}: {"bookworm", "b", "1", sum, "pool/main/b/b_1.deb"},
	}
	text := m.String()
	if want := "# suite\tpackage\tversion\tsha256\tpool path\nbookworm\tb\t1\t" + sum + "\tpool/main/b/b_1.deb\ntrixie\ta\t"; !strings.HasPrefix(text, want) {
		t.Errorf("String() = %q, want it to begin %q", text, want)
	}
	got, err := ParseManifest(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, got); diff != "" {
		t.Errorf("printed and parsed (-want +got):\n%s", diff)
	}
	for name, text := range map[string]string{
		"a field is missing":       "trixie\ta\t1\t" + sum,
		"no sha256":                "trixie\ta\t1\tabc\tpool/a.deb",
		"leaves the pool":          "trixie\ta\t1\t" + sum + "\tpool/../../etc/passwd",
		"another host":             "trixie\ta\t1\t" + sum + "\thttp://x/pool/a.deb",
		"one name with two of it":  "trixie\ta\t1\t" + sum + "\tpool/a.deb\ntrixie\ta\t2\t" + sum + "\tpool/a2.deb",
		"a sha256 in capital hex":  "trixie\ta\t1\t" + strings.ToUpper(sum) + "\tpool/a.deb",
		"a line of something else": "hello",
	} {
		var bad *ManifestError
		if _, err := ParseManifest(text); !errors.As(err, &bad) {
			t.Errorf("%s: err = %v, want a *ManifestError", name, err)
		}
	}
}

func TestMirror(t *testing.T) {
	t.Setenv("DEBIAN_MIRROR", "")
	for name, row := range map[string]struct{ file, text, want string }{
		"deb822": {"sources.list.d/debian.sources", "Types: deb\nURIs: http://mirror.example/debian-security\nSuites: x\n\nTypes: deb\nURIs:  https://mirror.example/debian/\n", "https://mirror.example/debian"},
		"one line, with options and a third party before": {"sources.list", "deb http://third.example/apt stable main\n# deb http://no/debian x\ndeb [arch=amd64] http://mirror.example/pub/debian trixie main\n", "http://mirror.example/pub/debian"},
		"a disk is no mirror":                             {"sources.list", "deb cdrom:[x]/debian trixie main\n", DefaultMirror},
		"nothing to read":                                 {"other", "", DefaultMirror},
		"a file of deb822 off":                            {"sources.list.d/x.list", "deb-src http://mirror.example/debian trixie main\n", DefaultMirror},
	} {
		etc := t.TempDir()
		if err := os.MkdirAll(filepath.Join(etc, "sources.list.d"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(etc, row.file), []byte(row.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := Mirror(etc); got != row.want {
			t.Errorf("%s: Mirror = %q, want %q", name, got, row.want)
		}
	}
	t.Setenv("DEBIAN_MIRROR", "http://asked.example/debian/")
	if got := Mirror(t.TempDir()); got != "http://asked.example/debian" {
		t.Errorf("Mirror = %q, want the environment's", got)
	}
}

func TestParseIndex(t *testing.T) {
	sum := strings.Repeat("0", 64)
	text := "Package: a\nVersion: 1\nDescription: x\n more: SHA256\nFilename: pool/a.deb\nSHA256: " + sum + "\n\n" +
		"Package: b\nVersion: 2\nFilename: pool/b.deb\nSHA256: " + sum + "\n"
	m, err := parseIndex(strings.NewReader(text), "trixie", func(name string) bool { return name == "b" })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Manifest{{"trixie", "b"}: {"trixie", "b", "2", sum, "pool/b.deb"}}, m); diff != "" {
		t.Errorf("index (-want +got):\n%s", diff)
	}
	if _, err := parseIndex(strings.NewReader("Package: a\nVersion: 1\n"), "trixie", nil); err == nil {
		t.Error("a package without a path is no error")
	}
}

// pack makes a .deb of tar headers; name is that of its data member.
func pack(t *testing.T, name string, headers []tar.Header) []byte {
	t.Helper()
	var data bytes.Buffer
	var z io.WriteCloser
	var err error
	switch filepath.Ext(name) {
	case ".xz":
		z, err = xz.NewWriter(&data)
	case ".gz":
		z = gzip.NewWriter(&data)
	case ".zst":
		z, err = zstd.NewWriter(&data)
	default:
		z = nopCloser{&data}
	}
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	for _, h := range headers {
		text := "content of " + h.Name
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(text))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := io.WriteString(w, text); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	var ar bytes.Buffer
	ar.WriteString("!<arch>\n")
	for _, m := range []struct {
		name string
		data []byte
	}{{"debian-binary", []byte("2.0\n")}, {"control.tar.gz", []byte("odd")}, {name, data.Bytes()}} {
		fmt.Fprintf(&ar, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", m.name, 0, 0, 0, "100644", len(m.data))
		ar.Write(m.data)
		if len(m.data)%2 == 1 {
			ar.WriteByte('\n')
		}
	}
	return ar.Bytes()
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

var headers = []tar.Header{
	{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755},
	{Name: "./bin/tool", Typeflag: tar.TypeReg, Mode: 0o4755},
	{Name: "./usr/bin/same", Typeflag: tar.TypeLink, Linkname: "./bin/tool", Mode: 0o755},
	{Name: "./usr/share/doc/x/copyright", Typeflag: tar.TypeReg, Mode: 0o644},
	{Name: "./usr/lib/libx.so", Typeflag: tar.TypeSymlink, Linkname: "libx.so.1", Mode: 0o777},
	{Name: "../../etc/x", Typeflag: tar.TypeReg, Mode: 0o600},
}

func TestUnpack(t *testing.T) {
	for _, name := range []string{"data.tar.xz", "data.tar.gz", "data.tar.zst", "data.tar"} {
		dir := t.TempDir()
		file := filepath.Join(dir, "x.deb")
		if err := os.WriteFile(file, pack(t, name, headers), 0o644); err != nil {
			t.Fatal(err)
		}
		for round := range 2 { // the second takes what the first left, without the .deb
			files, err := Unpack(context.Background(), file, filepath.Join(dir, "out"))
			if err != nil {
				t.Fatalf("%s, round %d: %v", name, round, err)
			}
			var got []string
			for _, f := range files {
				if f.Link != "" {
					got = append(got, f.Path+" -> "+f.Link)
					continue
				}
				data, err := os.ReadFile(f.Src)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, fmt.Sprintf("%s %o %s", f.Path, f.Mode, data))
			}
			want := []string{"usr/bin/tool 755 content of ./bin/tool", "usr/bin/same 755 content of ./bin/tool",
				"usr/lib/libx.so -> libx.so.1", "etc/x 600 content of ../../etc/x"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, round %d (-want +got):\n%s", name, round, diff)
			}
			os.Remove(file)
		}
	}
}

func TestUnpackRefuses(t *testing.T) {
	whole := pack(t, "data.tar.gz", headers)
	for name, data := range map[string][]byte{
		"no ar":            []byte("hello"),
		"no data":          pack(t, "other.tar.gz", headers),
		"cut short":        whole[:len(whole)-40],
		"bad header":       bytes.Replace(whole, []byte("`\n"), []byte("xx"), 1),
		"odd compression":  pack(t, "data.tar.lz4", headers),
		"a device":         pack(t, "data.tar", []tar.Header{{Name: "dev/x", Typeflag: tar.TypeChar}}),
		"a link before it": pack(t, "data.tar", []tar.Header{{Name: "x", Typeflag: tar.TypeLink, Linkname: "y"}}),
	} {
		dir := t.TempDir()
		file := filepath.Join(dir, "x.deb")
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Unpack(context.Background(), file, filepath.Join(dir, "out")); err == nil {
			t.Errorf("%s: no error", name)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
			t.Errorf("%s: left %q behind", name, left)
		}
	}
}

// TestFetch has a mirror with one pin as it was, one replaced, one gone and one damaged.
func TestFetch(t *testing.T) {
	sum := func(s string) string {
		h := sha256.Sum256([]byte(s))
		return hex.EncodeToString(h[:])
	}
	index := fmt.Sprintf("Package: moved\nVersion: 2\nFilename: pool/moved_2.deb\nSHA256: %s\n\nPackage: damaged\nVersion: 1\nFilename: pool/damaged.deb\nSHA256: %s\n",
		sum("new"), sum("right"))
	var packed bytes.Buffer
	z, err := xz.NewWriter(&packed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(z, index); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	served := map[string]string{
		"/debian/pool/kept.deb": "kept", "/debian/pool/moved_2.deb": "new", "/debian/pool/damaged.deb": "wrong",
		"/debian/dists/trixie/main/binary-amd64/Packages.xz": packed.String(),
	}
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		body, ok := served[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, body)
	}))
	defer server.Close()
	var notes []string
	f := &Fetcher{Dir: t.TempDir(), Mirror: server.URL + "/debian", Notice: func(s string) { notes = append(notes, s) }}
	kept := Pin{"trixie", "kept", "1", sum("kept"), "pool/kept.deb"}
	moved := Pin{"trixie", "moved", "1", sum("old"), "pool/moved_1.deb"}
	got, err := f.All(context.Background(), []Pin{kept, moved}, 1)
	if err != nil {
		t.Fatal(err)
	}
	now := Pin{"trixie", "moved", "2", sum("new"), "pool/moved_2.deb"}
	if diff := cmp.Diff([]Pin{kept, now}, got); diff != "" {
		t.Errorf("pins (-want +got):\n%s", diff)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "trixie/moved 1 is no longer on the mirror; taking 2") {
		t.Errorf("notes are %q", notes)
	}
	if data, err := os.ReadFile(f.Path(now)); err != nil || string(data) != "new" {
		t.Errorf("the file holds %q (%v)", data, err)
	}
	asked = nil
	if _, err := f.All(context.Background(), []Pin{kept}, 1); err != nil || len(asked) != 0 {
		t.Errorf("asked the mirror for %q again (%v)", asked, err)
	}
	var gone *GoneError
	damaged := Pin{"trixie", "damaged", "1", sum("right"), "pool/damaged.deb"}
	if _, err := f.All(context.Background(), []Pin{damaged}, 1); !errors.As(err, &gone) || gone.Got != sum("wrong") {
		t.Errorf("damaged: err = %v, want what came", err)
	}
	if _, err := f.All(context.Background(), []Pin{{"trixie", "lost", "1", sum("x"), "pool/lost.deb"}}, 1); !errors.As(err, &gone) || gone.Status != 404 {
		t.Errorf("lost: err = %v, want status 404", err)
	}
	m, err := Resolve(context.Background(), f.Mirror, []Name{{"trixie", "moved"}})
	if err != nil || m[Name{"trixie", "moved"}] != now || len(m) != 1 {
		t.Errorf("Resolve = %v, %v", m, err)
	}
	if _, err := Resolve(context.Background(), f.Mirror, []Name{{"trixie", "lost"}}); err == nil {
		t.Error("resolving what a suite has not is no error")
	}
}
