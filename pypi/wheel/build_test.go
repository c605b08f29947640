package wheel

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"
)

// A built is a wheel written by these tests.
type built struct {
	fileName string
	files    []file
	noRecord bool // the files bring their own RECORD
}

type file struct {
	path  string
	data  string
	mode  uint32 // 0: 0644
	attr  uint32 // overrides the whole upper half of the external attributes
	store bool
}

// testTime is even: zip counts in steps of two seconds.
var testTime = time.Date(2024, 5, 6, 7, 8, 10, 0, time.UTC)

// bytes writes the wheel. RECORD is made for what is in it and comes last.
func (b built) bytes(t testing.TB) []byte {
	t.Helper()
	files := b.files
	if !b.noRecord {
		files = append(append([]file{}, files...), b.recordFile(t))
	}
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.path, Method: zip.Deflate, Modified: testTime}
		if f.store {
			h.Method = zip.Store
		}
		mode := f.mode
		if mode == 0 {
			mode = 0o644
		}
		h.CreatorVersion = 3 << 8 // Unix
		h.ExternalAttrs = (unixRegular | mode) << 16
		if strings.HasSuffix(f.path, "/") {
			h.Method, h.ExternalAttrs = zip.Store, (unixDir|0o755)<<16
		}
		if f.attr != 0 {
			h.ExternalAttrs = f.attr << 16
		}
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(f.data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func (b built) recordFile(t testing.TB) file {
	t.Helper()
	n, err := ParseFileName(b.fileName)
	if err != nil {
		t.Fatal(err)
	}
	record := n.Name + "-" + n.Version + ".dist-info/RECORD"
	var text strings.Builder
	for _, f := range b.files {
		if strings.HasSuffix(f.path, "/") {
			continue
		}
		sum := sha256.Sum256([]byte(f.data))
		p := f.path
		if strings.ContainsAny(p, `",`) {
			p = `"` + strings.ReplaceAll(p, `"`, `""`) + `"`
		}
		fmt.Fprintf(&text, "%s,sha256=%s,%d\n", p, base64.RawURLEncoding.EncodeToString(sum[:]), len(f.data))
	}
	fmt.Fprintf(&text, "%s,,\n", record)
	return file{path: record, data: text.String()}
}

// minimal is the least that is a wheel, with further files.
func minimal(name, version string, more ...file) built {
	info := name + "-" + version + ".dist-info/"
	files := []file{
		{path: info + "METADATA", data: "Metadata-Version: 2.1\nName: " + name + "\nVersion: " + version + "\n"},
		{path: info + "WHEEL", data: "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
	}
	return built{fileName: name + "-" + version + "-py3-none-any.whl", files: append(more, files...)}
}

// probe has something of everything that an installer has to handle.
func probe() built {
	info, data := "corn_probe-1.0.dist-info/", "corn_probe-1.0.data/"
	return built{fileName: "corn_probe-1.0-py3-none-any.whl", files: []file{
		{path: "corn_probe/__init__.py", data: "def main():\n    print('probe')\n"},
		{path: "corn_probe/sub/mod.py", data: "class Klass:\n    @staticmethod\n    def run():\n        return 0\n"},
		{path: "corn_probe/sub/two.dots.py", data: "x = 1\n"},
		{path: "corn_probe/a,\"b.txt", data: "quoted in RECORD\n"},
		{path: "corn_probe/tool.sh", data: "#!/bin/sh\necho tool\n", mode: 0o755},
		{path: "corn_probe/odd.sh", data: "#!/bin/sh\n", mode: 0o511},
		{path: "corn_probe/notype.sh", data: "#!/bin/sh\n", attr: 0o755},
		{path: "corn_probe/empty.dat", data: ""},
		{path: "top.py", data: "y = 2\n"},
		{path: data + "scripts/probe-sh", data: "#!/bin/sh\necho sh\n", mode: 0o755},
		{path: data + "scripts/probe-plain", data: "no shebang\n"},
		{path: data + "scripts/probe-py", data: "#!python -u\nprint('py')\n", mode: 0o755},
		{path: data + "scripts/probe-pyw", data: "#!pythonw\r\nprint('pyw')\n"},
		{path: data + "scripts/probe-abs", data: "#!/usr/bin/python\nprint('abs')\n"},
		{path: data + "scripts/helper.py", data: "#!python\nprint('helper')\n", mode: 0o755},
		{path: data + "scripts/probe-main", data: "#!python\nmade by setuptools\n"},
		{path: data + "scripts/probe-main-script.py", data: "#!python\nmade by setuptools\n"},
		{path: data + "data/share/probe/x.txt", data: "data\n"},
		{path: data + "data/etc/jupyter/probe.json", data: "{}\n"},
		{path: data + "headers/probe.h", data: "#define PROBE 1\n"},
		{path: data + "purelib/extra.py", data: "z = 3\n"},
		{path: data + "platlib/plat.py", data: "z = 4\n"},
		{path: info + "licenses/LICENSE", data: "none\n"},
		{path: info + "METADATA", data: "Metadata-Version: 2.1\nName: corn-probe\nVersion: 1.0\nRequires-Dist: numpy>=1.20\nRequires-Dist: pandas ; extra == 'x'\nRequires-Python: >=3.8\n\nDescription\nName: not this\n"},
		{path: info + "WHEEL", data: "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
		{path: info + "entry_points.txt", data: "[console_scripts]\nprobe-main = corn_probe:main\n# comment\nprobe-deep=corn_probe.sub.mod:Klass.run [x]\n\n[gui_scripts]\nprobe-gui = corn_probe:main\n\n[other.group]\nany = thing\n"},
	}}
}

// fakePip has the entry points of pip's own wheel.
func fakePip() built {
	info := "pip-99.0.dist-info/"
	b := minimal("pip", "99.0", file{path: "corn_fake_pip.py", data: "def main():\n    return 0\n"})
	b.files = append(b.files, file{path: info + "entry_points.txt", data: "[console_scripts]\npip3.9 = corn_fake_pip:main\nother = corn_fake_pip:main\npip = corn_fake_pip:main\npip3 = corn_fake_pip:main\n"})
	return b
}

func open(t testing.TB, b built) *Wheel {
	t.Helper()
	w, err := openBytes(b.bytes(t), b.fileName)
	if err != nil {
		t.Fatalf("Open(%s): %v", b.fileName, err)
	}
	return w
}

func openBytes(data []byte, fileName string) (*Wheel, error) {
	return Open(bytes.NewReader(data), int64(len(data)), fileName)
}
