package image

import (
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/testkit/registrytest"
)

// Documents are attached to an image and found again, by corn and by others, in registries
// with the referrers API and without.
func TestAttach(t *testing.T) {
	hosts := map[string]func(*testing.T) string{
		"api": func(t *testing.T) string {
			s := httptest.NewServer(registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0))))
			t.Cleanup(s.Close)
			return strings.TrimPrefix(s.URL, "http://")
		},
	}
	for kind, start := range registries {
		hosts[kind] = func(t *testing.T) string { return start(t).Host }
	}
	for kind, host := range hosts {
		t.Run(kind, func(t *testing.T) {
			repo := host(t) + "/team/hub"
			img, err := random.Image(64, 1)
			if err != nil {
				t.Fatal(err)
			}
			out := Output{Kind: Registry, Path: repo + ":1", Registries: NewRegistries(RegistryOptions{})}
			if err := remote.Write(mustTag(t, out.Path), img); err != nil {
				t.Fatal(err)
			}
			h, err := img.Digest()
			if err != nil {
				t.Fatal(err)
			}
			subject, err := digest.Parse(h.Hex)
			if err != nil {
				t.Fatal(err)
			}
			const kindA, kindB = "application/vnd.example.a+json", "application/vnd.example.b+json"
			if docs, err := Attached(t.Context(), out, subject, kindA); err != nil || len(docs) != 0 {
				t.Fatalf("before anything is attached: %q, %v", docs, err)
			}
			for _, d := range [][2]string{{kindA, `{"n": 1}`}, {kindB, `{}`}, {kindA, `{"n": 2}`}, {kindA, `{"n": 1}`}} {
				if err := Attach(t.Context(), out, subject, d[0], []byte(d[1])); err != nil {
					t.Fatal(err)
				}
			}
			docs, err := Attached(t.Context(), out, subject, kindA)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]int{}
			for _, d := range docs {
				got[string(d)]++
			}
			if diff := cmp.Diff(map[string]int{`{"n": 1}`: 1, `{"n": 2}`: 1}, got); diff != "" {
				t.Errorf("documents (-want +got):\n%s", diff)
			}
			index, err := remote.Referrers(mustTag(t, repo+":1").Digest(h.String()))
			if err != nil {
				t.Fatal(err)
			}
			m, err := index.IndexManifest()
			if err != nil || len(m.Manifests) != 3 {
				t.Errorf("go-containerregistry finds %d referrers, %v; want 3", len(m.Manifests), err)
			}
			if err := Attach(t.Context(), out, digest.Sum([]byte("another")), kindA, []byte("{}")); err == nil {
				t.Error("attached to an image that is not there")
			}
		})
	}
}

// Lists of referrers are written by anybody.
func TestAttachedAndListsThatAreWrong(t *testing.T) {
	r := registrytest.Start(t)
	img, err := random.Image(64, 2)
	if err != nil {
		t.Fatal(err)
	}
	out := Output{Kind: Registry, Path: r.Host + "/x", Registries: NewRegistries(RegistryOptions{})}
	if err := remote.Write(mustTag(t, out.Path+":1"), img); err != nil {
		t.Fatal(err)
	}
	h, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		why, digest string
		fails       bool
	}{
		{"an image is no document", h.String(), false},
		{"a manifest that is not there", digest.Sum([]byte("gone")).OCI(), true},
	} {
		subject := digest.Sum([]byte(c.why))
		raw := `{"schemaVersion": 2, "manifests": [{"artifactType": "application/x", "size": 1, "digest": "` + c.digest + `", "mediaType": "application/x"}]}`
		repo, err := out.Registries.repository(t.Context(), mustTag(t, out.Path+":1").Repository, writingScope)
		if err != nil {
			t.Fatal(err)
		}
		if err := repo.putManifest(t.Context(), referrersTag(subject), []byte(raw), "application/vnd.oci.image.index.v1+json"); err != nil {
			t.Fatalf("%s: %v", c.why, err)
		}
		if docs, err := Attached(t.Context(), out, subject, "application/x"); (err != nil) != c.fails || len(docs) != 0 {
			t.Errorf("%s: Attached = %q, %v", c.why, docs, err)
		}
	}
}

func mustTag(t *testing.T, ref string) name.Tag {
	t.Helper()
	tag, err := name.NewTag(ref)
	if err != nil {
		t.Fatal(err)
	}
	return tag
}
