package link

import (
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func recordFacts() *artifact.Facts {
	text := "#!" + ph + "/bin/sh\n"
	lib := file("site-packages/lab/__init__.py", 0o644, "x = 1\n")
	noLink := file("etc/x.conf", 0o644, "conf")
	noLink.NoLink = true
	f := pkg("lab", "python", withPrefix(file("bin/tool", 0o755, text), text, artifact.Text), lib, noLink,
		symlink("lib/a.so", "liba.so.1"), file("lib/liba.so.1", 0o755, "so"), symlink("lib/up", "../bin/tool"),
		symlink("lib/other", "libother.so"), symlink("lib/dir", "../etc"), symlink("lib/out", "../../x"), symlink("lib/abs", "/etc/passwd"),
		symlink("lib/loop", "loop"), symlink("d", "lib"), symlink("through", "d/liba.so.1"),
		file("empty", 0o644, ""))
	f.Conda.EntryPoints = []string{"lab = lab:main"}
	f.Conda.Index = []byte(`{"arch": null, "build": "h1_0", "build_number": 3, "depends": ["python >=3.9"], "license": "BSD \"3\" <ü>",
		"name": "lab", "noarch": "python", "platform": null, "subdir": "noarch", "timestamp": 1700000000123, "track_features": "", "version": "1.0",
		"zeta": {"b": [], "a": {}, "f": 1.50, "e": 1e3}}`)
	return f
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestRecord(t *testing.T) {
	f := recordFacts()
	env := Env{Prefix: "/srv/conda/envs/a", Python: py313(t)}
	r, err := Items(f, env)
	if err != nil {
		t.Fatal(err)
	}
	o := Origin{
		URL: "https://example.org/demo/noarch/lab-1.0-h1_0.conda", Channel: "https://example.org/demo", Subdir: "noarch",
		RequestedSpec: "lab >=1",
		Targets: func(p string) (digest.SHA256, bool) {
			return digest.Sum([]byte("other")), p == "lib/libother.so"
		},
	}
	canonical, err := Record(f, r.Items, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "record-canonical.json", string(canonical))

	pycPath := "lib/python3.13/site-packages/lab/__pycache__/__init__.cpython-313.pyc"
	learnt := &Learnt{
		Sums: map[string]digest.SHA256{"bin/tool": digest.Sum([]byte("rewritten"))},
		Pyc:  map[string]bool{pycPath: true},
	}
	full, err := Record(f, r.Items, o, learnt)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "record.json", string(full))

	learnt.Pyc = nil
	without, err := Record(f, r.Items, o, learnt)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(without), pycPath) || !strings.Contains(string(full), pycPath) {
		t.Error("bytecode is to be listed if and only if it exists")
	}
	var re *RecordError
	if _, err := Record(f, r.Items, o, &Learnt{}); !errors.As(err, &re) || !strings.Contains(err.Error(), "bin/tool") {
		t.Errorf("a sum that was not learnt: %v, want a *RecordError naming bin/tool", err)
	}
}

func TestRecordOrigin(t *testing.T) {
	f := pkg("tool", "", file("a", 0o644, "a"))
	f.Conda.Index = []byte(`{"depends": ["x"], "constrains": ["y"], "size": 7, "track_features": ["f"], "md5": "stale"}`)
	get := func(o Origin) map[string]any {
		t.Helper()
		r, err := Items(f, Env{Prefix: "/p"})
		if err != nil {
			t.Fatal(err)
		}
		b, err := Record(f, r.Items, o, nil)
		if err != nil {
			t.Fatal(err)
		}
		m, err := decodeObject(b)
		if err != nil {
			t.Fatalf("record is no JSON: %v\n%s", err, b)
		}
		return m
	}
	text := func(v any) string {
		var b strings.Builder
		for _, s := range v.([]any) {
			b.WriteString(s.(string) + ";")
		}
		return b.String()
	}
	m := get(Origin{})
	if text(m["depends"]) != "x;" || text(m["constrains"]) != "y;" || text(m["track_features"]) != "f;" {
		t.Errorf("index.json's lists changed: %v %v %v", m["depends"], m["constrains"], m["track_features"])
	}
	if m["md5"] != f.MD5.String() || m["sha256"] != f.SHA256.String() {
		t.Errorf("md5 %v, sha256 %v: want the archive's", m["md5"], m["sha256"])
	}
	m = get(Origin{Depends: []string{"python >=3.9", "z "}, Constrains: []string{}})
	if text(m["depends"]) != "python >=3.9;z ;" || text(m["constrains"]) != "" {
		t.Errorf("the lock's lists do not win: %v %v", m["depends"], m["constrains"])
	}
	f.Conda.Index = []byte(`{}`)
	m = get(Origin{})
	if text(m["depends"]) != "" || text(m["constrains"]) != "" {
		t.Errorf("depends and constrains are to be always there: %v", m)
	}
	if m["name"] != "tool" || m["build_string"] != "h1_0" || m["link"].(map[string]any)["source"] != "/opt/corn/pkgs/tool-1.0-h1_0" {
		t.Errorf("record of an empty index.json: %v", m)
	}
	// The older lists have neither sums nor sizes.
	f.Conda.HasPathsJSON = false
	entry := get(Origin{})["paths_data"].(map[string]any)["paths"].([]any)[0].(map[string]any)
	if entry["sha256"] != nil || entry["size_in_bytes"] != nil || entry["sha256_in_prefix"] == nil {
		t.Errorf("entry of an old package: %v", entry)
	}
	for _, bad := range []string{"", "[]", "null", "{"} {
		f.Conda.Index = []byte(bad)
		var re *RecordError
		if _, err := Record(f, nil, Origin{}, nil); !errors.As(err, &re) {
			t.Errorf("index.json %q: %v, want a *RecordError", bad, err)
		}
	}
}

func TestNumber(t *testing.T) {
	for in, want := range map[string]string{
		"0": "0", "-3": "-3", "18446744073709551615": "18446744073709551615", "1.50": "1.5", "1e3": "1000.0", "-0": "0", "-0.0": "-0.0", "1.0": "1.0", "1e400": "null",
		"1e300": "1e+300", "0.00001": "1e-05",
	} {
		if got := number(in); got != want {
			t.Errorf("number(%s) = %s, want %s", in, got, want)
		}
	}
}

func TestHistory(t *testing.T) {
	f := pkg("tool", "", artifact.Member{Path: "x", Type: filetree.File})
	l := Linked(f, Origin{Channel: "https://example.org/demo", Subdir: "linux-64"})
	got := string(History([]string{l}, []string{`numpy >=1`, `x[build="y\z"]`}))
	want := "==> 1980-01-02 00:00:00 <==\n# cmd: corn build\n# conda version: 3.8.0\n" +
		"+https://example.org/demo/linux-64::tool-1.0-h1_0\n" +
		`# update specs: ["numpy >=1", "x[build=\"y\\z\"]"]` + "\n"
	if got != want {
		t.Errorf("History\n got %q\nwant %q", got, want)
	}
	if got := string(History(nil, nil)); strings.Contains(got, "specs") || strings.Count(got, "\n") != 3 {
		t.Errorf("history of nothing: %q", got)
	}
}
