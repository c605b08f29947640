package archive_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/conda/archive"
	"github.com/nasa-openscapes/corn/filetree"
)

// fuzzLimits keep one try short.
var fuzzLimits = archive.Options{Limits: archive.Limits{UnpackedBytes: 1 << 20, Members: 100, WindowBytes: 1 << 20}}

// check opens b as it is, and asserts what every accepted archive promises.
func check(t *testing.T, b []byte, name string) {
	a, err := fuzzLimits.Open(bytes.NewReader(b), int64(len(b)), name)
	if err != nil {
		return
	}
	f, err := a.Facts(t.Context())
	if err != nil {
		if d := describe(err); strings.HasPrefix(d, "untyped") {
			t.Errorf("Facts: %s", d)
		}
	}
	lines, data, werr := walked(t.Context(), a)
	if werr != nil {
		if d := describe(werr); strings.HasPrefix(d, "untyped") {
			t.Errorf("Walk: %s", d)
		}
	}
	if err != nil {
		return
	}
	if werr != nil {
		t.Fatalf("Facts reads what Walk does not: %v", werr)
	}
	for p := range data {
		if filetree.CheckPath(p) != nil {
			t.Errorf("Walk delivers %q", p)
		}
	}
	if len(f.Members) > len(lines)+100 {
		t.Errorf("%d members of %d paths", len(f.Members), len(lines))
	}
	enc, err := artifact.Encode(f)
	if err != nil {
		t.Fatal(err)
	}
	again, err := artifact.Decode(enc)
	if err != nil {
		t.Fatalf("facts do not read back: %v", err)
	}
	enc2, err := artifact.Encode(again)
	if err != nil || !bytes.Equal(enc, enc2) {
		t.Errorf("facts change when they are read back: %v", err)
	}
}

// FuzzTar feeds tars, compressed here: a fuzzer does not get through a checksum.
func FuzzTar(f *testing.F) {
	f.Add(makeTar(f, append(listing(payload[2:]...), payload...)), makeTar(f, nil))
	f.Add(makeTar(f, listing()), makeTar(f, payload))
	f.Add(makeTar(f, older("bin/x\n", "/p text bin/x\n", "bin/x\n", "")), makeTar(f, []tm{{name: "bin/x", data: "#!/p/x\n"}}))
	f.Fuzz(func(t *testing.T, info, payload []byte) {
		check(t, makeZip(t, zipFile{"info-p-1-0.tar.zst", zst(t, info)}, zipFile{"pkg-p-1-0.tar.zst", zst(t, payload)}), condaName)
	})
}

// FuzzArchive feeds whole archives.
func FuzzArchive(f *testing.F) {
	f.Add(condaOf(f, listing(payload[2:]...), payload), true)
	f.Add(bz2(f, makeTar(f, append(listing(payload[2:]...), payload...))), false)
	f.Fuzz(func(t *testing.T, b []byte, conda bool) {
		name := bz2Name
		if conda {
			name = condaName
		}
		check(t, b, name)
	})
}
