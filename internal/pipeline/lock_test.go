package pipeline_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/nasa-openscapes/corn/demo/base"
	"github.com/nasa-openscapes/corn/internal/pipeline"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/internal/testkit/registrytest"
)

func tiny(t *testing.T, o base.TinyOptions) v1.Image {
	t.Helper()
	o.Start = true
	img, err := base.Tiny(o)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// tag puts an image into a registry.
func tag(t *testing.T, ref string, img v1.Image) string {
	t.Helper()
	r, err := name.ParseReference(ref, name.Insecure)
	if err == nil {
		err = remote.Write(r, img)
	}
	if err != nil {
		t.Fatal(err)
	}
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

func (f *fixture) lock(t *testing.T, req pipeline.LockRequest) (*pipeline.LockResult, error) {
	t.Helper()
	req.Project, req.ChannelAlias = f.project, f.channel.URL
	return pipeline.Lock(context.Background(), req, report.New(io.Discard, io.Discard, report.Options{}))
}

// builds tells what becomes of a build, and what is said.
func (f *fixture) builds(t *testing.T, req pipeline.BuildRequest) (res *pipeline.BuildResult, said string, err error) {
	t.Helper()
	var talk strings.Builder
	req.Project, req.ChannelAlias, req.Outputs = f.project, f.channel.URL, []string{"oci:" + filepath.Join(t.TempDir(), "image")}
	res, err = pipeline.Build(context.Background(), req, report.New(io.Discard, &talk, report.Options{}))
	return res, talk.String(), err
}

// A tag that moves is refused until somebody accepts it, though the recorded image can still
// be had; to lock again takes nothing else than the recorded one.
func TestABaseThatMovesUnderItsTag(t *testing.T) {
	f := newFixture(t)
	reg := registrytest.Start(t)
	cache := t.TempDir()
	ref := reg.Host + "/team/base:1"
	old := tag(t, ref, tiny(t, base.TinyOptions{}))
	if _, err := f.lock(t, pipeline.LockRequest{Base: ref, CacheDir: cache}); err != nil {
		t.Fatal(err)
	}
	first, said, err := f.builds(t, pipeline.BuildRequest{CacheDir: cache})
	if err != nil || strings.Contains(said, "corn.lock") || first.Base.Digest != old || first.Base.Ref != ref {
		t.Fatalf("build by corn.lock: %+v, %v\n%s", first, err, said)
	}
	moved := tag(t, ref, tiny(t, base.TinyOptions{Glibc: "2.42", Layers: 2}))

	_, _, err = f.builds(t, pipeline.BuildRequest{CacheDir: cache})
	class, hint := report.Explain(err)
	if err == nil || class != report.Base || !strings.Contains(err.Error(), "base image "+ref+" changed: corn.lock has "+old+", got "+moved) ||
		!strings.Contains(hint, `"corn lock --update-base"`) || !strings.Contains(hint, reg.Host+"/team/base@"+old) {
		t.Fatalf("class %d, error %v, hint %s", class, err, hint)
	}
	if _, err := f.lock(t, pipeline.LockRequest{CacheDir: cache, Check: true}); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("check: %v, want the refusal of a build", err)
	}
	// The way that the hint names: the old one, by its digest.
	res, said, err := f.builds(t, pipeline.BuildRequest{CacheDir: cache, Base: "docker://" + reg.Host + "/team/base@" + old})
	if err != nil || res.Digest != first.Digest || !strings.Contains(said, "is not the one of corn.lock") {
		t.Errorf("by digest: %v\n%s", err, said)
	}
	// Another way to write the same is no other base.
	if _, _, err = f.builds(t, pipeline.BuildRequest{CacheDir: cache, Base: "docker://" + ref}); err == nil {
		t.Error("docker:// before the reference makes it another one")
	}
	locked, err := f.lock(t, pipeline.LockRequest{CacheDir: cache})
	if err != nil || locked.Written || locked.Base.Digest != old {
		t.Errorf("locked again: %+v, %v, want the recorded base", locked, err)
	}
	locked, err = f.lock(t, pipeline.LockRequest{CacheDir: cache, UpdateBase: true})
	if err != nil || !locked.Written || locked.Base.Digest != moved ||
		strings.Join(locked.Changes, "\n") != "base: "+moved+", "+old+" before\nbase: glibc \"2.42\", \"2.41\" before" {
		t.Errorf("updated: %+v, %v", locked, err)
	}
	if res, _, err = f.builds(t, pipeline.BuildRequest{CacheDir: cache}); err != nil || res.Base.Digest != moved || res.Base.Glibc != "2.42" {
		t.Errorf("on the new base: %+v, %v", res, err)
	}
}

// On a machine that sees the base for the first time, what corn.lock says of it is enough: no
// layer is read.
func TestFactsOfTheBaseTravel(t *testing.T) {
	f := newFixture(t)
	reg := registrytest.Start(t)
	ref := reg.Host + "/team/base:1"
	img := tiny(t, base.TinyOptions{Layers: 3})
	tag(t, ref, img)
	if _, err := f.lock(t, pipeline.LockRequest{Base: ref, CacheDir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	read := func() int {
		n := 0
		for _, l := range layers {
			d, err := l.Digest()
			if err != nil {
				t.Fatal(err)
			}
			n += reg.Count("GET", "/v2/team/base/blobs/"+d.String())
		}
		return n
	}
	if read() != len(layers) {
		t.Fatalf("%d layers were read for the facts, want %d", read(), len(layers))
	}
	reg.Forget()
	if _, err := f.lock(t, pipeline.LockRequest{CacheDir: t.TempDir(), Check: true}); err != nil {
		t.Fatal(err)
	}
	if n := read(); n > 0 {
		t.Errorf("%d layers were read again", n)
	}
	if n := len(reg.Requests()); n > 4 {
		t.Errorf("%d requests: %v", n, reg.Requests())
	}
}

// The file is written whole or not at all, and where nothing changed not at all.
func TestLockWritesOnlyWhatChanged(t *testing.T) {
	f := newFixture(t)
	file := filepath.Join(f.project, "corn.lock")
	cache := t.TempDir()
	if _, err := f.lock(t, pipeline.LockRequest{Base: "oci:" + f.base, CacheDir: cache}); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// Another machine, one core: the same.
	for _, req := range []pipeline.LockRequest{{CacheDir: cache}, {CacheDir: t.TempDir(), Jobs: 1}} {
		if res, err := f.lock(t, req); err != nil || res.Written {
			t.Errorf("written again: %+v, %v", res, err)
		}
	}
	after, err := os.Stat(file)
	if err != nil || !os.SameFile(before, after) || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("the file was replaced: %v", err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := f.lock(t, pipeline.LockRequest{Base: "oci:" + f.base, CacheDir: t.TempDir(), Jobs: 8}); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(file); err != nil || string(again) != string(text) {
		t.Errorf("made anew it is another: %v\n%s", err, again)
	}
	if left, err := filepath.Glob(filepath.Join(f.project, ".corn*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
