package archive_test

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/conda/archive"
)

// payload holds every kind of member that may be in an archive.
var payload = []tm{
	{name: "./"},
	{name: "", typ: tar.TypeXGlobalHeader},
	{name: "./lib/", typ: tar.TypeDir, mode: 0o755},
	{name: "./lib/real.txt", data: "the content", mode: 0o755},
	{name: "bin/link", typ: tar.TypeSymlink, link: "../lib/real.txt"},
	{name: "lib/hard.txt", typ: tar.TypeLink, link: "./lib/real.txt", mode: 0o600},
	{name: "share/empty"},
	{name: "share/late", data: "late"},
	{name: "share/hard-of-hard", typ: tar.TypeLink, link: "lib/hard.txt"},
	{name: "share/hard-of-late", typ: tar.TypeLink, link: "share/late"},
}

func init() { payload[0].typ = tar.TypeDir }

var wantLines = []string{
	"dir 0755 0 lib",
	"file 0755 11 lib/real.txt",
	"symlink 0644 0 bin/link -> ../lib/real.txt",
	"file 0755 11 lib/hard.txt = lib/real.txt",
	"file 0644 0 share/empty",
	"file 0644 4 share/late",
	"file 0755 11 share/hard-of-hard = lib/real.txt",
	"file 0644 4 share/hard-of-late = share/late",
}

// both gives one payload in both formats, with info/ first, and for .tar.bz2 also last.
func both(t testing.TB, members []tm) map[string][]byte {
	info := listing()
	return map[string][]byte{
		condaName:           condaOf(t, info, members),
		bz2Name:             bz2(t, makeTar(t, append(append([]tm{}, info...), members...))),
		"last/" + bz2Name:   bz2(t, makeTar(t, append(append([]tm{}, members...), info...))),
		"middle/" + bz2Name: bz2(t, makeTar(t, append(append(append([]tm{}, members[:2]...), info...), members[2:]...))),
	}
}

func base(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

func TestWalk(t *testing.T) {
	for name, b := range both(t, payload) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			a := open(t, b, base(name), archive.Options{TempDir: dir})
			// The second walk knows of the hard links from the first.
			for _, run := range []string{"first", "second"} {
				lines, data, err := walked(t.Context(), a)
				if err != nil {
					t.Fatalf("%s walk: %v", run, err)
				}
				if d := cmp.Diff(wantLines, lines); d != "" {
					t.Errorf("%s walk (-want +got)\n%s", run, d)
				}
				for p, want := range map[string]string{"lib/hard.txt": "the content", "share/hard-of-hard": "the content", "share/hard-of-late": "late"} {
					if data[p] != want {
						t.Errorf("%s walk: %s holds %q, want %q", run, p, data[p], want)
					}
				}
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("left in the temporary folder: %v, %v", left, err)
			}
		})
	}
}

// TestWalkUnread: what fn does not read is skipped, and hard links are whole all the same.
func TestWalkUnread(t *testing.T) {
	for name, b := range both(t, payload) {
		a := open(t, b, base(name), archive.Options{})
		a.Learn(factsOf(t, a, b, base(name)))
		var got string
		err := a.Walk(t.Context(), func(h archive.Header, r io.Reader) error {
			if h.Path != "share/hard-of-hard" {
				return nil
			}
			b, err := io.ReadAll(r)
			got = string(b)
			return err
		})
		if err != nil || got != "the content" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestWalkStops(t *testing.T) {
	b := condaOf(t, listing(), payload)
	a := open(t, b, condaName, archive.Options{})
	n := 0
	if err := a.Walk(t.Context(), func(archive.Header, io.Reader) error { n++; return fs.SkipAll }); err != nil || n != 1 {
		t.Errorf("SkipAll: %d calls, error %v; want 1 call and none", n, err)
	}
	mine := errors.New("mine")
	if err := a.Walk(t.Context(), func(archive.Header, io.Reader) error { return mine }); err != mine { //nolint:errorlint // identity is promised
		t.Errorf("Walk whose callback fails: error %v, want the callback's own", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := a.Walk(ctx, func(h archive.Header, r io.Reader) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Walk that is cancelled: error %v, want context.Canceled", err)
	}
	if _, err := a.Facts(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Facts: error %v, want context.Canceled", err)
	}
}

// TestManyHardLinks: a file with many links (git has 140) is spooled once.
func TestManyHardLinks(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", 1<<12)
	members := []tm{{name: "bin/first", data: big}}
	for _, c := range "abcdefghijklmnopqrstuvwxyz" {
		members = append(members, tm{name: "bin/" + string(c), typ: tar.TypeLink, link: "bin/first"})
	}
	members = append(members, tm{name: "zz", data: "z"})
	for name, b := range both(t, members) {
		_, data, err := walked(t.Context(), open(t, b, base(name), archive.Options{}))
		if err != nil {
			t.Fatal(err)
		}
		for p, got := range data {
			if p != "zz" && got != big {
				t.Errorf("%s: %s is not the linked file", name, p)
			}
		}
		if len(data) != 28 {
			t.Errorf("%s: %d files, want 28", name, len(data))
		}
	}
}
