package image

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/internal/kernel"
	"github.com/nasa-openscapes/corn/internal/testkit/layertest"
)

// realBase opens the base image that CORN_TEST_BASE names: a Debian or Ubuntu with a user
// of uid 1000, as the demo makes one.
func realBase(t *testing.T) *Base {
	t.Helper()
	ref := os.Getenv("CORN_TEST_BASE")
	if ref == "" {
		t.Skip("CORN_TEST_BASE names no base image, such as docker-archive:base.tar")
	}
	return open(t, ref)
}

func TestRealBase(t *testing.T) {
	b := realBase(t)
	f := factsOf(t, b)
	t.Logf("user %+v, glibc %s, %v, programs %v", f.User, f.Glibc, f.OSRelease, f.Programs)
	if f.User.UID != 1000 || f.Glibc == "" || f.OSRelease["ID"] == "" || f.Programs["sh"] == "" || len(f.Files) != 3 {
		t.Errorf("facts of a real base: user %+v, glibc %q, %v, files %v", f.User, f.Glibc, f.OSRelease, f.Files)
	}
	dir := t.TempDir()
	r, err := b.ExtractRuntime(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(r.Loader, "--version").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "version "+f.Glibc) {
		t.Errorf("the base's loader says %q, %v, want version %s", out, err, f.Glibc)
	}
	// A program of this machine, through the base's loader and C library.
	if argv := r.Command(nil, "/bin/sh", "-c", "echo through; exit 3"); true {
		out, err := exec.Command(argv[0], argv[1:]...).Output()
		if string(out) != "through\n" || err == nil {
			t.Errorf("%v printed %q, %v", argv, out, err)
		}
	}
}

// TestRunsInDocker loads an image with a kernel's launcher, a missing entrypoint and a
// metadata layer into Docker and runs it as the base's user.
func TestRunsInDocker(t *testing.T) {
	b := realBase(t)
	if err := exec.Command("docker", "version").Run(); err != nil {
		t.Skipf("no Docker: %v", err)
	}
	const prefix = "srv/conda/envs/climate"
	env := kernel.Env{
		Slug: "climate", DisplayName: "Climate", Prefix: prefix, UID: 1000, GID: 100,
		Files:     []string{"bin/python", "share/jupyter/kernels/python3/kernel.json"},
		Data:      map[string][]byte{"share/jupyter/kernels/python3/kernel.json": []byte(`{"argv": ["python", "{connection_file}"], "language": "python"}`)},
		Variables: []kernel.Variable{{Name: "SPACED", Value: "it's a value"}},
	}
	kernels, err := kernel.Register([]kernel.Env{env}, kernel.Options{Dir: SharedKernelsDir})
	if err != nil {
		t.Fatal(err)
	}
	f := factsOf(t, b)
	plan, err := PlanConfig(f, ConfigOptions{NotebookPrefix: f.NotebookPrefix, Env: []EnvVar{{"MADE_BY", "corn"}}})
	if err != nil {
		t.Fatal(err)
	}
	_, parents, err := f.ResolveDir(SharedKernelsDir)
	if err != nil {
		t.Fatal(err)
	}
	_, envParents, err := f.ResolveDir(prefix)
	if err != nil {
		t.Fatal(err)
	}
	entries := append(append(append(parents, envParents...), plan.Entries...), kernels.Entries...)
	hs := headers(entries, kernels.Data, plan.Data)
	hs = append(hs,
		h{Name: prefix + "/bin/"}, h{Name: prefix + "/bin/python", Mode: 0o755, Data: "#!/bin/sh\necho \"$CONDA_PREFIX|$SPACED|$FROM_BASH|$1\"\n"},
		h{Name: prefix + "/etc/conda/activate.d/x.sh", Data: "a=(one two); export FROM_BASH=${a[1]}\n"})
	img := compose(t, Composition{Base: b, Config: plan, Layers: []AddedLayer{{Layer: layertest.Blob(layertest.Gzip(layertest.Tar(hs...)), types.OCILayer, layertest.Tar(hs...)), Kind: "metadata"}}})
	file := filepath.Join(t.TempDir(), "image.tar")
	write(t, img, Output{Kind: DockerArchive, Path: file, Name: "corn-image-test", Tags: []string{"real"}})
	docker := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("docker", args...).CombinedOutput()
		if err != nil {
			t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	docker("load", "-i", file)
	t.Cleanup(func() { _ = exec.Command("docker", "rmi", "corn-image-test:real").Run() })
	run := []string{"run", "--rm", "--network", "none", "corn-image-test:real"}
	if got, want := docker(append(run, append(kernels.Kernels[0].Argv[:2:2], "conn.json")...)...), "/"+prefix+"|it's a value|two|conn.json\n"; got != want {
		t.Errorf("the kernel printed %q, want %q", got, want)
	}
	if got := docker(append(run, "sh", "-c", "id -u; echo $MADE_BY; stat -c '%a %u:%g' /"+prefix)...); got != "1000\ncorn\n755 0:0\n" {
		t.Errorf("in the container: %q", got)
	}
}

func headers(entries []filetree.Entry, datas ...map[string][]byte) []h {
	var out []h
	seen := map[string]bool{}
	for _, e := range entries {
		if seen[e.Path] {
			continue
		}
		seen[e.Path] = true
		n := h{Name: e.Path, Mode: int64(e.Mode), UID: e.UID, GID: e.GID, Link: e.Link}
		if e.Type == filetree.Dir {
			n.Name += "/"
		}
		for _, d := range datas {
			n.Data += string(d[e.Path])
		}
		out = append(out, n)
	}
	return out
}
