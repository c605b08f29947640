package artifact_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
)

func sample() *artifact.Facts {
	sum := digest.Sum([]byte("x"))
	return &artifact.Facts{
		FactsVersion: artifact.FactsVersion, Kind: artifact.Conda, FileName: "p-1-0.conda",
		SHA256: sum, MD5: digest.SumMD5([]byte("x")), SizeBytes: 9, Name: "p", Version: "1", Build: "0", Noarch: "generic",
		Conda: &artifact.CondaFacts{Index: json.RawMessage(`{"name":"p","depends":["a <2"]}`), HasPathsJSON: true, LinkScripts: []string{"bin/.p-post-link.sh"}},
		Members: []artifact.Member{
			{Path: "bin/x", Type: filetree.File, Mode: 0o755, ModTime: -5, SizeBytes: 20, SHA256: sum, NoLink: true,
				Prefix: &artifact.PrefixUse{Placeholder: "/ph", Mode: artifact.Text, Offsets: []int64{2, 5, 17}, Shebang: "#!/ph<&>\u2028/python"}},
			{Path: "etc/k.json", Type: filetree.File, SizeBytes: 2, SHA256: sum, HardLink: "bin/y"},
			{Path: "lib/x.pyc", Type: filetree.File, SHA256: sum, Traits: artifact.PycTimestamp, PycTime: 1 << 31, PycSize: 7, PycMagic: 3571},
			{Path: "lib/l", Type: filetree.Symlink, Link: "../bin/x"},
			{Path: "share", Type: filetree.Dir, Mode: 0o700},
		},
		Kept: map[string][]byte{"etc/k.json": []byte("{}")},
	}
}

func TestRoundTrip(t *testing.T) {
	f := sample()
	b, err := artifact.Encode(f)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := artifact.Encode(sample()); !bytes.Equal(again, b) || bytes.ContainsRune(b, '\n') {
		t.Errorf("not one stable line: %s", b)
	}
	if !bytes.Contains(b, []byte(`"a <2"`)) {
		t.Errorf("index.json was changed: %s", b)
	}
	got, err := artifact.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(f, got); d != "" {
		t.Errorf("Decode(Encode(f)) (-want +got)\n%s", d)
	}
	p, err := artifact.Pack(f)
	if err != nil {
		t.Fatal(err)
	}
	if got, err = artifact.Unpack(p); err != nil || !cmp.Equal(f, got) {
		t.Errorf("Unpack(Pack(f)): %v\n%s", err, cmp.Diff(f, got))
	}
	for cut := range len(p) {
		if _, err := artifact.Unpack(p[:cut]); err == nil {
			t.Errorf("Unpack of %d of %d bytes: no error", cut, len(p))
		}
	}
}

// TestForm pins the cached form: a change needs a new FactsVersion.
func TestForm(t *testing.T) {
	f := sample()
	f.Members = f.Members[:1]
	f.Kept = nil
	f.Conda.LinkScripts = nil
	b, err := artifact.Encode(f)
	if err != nil {
		t.Fatal(err)
	}
	const sum = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
	want := fmt.Sprintf(`{"facts":%d,"kind":"conda","fn":"p-1-0.conda","sha256":"%s","md5":"9dd4e461268c8034f5c8564e155c67a6","size":9,`+
		`"name":"p","version":"1","build":"0","noarch":"generic","conda":{"index":{"name":"p","depends":["a <2"]},"pathsjson":true},`+
		`"members":[{"path":"bin/x","type":1,"mode":493,"mtime":-5,"size":20,"sha256":"%s",`+
		`"prefix":{"p":"/ph","m":"text","o":[2,5,17],"b":"#!/ph<&>\u2028/python"},"nolink":true}]}`, 1, sum, sum)
	if d := cmp.Diff(want, string(b)); d != "" {
		t.Errorf("Encode (-want +got)\n%s", d)
	}
}

func TestOtherVersion(t *testing.T) {
	_, err := artifact.Decode([]byte(`{"facts":99,"kind":7}`))
	if v, ok := errors.AsType[*artifact.VersionError](err); !ok || v.Got != 99 || v.Want != artifact.FactsVersion {
		t.Errorf("Decode of facts of version 99: error %v, want a *VersionError of 99", err)
	}
	for _, s := range []string{"", "null", "[]", `{"facts":1}`, `{"facts":1,"members":[{"type":300}]}`} {
		if _, err := artifact.Decode([]byte(s)); err == nil {
			t.Errorf("Decode(%s): no error", s)
		}
	}
}

func TestValidate(t *testing.T) {
	if err := sample().Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(f *artifact.Facts){
		"version 7":               func(f *artifact.Facts) { f.FactsVersion = 7 },
		"no file name":            func(f *artifact.Facts) { f.FileName = "" },
		"no sha256":               func(f *artifact.Facts) { f.SHA256 = digest.SHA256{} },
		"size 0":                  func(f *artifact.Facts) { f.SizeBytes = 0 },
		"no name":                 func(f *artifact.Facts) { f.Name = "" },
		"noarch":                  func(f *artifact.Facts) { f.Noarch = "maybe" },
		"kind \"egg\"":            func(f *artifact.Facts) { f.Kind = "egg" },
		"kind conda":              func(f *artifact.Facts) { f.Wheel = &artifact.WheelFacts{} },
		"kind wheel":              func(f *artifact.Facts) { f.Kind = artifact.Wheel },
		"no valid index":          func(f *artifact.Facts) { f.Conda.Index = json.RawMessage("{") },
		"leaves its folder":       func(f *artifact.Facts) { f.Members[0].Path = "../x" },
		"is there twice":          func(f *artifact.Facts) { f.Members[4].Path = "lib/l" },
		"more than permissions":   func(f *artifact.Facts) { f.Members[0].Mode = 0o100755 },
		"negative size":           func(f *artifact.Facts) { f.Members[0].SizeBytes = -1 },
		"has no sha256":           func(f *artifact.Facts) { f.Members[0].SHA256 = digest.SHA256{} },
		"file with a link target": func(f *artifact.Facts) { f.Members[0].Link = "x" },
		"dir with the facts":      func(f *artifact.Facts) { f.Members[4].SizeBytes = 1 },
		"dir with the wrong link": func(f *artifact.Facts) { f.Members[4].Link = "x" },
		"symlink with the wrong":  func(f *artifact.Facts) { f.Members[3].Link = "" },
		"no known type":           func(f *artifact.Facts) { f.Members[3].Type = 9 },
		"empty placeholder":       func(f *artifact.Facts) { f.Members[0].Prefix.Placeholder = "" },
		"file mode":               func(f *artifact.Facts) { f.Members[0].Prefix.Mode = "x" },
		"shebang of":              func(f *artifact.Facts) { f.Members[0].Prefix.Shebang = strings.Repeat("x", 5000) },
		"placeholder at 18":       func(f *artifact.Facts) { f.Members[0].Prefix.Offsets[2] = 18 },
		"placeholder at 4":        func(f *artifact.Facts) { f.Members[0].Prefix.Offsets[1] = 4 },
		"placeholder at -1":       func(f *artifact.Facts) { f.Members[0].Prefix.Offsets[0] = -1 },
		"kept bytes":              func(f *artifact.Facts) { f.Kept["etc/k.json"] = []byte("{") },
		"gone: its kept":          func(f *artifact.Facts) { f.Kept["gone"] = nil },
	} {
		f := sample()
		change(f)
		err := f.Validate()
		if _, ok := errors.AsType[*artifact.InvalidError](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an *InvalidError with %q", err, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	b, err := artifact.Encode(sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		facts, err := artifact.Decode(b)
		if err != nil {
			return
		}
		enc, err := artifact.Encode(facts)
		if err != nil {
			t.Fatal(err)
		}
		again, err := artifact.Decode(enc)
		if err != nil {
			t.Fatal(err)
		}
		if enc2, err := artifact.Encode(again); err != nil || !bytes.Equal(enc, enc2) {
			t.Errorf("encoded twice: %s and %s (%v)", enc, enc2, err)
		}
	})
}
