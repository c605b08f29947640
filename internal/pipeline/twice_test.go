package pipeline_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/nasa-openscapes/corn/demo/base"
	"github.com/nasa-openscapes/corn/internal/pipeline"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
	"github.com/nasa-openscapes/corn/internal/testkit/layertest"
	"github.com/nasa-openscapes/corn/internal/testkit/projecttest"
)

// A fixture is a channel, a base and a project that stay the same from build to build.
type fixture struct {
	channel *channeltest.Server
	base    string
	project string
}

// bigBytes makes a package that has a layer of its own: 8 MB compressed are the limit.
const bigBytes = 9 << 20

func newFixture(t *testing.T) *fixture {
	t.Helper()
	var archives []channeltest.Archive
	for _, world := range []string{"xbash", "python"} {
		data, err := os.ReadFile("../../cmd/corn/testdata/world/" + world + ".txtar")
		if err != nil {
			t.Fatal(err)
		}
		more, err := channeltest.FromTxtar(data)
		if err != nil {
			t.Fatal(err)
		}
		archives = append(archives, more...)
	}
	archives = append(archives, channeltest.Archive{Package: &channeltest.Package{
		Name: "big", Version: "1", Build: "0", TimestampMillis: 1704164645000, Placeholder: channeltest.DefaultPlaceholder,
		Files: []channeltest.File{
			{Path: "share/big/noise", Data: noise(bigBytes), ModTime: 12}, // before 1980
			{Path: "share/big/suid", Data: []byte("x"), Mode: 0o6750},
			{Path: "share/big/config", Data: []byte("prefix=" + channeltest.DefaultPlaceholder + "\n"), Mode: 0o640},
		},
	}})
	dir := t.TempDir()
	records, err := channeltest.Publish(filepath.Join(dir, "demo"), archives)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{channel: channeltest.ServeDir(t, channeltest.Options{}, dir), base: filepath.Join(t.TempDir(), "base"), project: t.TempDir()}
	f.channel.Records = records
	writeBase(t, f.base, base.TinyOptions{Config: base.Config{Start: true}})
	f.env(t, f.project, "bash", "libshared", "xbash", "big")
	f.env(t, f.project, "py", "libshared", "big", "python", "ipykernel", "tool")
	f.env(t, f.project, "tcl", "libshared", "xtcl")
	write(t, filepath.Join(f.project, "corn.yaml"), "pyc: shipped\nenvironments:\n  tcl: {layout: copies}\n")
	return f
}

// noise is the same for a size, and no compressor makes it smaller.
func noise(n int) []byte {
	data := make([]byte, n)
	x := uint64(88172645463325252)
	for i := range data { // xorshift64
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		data[i] = byte(x >> 32)
	}
	return data
}

func writeBase(t *testing.T, dir string, o base.TinyOptions) {
	t.Helper()
	img, err := base.Tiny(o)
	if err == nil {
		err = base.WriteLayout(dir, img)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// env puts a locked environment into a project.
func (f *fixture) env(t *testing.T, project, slug string, packages ...string) {
	t.Helper()
	var locked []projecttest.Locked
	for _, name := range packages {
		i := slices.IndexFunc(f.channel.Records, func(r channeltest.Record) bool { return r.Index.Name == name })
		locked = append(locked, projecttest.LockConda(f.channel.Records[i]))
	}
	text, err := projecttest.Lock(projecttest.CondaLock, "linux-64", locked)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(project, "environments", slug)
	write(t, filepath.Join(dir, "conda-lock.yml"), text)
	write(t, filepath.Join(dir, "environment.yml"), "channels: [demo]\ndependencies: ["+strings.Join(packages, ", ")+"]\n")
}

// build builds and returns the result and the image, which is whole.
func (f *fixture) build(t *testing.T, req pipeline.BuildRequest) (*pipeline.BuildResult, v1.Image) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "image")
	req.Outputs = []string{"oci:" + out}
	req.ChannelAlias = f.channel.URL
	if req.Project == "" {
		req.Project = f.project
	}
	if req.Base == "" {
		req.Base = "oci:" + f.base
	}
	if req.CacheDir == "" {
		req.CacheDir = t.TempDir()
	}
	res, err := pipeline.Build(context.Background(), req, report.New(io.Discard, io.Discard, report.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	img, err := projecttest.OpenImage("oci:" + out)
	if err != nil {
		t.Fatal(err)
	}
	if err := projecttest.Check(img, res.Base.Layers); err != nil {
		t.Fatalf("the image:\n%v", err)
	}
	return res, img
}

func flatten(t *testing.T, img v1.Image) *layertest.Tree {
	t.Helper()
	tree, err := layertest.Flatten(img)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// TestDigestIsAFunctionOfTheProject builds the same project under everything that must not
// matter.
func TestDigestIsAFunctionOfTheProject(t *testing.T) {
	f := newFixture(t)
	full := t.TempDir()
	want, wantImage := f.build(t, pipeline.BuildRequest{CacheDir: full})
	for _, c := range []struct {
		why   string
		under func(t *testing.T) pipeline.BuildRequest
	}{
		{"one core, one job", func(t *testing.T) pipeline.BuildRequest {
			old := runtime.GOMAXPROCS(1)
			t.Cleanup(func() { runtime.GOMAXPROCS(old) })
			return pipeline.BuildRequest{Jobs: 1}
		}},
		{"eight cores, eight jobs", func(t *testing.T) pipeline.BuildRequest {
			old := runtime.GOMAXPROCS(8)
			t.Cleanup(func() { runtime.GOMAXPROCS(old) })
			return pipeline.BuildRequest{Jobs: 8}
		}},
		{"a strict umask, and another time zone", func(t *testing.T) pipeline.BuildRequest {
			old := syscall.Umask(0o077)
			t.Cleanup(func() { syscall.Umask(old) })
			local := time.Local
			t.Cleanup(func() { time.Local = local })
			time.Local = time.FixedZone("NPT", 5*3600+2700)
			t.Setenv("TZ", "Asia/Kathmandu")
			return pipeline.BuildRequest{}
		}},
		{"no umask, another locale and user", func(t *testing.T) pipeline.BuildRequest {
			old := syscall.Umask(0)
			t.Cleanup(func() { syscall.Umask(old) })
			t.Setenv("LANG", "tr_TR.UTF-8")
			t.Setenv("LC_ALL", "tr_TR.UTF-8")
			t.Setenv("HOME", t.TempDir())
			t.Setenv("USER", "somebody")
			t.Setenv("SOURCE_DATE_EPOCH", "1")
			return pipeline.BuildRequest{}
		}},
		{"another folder, with a blank in its name", func(t *testing.T) pipeline.BuildRequest {
			dir := filepath.Join(t.TempDir(), "an other")
			if err := os.CopyFS(dir, os.DirFS(f.project)); err != nil {
				t.Fatal(err)
			}
			return pipeline.BuildRequest{Project: dir}
		}},
		{"the cache of before, offline", func(*testing.T) pipeline.BuildRequest {
			return pipeline.BuildRequest{CacheDir: full, Offline: true}
		}},
		{"a cache that other projects filled in another order", func(t *testing.T) pipeline.BuildRequest {
			dir := t.TempDir()
			for _, env := range []string{"tcl", "py"} {
				other := t.TempDir()
				if err := os.CopyFS(filepath.Join(other, "environments", env), os.DirFS(filepath.Join(f.project, "environments", env))); err != nil {
					t.Fatal(err)
				}
				write(t, filepath.Join(other, "corn.yaml"), "pyc: shipped\n")
				f.build(t, pipeline.BuildRequest{Project: other, CacheDir: dir})
			}
			return pipeline.BuildRequest{CacheDir: dir}
		}},
	} {
		t.Run(c.why, func(t *testing.T) {
			got, img := f.build(t, c.under(t))
			if got.Digest != want.Digest {
				t.Errorf("digest %s, want %s; the trees differ so:\n%s", got.Digest, want.Digest,
					layertest.Diff(flatten(t, wantImage), flatten(t, img), ""))
			}
			for i := range want.Layers {
				if i < len(got.Layers) && got.Layers[i].Digest != want.Layers[i].Digest {
					t.Errorf("layer %s: digest %s, want %s", got.Layers[i].ID, got.Layers[i].Digest, want.Layers[i].Digest)
				}
			}
		})
	}
	t.Run("gzip is another image of the same files", func(t *testing.T) {
		got, img := f.build(t, pipeline.BuildRequest{CacheDir: full, Compression: "gzip"})
		if got.Digest == want.Digest {
			t.Errorf("gzip and zstd have one digest: %s", got.Digest)
		}
		// image.json tells of the compression.
		for _, under := range []string{"srv", "opt/corn/store", "usr"} {
			if diff := layertest.Diff(flatten(t, wantImage), flatten(t, img), under); diff != "" {
				t.Errorf("%s: -zstd +gzip\n%s", under, diff)
			}
		}
		again, _ := f.build(t, pipeline.BuildRequest{Compression: "gzip"})
		if again.Digest != got.Digest {
			t.Errorf("gzip twice: %s and %s", got.Digest, again.Digest)
		}
	})
}

// TestContentIsTheSameEverywhere builds two projects on two bases: what they share has the
// same bytes in both, down to the digest of a layer that holds one package alone.
func TestContentIsTheSameEverywhere(t *testing.T) {
	f := newFixture(t)
	one, oneImage := f.build(t, pipeline.BuildRequest{})
	other := t.TempDir()
	f.env(t, other, "another-name", "libshared", "xlua", "big")
	elsewhere := filepath.Join(t.TempDir(), "base")
	writeBase(t, elsewhere, base.TinyOptions{Glibc: "2.36", Config: base.Config{Change: func(c *v1.Config) {
		c.User = "root"
		c.Env = []string{"PATH=/usr/bin", "CONDA_DIR=/opt/conda"}
	}}})
	two, twoImage := f.build(t, pipeline.BuildRequest{Project: other, Base: "oci:" + elsewhere})

	alone := func(res *pipeline.BuildResult) string {
		for _, l := range res.Layers {
			if l.Kind == "content-alone" && slices.Equal(l.Artifacts, []string{"big-1-0"}) {
				return l.Digest + " " + l.Key
			}
		}
		return "no layer holds big-1-0 alone"
	}
	if alone(one) != alone(two) || !strings.HasPrefix(alone(one), "sha256:") {
		t.Errorf("the layer of big: %s on one base, %s on the other", alone(one), alone(two))
	}
	a, b := flatten(t, oneImage), flatten(t, twoImage)
	shared := 0
	for _, p := range a.Paths("opt/corn/store") {
		if dir := strings.TrimPrefix(p, "opt/corn/store/"); !strings.HasPrefix(dir, "big-") && !strings.HasPrefix(dir, "libshared-") {
			continue
		}
		shared++
		if b.Entries[p] == nil || a.Entries[p].String() != b.Entries[p].String() {
			t.Errorf("%s\nis elsewhere\n%v", a.Entries[p], b.Entries[p])
		}
	}
	if shared < 8 {
		t.Errorf("%d paths are shared, want those of two packages", shared)
	}
	if got := two.Kernels[0].Prefix; got != "/opt/conda/envs/another-name" {
		t.Errorf("prefix %s, want it below the base's CONDA_DIR", got)
	}
}

// TestOwnersAndModes: an env belongs to the base's user and keeps the archive's modes, the
// store is root's and readable.
func TestOwnersAndModes(t *testing.T) {
	f := newFixture(t)
	_, img := f.build(t, pipeline.BuildRequest{})
	tree := flatten(t, img)
	for _, p := range tree.Paths("srv/conda/envs") {
		if e := tree.Entries[p]; e.UID != base.UID || e.GID != base.GID {
			t.Errorf("%s belongs to %d:%d", p, e.UID, e.GID)
		}
	}
	store := func(name string) *layertest.Entry {
		for _, p := range tree.Paths("opt/corn/store") {
			if strings.HasSuffix(p, name) {
				return tree.Entries[p]
			}
		}
		t.Fatalf("nothing in the store ends in %s", name)
		return nil
	}
	for _, c := range []struct {
		why  string
		at   *layertest.Entry
		mode int64
		when int64
	}{
		{"setuid and setgid go, what some may read or run all may", store("/share/big/suid"), 0o755, 1704164645},
		{"a time before 1980 becomes 1980", store("/share/big/noise"), 0o644, 315619200},
		{"a secret of the archive is readable in the store", store("/share/shared/secret.txt"), 0o644, 1704164645},
		{"a rewritten file keeps the archive's mode and time", tree.Entries["srv/conda/envs/bash/share/big/config"], 0o640, 1704164645},
		{"a copy keeps the archive's mode", tree.Entries["srv/conda/envs/tcl/share/shared/secret.txt"], 0o600, 1704164645},
	} {
		if c.at == nil || c.at.Mode != c.mode || c.at.ModTime != c.when {
			t.Errorf("%s: %v, want mode %04o and time %d", c.why, c.at, c.mode, c.when)
		}
	}
	if e := tree.Entries["srv/conda/envs/bash/share/big/config"]; e != nil && string(e.Data) != "prefix=/srv/conda/envs/bash\n" {
		t.Errorf("rewritten file holds %q", e.Data)
	}
	if d := tree.Dangling("srv"); len(d) > 0 {
		t.Errorf("links that lead nowhere: %q", d)
	}
}

// TestEachArtifactOnce: whatever the number of envs, content stands in the image once.
func TestEachArtifactOnce(t *testing.T) {
	f := newFixture(t)
	project := t.TempDir()
	for i := range 7 { // more than one walk of an archive feeds
		f.env(t, project, fmt.Sprintf("bash%d", i), "libshared", "xbash", "big")
	}
	res, img := f.build(t, pipeline.BuildRequest{Project: project})
	seen := map[string]string{}
	for _, l := range res.Layers {
		if !strings.HasPrefix(l.Kind, "content") {
			continue
		}
		for _, a := range l.Artifacts {
			if seen[a] != "" {
				t.Errorf("%s is in layers %s and %s", a, seen[a], l.ID)
			}
			seen[a] = l.ID
		}
	}
	if len(seen) != 3 || len(res.Kernels) != 7 {
		t.Errorf("%d artifacts and %d kernels, want 3 and 7: %v", len(seen), len(res.Kernels), seen)
	}
	tree := flatten(t, img)
	var dirs []string
	for _, p := range tree.Paths("opt/corn/store") {
		if strings.Count(p, "/") == 3 {
			dirs = append(dirs, p)
		}
	}
	if len(dirs) != 3 {
		t.Errorf("the store has %q, want one folder an artifact", dirs)
	}
	if res.Size > bigBytes*11/10 {
		t.Errorf("the image has %d bytes: big is in it more than once", res.Size)
	}
}

// TestManyKernelsOnAManyLayeredBase: placements are grouped when there is no room for one
// layer each, and room for a child image is left.
func TestManyKernelsOnAManyLayeredBase(t *testing.T) {
	f := newFixture(t)
	const baseLayers, kernels, most = 90, 24, 127 - 20
	img, err := base.Tiny(base.TinyOptions{Config: base.Config{Start: true}})
	if err != nil {
		t.Fatal(err)
	}
	same := layertest.Layer(layertest.H{Name: "opt/"})
	if img, err = mutate.AppendLayers(img, slices.Repeat([]v1.Layer{same}, baseLayers-1)...); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "base")
	if err := base.WriteLayout(dir, img); err != nil {
		t.Fatal(err)
	}
	project := t.TempDir()
	for i := range kernels {
		f.env(t, project, fmt.Sprintf("k%02d", i), "libshared", []string{"xbash", "xlua", "xtcl"}[i%3])
	}
	res, built := f.build(t, pipeline.BuildRequest{Project: project, Base: "oci:" + dir})
	m, err := built.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Layers) > most || len(res.Kernels) != kernels {
		t.Errorf("%d layers and %d kernels, want at most %d and %d", len(m.Layers), len(res.Kernels), most, kernels)
	}
	if d := flatten(t, built).Dangling("srv"); len(d) > 0 {
		t.Errorf("links that lead nowhere: %q", d)
	}
}
