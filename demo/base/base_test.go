package base

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

func tiny(t *testing.T, o TinyOptions) v1.Image {
	t.Helper()
	img, err := Tiny(o)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func digestOf(t *testing.T, img v1.Image) string {
	t.Helper()
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

// list returns "mode uid:gid path" of every file that the image shows.
func list(t *testing.T, img v1.Image) map[string]string {
	t.Helper()
	rc := mutate.Extract(img)
	defer rc.Close()
	files := map[string]string{}
	tr := tar.NewReader(rc)
	for {
		hdr, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		text := hdr.Linkname
		if hdr.Typeflag == tar.TypeReg && len(data) < 2000 {
			text = string(data)
		}
		files[strings.TrimSuffix(hdr.Name, "/")] = fmt.Sprintf("%04o %d:%d %s", hdr.Mode, hdr.Uid, hdr.Gid, text)
	}
}

func TestTinyIsTheSameEverywhere(t *testing.T) {
	img := tiny(t, TinyOptions{})
	if a, b := digestOf(t, img), digestOf(t, tiny(t, TinyOptions{})); a != b {
		t.Errorf("two digests: %s, %s", a, b)
	}
	dir := filepath.Join(t.TempDir(), "layout")
	for range 2 { // the second write replaces the first
		if err := WriteLayout(dir, img); err != nil {
			t.Fatal(err)
		}
	}
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st, err := d.Info()
		if err == nil && st.Mode().Perm()&0o044 != 0o044 {
			t.Errorf("%s has mode %v: closed to other users", p, st.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := index.IndexManifest()
	if err != nil || len(m.Manifests) != 1 {
		t.Fatalf("index has %d manifests (%v), want 1", len(m.Manifests), err)
	}
	back, err := index.Image(m.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	if digestOf(t, back) != digestOf(t, img) {
		t.Error("the layout holds another image")
	}
	if diff := cmp.Diff(list(t, img), list(t, back)); diff != "" {
		t.Errorf("files read back (-want +got):\n%s", diff)
	}

	file := filepath.Join(t.TempDir(), "base.tar")
	if err := WriteArchive(file, "demo/base:tiny", img); err != nil {
		t.Fatal(err)
	}
	archived, err := tarball.ImageFromPath(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	want, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := archived.ConfigName(); err != nil || got != want {
		t.Errorf("the archive's config is %s (%v), want %s", got, err, want)
	}
}

func TestTinyContents(t *testing.T) {
	files := list(t, tiny(t, TinyOptions{}))
	for path, want := range map[string]string{
		"etc/passwd":  "0644 0:0 root:x:0:0:root:/root:/bin/bash\njovyan:x:1000:1000::/home/jovyan:/bin/bash\n",
		"home/jovyan": "0755 1000:1000 ",
		"srv/conda":   "0755 1000:1000 ",
		"bin":         "0777 0:0 usr/bin",
		"srv/start":   "",
	} {
		if got := files[path]; got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if got := files["usr/lib/x86_64-linux-gnu/libc.so.6"]; !strings.Contains(got, "release version 2.41.") {
		t.Errorf("libc.so.6 states %q", got)
	}
	files = list(t, tiny(t, TinyOptions{Config: Config{Start: true}, Glibc: "2.17", Layers: 3}))
	if got := files["srv/start"]; got != "0755 0:0 "+startScript {
		t.Errorf("srv/start: %q", got)
	}
	if got := files["usr/lib/x86_64-linux-gnu/libc.so.6"]; !strings.Contains(got, "release version 2.17.") {
		t.Errorf("libc.so.6 states %q", got)
	}
	if files["opt/layer-2"] == "" {
		t.Error("the third layer is missing")
	}
}

func TestConfig(t *testing.T) {
	img := tiny(t, TinyOptions{Config: Config{DockerSchema: true, Change: func(c *v1.Config) { c.Labels = map[string]string{"a": "b"} }}})
	manifest, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	got := []types.MediaType{manifest.MediaType, manifest.Config.MediaType, manifest.Layers[0].MediaType}
	if diff := cmp.Diff([]types.MediaType{types.DockerManifestSchema2, types.DockerConfigJSON, types.DockerLayer}, got); diff != "" {
		t.Errorf("docker media types (-want +got):\n%s", diff)
	}
	if manifest, err = tiny(t, TinyOptions{}).Manifest(); err != nil {
		t.Fatal(err)
	}
	got = []types.MediaType{manifest.MediaType, manifest.Config.MediaType, manifest.Layers[0].MediaType}
	if diff := cmp.Diff([]types.MediaType{types.OCIManifestSchema1, types.OCIConfigJSON, types.OCILayer}, got); diff != "" {
		t.Errorf("OCI media types (-want +got):\n%s", diff)
	}
	raw, err := img.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Config struct {
			User, WorkingDir         string
			Env, Entrypoint, OnBuild []string
			Cmd                      []string
			Labels                   map[string]string
		} `json:"config"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	c := file.Config
	if c.User != "jovyan" || c.WorkingDir != "/home/jovyan" || len(c.OnBuild) != 10 || c.Cmd != nil || c.Labels["a"] != "b" {
		t.Errorf("config: %+v", c)
	}
	if diff := cmp.Diff([]string{"/srv/start"}, c.Entrypoint); diff != "" {
		t.Errorf("entrypoint (-want +got):\n%s", diff)
	}
	env := map[string]string{}
	for _, kv := range c.Env {
		key, value, _ := strings.Cut(kv, "=")
		env[key] = value
	}
	if env["NB_PYTHON_PREFIX"] != "/srv/conda/envs/notebook" || env["SHELL"] != "/bin/bash" || env["DASK_ROOT_CONFIG"] != "/srv/conda/etc" ||
		!strings.HasPrefix(env["PATH"], "/srv/conda/envs/notebook/bin:/srv/conda/bin:/usr/local/sbin:") {
		t.Errorf("env: %v", env)
	}
}

// What differs between two runs, or names the host, is gone.
func TestNormalise(t *testing.T) {
	mmdebstrapTar := func(clock int64, host string) []byte {
		var buf bytes.Buffer
		tw := tar.NewWriter(&buf)
		add := func(name string, kind byte, data, link string) {
			t.Helper()
			hdr := &tar.Header{Name: "./" + name, Typeflag: kind, Linkname: link, Mode: 0o644, Size: int64(len(data)),
				ModTime: time.Unix(clock, 0), AccessTime: time.Unix(clock, 0), Uname: host, Format: tar.FormatPAX}
			if err := tw.WriteHeader(hdr); err != nil {
				t.Fatal(err)
			}
			if _, err := tw.Write([]byte(data)); err != nil {
				t.Fatal(err)
			}
		}
		for _, dir := range []string{"", "dev/", "etc/", "run/", "run/x/", "usr/", "usr/bin/", "var/", "var/log/", "var/cache/ldconfig/"} {
			add(dir, tar.TypeDir, "", "")
		}
		add("bin", tar.TypeSymlink, "", "usr/bin")
		add("dev/null", tar.TypeChar, "", "")
		add("etc/hostname", tar.TypeReg, host, "")
		add("etc/resolv.conf", tar.TypeReg, host, "")
		add("etc/machine-id", tar.TypeReg, host, "")
		add("etc/apt/sources.list", tar.TypeReg, "deb http://"+host+" trixie main\n", "")
		add("etc/passwd", tar.TypeReg, "root:x:0:0:root:/root:/bin/bash\n", "")
		add("etc/passwd-", tar.TypeReg, host, "")
		add("etc/group", tar.TypeReg, "root:x:0:\n", "")
		add("usr/bin/bash", tar.TypeReg, "bash", "")
		add("usr/bin/dash", tar.TypeReg, "dash", "")
		add("usr/bin/sh", tar.TypeLink, "", "./usr/bin/dash")
		add("usr/share/doc/x/README", tar.TypeReg, "doc", "")
		add("usr/share/doc/x/copyright", tar.TypeReg, "mine", "")
		add("var/log/dpkg.log", tar.TypeReg, host, "")
		add("var/cache/ldconfig/aux-cache", tar.TypeReg, host, "")
		add("var/lib/dpkg/status-old", tar.TypeReg, host, "")
		if err := tw.Close(); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := (Config{}).normalise(&out, &buf, "trixie"); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	a, b := mmdebstrapTar(epoch+1, "one.example"), mmdebstrapTar(epoch+100000, "two.example")
	if !bytes.Equal(a, b) {
		t.Error("the host or the clock shows in the root file system")
	}
	layer, err := Config{}.memoryLayer(a)
	if err != nil {
		t.Fatal(err)
	}
	img, err := Config{}.image([]v1.Layer{layer})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"bin": "0777 0:0 usr/bin", "etc": "0644 0:0 ", "run": "0644 0:0 ", "usr": "0644 0:0 ", "usr/bin": "0644 0:0 ", "var": "0644 0:0 ", "var/log": "0644 0:0 ",
		"dev": "0644 0:0 ", "var/cache/ldconfig": "0644 0:0 ",
		"etc/machine-id":       "0644 0:0 ",
		"etc/apt/sources.list": "0644 0:0 deb http://deb.debian.org/debian trixie main\n",
		"etc/passwd":           "0644 0:0 root:x:0:0:root:/root:/bin/bash\njovyan:x:1000:1000::/home/jovyan:/bin/bash\n",
		"etc/group":            "0644 0:0 root:x:0:\njovyan:x:1000:\n",
		"usr/bin/bash":         "0644 0:0 bash", "usr/bin/dash": "0644 0:0 dash", "usr/bin/sh": "0644 0:0 usr/bin/dash",
		"usr/share/doc/x/copyright": "0644 0:0 mine",
		"home/jovyan":               "0755 1000:1000 ", "home/jovyan/.profile": "0644 1000:1000 # jovyan\n", "srv/conda": "0755 1000:1000 ",
	}
	want["bin"] = "0644 0:0 usr/bin"
	if diff := cmp.Diff(want, list(t, img)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if err := (Config{}).normalise(io.Discard, bytes.NewReader(nil), "trixie"); err == nil || !strings.Contains(err.Error(), "has no etc/passwd") {
		t.Errorf("an empty root file system: %v", err)
	}
}

// Two runs of mmdebstrap give one digest, and the result runs in Docker.
func TestDebian(t *testing.T) {
	if os.Getenv("CORN_TEST_DEBIAN") == "" {
		t.Skip("set CORN_TEST_DEBIAN=1 to download Debian twice (two minutes)")
	}
	if _, err := exec.LookPath("mmdebstrap"); err != nil {
		t.Skip("mmdebstrap is not installed")
	}
	cache := t.TempDir()
	build := func(refresh bool) v1.Image {
		img, err := Debian(t.Context(), DebianOptions{Cache: cache, Refresh: refresh})
		if err != nil {
			t.Fatal(err)
		}
		return img
	}
	first := digestOf(t, build(false))
	start := time.Now()
	img := build(false)
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("with the cache it took %v", took)
	}
	if second := digestOf(t, build(true)); second != first {
		t.Errorf("digests %s and %s", first, second)
	}
	t.Logf("digest %s", first)
	if out, err := exec.Command("docker", "info").CombinedOutput(); err != nil {
		t.Skipf("no Docker: %v, %s", err, lastLines(string(out), 1))
	}
	file := filepath.Join(t.TempDir(), "base.tar")
	if err := WriteArchive(file, "corn-demo-test/base:test", img); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("docker", "load", "-i", file).CombinedOutput(); err != nil {
		t.Fatalf("docker load: %v\n%s", err, out)
	}
	defer exec.Command("docker", "rmi", "-f", "corn-demo-test/base:test").Run()
	out, err := exec.Command("docker", "run", "--rm", "--network", "none", "--entrypoint", "", "corn-demo-test/base:test",
		"/bin/bash", "-c", "id -un; pwd; ls -ld /srv/conda | cut -c1-10; ldd --version | head -1; test -s /etc/ssl/certs/ca-certificates.crt && echo certificates").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "jovyan\n/home/jovyan\ndrwxr-xr-x\n") || !strings.HasSuffix(string(out), "2.41\ncertificates\n") {
		t.Errorf("docker run: %v\n%s", err, out)
	}
}

// The base with triggers has pangeo's contract: which files count, as whom, in this order.
func TestTriggers(t *testing.T) {
	img := tiny(t, TinyOptions{Config: Config{OnBuild: true}})
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	order := []string{"USER root", "COPY --chown=jovyan:jovyan . /home/jovyan", "binder", "apt.txt", "jupyter_notebook_config.py", "USER ${NB_USER}", "conda-lock.yml", "requirements.txt", "postBuild", "start"}
	if len(file.Config.OnBuild) != len(order) {
		t.Fatalf("%d triggers, want %d", len(file.Config.OnBuild), len(order))
	}
	for i, trigger := range file.Config.OnBuild {
		if !strings.Contains(trigger, order[i]) {
			t.Errorf("trigger %d is %q, want one about %s", i, trigger, order[i])
		}
		if shell, ok := strings.CutPrefix(trigger, "RUN "); ok {
			if out, err := exec.Command("sh", "-n", "-c", shell).CombinedOutput(); err != nil {
				t.Errorf("trigger %d is no shell text: %s", i, out)
			}
		}
	}
	if got := file.Config.Entrypoint; len(got) != 1 || got[0] != startFile {
		t.Errorf("entrypoint %q", got)
	}
	if _, there := list(t, img)["etc/profile.d/notebook.sh"]; !there {
		t.Error("no profile activates the notebook environment")
	}
}
