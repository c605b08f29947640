package lock

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/nasa-openscapes/corn/digest"
)

func written(t testing.TB, l *Lock) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteCondaLock(&b, l); err != nil {
		t.Fatalf("WriteCondaLock: %v", err)
	}
	return b.String()
}

// sameLock compares all but places.
var sameLock = cmp.Options{
	cmpopts.IgnoreFields(Package{}, "Line"), cmpopts.IgnoreFields(Lock{}, "Path"), cmpopts.EquateEmpty(),
	cmp.AllowUnexported(Package{}), cmpopts.IgnoreFields(UnsupportedError{}, "Path", "Line"),
}

// TestWriteGolden: a lock of every kind of entry is written as testdata/written-lock.yml,
// and what was written reads as what was given.
func TestWriteGolden(t *testing.T) {
	l, _ := readFile(t, "conda-lock.yml")
	got := written(t, l)
	golden := filepath.Join("testdata", "written-lock.yml")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("lock (-want +got):\n%s", diff)
	}
	again, err := Read("again", []byte(got))
	if err != nil {
		t.Fatal(err)
	}
	byName := cmpopts.SortSlices(func(a, b Package) bool {
		return a.Platform+a.Name+a.Category+string(a.Manager) < b.Platform+b.Name+b.Category+string(b.Manager)
	})
	byKey := cmpopts.SortSlices(func(a, b Dependency) bool { return a.Name < b.Name })
	if diff := cmp.Diff(l, again, sameLock, byName, byKey); diff != "" {
		t.Errorf("written and read again (-want +got):\n%s", diff)
	}
	if twice := written(t, again); twice != got {
		t.Errorf("written twice (-first +second):\n%s", cmp.Diff(got, twice))
	}
}

// TestWriteModel: the keys are those of conda-lock's model, and those that it demands are
// all there.
func TestWriteModel(t *testing.T) {
	l, _ := readFile(t, "conda-lock.yml")
	var doc struct {
		Version  int
		Metadata map[string]any
		Package  []map[string]any
	}
	if err := yaml.UnmarshalWithOptions([]byte(written(t, l)), &doc, yaml.DisallowUnknownField()); err != nil {
		t.Fatal(err)
	}
	keys := func(m map[string]any) string {
		var out []string
		for k := range m {
			out = append(out, k)
		}
		slices.Sort(out)
		return strings.Join(out, " ")
	}
	if got := keys(doc.Metadata); got != "channels content_hash platforms sources" {
		t.Errorf("metadata has %s", got)
	}
	for _, p := range doc.Package {
		got := strings.Replace(keys(p), " source ", " ", 1)
		if got != "category dependencies hash manager name optional platform url version" {
			t.Errorf("package %v has %s", p["name"], keys(p))
		}
		for _, k := range []string{"name", "version", "url", "category"} {
			if _, ok := p[k].(string); !ok {
				t.Errorf("package %v: %s is %T %v, want a text", p["name"], k, p[k], p[k])
			}
		}
		if _, ok := p["optional"].(bool); !ok {
			t.Errorf("package %v: optional is %T", p["name"], p["optional"])
		}
	}
}

// TestWriteSchema: conda-lock's own schema (conda_lock/lockfile/v1/conda-lock-v1.schema.json
// in its repository) takes what is written.
func TestWriteSchema(t *testing.T) {
	file := os.Getenv("CORN_CONDA_LOCK_SCHEMA")
	if file == "" {
		t.Skip("CORN_CONDA_LOCK_SCHEMA does not name conda-lock's schema")
	}
	schema, err := jsonschema.NewCompiler().Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	l, _ := readFile(t, "conda-lock.yml")
	var doc any
	if err := yaml.Unmarshal([]byte(written(t, l)), &doc); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	if doc, err = jsonschema.UnmarshalJSON(bytes.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(doc); err != nil {
		t.Error(err)
	}
}

func TestWriteRefuses(t *testing.T) {
	sum := digest.MD5{1}
	ok := Package{Manager: Conda, Name: "a", Version: "1", Platform: "linux-64", URL: "https://h/c/linux-64/a-1-0.conda", MD5: sum}
	noMD5, elsewhere := ok, ok
	noMD5.MD5, noMD5.SHA256 = digest.MD5{}, digest.SHA256{1}
	noMD5.URL = "https://u:secret@h/c/linux-64/a-1-0.conda"
	elsewhere.Platform = "osx-64"
	for _, c := range []struct {
		why      string
		packages []Package
		is       func(error) bool
	}{
		{"conda-lock wants an MD5", []Package{noMD5}, is[*HashError]},
		{"a platform that the metadata lacks", []Package{elsewhere}, is[*PlatformError]},
		{"one package twice", []Package{ok, ok}, is[*DuplicateError]},
	} {
		var b bytes.Buffer
		err := WriteCondaLock(&b, &Lock{Path: "x", Platforms: []string{"linux-64"}, Packages: c.packages})
		if !c.is(err) || b.Len() > 0 {
			t.Errorf("%s: %v after %d bytes", c.why, err, b.Len())
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error tells a secret: %v", c.why, err)
		}
	}
}

func TestWriteExplicit(t *testing.T) {
	l, _ := readFile(t, "conda-lock.yml")
	var b bytes.Buffer
	if err := WriteExplicit(&b, l, "linux-64"); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "written-linux-64.lock")
	if *update {
		if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("explicit lock (-want +got):\n%s", diff)
	}
	again, err := Read(ExplicitName("linux-64"), b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	main, err := l.For("linux-64")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := urls(again.Packages), urls(inOrder(main, "linux-64")); got != want {
		t.Errorf("read again:\n%s\nwant\n%s", got, want)
	}
	if _, err := l.For("osx-64"); err == nil {
		t.Fatal("the test wants a platform that cannot be installed")
	}
	if err := WriteExplicit(&b, l, "osx-64"); !is[*UnsupportedError](err) {
		t.Errorf("a platform with a source distribution: %v", err)
	}
}

func urls(packages []Package) string {
	var out []string
	for _, p := range packages {
		out = append(out, p.URL)
	}
	return strings.Join(out, "\n")
}

func TestOrder(t *testing.T) {
	// zlib comes behind what it depends on, and names decide between the rest, whichever
	// order they are given in.
	var packages []Package
	for i, s := range []string{"zlib: abi", "abi:", "b: zlib", "a:", "python: zlib pip", "pip: python"} {
		name, deps, _ := strings.Cut(s, ":")
		p := Package{Manager: Conda, Name: name, Version: "1", Platform: "linux-64", URL: "https://h/c/linux-64/" + name + "-1-0.conda", MD5: digest.MD5{byte(i + 1)}}
		for _, d := range strings.Fields(deps) {
			p.Depends = append(p.Depends, Dependency{Name: d})
		}
		packages = append(packages, p)
	}
	l := &Lock{Platforms: []string{"linux-64"}, Packages: packages}
	first := written(t, l)
	again, err := Read("x", []byte(first))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := names(again.Packages), "a abi zlib b python pip"; got != want {
		t.Errorf("order %s, want %s", got, want)
	}
	slices.Reverse(l.Packages)
	if diff := cmp.Diff(first, written(t, l)); diff != "" {
		t.Errorf("another order in memory (-first +second):\n%s", diff)
	}
}

func TestJoin(t *testing.T) {
	for _, c := range []struct{ a, b, want, why string }{
		{">=3.9", "<3.13", ">=3.9,<3.13", "a comma says both"},
		{"", "<3", "<3", "nothing asks for nothing"},
		{"*", "<3", "<3", "a star neither"},
		{">=1", ">=1", ">=1", "the same once"},
		{"1.0|2.0", ">=1.5", "1.0,>=1.5|2.0,>=1.5", "a comma binds tighter than |"},
		{">=3.10,<3.11.0a0 *_cpython", "3.10.*", ">=3.10,<3.11.0a0,3.10.* *_cpython", "the build stays behind"},
		{"* *_cp310", "3.10.*", "3.10.* *_cp310", "a star before a build is no version"},
		{"1 *", "1 h_0", "1 h_0", "the narrower build"},
		{">= 1, <2", "!= 1.5", ">=1,<2,!=1.5", "blanks are not part of it"},
	} {
		if got := joinConstraints(c.a, c.b); got != c.want {
			t.Errorf("joinConstraints(%q, %q) = %q, want %q: %s", c.a, c.b, got, c.want, c.why)
		}
	}
}

func TestScalar(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"1.21.5", "1.21.5"}, {"zlib", "zlib"}, {"3.9.* *_cp39", "3.9.* *_cp39"}, {"0.1 conda_forge", "0.1 conda_forge"},
		{"https://h/c/linux-64/x-1!2-0.conda", "https://h/c/linux-64/x-1!2-0.conda"}, {"=1.2", "=1.2"}, {"2021a", "2021a"},
		{"", "''"}, {"0.1", "'0.1'"}, {"10", "'10'"}, {"1e5", "'1e5'"}, {"12345678e12345678", "'12345678e12345678'"}, {"0x1f", "'0x1f'"},
		{"1_000", "'1_000'"}, {"2026-01-02", "'2026-01-02'"}, {"12:30", "'12:30'"}, {"y", "'y'"}, {"No", "'No'"}, {"null", "'null'"}, {"~", "'~'"},
		{">=1,<2", "'>=1,<2'"}, {"*", "'*'"}, {"it's", "it's"}, {"'", "''''"}, {"a: b", "'a: b'"}, {"a #b", "'a #b'"}, {" a", "' a'"}, {"a ", "'a '"},
		{"- a", "'- a'"}, {"-", "'-'"}, {"é", `"\u00e9"`}, {"a\nb", `"a\nb"`}, {"=", "'='"}, {".5", "'.5'"}, {"+1", "'+1'"}, {"+-0", "'+-0'"}, {".inf", "'.inf'"}, {".", "'.'"},
	} {
		if got := scalar(c.in); got != c.want {
			t.Errorf("scalar(%q) = %s, want %s", c.in, got, c.want)
		}
	}
}

// TestScalarIsText: a YAML reader that types its scalars, and the two readers here, get the
// text back, as a value and as a key.
func TestScalarIsText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringMatching(`[0-9a-fxo_:.+-]{0,9}`), rapid.StringMatching(`[ -~]{0,12}`)).Draw(t, "s")
		if strings.ContainsRune(s, 0xfffd) { // not every text is UTF-8
			return
		}
		text := "a: " + scalar(s) + "\n" + scalar("k"+s) + ": b\n"
		var got map[string]any
		if err := yaml.Unmarshal([]byte(text), &got); err != nil {
			t.Fatalf("%q is no YAML: %v", text, err)
		}
		if got["a"] != s || got["k"+s] != "b" {
			t.Fatalf("%q reads as %#v, want %q", text, got, s)
		}
		root := parseFast([]byte(text))
		if root == nil {
			var err error
			if root, err = (&source{lines: strings.Split(text, "\n")}).parseYAML([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		if a := root.get("a"); a == nil || a.kind != scalarNode || a.text != s {
			t.Fatalf("%q: read as %+v, want %q", text, a, s)
		}
	})
}

// TestContentHash: testdata/content-hash.json holds the answers of conda-lock's own
// compute_content_hashes (conda/conda-lock at commit e29d5cf7, of 2026-06-27).
func TestContentHash(t *testing.T) {
	data, err := os.ReadFile("testdata/content-hash.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Why      string
		Channels []string
		Conda    []string
		Pip      []string
		Ordered  bool // the last line of a name counts
		Want     map[string]string
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		in := Inputs{Conda: c.Conda, Pip: c.Pip}
		for _, ch := range c.Channels {
			in.Channels = append(in.Channels, Channel{URL: ch})
		}
		for platform, want := range c.Want {
			if got := ContentHash(platform, in); got != want {
				t.Errorf("%s: %s on %s, want %s", c.Why, got, platform, want)
			}
		}
		if c.Ordered {
			continue
		}
		slices.Reverse(in.Conda)
		for platform, want := range c.Want {
			if got := ContentHash(platform, in); got != want {
				t.Errorf("%s, the other way round: %s on %s, want %s", c.Why, got, platform, want)
			}
		}
	}
	if len(cases) == 0 {
		t.Error("no cases")
	}
}

// FuzzWrite: whatever lock can be read can be written, and reads the same.
func FuzzWrite(f *testing.F) {
	for _, name := range []string{"conda-lock.yml", "pixi-v6.lock"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := Read("f", data)
		if err != nil || l.Kind != CondaLock {
			return
		}
		var b bytes.Buffer
		if err := WriteCondaLock(&b, l); err != nil {
			if !is[*HashError](err) && !is[*PlatformError](err) && !is[*DuplicateError](err) {
				t.Fatalf("error of type %T: %v", err, err)
			}
			return
		}
		again, err := Read("g", b.Bytes())
		if err != nil {
			t.Fatalf("read again: %v\n%s", err, b.String())
		}
		if a, b := fmt.Sprint(len(l.Packages), l.Platforms, l.Sources), fmt.Sprint(len(again.Packages), again.Platforms, again.Sources); a != b {
			t.Errorf("read again %s, want %s", b, a)
		}
		var c bytes.Buffer
		if err := WriteCondaLock(&c, again); err != nil || !bytes.Equal(b.Bytes(), c.Bytes()) {
			t.Errorf("written twice: %v\n%s", err, cmp.Diff(b.String(), c.String()))
		}
	})
}
