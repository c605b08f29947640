package wheel

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/artifact"
)

// use opens a wheel, reads all of it and plans it: whatever is wrong has to show.
func use(data []byte, fileName string) error {
	w, err := openBytes(data, fileName)
	if err != nil {
		return err
	}
	f, err := w.Facts(context.Background())
	if err != nil {
		return err
	}
	_, err = Items(f, testEnv, Options{})
	return err
}

var testEnv = Env{Prefix: "srv/conda/envs/a", Python: recordedPython}

func TestHostile(t *testing.T) {
	good := minimal("a", "1.0", file{path: "a.py", data: "x = 1\n"})
	if err := use(good.bytes(t), good.fileName); err != nil {
		t.Fatalf("the good wheel: %v", err)
	}
	withRecord := func(record string, more ...file) built {
		b := minimal("a", "1.0", more...)
		b.files = append(b.files, file{path: "a-1.0.dist-info/RECORD", data: record})
		b.noRecord = true
		return b
	}
	infoRows := "a-1.0.dist-info/METADATA,,\na-1.0.dist-info/WHEEL,,\na-1.0.dist-info/RECORD,,\n"
	replaced := func(p, data string) built {
		b := minimal("a", "1.0")
		for i := range b.files {
			if b.files[i].path == p {
				b.files[i].data = data
			}
		}
		return b
	}
	for _, c := range []struct {
		name string
		b    built
		want string // part of the message
	}{
		{"climbs out", minimal("a", "1.0", file{path: "../evil.py"}), "leaves its folder"},
		{"climbs out in the middle", minimal("a", "1.0", file{path: "a/../../evil.py"}), "leaves its folder"},
		{"absolute", minimal("a", "1.0", file{path: "/etc/passwd"}), "is absolute"},
		{"backslash", minimal("a", "1.0", file{path: `..\evil.py`}), "backslash"},
		{"control character", minimal("a", "1.0", file{path: "a\nb"}), "control character"},
		{"dot", minimal("a", "1.0", file{path: "./a.py"}), "shortest form"},
		{"no UTF-8", minimal("a", "1.0", file{path: "\xff.py"}), "no UTF-8"},
		{"symlink", minimal("a", "1.0", file{path: "link", data: "/etc/passwd", attr: 0o120777}), "neither a file nor a folder"},
		{"device", minimal("a", "1.0", file{path: "dev", attr: 0o020666}), "neither a file nor a folder"},
		{"file and folder", minimal("a", "1.0", file{path: "a"}, file{path: "a/b"}), "is a file and a folder"},
		{"folder and file", minimal("a", "1.0", file{path: "a/b"}, file{path: "a"}), "is a file and a folder"},
		{"twice", minimal("a", "1.0", file{path: "a.py"}, file{path: "a.py"}), "twice"},
		{"other project's metadata", replaced("a-1.0.dist-info/METADATA", "Name: b\nVersion: 1.0\n"), "another project"},
		{"no name", replaced("a-1.0.dist-info/METADATA", "Version: 1.0\n"), "no Name"},
		{"metadata is no header", replaced("a-1.0.dist-info/METADATA", "hello\n"), "Name: value"},
		{"future wheel", replaced("a-1.0.dist-info/WHEEL", "Wheel-Version: 2.0\n"), "Wheel-Version"},
		{"bad tag", replaced("a-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: x\n"), "Tag"},
		{"two dist-infos", minimal("a", "1.0", file{path: "b-1.0.dist-info/METADATA"}), "two .dist-info"},
		{"two datas", minimal("a", "1.0", file{path: "a-1.0.data/data/x"}, file{path: "b-1.0.data/data/x"}), "two .data"},
		{"unlisted file", withRecord(infoRows, file{path: "a.py"}), "not listed in RECORD"},
		{"wrong hash", withRecord(infoRows+"a.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,\n", file{path: "a.py", data: "x"}), "hash of \"a.py\""},
		{"wrong size", withRecord(infoRows+"a.py,,7\n", file{path: "a.py", data: "x"}), "size of \"a.py\""},
		{"md5 in RECORD", withRecord(infoRows+"a.py,md5=abc,\n", file{path: "a.py", data: "x"}), "want sha256"},
		{"bad base64", withRecord(infoRows+"a.py,sha256=***,\n", file{path: "a.py", data: "x"}), "hash"},
		{"listed twice", withRecord(infoRows+"a.py,sha256=47DE,\na.py,sha256=AAAA,\n", file{path: "a.py", data: "x"}), "twice"},
		{"four fields", withRecord(infoRows+"a.py,,1,2\n", file{path: "a.py", data: "x"}), "4 fields"},
		{"negative size", withRecord(infoRows+"a.py,,-1\n", file{path: "a.py", data: "x"}), "size"},
		{"RECORD is no CSV", withRecord("\"a\n", file{path: "a.py"}), "RECORD"},
		{"unknown scheme", minimal("a", "1.0", file{path: "a-1.0.data/root/etc/passwd"}), "scheme"},
		{"file in .data itself", minimal("a", "1.0", file{path: "a-1.0.data/data"}), "no folder of it"},
		{"conda-meta", minimal("a", "1.0", file{path: "a-1.0.data/data/conda-meta/python-3.13-0.json"}), "conda-meta"},
		{"two become one", minimal("a", "1.0", file{path: "a.py"}, file{path: "a-1.0.data/purelib/a.py"}), "both become"},
		{"script and data", minimal("a", "1.0", file{path: "a-1.0.data/scripts/x"}, file{path: "a-1.0.data/data/bin/x"}), "both become"},
		{"entry point and data", minimal("a", "1.0", file{path: "a-1.0.data/data/bin/x"}, file{path: "a-1.0.dist-info/entry_points.txt", data: "[console_scripts]\nx = a:b\n"}), "both become"},
		{"entry point climbs", minimal("a", "1.0", file{path: "a-1.0.dist-info/entry_points.txt", data: "[console_scripts]\n../../x = a:b\n"}), "name of a command"},
		{"entry point dots", minimal("a", "1.0", file{path: "a-1.0.dist-info/entry_points.txt", data: "[gui_scripts]\n.. = a:b\n"}), "name of a command"},
		{"entry point runs code", minimal("a", "1.0", file{path: "a-1.0.dist-info/entry_points.txt", data: "[console_scripts]\nx = os;system:b\n"}), "names no function"},
		{"entry point without function", minimal("a", "1.0", file{path: "a-1.0.dist-info/entry_points.txt", data: "[console_scripts]\nx = a\n"}), "names no function"},
		{"huge script", minimal("a", "1.0", file{path: "a-1.0.data/scripts/x", data: "#!python\n" + strings.Repeat("x", maxScriptBytes)}), "limit"},
		{"huge metadata", minimal("a", "1.0", file{path: "a-1.0.dist-info/entry_points.txt", data: strings.Repeat(" ", maxMetaBytes+1)}), "limit"},
		{"bomb", minimal("a", "1.0", file{path: "zeros", data: strings.Repeat("\x00", ratioFree+1)}), "ratio"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := use(c.b.bytes(t), c.b.fileName)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.b.fileName) {
				t.Fatalf("error %v, want one with %q and the wheel's name", err, c.want)
			}
			if !typed(err) {
				t.Errorf("error of type %T", err)
			}
		})
	}
}

func typed(err error) bool {
	for _, ok := range []bool{
		is[*FormatError](err), is[*LimitError](err), is[*RecordError](err), is[*ClashError](err),
		is[*EntryPointError](err), is[*FileNameError](err),
	} {
		if ok {
			return true
		}
	}
	return false
}

func is[T error](err error) bool { _, ok := errors.AsType[T](err); return ok }

// TestCaseIsKept: two names that differ in case are two files on Linux, as pip has them.
func TestCaseIsKept(t *testing.T) {
	b := minimal("a", "1.0", file{path: "A.py", data: "1\n"}, file{path: "a.py", data: "2\n"})
	items, err := Items(factsOf(t, b), testEnv, Options{})
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, it := range items {
		if strings.EqualFold(it.Path, recordedPython.SitePackages+"/a.py") {
			found++
		}
	}
	if found != 2 {
		t.Errorf("%d files called a.py in any case, want 2", found)
	}
}

// TestLyingDirectory: sizes and checksums of the zip's directory that do not fit the data.
func TestLyingDirectory(t *testing.T) {
	b := minimal("a", "1.0", file{path: "a.py", data: "x = 1\n", store: true})
	good := b.bytes(t)
	dir := bytes.LastIndex(good, []byte("PK\x01\x02"))
	for i := bytes.Index(good, []byte("PK\x01\x02")); i >= 0 && i <= dir; {
		if bytes.HasPrefix(good[i+46:], []byte("a.py")) {
			dir = i
			break
		}
		next := bytes.Index(good[i+4:], []byte("PK\x01\x02"))
		if next < 0 {
			break
		}
		i += 4 + next
	}
	patch := func(off int, v uint32) []byte {
		out := bytes.Clone(good)
		binary.LittleEndian.PutUint32(out[dir+off:], v)
		return out
	}
	for name, data := range map[string][]byte{
		"crc":                  patch(16, 0x12345678),
		"larger than it is":    patch(24, 1000),
		"smaller than it is":   patch(24, 2),
		"compressed too large": patch(20, 1<<30),
		"offset off the end":   patch(42, 1<<30),
		"truncated":            good[:len(good)-10],
		"half":                 good[:len(good)/2],
		"no zip":               []byte("hello"),
		"empty":                nil,
	} {
		if err := use(data, b.fileName); err == nil || !typed(err) {
			t.Errorf("%s: error %v (%T), want one of this package", name, err, err)
		}
	}
	if crc := crc32.ChecksumIEEE([]byte("x = 1\n")); binary.LittleEndian.Uint32(good[dir+16:]) != crc {
		t.Error("the patched entry is not that of a.py")
	}
}

// TestOverlap: two entries that share one compressed stream.
func TestOverlap(t *testing.T) {
	b := minimal("a", "1.0", file{path: "a.py", data: strings.Repeat("x", 100), store: true}, file{path: "b.py", data: strings.Repeat("x", 100), store: true})
	data := b.bytes(t)
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if z.File[0].Name != "a.py" || z.File[1].Name != "b.py" {
		t.Fatal("unexpected order")
	}
	first := bytes.Index(data, []byte("PK\x01\x02"))
	second := first + 4 + bytes.Index(data[first+4:], []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(data[second+42:], 0) // b.py's data is a.py's
	if err := use(data, b.fileName); err == nil || !strings.Contains(err.Error(), "overlaps") {
		t.Errorf("error %v, want one about overlapping", err)
	}
}

func TestWalkStops(t *testing.T) {
	w := open(t, probe())
	stop := errors.New("stop")
	n := 0
	err := w.Walk(context.Background(), func(Header, io.Reader) error {
		n++
		return stop
	})
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("Walk = %v after %d calls, want the function's error after 1", err, n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := w.Walk(ctx, func(Header, io.Reader) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("Walk with a context that is done = %v", err)
	}
	if _, err := w.Facts(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Facts with a context that is done = %v", err)
	}
}

func TestItemsNeedsAWheel(t *testing.T) {
	if _, err := Items(&artifact.Facts{Kind: artifact.Conda, FileName: "x.conda"}, testEnv, Options{}); !is[*FormatError](err) {
		t.Errorf("Items of a conda package = %v", err)
	}
	f := factsOf(t, probe())
	for _, site := range []string{"", "../x", "/lib"} {
		if _, err := Items(f, Env{Prefix: "p", Python: Python{SitePackages: site}}, Options{}); err == nil {
			t.Errorf("Items with site-packages %q: no error", site)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(probe().bytes(f))
	f.Add(minimal("corn_probe", "1.0").bytes(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := use(data, "corn_probe-1.0-py3-none-any.whl"); err != nil && !typed(err) {
			t.Errorf("error of type %T: %v", err, err)
		}
	})
}

// FuzzTexts feeds the files of .dist-info through a wheel that is otherwise sound.
func FuzzTexts(f *testing.F) {
	f.Add("Name: a\nVersion: 1.0\n", "Wheel-Version: 1.0\nTag: py3-none-any\n", "[console_scripts]\nx = a:b\n", "a.py,,\n")
	f.Fuzz(func(t *testing.T, metadata, wheel, entries, record string) {
		if len(metadata)+len(wheel)+len(entries)+len(record) > 1<<16 {
			return
		}
		b := built{fileName: "a-1.0-py3-none-any.whl", noRecord: true, files: []file{
			{path: "a-1.0.dist-info/METADATA", data: metadata}, {path: "a-1.0.dist-info/WHEEL", data: wheel},
			{path: "a-1.0.dist-info/entry_points.txt", data: entries}, {path: "a-1.0.dist-info/RECORD", data: record},
		}}
		if err := use(b.bytes(t), b.fileName); err != nil && !typed(err) {
			t.Errorf("error of type %T: %v", err, err)
		}
	})
}
