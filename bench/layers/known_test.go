package layers_test

import (
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/nasa-openscapes/corn/bench/layers"
	"github.com/nasa-openscapes/corn/bench/oldway"
)

// A registry checks digests, and what comes back from it validates.
func TestKnownLayerIsPushed(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "layer")
	if err := oldway.PackFile(file, dir, oldway.PackOptions{Compression: oldway.Gzip, At: "srv"}); err != nil {
		t.Fatal(err)
	}
	if _, err := layers.Known(file); err == nil {
		t.Error("Known of a layer that nobody remembers: no error")
	}
	if err := layers.Remember(file); err != nil {
		t.Fatal(err)
	}
	l, err := layers.Known(file)
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, l)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer s.Close()
	ref, err := name.ParseReference(strings.TrimPrefix(s.URL, "http://") + "/a:b")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
	back, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(back); err != nil {
		t.Errorf("what was pushed: %v", err)
	}
}
