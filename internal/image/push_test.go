package image

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/testkit/layertest"
	"github.com/nasa-openscapes/corn/internal/testkit/registrytest"
)

// noise is text that does not compress, the same every time.
func noise(n int) string {
	b := make([]byte, n)
	_, _ = rand.New(rand.NewSource(1)).Read(b) // it does not fail
	return string(b)
}

func nothing(*tar.Header, io.Reader) error { return nil }

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// registries are those that every story of pushing is told with.
var registries = map[string]func(*testing.T) *registrytest.Registry{
	"memory": func(t *testing.T) *registrytest.Registry { return registrytest.Start(t) },
	"debian": func(t *testing.T) *registrytest.Registry { return registrytest.StartDebian(t) },
}

func onEach(t *testing.T, fn func(*testing.T, *registrytest.Registry)) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(registries)) {
		t.Run(name, func(t *testing.T) { fn(t, registries[name](t)) })
	}
}

func pushTo(t *testing.T, img v1.Image, ref string, tags ...string) Result {
	t.Helper()
	return write(t, img, Output{Kind: Registry, Path: ref, Tags: tags, Registries: quick()})
}

// checkPushed pulls with another implementation and compares.
func checkPushed(t *testing.T, ref string, want v1.Image) {
	t.Helper()
	r, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	got, err := remote.Image(r)
	if err != nil {
		t.Fatal(err)
	}
	checkWhole(t, ref, got)
	g, err := got.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if w, err := want.Digest(); err != nil || g != w {
		t.Errorf("%s is %s, want %s, %v", ref, g, w, err)
	}
}

// checkWhole reads every byte of an image. (go-containerregistry's own check knows no
// plain layers.)
func checkWhole(t *testing.T, what string, img v1.Image) {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range layers {
		rc, err := l.Compressed()
		if err == nil {
			_, err = io.Copy(io.Discard, rc)
			err = errors.Join(err, rc.Close())
		}
		if err != nil {
			t.Errorf("%s: layer %d: %v", what, i+1, err)
		}
	}
	if _, err := img.RawConfigFile(); err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

func TestPush(t *testing.T) {
	onEach(t, func(t *testing.T, reg *registrytest.Registry) {
		img := built(t, "1")
		ref := reg.Host + "/team/hackweek"
		r := pushTo(t, img, ref+":abc1234", "latest", "abc1234")
		order := reg.Requests()
		for _, tag := range []string{"abc1234", "latest"} {
			checkPushed(t, ref+":"+tag, img)
		}
		if r.WrittenBytes >= r.SizeBytes || r.WrittenBytes == 0 || !r.Layers[2].Written || r.Layers[4].Written {
			t.Errorf("%d of %d bytes sent, layers %+v", r.WrittenBytes, r.SizeBytes, r.Layers)
		}
		first := slices.IndexFunc(order, func(q registrytest.Request) bool { return q.Method == "PUT" && strings.Contains(q.Path, "/manifests/") })
		for _, q := range order[first:] {
			if strings.Contains(q.Path, "/blobs/") {
				t.Errorf("%s after the manifest", q)
			}
		}
		if q := order[first]; !strings.HasSuffix(q.Path, r.Digest.OCI()) {
			t.Errorf("the first manifest written is %s, want the digest", q)
		}

		// Again: nothing is sent, and little asked.
		reg.Forget()
		r = pushTo(t, img, ref+":abc1234")
		if r.WrittenBytes != 0 || len(reg.Requests()) != 3 {
			t.Errorf("the second time %d bytes were sent in %v, want ping, a look, and the tag", r.WrittenBytes, reg.Requests())
		}
		// One layer more: the others are not sent.
		b := openRemote(t, ref+":latest", quick())
		more := layertest.Layer(h{Name: "more", Data: "x"})
		r = pushTo(t, compose(t, Composition{Base: b, Layers: []AddedLayer{{Layer: more, Kind: "content"}}}), ref+":2")
		size, _ := more.Size()
		if last := len(r.Layers) - 1; !r.Layers[last].Written || slices.ContainsFunc(r.Layers[:last], func(l LayerResult) bool { return l.Written }) || r.WrittenBytes < size || r.WrittenBytes > size+5000 {
			t.Errorf("%d bytes sent for a layer of %d and a config: %+v", r.WrittenBytes, size, r.Layers)
		}
	})
}

func TestPushByDigestThenTag(t *testing.T) {
	onEach(t, func(t *testing.T, reg *registrytest.Registry) {
		img := built(t, "1")
		out := Output{Kind: Registry, Path: reg.Host + "/x/y", Registries: quick()}
		r := write(t, img, out)
		checkPushed(t, reg.Host+"/x/y@"+r.Digest.OCI(), img)
		if _, err := OpenBase(t.Context(), reg.Host+"/x/y:v1", OpenOptions{Registries: quick()}); !errors.Is(err, ErrNotFound) {
			t.Errorf("there is a tag: %v", err)
		}
		out.Path, out.Tags = out.Path+":v1", []string{"v2"}
		if err := Tag(t.Context(), out, r.Digest); err != nil {
			t.Fatal(err)
		}
		for _, tag := range []string{"v1", "v2"} {
			checkPushed(t, reg.Host+"/x/y:"+tag, img)
		}
		if err := Tag(t.Context(), out, digest.Sum([]byte("nothing"))); !errors.Is(err, ErrNotFound) {
			t.Errorf("tag of what is not there: %v, want ErrNotFound", err)
		}
	})
}

func TestPushMountsBaseLayers(t *testing.T) {
	onEach(t, func(t *testing.T, reg *registrytest.Registry) {
		serve(t, reg.Host+"/pangeo/base:1", layertest.Image(&pangeoConfig, debianish()...))
		rs := quick()
		b := openRemote(t, reg.Host+"/pangeo/base:1", rs)
		img := compose(t, Composition{Base: b, Layers: []AddedLayer{{Layer: layertest.Layer(h{Name: "own"}), Kind: "content"}}})
		reg.Forget()
		r := write(t, img, Output{Kind: Registry, Path: reg.Host + "/team/img:1", Registries: rs})
		if !r.Layers[0].Mounted || !r.Layers[1].Mounted || r.Layers[0].Written || r.Layers[2].Mounted || !r.Layers[2].Written {
			t.Errorf("layers %+v, want two mounted and one written", r.Layers)
		}
		if reg.Count("GET", "/blobs/") > 0 {
			t.Errorf("layers of the base were downloaded: %v", reg.Requests())
		}
		checkPushed(t, reg.Host+"/team/img:1", img)

		// A registry that cannot mount begins an upload, or refuses.
		for code, times := range map[int]int{202: 1, 404: 2, 405: 0, 500: 3} {
			to := reg.Host + fmt.Sprintf("/team/other%d", code)
			reg.Fail(registrytest.Fault{Method: "POST", Path: "/blobs/uploads/", Kind: registrytest.Status, Code: code, Times: times,
				Header: http.Header{"Location": {"/v2/nowhere"}}})
			r, err := Write(t.Context(), img, Output{Kind: Registry, Path: to, Registries: quick(), Jobs: 1})
			reg.Heal()
			if code == 405 {
				if _, ok := errors.AsType[*ReadOnlyError](err); !ok {
					t.Errorf("405 to every upload: %v, want a *ReadOnlyError", err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%d to mounts: %v", code, err)
				continue
			}
			checkPushed(t, to+"@"+r.Digest.OCI(), img)
		}
	})
	// Another registry: streamed through, as they are.
	from, to := registrytest.Start(t), registrytest.Start(t)
	src := layertest.Image(&pangeoConfig, debianish()...)
	serve(t, from.Host+"/pangeo/base:1", src)
	img := compose(t, Composition{Base: openRemote(t, from.Host+"/pangeo/base:1", quick())})
	pushTo(t, img, to.Host+"/team/img:1")
	checkPushed(t, to.Host+"/team/img:1", img)
	if d := cmp.Diff(digestsOf(t, src), digestsOf(t, img)); d != "" {
		t.Errorf("layers changed (-want +got):\n%s", d)
	}
}

// failures that a push survives.
func TestPushThroughFailures(t *testing.T) {
	big := layertest.Layer(h{Name: "noise", Data: noise(1 << 20)})
	base := baseOf(t, pangeoConfig, debianish()...)
	img := compose(t, Composition{Base: base, Layers: []AddedLayer{{Layer: big, Kind: "content"}}})
	onEach(t, func(t *testing.T, reg *registrytest.Registry) {
		for i, c := range []struct {
			why    string
			faults []registrytest.Fault
		}{
			{"429 with a wish", []registrytest.Fault{{Path: "/blobs/", Kind: registrytest.Status, Code: 429, Times: 3, Header: http.Header{"Retry-After": {"0"}}}}},
			{"500 before an upload", []registrytest.Fault{{Method: "POST", Kind: registrytest.Status, Code: 500, Times: 2}}},
			{"503 to an upload", []registrytest.Fault{{Method: "PUT", Path: "/blobs/", Kind: registrytest.Status, Code: 503, Times: 3}}},
			{"an upload cut", []registrytest.Fault{{Method: "PUT", Path: "/blobs/", Kind: registrytest.ResetUpload, After: 200_000, Times: 3}}},
			{"an upload cut at once", []registrytest.Fault{{Method: "PUT", Path: "/blobs/", Kind: registrytest.ResetUpload, Times: 2}}},
			{"bits change on the way", []registrytest.Fault{{Method: "PUT", Path: "/blobs/", Kind: registrytest.CorruptUpload, After: 100, Times: 2}}},
			{"bodies of that size refused", []registrytest.Fault{{Method: "PUT", Path: "/blobs/", Kind: registrytest.Status, Code: 413, Times: 1}}},
			{"the upload forgotten", []registrytest.Fault{{Method: "PUT", Path: "/blobs/", Kind: registrytest.Status, Code: 404, Times: 2}}},
			{"500 to the manifest", []registrytest.Fault{{Method: "PUT", Path: "/manifests/", Kind: registrytest.Status, Code: 500, Times: 2}}},
			{"the answer to the manifest cut", []registrytest.Fault{{Method: "PUT", Path: "/manifests/", Kind: registrytest.ResetUpload, Times: 1}}},
			{"429 to the ping", []registrytest.Fault{{Kind: registrytest.Status, Code: 429, Times: 2}}},
		} {
			ref := reg.Host + "/failing/img" + string(rune('a'+i)) + ":1"
			for _, f := range c.faults {
				reg.Fail(f)
			}
			_, err := Write(t.Context(), img, Output{Kind: Registry, Path: ref, Registries: quick()})
			reg.Heal()
			if err != nil {
				t.Errorf("%s: %v", c.why, err)
				continue
			}
			checkPushed(t, ref, img)
		}
	})
}

func TestPushFailsForGood(t *testing.T) {
	img := built(t, "1")
	onEach(t, func(t *testing.T, reg *registrytest.Registry) {
		ref := reg.Host + "/x/y:1"
		pushTo(t, built(t, "0"), ref)
		before := openRemote(t, ref, quick()).Digest()
		for why, f := range map[string]registrytest.Fault{
			"500 to uploads":        {Method: "POST", Kind: registrytest.Status, Code: 500},
			"uploads cut":           {Method: "PUT", Path: "/blobs/", Kind: registrytest.ResetUpload},
			"wrong digests":         {Method: "PUT", Path: "/blobs/", Kind: registrytest.CorruptUpload, After: 0},
			"500 to the manifest":   {Method: "PUT", Path: "/manifests/sha256:", Kind: registrytest.Status, Code: 500},
			"looks answered by 500": {Method: "HEAD", Kind: registrytest.Status, Code: 500},
		} {
			reg.Fail(f)
			// Each its own image: what a failed push has sent is not sent again.
			_, err := Write(t.Context(), built(t, why), Output{Kind: Registry, Path: ref, Registries: quick()})
			reg.Heal()
			if _, ok := errors.AsType[*RegistryError](err); !ok {
				t.Errorf("%s: %v, want a *RegistryError", why, err)
			}
			if now := openRemote(t, ref, quick()).Digest(); now != before {
				t.Fatalf("%s: the tag moved to %s", why, now)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		reg.Fail(registrytest.Fault{Method: "PUT", Kind: registrytest.Hang})
		if _, err := Write(ctx, img, Output{Kind: Registry, Path: ref, Registries: quick()}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cancelled: %v", err)
		}
		reg.Heal()

		// The bytes themselves are wrong: nothing to try again.
		good := layertest.Layer(h{Name: "x", Data: "1"})
		data := readAll(t, good.Compressed)
		wrong := bytes.Clone(data)
		wrong[len(wrong)-1] ^= 1
		full := errors.New("input/output error")
		b := baseOf(t, pangeoConfig, debianish()...)
		for why, l := range map[string]v1.Layer{
			"error":     &failing{good, data[:10], full},
			"short":     &failing{good, data[:10], nil},
			"long":      &failing{good, append(bytes.Clone(data), 0), nil},
			"corrupted": &failing{good, wrong, nil},
		} {
			reg.Forget()
			_, err := Write(t.Context(), compose(t, Composition{Base: b, Layers: []AddedLayer{{Layer: l, Kind: "content"}}}),
				Output{Kind: Registry, Path: ref, Registries: quick(), Jobs: 1})
			if err == nil || why == "error" && !errors.Is(err, full) || !strings.Contains(err.Error(), "layer 3 of 3") {
				t.Errorf("%s: %v, want an error that names layer 3", why, err)
			}
			if n := reg.Count("POST", ""); n > 3 {
				t.Errorf("%s: %d uploads begun for 3 layers", why, n)
			}
		}
		if now := openRemote(t, ref, quick()).Digest(); now != before {
			t.Errorf("the tag moved to %s", now)
		}
	})
}

func TestReadOnlyRegistry(t *testing.T) {
	img := built(t, "1")
	denied := `{"errors":[{"code":"DENIED","message":"installation not allowed to write"}]}`
	try := func(reg *registrytest.Registry, rs *Registries, why string, want int) {
		t.Helper()
		reg.Forget()
		_, err := Write(t.Context(), img, Output{Kind: Registry, Path: reg.Host + "/x/y:2", Registries: rs})
		if e, ok := errors.AsType[*ReadOnlyError](err); !ok || e.Status != want {
			t.Errorf("%s: %v, want a *ReadOnlyError %d", why, err, want)
		}
		if n := reg.Count("PUT", "/blobs/"); n > 0 {
			t.Errorf("%s: %d uploads all the same", why, n)
		}
	}
	for _, code := range []int{401, 403, 405} {
		reg := registrytest.Start(t)
		reg.Fail(registrytest.Fault{Method: "POST", Kind: registrytest.Status, Code: code, Body: denied})
		try(reg, quick(), "uploads", code)
	}
	reg := registrytest.Start(t)
	serve(t, reg.Host+"/x/y:1", layertest.Image(&pangeoConfig, debianish()...))
	reg.LoginTokens("hub", "s3cret", true) // as on Docker Hub: everybody may read
	openRemote(t, reg.Host+"/x/y:1", quick())
	try(reg, quick(), "no right in the token", 401)
	reg.LoginTokens("hub", "s3cret", false)
	try(reg, quick(), "no token", 401)

	debian := registrytest.StartDebian(t, "maintenance:", "  readonly:", "    enabled: true")
	try(debian, quick(), "Debian's in maintenance", 405)
}

func TestTokensExpireDuringAPush(t *testing.T) {
	reg := registrytest.Start(t)
	reg.LoginTokens("hub", "s3cret", false)
	rs := quickAs("hub", "s3cret")
	out := Output{Kind: Registry, Path: reg.Host + "/x/y:1", Registries: rs, Jobs: 1}
	write(t, built(t, "1"), out)
	for range 3 {
		reg.Expire()
		write(t, built(t, time.Now().String()), out)
	}
	// In the middle: a body that is half gone cannot be sent with the new token.
	big := layertest.Layer(h{Name: "noise", Data: noise(1 << 20)})
	expiring := &hooked{Layer: big, hook: func() { reg.Expire() }}
	img := compose(t, Composition{Base: baseOf(t, pangeoConfig), Layers: []AddedLayer{{Layer: expiring, Kind: "content"}}})
	write(t, img, out)
	img = openRemote(t, reg.Host+"/x/y:1", rs).Image()
	checkWhole(t, "what was pushed", img)
}

// hooked runs something when its bytes are asked for the first time.
type hooked struct {
	v1.Layer
	once sync.Once
	hook func()
}

func (l *hooked) Compressed() (io.ReadCloser, error) {
	l.once.Do(l.hook)
	return l.Layer.Compressed()
}

func TestTwoBuildersPushAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, reg *registrytest.Registry) {
		var imgs []v1.Image
		for _, m := range []string{"a", "b", "a", "c"} {
			imgs = append(imgs, built(t, m))
		}
		var wg sync.WaitGroup
		for i, img := range imgs {
			wg.Go(func() {
				out := Output{Kind: Registry, Path: reg.Host + "/x/y", Tags: []string{"cache", string(rune('a' + i))}, Registries: quick()}
				if _, err := Write(t.Context(), img, out); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for i, img := range imgs {
			checkPushed(t, reg.Host+"/x/y:"+string(rune('a'+i)), img)
		}
		checkWhole(t, "the tag that all wrote", openRemote(t, reg.Host+"/x/y:cache", quick()).Image())
	})
}

// docker-registry 2.8 answers so while another builder's copy of a blob is being linked: two
// errors at once, and the one that matters is not the first.
func TestAnswerOfTwoErrors(t *testing.T) {
	reg := registrytest.Start(t)
	img := built(t, "1")
	blob := pushTo(t, img, reg.Host+"/x/other:1").Layers[2].Digest.OCI()
	reg.Fail(registrytest.Fault{
		Method: "PUT", Path: "/x/y/manifests/", Kind: registrytest.Status, Code: 400, Times: 1,
		Body: `{"errors":[{"code":"DIGEST_INVALID","message":"provided digest did not match uploaded content"},` +
			`{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry","detail":"` + blob + `"}]}`,
	})
	pushTo(t, img, reg.Host+"/x/y:1")
	checkPushed(t, reg.Host+"/x/y:1", img)
	sent := 0
	for _, r := range reg.Requests() {
		if r.Method == "PUT" && strings.HasPrefix(r.Path, "/v2/x/y/blobs/") && strings.Contains(r.Query, url.QueryEscape(blob)) {
			sent++
		}
	}
	if sent != 2 {
		t.Errorf("the blob that the registry did not know was sent %d times, want 2: %v", sent, reg.Requests())
	}
}

func TestBlobsThatTheRegistryHasNot(t *testing.T) {
	reg := registrytest.Start(t)
	img := built(t, "1")
	ref := reg.Host + "/x/y:1"
	d := pushTo(t, img, ref).Layers[2].Digest

	// The manifest is taken as proof, unless asked, or unless the tag is refused.
	reg.Lose(d.OCI())
	if r := pushTo(t, img, reg.Host+"/x/y"); r.WrittenBytes != 0 {
		t.Errorf("%d bytes sent", r.WrittenBytes)
	}
	for _, check := range []bool{true, false} {
		reg.Lose(d.OCI())
		r := write(t, img, Output{Kind: Registry, Path: ref, Registries: quick(), CheckBlobs: check})
		if !r.Layers[2].Written || r.Layers[3].Written {
			t.Errorf("layers %+v, want the lost one written", r.Layers)
		}
		checkPushed(t, ref, img)
	}

	// It says it has a blob, and refuses the manifest for the lack of it: sent again, and
	// if that is of no use, told.
	next := built(t, "2")
	reg.Withhold(d.OCI())
	same := compose(t, Composition{Base: baseOf(t, pangeoConfig, debianish()...), Layers: []AddedLayer{
		{Layer: mustLayer(t, img, 2), Kind: "content", ID: "changed"},
	}})
	_, err := Write(t.Context(), same, Output{Kind: Registry, Path: ref, Registries: quick()})
	if lost, ok := errors.AsType[*LostBlobError](err); !ok || lost.Digest != d {
		t.Errorf("a blob that is withheld: %v, want a *LostBlobError of it", err)
	}
	// It has other bytes under the name.
	other := pushTo(t, next, reg.Host+"/x/z:1").Layers[2].Digest
	reg.Replace(other.OCI(), []byte("short"))
	_, err = Write(t.Context(), next, Output{Kind: Registry, Path: reg.Host + "/x/z:1", Registries: quick(), CheckBlobs: true})
	if lost, ok := errors.AsType[*LostBlobError](err); !ok || lost.Digest != other || !strings.Contains(err.Error(), "has 5 bytes") {
		t.Errorf("a blob of another size: %v, want a *LostBlobError", err)
	}
}

func mustLayer(t *testing.T, img v1.Image, i int) v1.Layer {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	return layers[i]
}

// TestUploadsGoOn: a registry that can tell how far it got gets the rest, another one all
// of it. Debian's docker-registry 2.8 is of the second kind.
func TestUploadsGoOn(t *testing.T) {
	const cut = 3 << 20
	onEach(t, func(t *testing.T, reg *registrytest.Registry) {
		big := layertest.Layer(h{Name: "noise", Data: noise(4 << 20)})
		size, err := big.Size()
		if err != nil {
			t.Fatal(err)
		}
		img := compose(t, Composition{Base: baseOf(t, pangeoConfig), Layers: []AddedLayer{{Layer: big, Kind: "content"}}})
		reg.Fail(registrytest.Fault{Method: "PUT", Path: "/blobs/", Kind: registrytest.ResetUpload, After: cut, Times: 1})
		rs := quick()
		write(t, img, Output{Kind: Registry, Path: reg.Host + "/x/y:1", Registries: rs, Jobs: 1})
		checkPushed(t, reg.Host+"/x/y:1", img)
		if strings.HasSuffix(t.Name(), "memory") {
			// All of it may have been on its way when the connection broke; then the rest, and heads.
			if n := reg.Count("PATCH", ""); n != 1 || rs.Stats().SentBytes > size+(size-cut)+64<<10 {
				t.Errorf("%d bytes sent for a layer of %d in %v, want the rest in one chunk", rs.Stats().SentBytes, size, reg.Requests())
			}
		}
	})
}

func TestUploadsInChunks(t *testing.T) {
	onEach(t, func(t *testing.T, reg *registrytest.Registry) {
		n, err := name.NewRepository(reg.Host + "/x/chunks")
		if err != nil {
			t.Fatal(err)
		}
		repo, err := quick().repository(t.Context(), n, writingScope)
		if err != nil {
			t.Fatal(err)
		}
		data := []byte(noise(1 << 20))
		l := layertest.Blob(data, types.OCILayer, data)
		d, err := l.Digest()
		if err != nil {
			t.Fatal(err)
		}
		u := &upload{repo: repo, hash: d, sizeBytes: int64(len(data)), chunk: 300_000}
		u.open = func() (io.ReadCloser, error) { return openVerified(l.Compressed, d, int64(len(data))) }
		reg.Forget()
		if err := u.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := reg.Count("PATCH", ""); n != 4 {
			t.Errorf("%d chunks, want 4", n)
		}
		if have, err := repo.has(t.Context(), d, int64(len(data))); !have || err != nil {
			t.Errorf("the registry has it: %v, %v", have, err)
		}
	})
}
