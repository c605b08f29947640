package e2e

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nasa-openscapes/corn/internal/testkit/jupytertest"
	"github.com/nasa-openscapes/corn/internal/testkit/registrytest"
)

// What other tools make of a pushed image, given to the next build as the image of before: the
// digest is what it is without one, and corn says why it takes nothing over.
func TestPreviousImagesThatToolsMade(t *testing.T) {
	s := need(t)
	from, toDocker := registrytest.StartDebian(t), registrytest.StartDebian(t)
	project := smallProject(t, s)
	ref := from.Host + "/openscapes/small:1"
	pushed := must[*built](t)(s.cornBuild(within(t, 5*time.Minute), project.dir, "--compression", "gzip", "--push", ref))
	if _, err := jupytertest.Docker(within(t, 5*time.Minute), "pull", "--quiet", ref); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeImages(t, ref) })
	for _, c := range []struct {
		name  string
		make  func(t *testing.T, as string)
		said  string // in what corn says of it
		taken bool   // every layer, for the bytes are the same
	}{
		{"skopeo-copies", func(t *testing.T, as string) {
			run(t, "skopeo", "copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false", "docker://"+ref, "docker://"+as)
		}, "layers that may be taken over", true},
		{"index", func(t *testing.T, as string) {
			podman := podmanIn(t, scratch(t))
			list := "localhost/corn-e2e:" + filepath.Base(t.TempDir())
			must[string](t)(podman(time.Minute, "manifest", "create", list))
			must[string](t)(podman(5*time.Minute, "manifest", "add", "--tls-verify=false", list, "docker://"+ref))
			must[string](t)(podman(5*time.Minute, "manifest", "push", "--all", "--tls-verify=false", list, "docker://"+as))
		}, "layers that may be taken over", true},
		{"skopeo-compresses-anew", func(t *testing.T, as string) {
			dir := t.TempDir()
			run(t, "skopeo", "copy", "--quiet", "--src-tls-verify=false", "--dest-decompress", "docker://"+ref, "dir:"+dir)
			run(t, "skopeo", "copy", "--quiet", "--dest-tls-verify=false", "dir:"+dir, "docker://"+as)
		}, "compressed anew", false},
		{"podman-pushes", func(t *testing.T, as string) {
			podman := podmanIn(t, scratch(t))
			must[string](t)(podman(5*time.Minute, "pull", "--quiet", "--tls-verify=false", ref))
			must[string](t)(podman(5*time.Minute, "push", "--quiet", "--tls-verify=false", ref, as))
		}, "compressed anew", false},
		{"docker-pushes", func(t *testing.T, as string) {
			run(t, "docker", "tag", ref, as)
			t.Cleanup(func() { removeImages(t, as) })
			run(t, "docker", "push", "--quiet", as)
		}, "compressed anew", false},
		{"docker-commits-a-child", func(t *testing.T, as string) {
			childChangesOwners(t, pushed, ref, as)
			run(t, "docker", "push", "--quiet", as)
		}, "nothing is taken over from", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			// skopeo and podman remember where a registry has the bytes that they had before, and
			// send those again: they get one that has nothing.
			to := toDocker
			if !strings.HasPrefix(c.name, "docker") {
				to = registrytest.StartDebian(t)
			}
			as := to.Host + "/openscapes/" + c.name + ":1"
			c.make(t, as)
			flags := []string{"--compression", "gzip", "--from", "docker://" + as, "-o", "oci:" + filepath.Join(t.TempDir(), "out")}
			if c.taken { // else all would be in the cache
				flags = append(flags, "--cache-dir", filepath.Join(t.TempDir(), "cache"))
			}
			b := must[*built](t)(s.cornBuild(within(t, 5*time.Minute), project.dir, flags...))
			if b.Digest != pushed.Digest {
				t.Errorf("with it as the image of before: digest %s, without %s", b.Digest, pushed.Digest)
			}
			if !strings.Contains(b.Said, c.said) {
				t.Errorf("corn did not say %q of it:\n%s", c.said, b.Said)
			}
			taken := 0
			for _, l := range b.Layers {
				if l.TakenOver {
					taken++
				}
			}
			want := 0
			if c.taken {
				want = len(pushed.Layers) - 1 // the metadata layer is always made
			}
			if taken != want {
				t.Errorf("%d layers were taken over, want %d\n%s", taken, want, b.Said)
			}
		})
	}
}

// run runs a program that has to succeed, and returns its standard output.
func run(t *testing.T, args ...string) string {
	t.Helper()
	return must[string](t)(command(within(t, 5*time.Minute), args...))
}

// podmanIn gives podman with storage of its own, as root.
func podmanIn(t *testing.T, dir string) func(limit time.Duration, args ...string) (string, error) {
	t.Helper()
	t.Cleanup(func() { // podman mounts that folder onto itself, and may leave it so
		_ = syscall.Unmount(filepath.Join(dir, "root", "overlay"), syscall.MNT_DETACH)
	})
	return func(limit time.Duration, args ...string) (string, error) {
		return command(within(t, limit), append([]string{
			"podman", "--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run"),
			"--cgroup-manager", "cgroupfs", "--events-backend", "none",
		}, args...)...)
	}
}

// childChangesOwners builds upon an image with "chown -R" over CONDA_DIR, as child images do:
// what is below that is copied up, and not one byte of the store, because that is elsewhere.
// Its kernels run on.
func childChangesOwners(t *testing.T, b *built, ref, child string) {
	t.Helper()
	// What "RUN chown -R 1000:100 ${CONDA_DIR}" does: a container of root's, and a commit.
	id := strings.TrimSpace(run(t, "docker", "run", "--detach", "--network", "none", "--user", "0", ref,
		"sh", "-c", "chown -R 1000:100 ${CONDA_DIR:-/srv/conda}"))
	c := &jupytertest.Container{ID: id}
	t.Cleanup(func() {
		removeImages(t, child)
		if err := c.Remove(); err != nil {
			t.Error(err)
		}
	})
	if code := strings.TrimSpace(run(t, "docker", "wait", id)); code != "0" {
		t.Fatalf("chown -R ended with %s", code)
	}
	conda := 0
	for _, p := range changedPaths(t, c, "/opt/corn", "/srv/conda") {
		if strings.HasPrefix(p[2:], "/opt/corn") {
			t.Errorf("chown -R of CONDA_DIR changed the store: %s", p)
		}
		conda++
	}
	if conda < 1000 {
		t.Errorf("chown -R changed %d paths in CONDA_DIR: the test shows nothing", conda)
	}
	run(t, "docker", "commit", "--change", "USER 1000:100", id, child)
	out := run(t, append([]string{"docker", "run", "--rm", "--network", "none", child}, showKernels(t)...)...)
	engineImage{built: b}.wantShown(t, out)
}
