package image

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/testkit/layertest"
	"github.com/nasa-openscapes/corn/internal/testkit/registrytest"
)

type keys struct{ user, password string }

func (k keys) Resolve(authn.Resource) (authn.Authenticator, error) {
	if k.user == "" {
		return authn.Anonymous, nil
	}
	return &authn.Basic{Username: k.user, Password: k.password}, nil
}

// quick are connections that wait for nothing and know no password.
func quick() *Registries { return quickAs("", "") }

func quickAs(user, password string) *Registries {
	return NewRegistries(RegistryOptions{Keychain: keys{user, password}, Backoff: time.Millisecond})
}

// serve puts an image into a registry as another tool would.
func serve(t *testing.T, ref string, img remote.Taggable) {
	t.Helper()
	r, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Push(r, img); err != nil {
		t.Fatal(err)
	}
}

func openRemote(t *testing.T, ref string, rs *Registries) *Base {
	t.Helper()
	b, err := OpenBase(t.Context(), ref, OpenOptions{Registries: rs})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func digestsOf(t *testing.T, img v1.Image) []string {
	t.Helper()
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, l := range m.Layers {
		out = append(out, l.Digest.String())
	}
	return out
}

func TestOpenBaseOfRegistry(t *testing.T) {
	reg := registrytest.Start(t)
	src := layertest.Image(&pangeoConfig, debianish()...)
	ref := reg.Host + "/pangeo/base-image:2026.01"
	serve(t, ref, src)
	m, err := src.Digest()
	if err != nil {
		t.Fatal(err)
	}
	reg.Forget()
	rs := quick()
	b := openRemote(t, ref, rs)
	if got := b.Digest().OCI(); got != m.String() {
		t.Errorf("digest %s, want %s", got, m)
	}
	if want := "docker://" + reg.Host + "/pangeo/base-image:2026.01@" + m.String(); b.Pinned().String() != want {
		t.Errorf("pinned as %s, want %s", b.Pinned(), want)
	}
	if n := len(reg.Requests()); n != 3 {
		t.Errorf("%d requests to open: %v, want ping, manifest and config", n, reg.Requests())
	}
	mt, err := b.image.layers[0].MediaType()
	if err != nil || mt != types.OCILayer {
		t.Errorf("layer of Docker's type comes out as %s, %v", mt, err)
	}
	if d := cmp.Diff(digestsOf(t, src), digestsOf(t, b.Image())); d != "" {
		t.Errorf("layers (-want +got):\n%s", d)
	}
	if s := rs.Stats(); s.Requests != 4 || s.ReceivedBytes == 0 { // a ping with TLS failed
		t.Errorf("stats %+v after three requests", s)
	}

	// Facts equal those of a layout, and cost each layer once, then nothing.
	cache := &memoryCache{}
	reg.Forget()
	got, err := b.Facts(t.Context(), FactsOptions{Cache: cache})
	if err != nil {
		t.Fatal(err)
	}
	want := factsOf(t, open(t, "oci:"+layoutOf(t, src)))
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("facts (-layout +registry):\n%s", d)
	}
	if n := reg.Count("GET", "/blobs/"); n != 2 {
		t.Errorf("%d blobs read for the facts of 2 layers", n)
	}
	reg.Forget()
	again := openRemote(t, b.Pinned().String(), rs)
	if _, err := again.Facts(t.Context(), FactsOptions{Cache: cache}); err != nil {
		t.Fatal(err)
	}
	for _, l := range digestsOf(t, src) {
		if reg.Count("", l) > 0 {
			t.Errorf("layer %s was asked for although the facts are known", l)
		}
	}
	// The runtime is in both layers here; nothing is scanned for it.
	reg.Forget()
	if _, err := again.ExtractRuntime(t.Context(), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if n := reg.Count("GET", "/blobs/"); n != 2 {
		t.Errorf("%d blobs read for the runtime, want 2", n)
	}
}

func TestOpenBaseOfIndex(t *testing.T) {
	reg := registrytest.Start(t)
	arm := pangeoConfig.DeepCopy()
	arm.OS, arm.Architecture, arm.Variant = "linux", "arm64", "v8"
	amd := layertest.Image(&pangeoConfig, debianish()...)
	img := layertest.Image(arm, debianish()[0])
	unknown := layertest.Image(&v1.ConfigFile{OS: "unknown", Architecture: "unknown"}, debianish()[0])
	index := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.DockerManifestList),
		mutate.IndexAddendum{Add: unknown, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"}}},
		mutate.IndexAddendum{Add: amd, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}},
		mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}}})
	serve(t, reg.Host+"/x/y:1", index)
	indexDigest, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{":1", "@" + indexDigest.String()} {
		for platform, want := range map[string]v1.Image{"linux/amd64": amd, "linux/arm64": img} {
			b, err := OpenBase(t.Context(), "docker://"+reg.Host+"/x/y"+ref, OpenOptions{Platform: platform, Registries: quick()})
			if err != nil {
				t.Errorf("%s for %s: %v", ref, platform, err)
				continue
			}
			if d, _ := want.Digest(); b.Digest().OCI() != d.String() {
				t.Errorf("%s for %s is %s, want %s", ref, platform, b.Digest().OCI(), d)
			}
		}
	}
	_, err = OpenBase(t.Context(), reg.Host+"/x/y:1", OpenOptions{Platform: "linux/s390x", Registries: quick()})
	if p, ok := errors.AsType[*PlatformError](err); !ok || !slices.Equal(p.Have, []string{"linux/amd64", "linux/arm64/v8"}) {
		t.Errorf("OpenBase for a platform that the index lacks: error %v, want a *PlatformError with the two platforms", err)
	}
}

func TestOpenBaseErrors(t *testing.T) {
	reg := registrytest.Start(t)
	ref := reg.Host + "/x/y:1"
	serve(t, ref, layertest.Image(&pangeoConfig, debianish()...))
	try := func(ref string) error {
		_, err := OpenBase(t.Context(), ref, OpenOptions{Registries: quick()})
		return err
	}
	if err := try(reg.Host + "/x/y:2"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "404 MANIFEST_UNKNOWN") {
		t.Errorf("a tag that is not there: %v", err)
	}
	for _, code := range []int{401, 403} {
		reg.Fail(registrytest.Fault{Path: "/manifests/", Kind: registrytest.Status, Code: code, Body: `{"errors":[{"code":"DENIED","message":"requested access is denied\nsee https://u:p@example.org/help?token=geheim"}]}`})
		err := try(ref)
		e, ok := errors.AsType[*RegistryError](err)
		if !ok || e.Status != code || e.Code != "DENIED" || strings.ContainsAny(err.Error(), "\n") || strings.Contains(err.Error(), "geheim") || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%d: %v, want a *RegistryError on one line without secrets", code, err)
		}
		reg.Heal()
	}
	// What passes is tried again.
	for name, f := range map[string]registrytest.Fault{
		"500":           {Path: "/manifests/", Kind: registrytest.Status, Code: 500, Times: 2},
		"502 to a ping": {Kind: registrytest.Status, Code: 502, Times: 1},
		"429":           {Path: "/blobs/", Kind: registrytest.Status, Code: 429, Times: 4, Header: http.Header{"Retry-After": {"0"}}},
		"cut manifest":  {Path: "/manifests/", Kind: registrytest.Reset, After: 20, Times: 2},
		"cut config":    {Path: "/blobs/", Kind: registrytest.Reset, After: 20, Times: 3},
	} {
		reg.Fail(f)
		if err := try(ref); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		reg.Heal()
	}
	reg.Fail(registrytest.Fault{Path: "/manifests/", Kind: registrytest.Status, Code: 503})
	reg.Forget()
	if e, ok := errors.AsType[*RegistryError](try(ref)); !ok || e.Status != 503 {
		t.Errorf("503 for good: %v", e)
	}
	if n := reg.Count("GET", "/manifests/"); n != 5 {
		t.Errorf("%d attempts, want 5", n)
	}
	reg.Heal()
	reg.Fail(registrytest.Fault{Path: "/manifests/", Kind: registrytest.Corrupt, After: 30})
	if m, ok := errors.AsType[*digest.MismatchError](try(ref)); !ok {
		t.Errorf("a manifest with a flipped bit: %v, want a *digest.MismatchError", m)
	}
	reg.Heal()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	reg.Fail(registrytest.Fault{Path: "/manifests/", Kind: registrytest.Hang})
	if _, err := OpenBase(ctx, ref, OpenOptions{Registries: quick()}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("cancelled: %v", err)
	}
	idle := NewRegistries(RegistryOptions{Keychain: keys{}, Attempts: 2, Backoff: time.Millisecond, IdleTimeout: 20 * time.Millisecond})
	if _, err := OpenBase(t.Context(), ref, OpenOptions{Registries: idle}); err == nil || !strings.Contains(err.Error(), "no byte moved for 20ms") {
		t.Errorf("a registry that hangs: %v", err)
	}
	// Nobody there: said soon, and without the address of the request.
	if err := try("127.0.0.1:1/x/y"); err == nil || !strings.Contains(err.Error(), "connection refused") || strings.Contains(err.Error(), "/v2/") {
		t.Errorf("nobody there: %v", err)
	}
}

func TestRetryAfterIsObeyed(t *testing.T) {
	reg := registrytest.Start(t)
	ref := reg.Host + "/x/y:1"
	serve(t, ref, layertest.Image(&pangeoConfig, debianish()...))
	reg.Fail(registrytest.Fault{Path: "/manifests/", Kind: registrytest.Status, Code: 429, Times: 1, Header: http.Header{"Retry-After": {"1"}}})
	start := time.Now()
	openRemote(t, ref, quick())
	if took := time.Since(start); took < time.Second {
		t.Errorf("tried again after %s, the registry asked for a second", took)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for in, want := range map[string]time.Duration{
		"": 0, "3": 3 * time.Second, "0.5": time.Second / 2, "-1": 0, "soon": 0, "NaN": 0, "99999": maxRetryAfter,
		"Fri, 02 Jan 2026 03:04:15 GMT": 10 * time.Second, "Thu, 01 Jan 2026 03:04:15 GMT": 0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {in}}, now); got != want {
			t.Errorf("retryAfter(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestLayersOfRegistryAreVerifiedAndResumed(t *testing.T) {
	reg := registrytest.Start(t)
	ref := reg.Host + "/x/y:1"
	big := layertest.Layer(h{Name: "noise", Data: noise(1 << 20)})
	serve(t, ref, layertest.Image(&pangeoConfig, big))
	b := openRemote(t, ref, quick())
	l := b.image.layers[0]
	want := readAll(t, big.Compressed)
	read := func() ([]byte, error) {
		rc, err := l.Compressed()
		if err != nil {
			return nil, err
		}
		var out bytes.Buffer
		_, err = out.ReadFrom(rc)
		return out.Bytes(), errors.Join(err, rc.Close())
	}
	size := fmt.Sprint(len(want))
	reg.Forget()
	reg.Fail(registrytest.Fault{Method: "GET", Path: "/blobs/", Kind: registrytest.Reset, After: 300_000, Times: 3})
	if got, err := read(); err != nil || !bytes.Equal(got, want) {
		t.Errorf("cut three times: %d bytes, %v, want %s", len(got), err, size)
	}
	if n := reg.Count("GET", "/blobs/"); n != 4 {
		t.Errorf("%d requests, want 4", n)
	}
	reg.Heal()
	reg.Fail(registrytest.Fault{Method: "GET", Path: "/blobs/", Kind: registrytest.Reset, After: 300_000, Times: 1})
	reg.Fail(registrytest.Fault{Method: "GET", Path: "/blobs/", Kind: registrytest.IgnoreRange})
	if got, err := read(); err != nil || !bytes.Equal(got, want) {
		t.Errorf("cut, and no ranges: %d bytes, %v, want %s", len(got), err, size)
	}
	reg.Heal()
	var lost *LostBlobError
	reg.Fail(registrytest.Fault{Method: "GET", Path: "/blobs/", Kind: registrytest.Corrupt, After: 500_000})
	if _, err := read(); !errors.As(err, &lost) || !strings.Contains(err.Error(), "has other bytes") {
		t.Errorf("a flipped bit: %v, want a *LostBlobError", err)
	}
	if err := eachEntry(t.Context(), l, nothing); err == nil {
		t.Error("a flipped bit goes unnoticed when the layer is unpacked")
	}
	reg.Heal()
	reg.Fail(registrytest.Fault{Method: "GET", Path: "/blobs/", Kind: registrytest.Reset, After: 0})
	if e, ok := errors.AsType[*RegistryError](second(read())); !ok {
		t.Errorf("cut for good: %v, want a *RegistryError", e)
	}
	reg.Heal()
	h, _ := l.Digest()
	reg.Replace(h.String(), want[:100])
	if _, err := read(); !errors.As(err, &lost) || !strings.Contains(err.Error(), "has 100 bytes, want "+size) {
		t.Errorf("a short blob: %v, want a *LostBlobError", err)
	}
	reg.Lose(h.String())
	if _, err := read(); !errors.As(err, &lost) || lost.Digest.OCI() != h.String() {
		t.Errorf("a lost blob: %v, want a *LostBlobError", err)
	}
	if _, err := b.Facts(t.Context(), FactsOptions{}); !errors.As(err, &lost) {
		t.Errorf("facts of a base that lost a layer: %v, want a *LostBlobError", err)
	}
}

func second(_ []byte, err error) error { return err }

func TestBaseLayersAreStreamedIntoALayout(t *testing.T) {
	reg := registrytest.Start(t)
	ref := reg.Host + "/x/y:1"
	src := layertest.Image(&pangeoConfig, debianish()...)
	serve(t, ref, src)
	b := openRemote(t, ref, quick())
	img := compose(t, Composition{Base: b})
	dir := filepath.Join(t.TempDir(), "out")
	r := write(t, img, Output{Kind: OCILayout, Path: dir})
	if r.WrittenBytes != r.SizeBytes {
		t.Errorf("%d bytes of %d written", r.WrittenBytes, r.SizeBytes)
	}
	if d := cmp.Diff(digestsOf(t, src), digestsOf(t, open(t, "oci:"+dir).Image())); d != "" {
		t.Errorf("layers (-want +got):\n%s", d)
	}
	file := filepath.Join(t.TempDir(), "out.tar")
	write(t, img, Output{Kind: DockerArchive, Path: file})
	if open(t, "docker-archive:"+file).ConfigDigest() != r.ConfigDigest {
		t.Error("archive and layout have different image ids")
	}
}

func TestLogin(t *testing.T) {
	for name, set := range map[string]func(*registrytest.Registry){
		"basic":  func(r *registrytest.Registry) { r.Login("hub", "s3cret") },
		"bearer": func(r *registrytest.Registry) { r.LoginTokens("hub", "s3cret", false) },
	} {
		t.Run(name, func(t *testing.T) {
			reg := registrytest.Start(t)
			ref := reg.Host + "/x/y:1"
			serve(t, ref, layertest.Image(&pangeoConfig, debianish()...))
			set(reg)
			openRemote(t, ref, quickAs("hub", "s3cret"))
			_, err := OpenBase(t.Context(), ref, OpenOptions{Registries: quickAs("hub", "wr0ng")})
			if e, ok := errors.AsType[*RegistryError](err); !ok || e.Status != 401 || strings.Contains(err.Error(), "wr0ng") {
				t.Errorf("a wrong password: %v, want a *RegistryError 401 without it", err)
			}

			// From the files where Docker and podman keep them.
			dir := t.TempDir()
			config := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, reg.Host, base64.StdEncoding.EncodeToString([]byte("hub:s3cret")))
			t.Setenv("HOME", dir)
			t.Setenv("XDG_RUNTIME_DIR", "")
			t.Setenv("XDG_CONFIG_HOME", "")
			for file, env := range map[string]string{"config.json": "DOCKER_CONFIG", "auth.json": "REGISTRY_AUTH_FILE"} {
				where := filepath.Join(dir, env)
				if err := errors.Join(os.Mkdir(where, 0o700), os.WriteFile(filepath.Join(where, file), []byte(config), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			try := func() error {
				_, err := OpenBase(t.Context(), ref, OpenOptions{Registries: NewRegistries(RegistryOptions{Backoff: time.Millisecond})})
				return err
			}
			if err := try(); err == nil {
				t.Error("opened without credentials")
			}
			t.Setenv("REGISTRY_AUTH_FILE", filepath.Join(dir, "REGISTRY_AUTH_FILE", "auth.json"))
			if err := try(); err != nil {
				t.Errorf("with podman's auth.json: %v", err)
			}
			t.Setenv("REGISTRY_AUTH_FILE", "")
			t.Setenv("DOCKER_CONFIG", filepath.Join(dir, "DOCKER_CONFIG"))
			if err := try(); err != nil {
				t.Errorf("with Docker's config.json: %v", err)
			}
			helper(t, dir, reg.Host, "#!/bin/sh\nread host\necho '{\"ServerURL\":\"'$host'\",\"Username\":\"hub\",\"Secret\":\"s3cret\"}'\n")
			if err := try(); err != nil {
				t.Errorf("with a credential helper: %v", err)
			}
			helper(t, dir, reg.Host, "#!/bin/sh\necho s3cret\nexit 1\n")
			err = try()
			if _, ok := errors.AsType[*CredentialError](err); !ok || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), reg.Host) {
				t.Errorf("with a broken helper: %v, want a *CredentialError without what it printed", err)
			}
		})
	}
}

// helper installs a credential helper for a registry.
func helper(t *testing.T, dir, host, script string) {
	t.Helper()
	bin := filepath.Join(dir, "bin")
	if err := errors.Join(
		os.MkdirAll(bin, 0o755),
		os.WriteFile(filepath.Join(bin, "docker-credential-corntest"), []byte(script), 0o755),
		os.WriteFile(filepath.Join(dir, "DOCKER_CONFIG", "config.json"), []byte(fmt.Sprintf(`{"credHelpers":{%q:"corntest"}}`, host)), 0o600),
	); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func TestForeignLayers(t *testing.T) {
	reg := registrytest.Start(t)
	foreign := layertest.Layer(h{Name: "licensed", Data: "not to be passed on"})
	d, err := foreign.Digest()
	if err != nil {
		t.Fatal(err)
	}
	src, err := mutate.Append(layertest.Image(&pangeoConfig, debianish()...), mutate.Addendum{
		Layer: foreign, MediaType: types.DockerForeignLayer, URLs: []string{"https://example.invalid/licensed"},
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := name.ParseReference(reg.Host + "/x/y:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(r, src, remote.WithNondistributable); err != nil {
		t.Fatal(err)
	}
	b := openRemote(t, reg.Host+"/x/y:1", quick())
	img := compose(t, Composition{Base: b})
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if l := m.Layers[2]; l.MediaType != types.OCIRestrictedLayer || !slices.Equal(l.URLs, []string{"https://example.invalid/licensed"}) {
		t.Errorf("foreign layer comes out as %+v", l)
	}
	if err := eachEntry(t.Context(), b.image.layers[2], nothing); err != nil {
		t.Errorf("read of a foreign layer that the registry has: %v", err)
	}
	to := registrytest.Start(t)
	write(t, img, Output{Kind: Registry, Path: to.Host + "/x/y:2", Registries: quick()})
	if _, pushed := to.Blobs("x/y")[d.String()]; pushed || to.Count("", d.String()) > 0 {
		t.Error("a layer that must not be passed on was pushed")
	}
	openRemote(t, to.Host+"/x/y:2", quick())
}

func TestRedirectsAreChecked(t *testing.T) {
	for _, c := range []struct {
		from, to string
		ok       bool
	}{
		{"https://quay.io/v2/x", "https://cdn.quay.io/x?sig=1", true},
		{"https://quay.io/v2/x", "http://cdn.quay.io/x", false},
		{"https://quay.io/v2/x", "https://169.254.169.254/latest", false},
		{"https://quay.io/v2/x", "https://localhost/", false},
		{"https://quay.io/v2/x", "https://[::1]/", false},
		{"https://quay.io/v2/x", "file:///etc/passwd", false},
		{"http://127.0.0.1:5000/v2/x", "http://127.0.0.1:9000/x", true},
		{"http://10.0.0.1:5000/v2/x", "https://10.0.0.2/x", true},
	} {
		from, to := mustURL(t, c.from), mustURL(t, c.to)
		if err := checkHop(from, to); (err == nil) != c.ok {
			t.Errorf("from %s to %s: %v, want ok %v", c.from, c.to, err, c.ok)
		}
	}
}
