package record_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/digest"
)

func TestParseFileName(t *testing.T) {
	for _, c := range []struct {
		in   string
		want record.Dist
	}{
		{"numpy-2.2.4-py313h0_0.conda", record.Dist{Name: "numpy", Version: "2.2.4", Build: "py313h0_0", Format: record.Conda}},
		{"_libgcc_mutex-0.1-conda_forge.tar.bz2", record.Dist{Name: "_libgcc_mutex", Version: "0.1", Build: "conda_forge", Format: record.TarBz2}},
		{"r-base-4.2.3-h4a03800_2.conda", record.Dist{Name: "r-base", Version: "4.2.3", Build: "h4a03800_2", Format: record.Conda}},
		{"x264-1!164.3095-h166bdaf_2.tar.bz2", record.Dist{Name: "x264", Version: "1!164.3095", Build: "h166bdaf_2", Format: record.TarBz2}},
		{"ruamel.yaml-0.18-py+1.conda", record.Dist{Name: "ruamel.yaml", Version: "0.18", Build: "py+1", Format: record.Conda}},
		{"p-1.0+cu118-0.conda", record.Dist{Name: "p", Version: "1.0+cu118", Build: "0", Format: record.Conda}},
	} {
		got, err := record.ParseFileName(c.in)
		if err != nil || got != c.want {
			t.Errorf("ParseFileName(%q) = %+v, %v, want %+v", c.in, got, err, c.want)
		}
		if got.FileName() != c.in {
			t.Errorf("FileName() = %q, want %q", got.FileName(), c.in)
		}
	}
	for _, in := range []string{
		"", ".conda", "a.conda", "a-1.conda", "-1-0.conda", "a--0.conda", "a-1-.conda", "a-1-0", "a-1-0.zip", "a-1-0.tar.gz",
		"../a-1-0.conda", "a/b-1-0.conda", `a\b-1-0.conda`, "..-1-0.conda", ".a-1-0.conda", "a-..-0.conda", "a-1-..conda",
		"a b-1-0.conda", "a\n-1-0.conda", "a\x00-1-0.conda", "é-1-0.conda", "a-1-0%2f.conda", "a-1-0.conda#x",
		strings.Repeat("a", 300) + "-1-0.conda", "a-1*-0.conda", "--1-0.conda",
	} {
		got, err := record.ParseFileName(in)
		if _, ok := errors.AsType[*record.NameError](err); !ok {
			t.Errorf("ParseFileName(%q) = %+v, %v, want a *NameError", in, got, err)
		}
	}
}

func TestParseURL(t *testing.T) {
	const f = "numpy-1-0.conda"
	for _, c := range []struct{ in, channel, subdir, url string }{
		{"https://conda.anaconda.org/conda-forge/linux-64/" + f, "https://conda.anaconda.org/conda-forge", "linux-64", ""},
		{"https://conda.anaconda.org/conda-forge/noarch/" + f + "#0123456789abcdef0123456789abcdef", "https://conda.anaconda.org/conda-forge", "noarch", ""},
		{"https://conda.anaconda.org/t/ab-12/private/linux-64/" + f, "https://conda.anaconda.org/private", "linux-64", ""},
		{"https://host/get/t/tok/org/label/dev/linux-64/" + f + "?X-Sig=secret#sha256:00", "https://host/get/org/label/dev", "linux-64", ""},
		{"https://user:p%40ss@host:8443/c/osx-arm64/" + f, "https://host:8443/c", "osx-arm64", ""},
		{"file:///srv/chan/linux-64/" + f, "file:///srv/chan", "linux-64", ""},
		{"file://localhost/srv/t/chan/linux-64/" + f, "file:///srv/t/chan", "linux-64", ""},
		{"file:///srv/my%20chan/linux-64/" + f, "file:///srv/my%20chan", "linux-64", ""},
		{"http://localhost:1234/linux-64/" + f, "http://localhost:1234", "linux-64", ""},
		{"https://h/c/linux-64/x264-1%21164-h1_2.tar.bz2", "https://h/c", "linux-64", "https://h/c/linux-64/x264-1%21164-h1_2.tar.bz2"},
		{"https://h/c/linux-64/x264-1!164-h1_2.tar.bz2", "https://h/c", "linux-64", "https://h/c/linux-64/x264-1%21164-h1_2.tar.bz2"},
	} {
		l, err := record.ParseURL(c.in)
		if err != nil || l.Channel != c.channel || string(l.Subdir) != c.subdir {
			t.Errorf("ParseURL(%q) = %+v, %v, want channel %s and subdir %s", c.in, l, err, c.channel, c.subdir)
			continue
		}
		if c.url != "" && l.URL() != c.url {
			t.Errorf("ParseURL(%q).URL() = %q, want %q", c.in, l.URL(), c.url)
		}
		if again, err := record.ParseURL(l.URL()); err != nil || again != l {
			t.Errorf("ParseURL(%q) = %+v, %v, want %+v again", l.URL(), again, err, l)
		}
	}
	for _, in := range []string{
		"", "numpy-1-0.conda", "/srv/linux-64/" + f, "ftp://h/c/linux-64/" + f, "https://h/" + f, "https:///c/linux-64/" + f,
		"https://h/c/linux-64/", "https://h/c/linux_64/" + f, "https://h/c/../linux-64/" + f, "https://h/%2e%2e/linux-64/" + f,
		"https://h/c/linux-64/..%2f" + f, "https://h/c/linux-64/x%2fnumpy-1-0.conda", "file://remote/c/linux-64/" + f,
		"https://u:secret@h/c/linux-64/x.txt", "https://h:secret@/%zz/linux-64/" + f, "https://h/t/secret/linux-64",
	} {
		l, err := record.ParseURL(in)
		if _, ok := errors.AsType[*record.URLError](err); !ok {
			t.Errorf("ParseURL(%q) = %+v, %v, want a *URLError", in, l, err)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("ParseURL(%q) tells a secret: %v", in, err)
		}
	}
}

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"":                               "",
		"conda-forge":                    "conda-forge",
		"https://h/c/linux-64/a":         "https://h/c/linux-64/a",
		"https://h:80/t/secret/c":        "https://h:80/t/***/c",
		"https://h/x/t/secret":           "https://h/x/t/***",
		"/t/secret/c":                    "/t/***/c",
		"https://u:secret@h/c?secret#00": "https://***@h/c?***#00",
		"https://secret@h":               "https://***@h",
		"https://u:se@cret@h/c":          "https://***@h/c",
		"https://u:se/cret@h/c":          "https://***@h/c",
		"https://[::1]:8080/a@b":         "https://[::1]:8080/a@b",
		"https://[::1]/a@b":              "https://[::1]/a@b",
		"https://h:8080/a@b/c":           "https://h:8080/a@b/c",
		"file:///srv/a@b":                "file:///srv/a@b",
	} {
		if got := record.Redact(in); got != want {
			t.Errorf("Redact(%q) = %q, want %q", in, got, want)
		}
		if got := record.Redact(want); got != want {
			t.Errorf("Redact(%q) = %q, want it unchanged", want, got)
		}
	}
}

func TestChannelURL(t *testing.T) {
	const alias = "https://conda.anaconda.org/"
	for in, want := range map[string]string{
		"conda-forge":            "https://conda.anaconda.org/conda-forge",
		"conda-forge/":           "https://conda.anaconda.org/conda-forge",
		"conda-forge/linux-64":   "https://conda.anaconda.org/conda-forge",
		"pyviz/label/dev":        "https://conda.anaconda.org/pyviz/label/dev",
		"http://127.0.0.1:1/c/":  "http://127.0.0.1:1/c",
		"https://u:p@h/c/noarch": "https://u:p@h/c",
		"/srv/my chan":           "file:///srv/my%20chan",
		"file:///srv/chan":       "file:///srv/chan",
		"":                       "",
		"/":                      "",
		"a b":                    "",
		"../x":                   "",
		"a//b":                   "",
		"https://u:secret@%zz/c": "",
	} {
		got, err := record.ChannelURL(alias, in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("ChannelURL(%q) = %q, %v, want %q", in, got, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("ChannelURL(%q) tells a secret: %v", in, err)
		}
	}
	for in, want := range map[string]string{
		"https://conda.anaconda.org/conda-forge":     "conda-forge",
		"https://conda.anaconda.org/pyviz/label/dev": "pyviz/label/dev",
		"https://u:p@elsewhere.org/c":                "https://***@elsewhere.org/c",
	} {
		if got := record.ChannelName(alias, in); got != want {
			t.Errorf("ChannelName(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestParseFragment(t *testing.T) {
	sha, md := strings.Repeat("ab", 32), strings.Repeat("cd", 16)
	wantSHA, _ := digest.Parse(sha)
	wantMD5, _ := digest.ParseMD5(md)
	for in, want := range map[string]struct {
		sha digest.SHA256
		md5 digest.MD5
		ok  bool
	}{
		"": {ok: true}, sha: {sha: wantSHA, ok: true}, "sha256:" + sha: {sha: wantSHA, ok: true},
		md: {md5: wantMD5, ok: true}, "md5:" + md: {md5: wantMD5, ok: true}, "sha256:" + md: {}, "x": {}, strings.Repeat("z", 64): {},
	} {
		s, m, err := record.ParseFragment(in)
		if s != want.sha || m != want.md5 || (err == nil) != want.ok {
			t.Errorf("ParseFragment(%q) = %s, %s, %v", in, s, m, err)
		}
	}
}

func TestSubdir(t *testing.T) {
	for _, s := range record.KnownSubdirs() {
		if got, err := record.ParseSubdir(string(s)); err != nil || got != s || !s.Known() {
			t.Errorf("ParseSubdir(%q) = %q, %v; Known() = %t", s, got, err, s.Known())
		}
	}
	if got, err := record.ParseSubdir("plan9-mips"); err != nil || got.Known() || got.Linux() {
		t.Errorf("ParseSubdir(plan9-mips) = %q, %v, known %t", got, err, got.Known())
	}
	if !record.Noarch.Linux() || !record.LinuxAarch64.Linux() || record.Subdir("osx-64").Linux() {
		t.Error("Linux() is wrong")
	}
	for _, s := range []string{"", "linux", "linux-", "-64", "Linux-64", "linux-64-x", "../x", "a/b", "linux-64\n"} {
		if got, err := record.ParseSubdir(s); err == nil {
			t.Errorf("ParseSubdir(%q) = %q, want an error", s, got)
		}
	}
}

func TestRecordJSON(t *testing.T) {
	for _, c := range []struct {
		in   string
		want record.Record
	}{
		{`{"name":"a","version":"1","build":"0","build_number":3,"depends":["b >=1"],"track_features":"x y","noarch":"python","timestamp":1700000000123,"size":5,"md5":"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"}`,
			record.Record{Name: "a", Version: "1", Build: "0", BuildNumber: 3, Depends: []string{"b >=1"}, TrackFeatures: record.Features{"x", "y"},
				Noarch: record.NoarchPython, TimestampMillis: 1700000000123, SizeBytes: 5, MD5: mustMD5("cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd")}},
		{`{"name":"a","noarch":true,"track_features":["x"," y "],"timestamp":1500000000}`,
			record.Record{Name: "a", Noarch: record.NoarchGeneric, TrackFeatures: record.Features{"x", "y"}, TimestampMillis: 1500000000000}},
		{`{"name":"a","noarch":false,"track_features":"","timestamp":1.5e9}`, record.Record{Name: "a", TimestampMillis: 1500000000000}},
		{`{"name":"a","noarch":null,"timestamp":null,"features":null}`, record.Record{Name: "a"}},
		{`{"name":"a","features":"mesalib","flags":["cuda","blas:mkl"],"extra_depends":{"test":["pytest >=8","b"]}}`,
			record.Record{Name: "a", Features: record.Features{"mesalib"}, Flags: []string{"cuda", "blas:mkl"}, ExtraDepends: map[string][]string{"test": {"pytest >=8", "b"}}}},
	} {
		var got record.Record
		if err := json.Unmarshal([]byte(c.in), &got); err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got)\n%s", c.in, d)
		}
		b, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		var again record.Record
		if err := json.Unmarshal(b, &again); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(got, again); d != "" {
			t.Errorf("written and read again (-want +got)\n%s", d)
		}
	}
	for _, in := range []string{`{"noarch":"sometimes"}`, `{"noarch":1}`, `{"track_features":1}`, `{"track_features":[1]}`, `{"features":1}`, `{"flags":"cuda"}`, `{"extra_depends":["a"]}`, `{"timestamp":-1}`, `{"timestamp":1e30}`, `{"sha256":"12"}`} {
		var r record.Record
		if err := json.Unmarshal([]byte(in), &r); err == nil {
			t.Errorf("%s: no error", in)
		}
	}
}

func mustMD5(s string) digest.MD5 {
	d, err := digest.ParseMD5(s)
	if err != nil {
		panic(err)
	}
	return d
}

// TestRealNames: every package that the conformance suites name parses.
func TestRealNames(t *testing.T) {
	f, err := os.Open("../../../shared/data/conformance/link.jsonl")
	if err != nil {
		t.Skipf("no conformance data: %v", err)
	}
	defer f.Close()
	n := 0
	for s := bufio.NewScanner(f); s.Scan(); {
		var c struct{ Packages []string }
		if json.Unmarshal(s.Bytes(), &c) != nil {
			continue
		}
		for _, p := range c.Packages {
			n++
			if _, err := record.ParseFileName(path.Base(p)); err != nil {
				t.Error(err)
			}
		}
	}
	if n < 20 {
		t.Errorf("%d names, want at least 20", n)
	}
}

func FuzzParseFileName(f *testing.F) {
	for _, s := range []string{"numpy-2.2.4-py313h0_0.conda", "x264-1!164.3095-h166bdaf_2.tar.bz2", "../a-1-0.conda", "a-1-.tar.bz2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := record.ParseFileName(s)
		if err != nil {
			return
		}
		if d.FileName() != s {
			t.Errorf("ParseFileName(%q).FileName() = %q", s, d.FileName())
		}
		if strings.ContainsAny(s, "/\\\x00 \n%#?@") || strings.HasPrefix(s, ".") {
			t.Errorf("ParseFileName(%q) accepts what is no plain name", s)
		}
		l := record.Location{Channel: "https://h/c", Subdir: record.Noarch, FileName: s}
		if got, err := record.ParseURL(l.URL()); err != nil || got != l {
			t.Errorf("ParseURL(%q) = %+v, %v", l.URL(), got, err)
		}
	})
}

func FuzzParseURL(f *testing.F) {
	for _, s := range []string{"https://u:p@h/t/x/c/linux-64/a-1-0.conda?q#f", "file:///a/noarch/a-1-0.tar.bz2", "https://h/%2e/linux-64/a-1-0.conda"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		record.Redact(s)
		l, err := record.ParseURL(s)
		if err != nil {
			return
		}
		if strings.ContainsAny(l.Channel, "?#") {
			t.Errorf("ParseURL(%q): channel %q", s, l.Channel)
		}
		if _, err := record.ParseFileName(l.FileName); err != nil {
			t.Error(err)
		}
	})
}
