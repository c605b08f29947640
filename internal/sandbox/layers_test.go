//go:build linux

package sandbox

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/internal/testkit/toolroot"
	"github.com/nasa-openscapes/corn/oci/frame"
)

func symlink(name, to string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: to}
}
func hardlink(name, to string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeLink, Linkname: to}
}
func folder(name string) tar.Header {
	return tar.Header{Name: name + "/", Typeflag: tar.TypeDir, Mode: 0o755}
}
func text(name, data string) toolroot.Entry {
	return toolroot.Entry{Header: tar.Header{Name: name, Mode: 0o644}, Data: []byte(data)}
}

// changed lists the changes, a line each.
func changed(t testing.TB, r *Root) []string {
	t.Helper()
	var all []string
	err := r.Changes(t.Context(), func(e filetree.Entry, rd io.Reader) error {
		line := fmt.Sprintf("%s %s %04o %d:%d", e.Path, e.Type, e.Mode, e.UID, e.GID)
		if e.Link != "" {
			line += " -> " + e.Link
		}
		if e.Type == filetree.File {
			b, err := io.ReadAll(rd)
			if err != nil || int64(len(b)) != e.SizeBytes {
				t.Errorf("read %s: %d bytes, want %d, %v", e.Path, len(b), e.SizeBytes, err)
			}
			line += fmt.Sprintf(" %q", b)
		}
		for k, v := range e.Xattrs {
			line += fmt.Sprintf(" %s=%q", k, v)
		}
		all = append(all, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// lower is a layer of all that steps change.
func lower(t testing.TB) []byte {
	return toolroot.Layer(t, []toolroot.Entry{
		{Header: folder("opt/keep")}, text("opt/keep/a", "a"), text("opt/keep/b", "b"),
		{Header: folder("opt/gone")}, text("opt/gone/x", "x"),
		{Header: folder("opt/new")}, text("opt/new/old", "old"),
		text("opt/file", "file"), {Header: symlink("opt/link", "file")},
		{Header: tar.Header{Name: "opt/mine/", Typeflag: tar.TypeDir, Mode: 0o700, Uid: 1000, Gid: 1000}},
		{Header: tar.Header{Name: "opt/mine/f", Mode: 0o600, Uid: 1000, Gid: 1000}, Data: []byte("mine")},
	})
}

func TestChanges(t *testing.T) {
	eachMode(t, func(t *testing.T, m Mode) {
		r := openRoot(t, m, lower(t))
		must(t, r, Command{}, "write /opt/keep/a A ; rm /opt/keep/b ; rm /opt/gone ; rm /opt/new ; mkdir /opt/new ; write /opt/new/n n ; "+
			"rm /opt/file ; mkdir /opt/file ; symlink a/b /opt/s ; write /opt/h1 same ; ln /opt/h1 /opt/h2 ; xattr /opt/h1 user.note hello ; "+
			"write /opt/mine/f theirs ; chmod 4755 /opt/h1 ; write /srv/t t ; rm /srv/t")
		want := []string{
			`opt dir 0755 0:0`,
			`opt/file dir 0755 0:0`,
			`opt/.wh.gone file 0644 0:0 ""`,
			`opt/h1 file 4755 0:0 "same" user.note="hello"`,
			`opt/h2 hard link 4755 0:0 -> opt/h1`,
			`opt/keep dir 0755 0:0`,
			`opt/keep/a file 0644 0:0 "A"`,
			`opt/keep/.wh.b file 0644 0:0 ""`,
			`opt/mine dir 0700 1000:1000`,
			`opt/mine/f file 0600 1000:1000 "theirs"`,
			`opt/new dir 0755 0:0`,
			`opt/new/.wh..wh..opq file 0644 0:0 ""`,
			`opt/new/n file 0644 0:0 "n"`,
			`opt/s symlink 0777 0:0 -> a/b`,
			`srv dir 0755 0:0`,
		}
		if diff := cmp.Diff(want, changed(t, r)); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
	})
}

// TestChangesMakeTheSameView puts the changes into a layer, as a build does, and unpacks that
// over the lower ones: what programs see is the same again.
func TestChangesMakeTheSameView(t *testing.T) {
	eachMode(t, func(t *testing.T, m Mode) {
		for _, steps := range []string{
			"write /opt/a 1",
			"rm /opt/keep ; write /opt/keep file",
			"rm /opt/keep ; mkdir /opt/keep ; rm /opt/gone ; mkdir /opt/gone/deep",
			"mv /opt/keep /opt/moved ; mv /opt/file /opt/moved/file ; rm /opt/link",
			"mv /opt/keep /srv/k ; rm /opt ; mkdir /opt/keep ; write /opt/keep/c c",
			"rm /opt/mine/f ; chmod 2711 /opt/mine ; write /opt/mine/g g ; ln /opt/file /opt/file2",
			"write /usr/.hidden x ; symlink /nowhere /opt/dangling ; chmod 000 /opt/file",
			"rm /opt/gone/x ; rm /opt/new ; write /opt/new x ; rm /opt/new ; mkdir /opt/new",
			"rm /tmp2",
		} {
			r := openRoot(t, m, lower(t))
			if steps == "rm /tmp2" { // nothing at all
				steps = "id"
			}
			must(t, r, Command{}, steps)
			want := must(t, r, Command{}, "tree /")
			layer := asLayer(t, r)
			again := openRoot(t, m, lower(t), layer)
			if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(must(t, again, Command{}, "tree /"), "\n")); diff != "" {
				t.Errorf("%s: view of layers (-step +layer):\n%s", steps, diff)
			}
		}
	})
}

// asLayer writes the changes as a frame and returns its tar stream.
func asLayer(t testing.TB, r *Root) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := frame.NewWriter(&buf, frame.Gzip, frame.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Changes(t.Context(), w.Add); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	z, err := frame.Decompress(&buf, frame.Gzip)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestWhiteouts(t *testing.T) {
	eachMode(t, func(t *testing.T, m Mode) {
		for _, tt := range []struct {
			why   string
			layer []toolroot.Entry
			want  string // files below /opt
		}{
			{"a file", []toolroot.Entry{text("opt/.wh.file", "")}, "gone gone/x keep keep/a keep/b link mine mine/f new new/old"},
			{"a folder", []toolroot.Entry{text("opt/.wh.keep", ""), text("opt/.wh.gone", ""), text("opt/.wh.mine", "")}, "file link new new/old"},
			{"a folder that is new again", []toolroot.Entry{text("opt/.wh.keep", ""), {Header: folder("opt/keep")}, text("opt/keep/c", "")},
				"file gone gone/x keep keep/c link mine mine/f new new/old"},
			{"in the other order", []toolroot.Entry{{Header: folder("opt/keep")}, text("opt/keep/c", ""), text("opt/.wh.keep", "")},
				"file gone gone/x keep keep/c link mine mine/f new new/old"},
			{"an opaque folder", []toolroot.Entry{{Header: folder("opt")}, text("opt/.wh..wh..opq", ""), text("opt/x", "")}, "x"},
			{"of nothing", []toolroot.Entry{text("opt/.wh.none", ""), text("opt/.wh..wh.plnk", ""), text("opt/.wh.", "")},
				"file gone gone/x keep keep/a keep/b link mine mine/f new new/old"},
			{"a file in the place of a folder", []toolroot.Entry{text("opt/keep", "f"), text("opt/.wh.gone", ""), text("opt/gone", "")},
				"file gone keep link mine mine/f new new/old"},
		} {
			r := openRoot(t, m, lower(t), toolroot.Layer(t, tt.layer))
			var got []string
			for line := range strings.Lines(must(t, r, Command{}, "tree /opt")) {
				p, _, _ := strings.Cut(line, " ")
				if p = strings.TrimPrefix(strings.TrimPrefix(p, "/opt"), "/"); p != "" {
					got = append(got, p)
				}
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("%s:\ngot  %s\nwant %s", tt.why, s, tt.want)
			}
		}
	})
}

func TestHostileLayers(t *testing.T) {
	eachMode(t, func(t *testing.T, m Mode) {
		need(t, m)
		c := testCache(t)
		for _, tt := range []struct {
			why   string
			layer []toolroot.Entry
			want  string
		}{
			{"climbs out", []toolroot.Entry{text("../../etc/passwd", "x")}, `entry "../../etc/passwd" leaves the root`},
			{"climbs out later", []toolroot.Entry{text("a/../../x", "x")}, `entry "a/../../x" leaves the root`},
			{"a whiteout that climbs", []toolroot.Entry{text("../.wh.etc", "")}, `entry "../.wh.etc" leaves the root`},
			{"a hard link that climbs", []toolroot.Entry{{Header: hardlink("a", "../../etc/shadow")}}, `entry "a" is a hard link to "../../etc/shadow", which leaves the root`},
			{"a hard link to what is outside", []toolroot.Entry{{Header: hardlink("a", "/etc/shadow")}}, `entry "a" is a hard link to "/etc/shadow", which is no file of this layer`},
			{"a hard link to a whiteout", []toolroot.Entry{text(".wh.x", ""), {Header: hardlink("a", "x")}}, `entry "a" is a hard link to "x", which is no file of this layer`},
			{"below a file", []toolroot.Entry{text("a", ""), text("a/b", "")}, `entry "a/b" lies below "a", which is no directory`},
			{"a loop of links", []toolroot.Entry{{Header: symlink("a", "b")}, {Header: symlink("b", "a")}, text("a/x", "")}, `entry "a/x" lies behind more than 40 symbolic links`},
			{"too many entries", many(t, 60), "sandbox: the limit of entries in a layer was reached: 50"},
			{"too many bytes", []toolroot.Entry{text("a", strings.Repeat("x", 600)), text("b", strings.Repeat("x", 600))}, "sandbox: the limit of bytes in a layer was reached: 1000"},
		} {
			_, err := Open(t.Context(), c, []Layer{layerOf(toolroot.Layer(t, tt.layer))}, Options{Mode: m, Unpack: UnpackLimits{Bytes: 1000, Entries: 50}})
			if err == nil || !strings.HasSuffix(err.Error(), tt.want) {
				t.Errorf("%s: Open = %v, want %s", tt.why, err, tt.want)
			}
		}
		good := toolroot.Layer(t, []toolroot.Entry{text("a", "b")})
		for why, l := range map[string]Layer{
			"other bytes": {DiffID: digest.Sum([]byte("x")), Open: layerOf(good).Open},
			"no tar":      layerOf([]byte(strings.Repeat("no tar ", 200))),
			"cut short":   layerOf(good[:300]),
			"nobody reads it": {DiffID: digest.Sum(good), Open: func(context.Context) (io.ReadCloser, error) {
				return io.NopCloser(io.MultiReader(bytes.NewReader(good[:512]), badReader{})), nil
			}},
		} {
			if _, err := Open(t.Context(), c, []Layer{l}, Options{Mode: m}); err == nil {
				t.Errorf("%s: Open = nil, want an error", why)
			}
		}
		if left, err := filepath.Glob(filepath.Join(c.Dir(), "v1", "tree", "*", "*")); err != nil || len(left) > 0 {
			t.Errorf("bad layers are kept: %q, %v", left, err)
		}
	})
}

type badReader struct{}

func (badReader) Read([]byte) (int, error) { return 0, errors.New("the line is dead") }

func many(t *testing.T, n int) []toolroot.Entry {
	t.Helper()
	var all []toolroot.Entry
	for i := range n {
		all = append(all, text(fmt.Sprint(i), ""))
	}
	return all
}

// TestLinksStayInside unpacks entries that go through links which would lead out.
func TestLinksStayInside(t *testing.T) {
	eachMode(t, func(t *testing.T, m Mode) {
		need(t, m)
		outside := filepath.Join(t.TempDir(), "outside")
		c := testCache(t)
		layer := toolroot.Layer(t, []toolroot.Entry{
			{Header: symlink("up", "../../../../../../../.."+filepath.Dir(outside))},
			{Header: symlink("abs", filepath.Dir(outside))},
			text("up/outside", "x"), text("abs/outside", "y"),
			{Header: tar.Header{Name: "null", Typeflag: tar.TypeChar, Mode: 0o666, Devmajor: 1, Devminor: 3}},
			{Header: tar.Header{Name: "disk", Typeflag: tar.TypeBlock, Mode: 0o666, Devmajor: 254}},
			{Header: tar.Header{Name: "pipe", Typeflag: tar.TypeFifo, Mode: 0o666}},
			{Header: tar.Header{Name: "far", Mode: 0o644, Uid: 1 << 30, Gid: 1 << 30}},
		})
		r, err := Open(t.Context(), c, []Layer{layerOf(toolroot.Base(t)), layerOf(layer)}, Options{Mode: m})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if _, err := os.Lstat(outside); err == nil {
			t.Errorf("unpacking made %s", outside)
		}
		// Below /tmp, where a program sees a new one: look at the tree itself.
		if got, err := os.ReadFile(filepath.Join(treeRoot(r.trees[1]), outside)); err != nil || string(got) != "y" {
			t.Errorf("in the tree, the file is %q, %v, want y", got, err)
		}
		if out, err := tool(t, r, Command{}, "stat /null"); err == nil {
			t.Errorf("a device was unpacked: %s", out)
		}
	})
}

// TestManyLayers stacks more layers than names of usual length fit into one page.
func TestManyLayers(t *testing.T) {
	m := modes()[0]
	need(t, m)
	layers := []Layer{layerOf(toolroot.Base(t))}
	for i := range 120 {
		layers = append(layers, layerOf(toolroot.Layer(t, []toolroot.Entry{text(fmt.Sprintf("srv/%d", i), fmt.Sprint(i))})))
	}
	r, err := Open(t.Context(), testCache(t), layers, Options{Mode: m})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got := must(t, r, Command{}, "cat /srv/0 /srv/119"); got != "0119" {
		t.Errorf("got %q, want 0119", got)
	}
}

func TestTreesAreKept(t *testing.T) {
	eachMode(t, func(t *testing.T, m Mode) {
		need(t, m)
		dir, err := os.MkdirTemp("", "corn-sandbox-test-")
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		c, err := cache.Open(dir, cache.Options{RemoveAll: RemoveAll, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := errors.Join(c.Close(), os.RemoveAll(dir)); err != nil { // RemoveAll of os: nothing of other ids is left
				t.Error(err)
			}
		}()
		opened := 0
		b := toolroot.Layer(t, []toolroot.Entry{
			{Header: tar.Header{Name: "d/", Typeflag: tar.TypeDir, Mode: 0o500, Uid: 1000, Gid: 1000}},
			{Header: tar.Header{Name: "d/f", Mode: 0o400, Uid: 1000, Gid: 1000}, Data: []byte("f")},
		})
		l := Layer{DiffID: digest.Sum(b), Open: func(context.Context) (io.ReadCloser, error) {
			opened++
			return io.NopCloser(bytes.NewReader(b)), nil
		}}
		for range 2 {
			r, err := Open(t.Context(), c, []Layer{l, l}, Options{Mode: m})
			if err != nil {
				t.Fatal(err)
			}
			now = now.Add(100 * 24 * time.Hour)
			rep, err := c.Trim(t.Context(), cache.TrimOptions{MaxAge: time.Hour})
			if err != nil || rep.Removed != 0 {
				t.Errorf("Trim of trees in use = %+v, %v, want none removed", rep, err)
			}
			now = now.Add(-100 * 24 * time.Hour)
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
		if opened != 1 {
			t.Errorf("the layer was read %d times, want once", opened)
		}
		now = now.Add(100 * 24 * time.Hour)
		rep, err := c.Trim(t.Context(), cache.TrimOptions{MaxAge: time.Hour})
		if err != nil || rep.Removed != 1 {
			t.Errorf("Trim = %+v, %v, want one removed", rep, err)
		}
	})
}

// TestLayerTwice has a layer again above another one, as an image has that was built on an image of
// the same packages: the last one counts, and programs start.
func TestLayerTwice(t *testing.T) {
	eachMode(t, func(t *testing.T, m Mode) {
		between := toolroot.Layer(t, []toolroot.Entry{text("opt/file", "other"), text("opt/keep/.wh.a", ""), text("opt/extra", "extra")})
		r := openRoot(t, m, lower(t), between, lower(t))
		if got, want := must(t, r, Command{}, "cat /opt/file ; cat /opt/keep/a ; cat /opt/extra"), "fileaextra"; strings.ReplaceAll(got, "\n", "") != want {
			t.Errorf("files of a layer that stands twice, and of the one between: %q, want %q", got, want)
		}
	})
}
