package channeltest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/tinylib/msgp/msgp"
)

const smallWorld = `
-- a-1-0.conda --
-- a-1-0/a --
a
-- a-2-0.conda --
timestamp: 1800000000000
depends: b
-- a-2-0/a --
a 2
-- b-1-0.tar.bz2 --
noarch: generic
-- b-1-0/share/b --
b
`

func decompress(t *testing.T, data []byte) []byte {
	t.Helper()
	dec, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	plain, err := dec.DecodeAll(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func decodeMsgpack(t *testing.T, data []byte) map[string]any {
	t.Helper()
	v, rest, err := msgp.ReadMapStrIntfBytes(decompress(t, data), nil)
	if err != nil || len(rest) != 0 {
		t.Fatalf("msgpack: %v, %d bytes left", err, len(rest))
	}
	return v
}

func TestWriteChannel(t *testing.T) {
	s := New(t, smallWorld)
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(s.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	plain := read("linux-64/repodata.json")
	if !bytes.Equal(plain, decompress(t, read("linux-64/repodata.json.zst"))) {
		t.Error("repodata.json.zst holds something else than repodata.json")
	}
	var got, current, noarch repodata
	for name, into := range map[string]*repodata{
		"linux-64/repodata.json": &got, "linux-64/current_repodata.json": &current, "noarch/repodata.json": &noarch,
	} {
		if err := json.Unmarshal(read(name), into); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	want := map[string]Index{"a-1-0.conda": s.Records[0].entry(), "a-2-0.conda": s.Records[1].entry()}
	if diff := cmp.Diff(want, got.PackagesConda); diff != "" {
		t.Errorf("packages.conda (-want +got):\n%s", diff)
	}
	if len(current.PackagesConda) != 1 || current.PackagesConda["a-2-0.conda"].Name != "a" {
		t.Errorf("current_repodata.json has %v, want a-2-0 alone", current.PackagesConda)
	}
	if len(noarch.Packages) != 1 || len(noarch.PackagesConda) != 0 || noarch.Packages["b-1-0.tar.bz2"].Noarch != "generic" {
		t.Errorf("noarch has %v and %v, want b-1-0.tar.bz2", noarch.Packages, noarch.PackagesConda)
	}
	for _, r := range s.Records {
		data := read(r.Path())
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != r.SHA256 || int64(len(data)) != r.SizeBytes {
			t.Errorf("%s: record disagrees with the file", r.Path())
		}
	}

	index := decodeMsgpack(t, read("linux-64/repodata_shards.msgpack.zst"))
	info := index["info"].(map[string]any)
	wantInfo := map[string]any{"base_url": "", "shards_base_url": "./shards/", "subdir": "linux-64", "created_at": "2027-01-15T08:00:00Z"}
	if diff := cmp.Diff(wantInfo, info); diff != "" {
		t.Errorf("info of the shard index (-want +got):\n%s", diff)
	}
	shards := index["shards"].(map[string]any)
	if len(shards) != 1 {
		t.Fatalf("%d shards, want 1", len(shards))
	}
	sum := shards["a"].([]byte)
	data := read("linux-64/shards/" + hex.EncodeToString(sum) + ".msgpack.zst")
	if got := sha256.Sum256(data); !bytes.Equal(got[:], sum) {
		t.Error("the shard's name is not its hash")
	}
	recs := decodeMsgpack(t, data)["packages.conda"].(map[string]any)
	rec := recs["a-2-0.conda"].(map[string]any)
	if hex.EncodeToString(rec["sha256"].([]byte)) != s.Records[1].SHA256 || hex.EncodeToString(rec["md5"].([]byte)) != s.Records[1].MD5 {
		t.Error("hashes in the shard are not the record's, as bytes")
	}
	if diff := cmp.Diff([]any{"b"}, rec["depends"]); diff != "" {
		t.Errorf("depends in the shard (-want +got):\n%s", diff)
	}
}

func get(t *testing.T, url string, header ...string) (*http.Response, []byte, error) {
	t.Helper()
	req, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, body, err
}

func TestServerConditionalAndRange(t *testing.T) {
	s := New(t, smallWorld)
	url := s.URL + "/linux-64/repodata.json"
	resp, whole, err := get(t, url)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("get: %v %v", resp, err)
	}
	tag := resp.Header.Get("ETag")
	if len(tag) < 10 || tag[0] != '"' {
		t.Errorf("ETag %q is not a strong one", tag)
	}
	for _, tt := range []struct {
		name   string
		header []string
		status int
		body   string
	}{
		{"same tag", []string{"If-None-Match", tag}, 304, ""},
		{"other tag", []string{"If-None-Match", `"x"`}, 200, string(whole)},
		{"range", []string{"Range", "bytes=2-5"}, 206, string(whole[2:6])},
		{"resume of the same", []string{"Range", "bytes=10-", "If-Range", tag}, 206, string(whole[10:])},
		{"resume of something older", []string{"Range", "bytes=10-", "If-Range", `"x"`}, 200, string(whole)},
		{"range past the end", []string{"Range", "bytes=999999-"}, 416, ""},
	} {
		resp, body, err := get(t, url, tt.header...)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != tt.status || (tt.status != 416 && string(body) != tt.body) {
			t.Errorf("%s: status %d, %d bytes, want %d, %d bytes", tt.name, resp.StatusCode, len(body), tt.status, len(tt.body))
		}
	}
	if n := s.Count("/linux-64/repodata.json"); n != 7 {
		t.Errorf("counted %d requests, want 7", n)
	}
	for _, path := range []string{"/", "/linux-64/", "/linux-64", "/nothing", "/../../etc/passwd"} {
		if resp, _, err := get(t, s.URL+path); err != nil || resp.StatusCode != 404 {
			t.Errorf("GET %s: %v %v, want 404", path, resp.StatusCode, err)
		}
	}
}

func TestServerFaults(t *testing.T) {
	s := NewWith(t, Options{Redirect: true}, smallWorld)
	rec := s.Record(t, "a-1-0.conda")
	url := s.URL + "/" + rec.Path()
	fetch := func() (int, bool, error) {
		resp, body, err := get(t, url)
		if resp == nil {
			return 0, false, err
		}
		sum := sha256.Sum256(body)
		return resp.StatusCode, hex.EncodeToString(sum[:]) == rec.SHA256, err
	}
	s.Fail(Fault{Path: "/" + rec.Path(), Kind: Status500, Times: 2})
	s.Fail(Fault{Path: "/cdn/*/*.conda", Kind: Truncate, Times: 1, After: 100})
	s.Fail(Fault{Path: "/cdn/*/*.conda", Kind: Corrupt, Times: 1, After: 100})
	s.Fail(Fault{Path: "/cdn/*/*.conda", Kind: NotFound, Times: 1})
	s.Fail(Fault{Path: "/cdn/*/*.conda", Kind: Status429, Times: 1})
	type answer struct {
		Status  int
		Intact  bool
		Errored bool
	}
	var got []answer
	for range 8 {
		status, intact, err := fetch()
		got = append(got, answer{status, intact, err != nil})
	}
	want := []answer{{500, false, false}, {500, false, false}, {200, false, true}, {200, false, false}, {404, false, false}, {429, false, false}, {200, true, false}, {200, true, false}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if n, m := s.Count("/"+rec.Path()), s.Count("/cdn/"+rec.Path()); n != 8 || m != 6 {
		t.Errorf("counted %d and %d requests, want 8 and 6", n, m)
	}
}

func TestServerAuth(t *testing.T) {
	s := NewWith(t, Options{User: "u", Password: "p"}, smallWorld)
	if resp, _, _ := get(t, s.URL+"/noarch/repodata.json"); resp.StatusCode != 401 {
		t.Errorf("without credentials: %d, want 401", resp.StatusCode)
	}
	if resp, _, _ := get(t, s.URL+"/noarch/repodata.json", "Authorization", "Basic dTpw"); resp.StatusCode != 200 {
		t.Errorf("with credentials: %d, want 200", resp.StatusCode)
	}
}
