package pipeline_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/zstd"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/pipeline"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/internal/testkit/registrytest"
)

// push builds with nothing cached and pushes, and returns the result and what was uploaded.
func (f *fixture) push(t *testing.T, r *registrytest.Registry, req pipeline.BuildRequest) (*pipeline.BuildResult, []string) {
	t.Helper()
	r.Forget()
	req.ChannelAlias = f.channel.URL
	if req.Project == "" {
		req.Project = f.project
	}
	if req.CacheDir == "" {
		req.CacheDir = t.TempDir()
	}
	var talk bytes.Buffer
	res, err := pipeline.Build(context.Background(), req, report.New(io.Discard, &talk, report.Options{}))
	if err != nil {
		t.Fatalf("%v\n%s", err, talk.String())
	}
	ids := map[string]string{res.ImageID: "config"}
	for _, l := range res.Layers {
		ids[l.Digest] = l.ID
	}
	var sent []string
	for _, q := range r.Requests() {
		if _, sum, ok := strings.Cut(q.Query, "digest="); ok && q.Method == http.MethodPut {
			sum = strings.Replace(sum, "%3A", ":", 1)
			if ids[sum] == "" {
				ids[sum] = "a layer of the base"
			}
			sent = append(sent, ids[sum])
		}
	}
	slices.Sort(sent)
	return res, sent
}

// fetched lists the archives that the channel was asked for since the last time.
func (f *fixture) fetched() []string {
	var names []string
	for _, q := range f.channel.Requests() {
		names = append(names, filepath.Base(q.Path))
	}
	f.channel.Forget()
	slices.Sort(names)
	return names
}

// TestColdMachine builds on machines with nothing cached, beside a registry that has the base
// image and the image of before: how much is asked, fetched and sent is the point of it all.
func TestColdMachine(t *testing.T) {
	f := newFixture(t)
	r := registrytest.Start(t)
	quiet := report.New(io.Discard, io.Discard, report.Options{})
	if _, err := pipeline.Push(context.Background(), pipeline.TransferRequest{From: "oci:" + f.base, To: r.Host + "/base:1", CacheDir: t.TempDir()}, quiet); err != nil {
		t.Fatal(err)
	}
	req := pipeline.BuildRequest{Base: r.Host + "/base:1", Push: []string{r.Host + "/hub:1"}}
	first, _ := f.push(t, r, req)
	if got := f.fetched(); len(got) == 0 {
		t.Fatal("the first build fetched nothing")
	}

	same, sent := f.push(t, r, req)
	if got := f.fetched(); len(got) != 0 || len(sent) != 0 {
		t.Errorf("nothing changed: fetched %q, sent %q", got, sent)
	}
	if same.Digest != first.Digest {
		t.Errorf("nothing changed: digest %s, want %s", same.Digest, first.Digest)
	}
	const mostRequests, mostBytes = 30, 2_000_000
	const logins = 3 // each tries TLS first, which the server does not count
	n, asked := same.Network, int64(len(r.Requests()))
	if asked > mostRequests || n.SentBytes+n.ReceivedBytes > mostBytes || n.Requests < asked || n.Requests > asked+logins {
		t.Errorf("nothing changed: %d requests (%d said), %d bytes; want at most %d and %d:\n%v",
			asked, n.Requests, n.SentBytes+n.ReceivedBytes, mostRequests, mostBytes, r.Requests())
	}
	for _, l := range same.Layers {
		if !l.TakenOver && l.Kind != "meta" {
			t.Errorf("nothing changed: layer %s was made anew", l.ID)
		}
	}

	// One package of one environment.
	f.env(t, f.project, "tcl", "libshared", "xtcl", "xlua")
	before := same
	req.Attach = []string{"none"} // every image has documents of its own
	bump, sent := f.push(t, r, req)
	if want := []string{"config", "meta", "place:tcl"}; !slices.Equal(sent, want) {
		t.Errorf("one package more: sent %q, want %q", sent, want)
	}
	if got, want := f.fetched(), []string{"xlua-5.4-0.conda"}; !slices.Equal(got, want) {
		t.Errorf("one package more: fetched %q, want %q: the other links of its environment are cut from the layer of before", got, want)
	}
	for i, l := range bump.Layers {
		if l.ID == "place:tcl" || l.Kind == "meta" {
			continue
		}
		if !slices.ContainsFunc(before.Layers, func(o pipeline.LayerResult) bool { return o.Digest == l.Digest && o.ID == l.ID }) || !l.TakenOver {
			t.Errorf("one package more: layer %d, %s, is not the one of before", i, l.ID)
		}
	}

	// And it is the image that a build by itself gives.
	alone, _ := f.build(t, pipeline.BuildRequest{})
	if alone.ImageID != bump.ImageID {
		t.Errorf("with layers taken over the image is %s, without %s", bump.ImageID, alone.ImageID)
	}
}

// TestVerify: a previous image that lies, consistently in all its parts, is found out.
func TestVerify(t *testing.T) {
	f := newFixture(t)
	dir := filepath.Join(t.TempDir(), "image")
	build := func(from string, verify bool, cache string) (*pipeline.BuildResult, string, error) {
		var talk bytes.Buffer
		out := filepath.Join(t.TempDir(), "out")
		if from == "" {
			out = dir
		}
		res, err := pipeline.Build(context.Background(), pipeline.BuildRequest{
			Project: f.project, Base: "oci:" + f.base, Outputs: []string{"oci:" + out}, ChannelAlias: f.channel.URL,
			CacheDir: cache, From: from, Verify: verify,
		}, report.New(io.Discard, &talk, report.Options{}))
		if _, there := os.Stat(filepath.Join(out, "index.json")); err != nil && there == nil {
			t.Error("an image was written in spite of the error")
		}
		return res, talk.String(), err
	}
	honest, _, err := build("", false, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	res, talk, err := build("oci:"+dir, true, t.TempDir())
	if err != nil || res.Digest != honest.Digest || !strings.Contains(talk, "made here, they are the same") {
		t.Fatalf("an honest image: %v\n%s", err, talk)
	}
	i := slices.IndexFunc(honest.Layers, func(l pipeline.LayerResult) bool { return l.Kind == "content-alone" })
	lie := forge(t, dir, honest.Layers[i].Digest)
	if res, _, err = build("oci:"+dir, false, t.TempDir()); err != nil || res.Layers[i].Digest != lie || !res.Layers[i].TakenOver {
		t.Fatalf("the forged layer is not taken over without --verify, so this test shows nothing: %v", err)
	}
	warm := t.TempDir()
	if _, _, err := build("oci:"+filepath.Join(t.TempDir(), "none"), false, warm); err != nil {
		t.Fatal(err)
	}
	for why, cache := range map[string]string{"nothing cached": t.TempDir(), "all cached": warm} {
		_, _, err = build("oci:"+dir, true, cache)
		if err == nil {
			t.Errorf("%s: the lie is believed", why)
			continue
		}
		for _, want := range []string{honest.Layers[i].ID, honest.Layers[i].Key, honest.Layers[i].Digest, lie} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: the error does not name %s:\n%v", why, want, err)
			}
		}
	}
}

// TestReuseOfWrongFrames: an image that says its frames are elsewhere than they are costs time,
// and gives no wrong bytes.
func TestReuseOfWrongFrames(t *testing.T) {
	f := newFixture(t)
	dir := filepath.Join(t.TempDir(), "image")
	build := func(from, out string) (*pipeline.BuildResult, string) {
		t.Helper()
		var talk bytes.Buffer
		res, err := pipeline.Build(context.Background(), pipeline.BuildRequest{
			Project: f.project, Base: "oci:" + f.base, Outputs: []string{"oci:" + out}, ChannelAlias: f.channel.URL,
			CacheDir: t.TempDir(), From: from,
		}, report.New(io.Discard, &talk, report.Options{}))
		if err != nil {
			t.Fatalf("%v\n%s", err, talk.String())
		}
		return res, talk.String()
	}
	build("", dir)
	rewrite(t, dir, func(_ *v1.Manifest, self *image.Metadata, _ func(string) []byte, _ func([]byte) v1.Hash) {
		for n := range self.Layers {
			if fr := self.Layers[n].Frames; self.Layers[n].ID == "place:tcl" {
				fr[1].SizeBytes++
				fr[2].Offset++
				fr[2].SizeBytes--
			}
		}
	})
	f.env(t, f.project, "tcl", "libshared", "xtcl", "xlua")
	want, _ := build("", filepath.Join(t.TempDir(), "alone"))
	got, talk := build("oci:"+dir, filepath.Join(t.TempDir(), "out"))
	if got.Digest != want.Digest {
		t.Errorf("digest %s, want %s", got.Digest, want.Digest)
	}
	if !strings.Contains(talk, "reuse ") || !strings.Contains(talk, "had other bytes than it should") {
		t.Errorf("the wrong frames were not used and found out, so this test shows nothing:\n%s", talk)
	}
}

// forge gives a layer of a layout other bytes, everywhere that it is named, and returns its
// new digest.
func forge(t *testing.T, dir, blob string) string {
	t.Helper()
	var lie string
	rewrite(t, dir, func(m *v1.Manifest, self *image.Metadata, read func(string) []byte, put func([]byte) v1.Hash) {
		i := slices.IndexFunc(m.Layers, func(d v1.Descriptor) bool { return d.Digest.String() == blob })
		old := m.Layers[i]
		// A skippable frame (RFC 8878, 3.1.2) adds nothing to what is in the layer.
		changed := append(read(blob), 0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0)
		m.Layers[i].Digest, m.Layers[i].Size = put(changed), int64(len(changed))
		lie = m.Layers[i].Digest.String()
		for n := range self.Layers {
			if l := &self.Layers[n]; l.Digest.String() == old.Digest.Hex {
				l.Digest, l.SizeBytes = digest.Sum(changed), int64(len(changed))
				l.Frames[len(l.Frames)-1].SizeBytes += l.SizeBytes - old.Size
			}
		}
	})
	return lie
}

// rewrite changes what an image of a layout says of itself, so that all digests fit.
func rewrite(t *testing.T, dir string, edit func(m *v1.Manifest, self *image.Metadata, read func(string) []byte, put func([]byte) v1.Hash)) {
	t.Helper()
	read := func(sum string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, "blobs/sha256", strings.TrimPrefix(sum, "sha256:")))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	put := func(data []byte) v1.Hash {
		sum := digest.Sum(data)
		if err := os.WriteFile(filepath.Join(dir, "blobs/sha256", sum.String()), data, 0o644); err != nil {
			t.Fatal(err)
		}
		return v1.Hash{Algorithm: "sha256", Hex: sum.String()}
	}
	decode := func(data []byte, v any) {
		if err := json.Unmarshal(data, v); err != nil {
			t.Fatal(err)
		}
	}
	encode := func(v any) []byte {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	var index v1.IndexManifest
	text, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	decode(text, &index)
	var m v1.Manifest
	decode(read(index.Manifests[0].Digest.String()), &m)
	last := len(m.Layers) - 1
	dec, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	tar, err := dec.DecodeAll(read(m.Layers[last].Digest.String()), nil)
	if err != nil {
		t.Fatal(err)
	}
	oldDiff := digest.Sum(tar)
	at := bytes.Index(tar, []byte("{\n \"corn_image\""))
	var honest json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(tar[at:])).Decode(&honest); err != nil {
		t.Fatal(err)
	}
	self, err := image.ParseMetadata(honest)
	if err != nil {
		t.Fatal(err)
	}
	edit(&m, self, read, put)
	lie, err := json.MarshalIndent(self, "", " ")
	if err != nil || len(lie) != len(honest) {
		t.Fatalf("image.json has %d bytes with the lie, want %d (%v)", len(lie), len(honest), err)
	}
	copy(tar[at:], lie)
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	meta := enc.EncodeAll(tar, nil)
	m.Layers[last].Digest, m.Layers[last].Size = put(meta), int64(len(meta))
	config := bytes.Replace(read(m.Config.Digest.String()), []byte(oldDiff.String()), []byte(digest.Sum(tar).String()), 1)
	m.Config.Digest = put(config)
	manifest := encode(m)
	index.Manifests[0].Digest, index.Manifests[0].Size = put(manifest), int64(len(manifest))
	if err := os.WriteFile(filepath.Join(dir, "index.json"), encode(index), 0o644); err != nil {
		t.Fatal(err)
	}
}
