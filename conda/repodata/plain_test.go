package repodata_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/tinylib/msgp/msgp"
	"pgregory.net/rapid"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/conda/repodata"
	"github.com/nasa-openscapes/corn/digest"
)

var origin = repodata.Origin{Channel: "https://c.example/ch", Subdir: "linux-64", BaseURL: "https://c.example/ch/linux-64/"}

// plain is what encoding/json and a few loops make of a repodata.json: the slow way, to compare
// with. It is strict where the fast one is lenient, so it is for well-formed records.
func plain(t testing.TB, text []byte) map[string]*record.Record {
	t.Helper()
	var doc struct {
		Packages map[string]*record.Record `json:"packages"`
		Conda    map[string]*record.Record `json:"packages.conda"`
		Removed  []string                  `json:"removed"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatalf("encoding/json: %v", err)
	}
	all := map[string]*record.Record{}
	for _, group := range []map[string]*record.Record{doc.Packages, doc.Conda} {
		for fn, r := range group {
			r.FileName, r.Channel, r.Subdir = fn, origin.Channel, origin.Subdir
			r.URL = record.Join(origin.Channel, origin.Subdir, fn)
			for _, list := range []*[]string{&r.Depends, &r.Constrains, (*[]string)(&r.TrackFeatures)} {
				if len(*list) == 0 {
					*list = nil
				}
			}
			all[fn] = r
		}
	}
	for _, fn := range doc.Removed {
		delete(all, fn)
	}
	for fn := range all {
		if stem, ok := strings.CutSuffix(fn, ".conda"); ok {
			if old := all[stem+".tar.bz2"]; old != nil && old.Name == all[fn].Name {
				delete(all, stem+".tar.bz2")
			}
		}
	}
	return all
}

// fast is the same through an index.
func fast(t testing.TB, ix *repodata.Index) map[string]*record.Record {
	t.Helper()
	all := map[string]*record.Record{}
	last := ""
	for name := range ix.Names() {
		if name <= last {
			t.Errorf("name %q comes after %q", name, last)
		}
		last = name
		s, err := ix.Shard(name)
		if err != nil || s == nil {
			t.Fatalf("Shard(%q) = %v, %v", name, s, err)
		}
		recs, err := s.Records(origin)
		if err != nil {
			t.Fatalf("Records of %s: %v", name, err)
		}
		for _, r := range recs {
			if r.Name != name {
				t.Errorf("the shard of %s holds %s", name, r.FileName)
			}
			if all[r.FileName] != nil {
				t.Errorf("%s comes twice", r.FileName)
			}
			all[r.FileName] = r
		}
	}
	if len(all) != ix.Info().Records {
		t.Errorf("Info().Records = %d, want %d", ix.Info().Records, len(all))
	}
	return all
}

var loose = cmpopts.EquateEmpty()

func TestRealIndexReadsAsWithEncodingJSON(t *testing.T) {
	for _, subdir := range []string{"linux-64", "noarch"} {
		text := realIndex(t, subdir)
		ix, err := convert(t, string(text))
		if err != nil {
			t.Fatalf("Convert(%s): %v", subdir, err)
		}
		if ix.Info().Subdir != subdir || ix.Info().Skipped != 0 {
			t.Errorf("Info() = %+v, want subdir %s and nothing skipped", ix.Info(), subdir)
		}
		want, got := plain(t, text), fast(t, ix)
		if len(want) != len(got) {
			t.Errorf("%s: %d records, want %d", subdir, len(got), len(want))
		}
		for fn, w := range want {
			if !reflect.DeepEqual(w, got[fn]) {
				t.Fatalf("%s (-want +got):\n%s", fn, cmp.Diff(w, got[fn]))
			}
		}
	}
}

func TestDependNamesAreThoseOfAllRecords(t *testing.T) {
	ix, err := convert(t, string(realIndex(t, "linux-64")))
	if err != nil {
		t.Fatal(err)
	}
	for name := range ix.Names() {
		s, err := ix.Shard(name)
		if err != nil {
			t.Fatal(err)
		}
		recs, err := s.Records(origin)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]bool{}
		for _, r := range recs {
			for _, d := range r.Depends {
				want[repodata.DependName(d)] = true
			}
		}
		got := map[string]bool{}
		for _, d := range s.DependNames() {
			got[d] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestDependName(t *testing.T) {
	for in, want := range map[string]string{
		"python": "python", "python >=3.9,<4": "python", "python>=3.9": "python", "numpy=1.*=*_openblas": "numpy",
		"conda-forge::pkg 1.0": "pkg", "conda-forge/linux-64::pkg": "pkg", "Foo[version='>=1']": "foo", "": "", " x 1 ": "x",
		"a~=1": "a", "a!=1": "a", "__glibc >=2.17": "__glibc", "b; if python <3.8": "b", "r-base 4.*": "r-base",
		"p[url='https://h::1/x']": "p", "*": "*", "[": "",
	} {
		if got := repodata.DependName(in); got != want {
			t.Errorf("DependName(%q) = %q, want %q", in, got, want)
		}
	}
}

// genDoc draws a well-formed repodata.json of few names, so that names, files and lists meet.
func genDoc(t *rapid.T) map[string]any {
	text := rapid.SampledFrom([]string{"python", "python >=3.9", "é \"quoted\" \\ back", "a\u2028b", "", "libzlib >=1.2,<2.0a0", "\t"})
	list := rapid.SliceOfN(text.Filter(func(s string) bool { return s != "" }), 0, 4)
	word := rapid.SampledFrom([]string{"a", "b", "a-b", "c.d", "_x"})
	rec := func(t *rapid.T) (string, map[string]any) {
		name, version, build := word.Draw(t, "name"), rapid.SampledFrom([]string{"1", "1.0", "2!3"}).Draw(t, "version"), rapid.SampledFrom([]string{"0", "h1_0"}).Draw(t, "build")
		r := map[string]any{"name": name, "version": version, "build": build, "build_number": rapid.IntRange(-2, 1<<40).Draw(t, "number"),
			"depends": list.Draw(t, "depends"), "unknown": map[string]any{"x": []any{1, "}", nil}}}
		optional := map[string]any{
			"constrains": list.Draw(t, "constrains"), "license": text.Draw(t, "license"), "license_family": text.Draw(t, "family"),
			"size": rapid.IntRange(0, 1<<50).Draw(t, "size"), "timestamp": rapid.SampledFrom([]any{1700000000123, 1500000000, 1.5e9, 0}).Draw(t, "timestamp"),
			"noarch": rapid.SampledFrom([]any{"python", "generic", true, false, nil, ""}).Draw(t, "noarch"), "python_site_packages_path": text.Draw(t, "site"),
			"track_features": rapid.SampledFrom([]any{"x y", "", []string{"x", "y"}, "x,y"}).Draw(t, "track"), "features": "mkl",
			"flags": []string{"cuda", "blas:mkl"},
			"md5":   strings.Repeat("ab", 16), "sha256": strings.Repeat("0d", 32),
			"extra_depends": map[string][]string{"plot": list.Draw(t, "extra"), "é": {"b"}},
		}
		for _, k := range slices.Sorted(maps.Keys(optional)) { // rapid needs the draws in one order
			v := optional[k]
			if rapid.Bool().Draw(t, k) {
				r[k] = v
			}
		}
		return name + "-" + version + "-" + build, r
	}
	doc := map[string]any{"info": map[string]any{"subdir": "linux-64"}, "repodata_version": 1}
	var files []string
	for _, section := range []string{"packages", "packages.conda"} {
		ext := map[string]string{"packages": ".tar.bz2", "packages.conda": ".conda"}[section]
		recs := map[string]any{}
		for range rapid.IntRange(0, 12).Draw(t, "n") {
			stem, r := rec(t)
			recs[stem+ext] = r
			files = append(files, stem+ext)
		}
		doc[section] = recs
	}
	if len(files) > 0 && rapid.Bool().Draw(t, "remove") {
		doc["removed"] = []string{rapid.SampledFrom(files).Draw(t, "removed")}
	}
	return doc
}

func TestRandomDocumentsReadAsWithEncodingJSON(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		doc := genDoc(rt)
		text, err := json.MarshalIndent(doc, "", rapid.SampledFrom([]string{"", " ", "\t"}).Draw(rt, "indent"))
		if err != nil {
			t.Fatal(err)
		}
		ix, err := convert(t, string(text))
		if err != nil {
			rt.Fatalf("Convert: %v\n%s", err, text)
		}
		if diff := cmp.Diff(plain(t, text), fast(t, ix), loose); diff != "" {
			rt.Fatalf("(-want +got):\n%s\n%s", diff, text)
		}
	})
}

// shardOf encodes what doc holds of one name as a shard of CEP 16, with any types.
func shardOf(t testing.TB, doc map[string]any, name string) []byte {
	t.Helper()
	var text bytes.Buffer
	if err := json.NewEncoder(&text).Encode(doc); err != nil {
		t.Fatal(err)
	}
	var d map[string]any
	if err := json.Unmarshal(text.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	delete(d, "info")
	for _, section := range []string{"packages", "packages.conda"} {
		recs := d[section].(map[string]any)
		for fn, r := range recs {
			if r.(map[string]any)["name"] != name {
				delete(recs, fn)
			}
		}
	}
	b, err := msgp.AppendIntf(nil, d)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestShardsReadAsTheDocumentTheyAreMadeOf(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		doc := genDoc(rt)
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]*record.Record{}
		for fn, r := range plain(t, text) {
			if r.Name == "a" {
				want[fn] = r
			}
		}
		s, err := repodata.DecodeShard("a", shardOf(t, doc, "a"))
		if err != nil {
			rt.Fatalf("DecodeShard: %v", err)
		}
		recs, err := s.Records(origin)
		if err != nil {
			rt.Fatalf("Records: %v", err)
		}
		got := map[string]*record.Record{}
		for _, r := range recs {
			got[r.FileName] = r
		}
		if diff := cmp.Diff(want, got, loose); diff != "" {
			rt.Fatalf("(-want +got):\n%s\n%s", diff, text)
		}
	})
}

func TestEqualListsAreOneSlice(t *testing.T) {
	ix, err := convert(t, `{"packages":{"a-1-0.tar.bz2":{"name":"a","depends":["b","c"]},"a-2-0.tar.bz2":{"name":"a","depends":["b","c"]}}}`)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ix.Shard("a")
	if err != nil {
		t.Fatal(err)
	}
	recs, err := s.Records(origin)
	if err != nil || len(recs) != 2 {
		t.Fatalf("Records = %v, %v, want 2", recs, err)
	}
	if &recs[0].Depends[0] != &recs[1].Depends[0] {
		t.Error("equal depends have slices of their own, want one")
	}
}

func TestLenience(t *testing.T) {
	sum := digest.SHA256{}
	for i := range sum {
		sum[i] = 0xab
	}
	for _, c := range []struct {
		why, fields string
		want        record.Record
	}{
		{"everything is missing", ``, record.Record{Name: "a", Version: "1", Build: "h_0"}},
		{"null everywhere", `"name":null,"version":null,"build":null,"build_number":null,"depends":null,"constrains":null,"size":null,"md5":null,"sha256":null,"timestamp":null,"noarch":null,"track_features":null,"license":null`,
			record.Record{Name: "a", Version: "1", Build: "h_0"}},
		{"numbers for texts", `"version":1.10,"build":0`, record.Record{Name: "a", Version: "1.10", Build: "0"}},
		{"texts for numbers", `"build_number":"7","size":"12"`, record.Record{Name: "a", Version: "1", Build: "h_0", BuildNumber: 7, SizeBytes: 12}},
		{"the name in the record counts", `"name":"b"`, record.Record{Name: "b", Version: "1", Build: "h_0"}},
		{"sums that are none", `"md5":"zz","sha256":"12"`, record.Record{Name: "a", Version: "1", Build: "h_0"}},
		{"a sum in capitals", `"sha256":"` + strings.Repeat("AB", 32) + `"`, record.Record{Name: "a", Version: "1", Build: "h_0", SHA256: sum}},
		{"seconds", `"timestamp":1500000000`, record.Record{Name: "a", Version: "1", Build: "h_0", TimestampMillis: 1500000000000}},
		{"a time before time", `"timestamp":-5,"size":-1`, record.Record{Name: "a", Version: "1", Build: "h_0"}},
		{"one dependency without a list", `"depends":"x >=1"`, record.Record{Name: "a", Version: "1", Build: "h_0", Depends: []string{"x >=1"}}},
		{"rubbish among dependencies", `"depends":["x",null,["y"],{"z":1},3]`, record.Record{Name: "a", Version: "1", Build: "h_0", Depends: []string{"x", "3"}}},
		{"old noarch", `"noarch":true`, record.Record{Name: "a", Version: "1", Build: "h_0", Noarch: record.NoarchGeneric}},
		{"noarch nobody knows", `"noarch":"emacs"`, record.Record{Name: "a", Version: "1", Build: "h_0"}},
		{"features and track_features", `"features":"mkl","track_features":"x, y"`, record.Record{Name: "a", Version: "1", Build: "h_0", Features: record.Features{"mkl"}, TrackFeatures: record.Features{"x", "y"}}},
		{"a later key wins", `"license":"MIT","license":"BSD"`, record.Record{Name: "a", Version: "1", Build: "h_0", License: "BSD"}},
		{"site-packages", `"python_site_packages_path":"lib/python3.13t/site-packages"`, record.Record{Name: "a", Version: "1", Build: "h_0", PythonSitePackagesPath: "lib/python3.13t/site-packages"}},
	} {
		ix, err := convert(t, `{"packages.conda":{"a-1-h_0.conda":{`+c.fields+`}}}`)
		if err != nil {
			t.Errorf("%s: %v", c.why, err)
			continue
		}
		want := c.want
		want.FileName, want.Channel, want.Subdir, want.URL = "a-1-h_0.conda", origin.Channel, origin.Subdir, origin.BaseURL+"a-1-h_0.conda"
		if diff := cmp.Diff(&want, fast(t, ix)["a-1-h_0.conda"], loose); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, diff)
		}
	}
}

func TestWhatIsLeftOut(t *testing.T) {
	for _, c := range []struct{ why, text, want string }{
		{"the old format where the new is there", `{"packages":{"a-1-0.tar.bz2":{"name":"a"},"a-2-0.tar.bz2":{"name":"a"}},"packages.conda":{"a-1-0.conda":{"name":"a"}}}`, "a-1-0.conda a-2-0.tar.bz2 skipped=0"},
		{"the same, .conda first", `{"packages.conda":{"a-1-0.conda":{"name":"a"}},"packages":{"a-1-0.tar.bz2":{"name":"a"}}}`, "a-1-0.conda skipped=0"},
		{"removed", `{"packages":{"a-1-0.tar.bz2":{},"b-1-0.tar.bz2":{}},"removed":["a-1-0.tar.bz2","zzz"]}`, "b-1-0.tar.bz2 skipped=0"},
		{"removed comes first", `{"removed":["a-1-0.tar.bz2"],"packages":{"a-1-0.tar.bz2":{},"b-1-0.tar.bz2":{}}}`, "b-1-0.tar.bz2 skipped=0"},
		{"records of the future", `{"packages":{"a-1-0.conda":{"record_version":2},"b-1-0.conda":{"record_version":1}}}`, "b-1-0.conda skipped=1"},
		{"no objects", `{"packages":{"a-1-0.conda":null,"b-1-0.conda":[],"c-1-0.conda":"x","d-1-0.conda":7,"e-1-0.conda":{}}}`, "e-1-0.conda skipped=4"},
		{"file names that lead elsewhere", `{"packages":{"../a-1-0.conda":{"name":"a"},"a/b-1-0.conda":{"name":"b"},"c.conda":{"name":"c"},"":{},"d-1-0.whl":{"name":"d"}}}`, "skipped=5"},
		{"names that are none", `{"packages":{"a-1-0.conda":{"name":"a b"},"b-1-0.conda":{"name":"../b"}}}`, "skipped=2"},
		{"a file twice: the last counts", `{"packages":{"a-1-0.conda":{"name":"a","version":"1"},"a-1-0.conda":{"name":"a","version":"2"}}}`, "a-1-0.conda skipped=0"},
		{"sections that are none", `{"packages":null,"packages.conda":[],"removed":{},"info":null}`, "skipped=0"},
		{"unknown sections", `{"packages":{},"packages.whl":{"x":{"y":["}"]}},"signatures":{"a-1-0.conda":{"k":{"signature":"\""}}}}`, "skipped=0"},
		{"the section of CEP 48", `{"packages":{},"v3":{"conda":{"a-1-0":{},"b-1-0":{}},"tar.bz2":{"a-1-0":{},"a-2-0":{}},"whl":{"w-1-py3-none-any":{"name":"w"}}}}`, "a-1-0.conda a-2-0.tar.bz2 b-1-0.conda skipped=0"},
		{"an empty file", ``, "skipped=0"},
		{"a byte order mark", "\uFEFF{\"packages\":{\"a-1-0.conda\":{}}}", "a-1-0.conda skipped=0"},
	} {
		ix, err := convert(t, c.text)
		if err != nil {
			t.Errorf("%s: %v", c.why, err)
			continue
		}
		var got []string
		for name := range ix.Names() {
			s, _ := ix.Shard(name)
			recs, _ := s.Records(origin)
			for _, r := range recs {
				got = append(got, r.FileName)
			}
		}
		got = append(got, fmt.Sprintf("skipped=%d", ix.Info().Skipped))
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: got %q, want %q (%s)", c.why, s, c.want, ix.Info().SkippedWhy)
		}
	}
	if ix, err := convert(t, `{"info":{"base_url":"https://x/y/"},"repodata_version":2}`); err != nil || ix.Info().BaseURL != "https://x/y/" || ix.Info().Version != 2 {
		t.Errorf("base_url: %+v, %v", ix, err)
	}
}

func TestBadDocuments(t *testing.T) {
	for _, c := range []struct {
		why, text, want string
		is              error
	}{
		{"a web page", "\n <!DOCTYPE html><html>", "repodata.json at byte 2: this is a web page, no repodata", repodata.ErrHTML},
		{"text", "not found", "repodata.json at byte 0: want '{', got 'n'", nil},
		{"another JSON", `{"error":"no","code":404}`, `repodata.json at byte 0: no repodata: it holds "error" but neither info nor packages`, nil},
		{"an array", `[]`, "repodata.json at byte 0: want '{', got '['", nil},
		{"cut in a key", `{"packages":{"a-1`, "repodata.json at byte 17: the file ends in the middle", repodata.ErrTruncated},
		{"cut in a record", `{"packages":{"a-1-0.conda":{"name":"a"`, "repodata.json at byte 38: the file ends in the middle", repodata.ErrTruncated},
		{"cut after a record", `{"packages":{"a-1-0.conda":{}`, "repodata.json at byte 29: the file ends in the middle", repodata.ErrTruncated},
		{"cut at the end", `{"packages":{}`, "repodata.json at byte 14: the file ends in the middle", repodata.ErrTruncated},
		{"no comma", `{"packages":{} "removed":[]}`, "repodata.json at byte 15: want ',' or '}', got '\"'", nil},
		{"two documents", `{"packages":{}}{}`, "repodata.json at byte 15: want the end, got '{'", nil},
		{"a broken record", `{"packages":{"a-1-0.conda":{"name" "a"}}}`, `repodata.json at byte 35: record of "a-1-0.conda": want ':', got '"'`, nil},
		{"a bad escape", `{"packages":{"a-1-0.conda":{"name":"\x"}}}`, "repodata.json at byte 27: record of \"a-1-0.conda\": invalid character 'x' in string escape code", nil},
		{"no value", `{"packages":}`, "repodata.json at byte 12: want a value, got '}'", nil},
		{"a key without quotes", `{packages:{}}`, "repodata.json at byte 1: want a key in quotes, got 'p'", nil},
	} {
		_, err := convert(t, c.text)
		bad, ok := errors.AsType[*repodata.FormatError](err)
		if !ok || bad.Error() != c.want || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: Convert(%q):\n got %v\nwant %s", c.why, c.text, err, c.want)
		}
	}
	_, err := convert(t, `{"repodata_version":3}`)
	if v, ok := errors.AsType[*repodata.VersionError](err); !ok || v.Got != 3 {
		t.Errorf("Convert of version 3 = %v, want a *VersionError", err)
	}
	_, err = convert(t, `{"packages":{"a-1-0.conda":{"license":"`+strings.Repeat("x", 40<<20)+`"}}}`)
	if _, ok := errors.AsType[*repodata.LimitError](err); !ok {
		t.Errorf("Convert of a giant record = %v, want a *LimitError", err)
	}
}

func TestMentionNames(t *testing.T) {
	ix, err := convert(t, `{"packages":{"a-1-0.conda":{"depends":["b >=1","c[version='>=2',when='d >=1 and (__unix or e)']"],"constrains":["f 1","b <3"],"extra_depends":{"x":["g"]}}}}`)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ix.Shard("a")
	if err != nil {
		t.Fatal(err)
	}
	if d, m := strings.Join(s.DependNames(), " "), strings.Join(s.MentionNames(), " "); d != "b c g" || m != "__unix d e f" {
		t.Errorf("depends on %q, mentions %q, want b c g and __unix d e f", d, m)
	}
}
