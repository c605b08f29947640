package wheel

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
)

func roundTrip(t testing.TB, f *artifact.Facts) *artifact.Facts {
	t.Helper()
	data, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	out := &artifact.Facts{}
	if err := json.Unmarshal(data, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestFacts(t *testing.T) {
	b := probe()
	data := b.bytes(t)
	f := factsOf(t, b)
	if f.Kind != artifact.Wheel || f.Name != "corn-probe" || f.Version != "1.0" || f.SizeBytes != int64(len(data)) ||
		f.SHA256 != digest.Sum(data) || f.MD5 != digest.SumMD5(data) {
		t.Errorf("facts of the archive: %+v", f)
	}
	want := &artifact.WheelFacts{
		DistInfo: "corn_probe-1.0.dist-info", DataDir: "corn_probe-1.0.data", RootIsPurelib: true,
		Tags:           []string{"py3-none-any"},
		ConsoleScripts: []string{"probe-main = corn_probe:main", "probe-deep = corn_probe.sub.mod:Klass.run"},
		GUIScripts:     []string{"probe-gui = corn_probe:main"},
		Requires:       []string{"numpy>=1.20", "pandas ; extra == 'x'"},
		RequiresPython: ">=3.8",
	}
	if diff := cmp.Diff(want, f.Wheel); diff != "" {
		t.Errorf("facts of .dist-info (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(f, roundTrip(t, f)); diff != "" {
		t.Errorf("facts through JSON (-want +got):\n%s", diff)
	}
	if len(f.Members) != len(b.files)+1 {
		t.Errorf("%d members, want %d", len(f.Members), len(b.files)+1)
	}
	for i, m := range f.Members[:len(b.files)] {
		if m.Path != b.files[i].path || m.SHA256 != digest.Sum([]byte(b.files[i].data)) || m.ModTime != testTime.Unix() {
			t.Errorf("member %d is %+v, want %s with the time %d", i, m, b.files[i].path, testTime.Unix())
		}
	}
	if again := factsOf(t, b); !cmp.Equal(f, again) {
		t.Error("facts differ from one call to the next")
	}
}

func TestFoldedHeader(t *testing.T) {
	b := minimal("a", "1.0")
	b.files[0].data = "Name: a\r\nVersion: 1.0\r\nRequires-Dist: b\r\n  ; extra == 'x'\r\n\r\nRequires-Dist: not this\r\n"
	if got := factsOf(t, b).Wheel.Requires; !cmp.Equal(got, []string{"b\n; extra == 'x'"}) {
		t.Errorf("Requires = %q", got)
	}
}

func TestOldTimes(t *testing.T) {
	b := minimal("a", "1.0", file{path: "a.py"})
	data := b.bytes(t)
	// Wipe DOS times and the extended timestamps of every entry: 1980-00-00, no zone.
	z := bytes.ReplaceAll(data, []byte("UT\x05\x00\x01"), []byte("XX\x05\x00\x01"))
	for i := 0; i+46 < len(z); i++ {
		switch {
		case bytes.HasPrefix(z[i:], []byte("PK\x03\x04")):
			copy(z[i+10:], []byte{0, 0, 0x21, 0})
		case bytes.HasPrefix(z[i:], []byte("PK\x01\x02")):
			copy(z[i+12:], []byte{0, 0, 0x21, 0})
		}
	}
	w, err := openBytes(z, b.fileName)
	if err != nil {
		t.Fatal(err)
	}
	f, err := w.Facts(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range f.Members {
		if m.ModTime != filetree.Epoch1980 {
			t.Errorf("%s has the time %d, want %d", m.Path, m.ModTime, filetree.Epoch1980)
		}
	}
}

func TestTraits(t *testing.T) {
	pyc := func(flags, time, size uint32) string {
		b := []byte{0xf3, 0x0d, '\r', '\n', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'x'}
		binary.LittleEndian.PutUint32(b[4:], flags)
		binary.LittleEndian.PutUint32(b[8:], time)
		binary.LittleEndian.PutUint32(b[12:], size)
		return string(b)
	}
	for _, c := range []struct {
		path, data string
		want       artifact.Member
	}{
		{"tool", elfFile(elf.PT_INTERP, 64), artifact.Member{Traits: artifact.ELFExecutable}},
		{"lib.so", elfFile(elf.PT_LOAD, 64), artifact.Member{}},
		{"far", elfFile(elf.PT_LOAD, 1<<20), artifact.Member{Traits: artifact.ELFExecutable}}, // unknown: the careful answer
		{"short", "\x7fELF", artifact.Member{}},
		{"libm.so", "/* GNU ld script */\n", artifact.Member{Traits: artifact.LinkerScript}},
		{"libx.a", "!<arch>\nabc", artifact.Member{}},
		{"libthin.a", "!<thin>\nabc", artifact.Member{}},
		{"a.so", "\x00\x01", artifact.Member{}},
		{"empty.so", "", artifact.Member{}},
		{"a.txt", "text", artifact.Member{}},
		{"a.pyc", pyc(0, 7, 8), artifact.Member{Traits: artifact.PycTimestamp, PycTime: 7, PycSize: 8, PycMagic: 0x0df3}},
		{"a.pyc", pyc(3, 7, 8), artifact.Member{Traits: artifact.PycHash, PycMagic: 0x0df3}},
		{"a.pyc", "short", artifact.Member{}},
	} {
		m := artifact.Member{Path: c.path}
		traits(&m, []byte(c.data))
		c.want.Path = c.path
		if diff := cmp.Diff(c.want, m); diff != "" {
			t.Errorf("traits of %s (-want +got):\n%s", c.path, diff)
		}
	}
}

// elfFile is a 64-bit little-endian file with one program header.
func elfFile(kind elf.ProgType, at uint64) string {
	b := make([]byte, 64+56)
	copy(b, elf.ELFMAG)
	b[elf.EI_CLASS], b[elf.EI_DATA] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB)
	binary.LittleEndian.PutUint16(b[16:], uint16(elf.ET_DYN))
	binary.LittleEndian.PutUint64(b[32:], at)
	binary.LittleEndian.PutUint16(b[54:], 56)
	binary.LittleEndian.PutUint16(b[56:], 1)
	binary.LittleEndian.PutUint32(b[64:], uint32(kind))
	return string(b)
}

func TestKept(t *testing.T) {
	f := factsOf(t, minimal("a", "1.0",
		file{path: "a-1.0.data/scripts/x", data: "#!python\nlong " + strings.Repeat("y", 3*headBytes)},
		file{path: "a-1.0.data/scripts/native", data: elfFile(elf.PT_INTERP, 64)},
		file{path: "a-1.0.data/data/share/jupyter/kernels/k/kernel.json", data: "{}"},
		file{path: "a-1.0.data/data/etc/conda/env_vars.d/a.json", data: "{}"},
		file{path: "share/jupyter/kernels/k/kernel.json", data: "{}"}, // in site-packages: no kernelspec
	))
	var got []string
	for p := range f.Kept {
		got = append(got, p)
	}
	slices.Sort(got)
	want := []string{"a-1.0.data/data/etc/conda/env_vars.d/a.json", "a-1.0.data/data/share/jupyter/kernels/k/kernel.json", "a-1.0.data/scripts/x"}
	if !cmp.Equal(got, want) {
		t.Errorf("kept %q, want %q", got, want)
	}
	if n := len(f.Kept["a-1.0.data/scripts/x"]); n != 14+3*headBytes {
		t.Errorf("the script was kept with %d bytes, want %d", n, 14+3*headBytes)
	}
}
