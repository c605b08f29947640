package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nasa-openscapes/corn/internal/testkit/jupytertest"
	"github.com/nasa-openscapes/corn/internal/testkit/projecttest"
	"github.com/nasa-openscapes/corn/internal/testkit/registrytest"
)

// The image that was pushed, gzip and zstd, is pulled by every engine that is here. Each
// makes the file system that the layers describe, to the byte, the mode, the owner and the
// second, and the image's own Jupyter starts every kernel in each.
func TestEnginesMakeOneTree(t *testing.T) {
	s := need(t)
	reg := registrytest.StartDebian(t)
	project := smallProject(t, s)
	pushed := map[string]engineImage{}
	for _, compression := range []string{"gzip", "zstd"} {
		ref, dir := reg.Host+"/openscapes/engines:"+compression, filepath.Join(t.TempDir(), compression)
		b := must[*built](t)(s.cornBuild(within(t, 5*time.Minute), project.dir,
			"--compression", compression, "--push", ref, "-o", "oci:"+dir))
		img, err := projecttest.OpenImage("oci:" + dir)
		if err != nil {
			t.Fatal(err)
		}
		pushed[compression] = engineImage{b, ref, must[tree](t)(layersTree(img))}
	}
	for i, l := range pushed["gzip"].Layers {
		if z := pushed["zstd"].Layers[i]; l.ID != z.ID || l.DiffID != z.DiffID && l.Kind != "meta" {
			t.Errorf("layer %s has another content with gzip than with zstd", l.ID)
		}
	}
	t.Run("Docker", func(t *testing.T) { testDocker(t, pushed) })
	t.Run("podman", func(t *testing.T) { testPodman(t, pushed) })
	t.Run("containerd", func(t *testing.T) { testContainerd(t, pushed) })
}

// An engineImage is one that was pushed, with the tree that its layers describe.
type engineImage struct {
	*built
	ref  string
	tree tree
}

// showKernels is a command that starts every kernel and runs code in it.
func showKernels(t *testing.T) []string {
	t.Helper()
	return []string{"python3", "-c", string(must[[]byte](t)(os.ReadFile(filepath.Join("..", "demo", "show_kernels.py"))))}
}

// wantShown looks at what that command printed.
func (e engineImage) wantShown(t *testing.T, out string) {
	t.Helper()
	for _, k := range e.Kernels {
		if !strings.Contains(out, k.Name+": "+k.DisplayName+" (") || k.Language == "python" && !strings.Contains(out, "prefix: "+k.Prefix+"\n") {
			t.Errorf("kernel %s did not show itself:\n%s", k.Name, out)
		}
	}
}

func (e engineImage) wantTree(t *testing.T, got tree, except ...string) {
	t.Helper()
	if len(e.tree) < 5_000 {
		t.Fatalf("the image has %d paths, want thousands", len(e.tree))
	}
	if diff := differences(e.tree, got, except...); len(diff) > 0 {
		t.Errorf("the tree of %s (of %d paths):\n%s", e.ref, len(e.tree), strings.Join(diff, "\n"))
	}
}

// command runs a program and returns its standard output; its errors hold what it printed.
func command(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), &jupytertest.CommandError{Args: args, Output: out.String() + errs.String(), Err: err}
	}
	return out.String(), nil
}

// dockerReadsZstd says whether this Docker unpacks layers of zstd: since version 23.
func dockerReadsZstd(t *testing.T) bool {
	t.Helper()
	version := must[string](t)(jupytertest.Docker(within(t, time.Minute), "version", "--format", "{{.Server.Version}}"))
	major, _, _ := strings.Cut(version, ".")
	return must[int](t)(strconv.Atoi(major)) >= 23
}

func testDocker(t *testing.T, pushed map[string]engineImage) {
	for compression, e := range pushed {
		if _, err := jupytertest.Docker(within(t, 5*time.Minute), "pull", "--quiet", e.ref); compression == "zstd" && !dockerReadsZstd(t) {
			if err == nil || !strings.Contains(err.Error(), "invalid tar header") {
				t.Errorf("a Docker before 23 is said to refuse zstd with an invalid tar header, and gave %v", err)
			}
			t.Logf("this Docker reads no zstd, as docs/guide.md says")
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { removeImages(t, e.ref) })
		out, err := jupytertest.Docker(within(t, 3*time.Minute), append([]string{"run", "--rm", "--network", "none", e.ref}, showKernels(t)...)...)
		if err != nil {
			t.Fatal(err)
		}
		e.wantShown(t, out)
		e.wantTree(t, dockerTree(t, e.ref), dockerOwn...)
	}
}

// dockerOwn is what Docker puts into a container's file system.
var dockerOwn = []string{".dockerenv", "dev", "dev/console", "dev/pts", "dev/shm", "etc", "etc/hostname", "etc/hosts", "etc/mtab", "etc/resolv.conf", "proc", "sys"}

func dockerTree(t *testing.T, ref string) tree {
	t.Helper()
	id := strings.TrimSpace(must[string](t)(jupytertest.Docker(within(t, time.Minute), "create", ref, "true")))
	defer func() {
		if err := (&jupytertest.Container{ID: id}).Remove(); err != nil {
			t.Error(err)
		}
	}()
	export := exec.CommandContext(within(t, 3*time.Minute), "docker", "export", id)
	stream, err := export.StdoutPipe()
	if err == nil {
		err = export.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	got, err := tarTree(stream)
	if waitErr := export.Wait(); err != nil || waitErr != nil {
		t.Fatalf("docker export %s: %v, %v", ref, err, waitErr)
	}
	return got
}

// testPodman runs podman as root with storage of its own.
func testPodman(t *testing.T, pushed map[string]engineImage) {
	podman := podmanIn(t, scratch(t))
	for _, compression := range []string{"zstd", "gzip"} {
		e := pushed[compression]
		if _, err := podman(5*time.Minute, "pull", "--quiet", "--tls-verify=false", e.ref); err != nil {
			t.Fatal(err)
		}
		id := must[string](t)(podman(time.Minute, "image", "inspect", "--format", "{{.Id}}", e.ref))
		if "sha256:"+strings.TrimSpace(id) != e.ID {
			t.Errorf("podman has image %s, corn said %s", id, e.ID)
		}
		// podman asks for more open files and processes than a root without CAP_SYS_RESOURCE may have.
		run := []string{"run", "--rm", "--network", "host", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", e.ref}
		if out, err := podman(time.Minute, append(run, "true")...); err != nil {
			t.Logf("podman runs nothing here, the kernels are not tried: %v\n%s", err, out)
		} else if out, err := podman(3*time.Minute, append(run, showKernels(t)...)...); err != nil {
			t.Error(err)
		} else {
			e.wantShown(t, out)
		}
		root := strings.TrimSpace(must[string](t)(podman(time.Minute, "image", "mount", e.ref)))
		e.wantTree(t, must[tree](t)(folderTree(t.Context(), root)))
		if _, err := podman(time.Minute, "image", "unmount", e.ref); err != nil {
			t.Error(err)
		}
	}
}

// testContainerd runs a containerd of its own. Docker's is of another namespace and version.
func testContainerd(t *testing.T, pushed map[string]engineImage) {
	dir := scratch(t)
	ctr := func(limit time.Duration, args ...string) (string, error) {
		return command(within(t, limit), append([]string{"ctr", "--address", startContainerd(t, dir)}, args...)...)
	}
	for _, compression := range []string{"zstd", "gzip"} {
		e := pushed[compression]
		if _, err := ctr(5*time.Minute, "images", "pull", "--plain-http", e.ref); err != nil {
			t.Fatal(err)
		}
		out, err := ctr(3*time.Minute, append([]string{"run", "--rm", "--net-host", e.ref, filepath.Base(dir) + "-" + compression}, showKernels(t)...)...)
		if err != nil {
			t.Error(err)
		}
		e.wantShown(t, out)
		root := filepath.Join(dir, compression)
		if err := os.Mkdir(root, 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := ctr(time.Minute, "images", "mount", e.ref, root); err != nil {
			t.Fatal(err)
		}
		got, err := folderTree(t.Context(), root)
		if unmountErr := syscall.Unmount(root, 0); err != nil || unmountErr != nil {
			t.Fatal(err, unmountErr)
		}
		e.wantTree(t, got)
		// Without this the next image's layers would not be unpacked: their content is the same.
		for _, args := range [][]string{{"snapshots", "rm", root}, {"images", "rm", "--sync", e.ref}} {
			if _, err := ctr(time.Minute, args...); err != nil {
				t.Error(err)
			}
		}
	}
}

// containerds are those that run, by folder.
var containerds = map[string]string{}

// startContainerd runs a containerd in a folder, once, and returns its socket.
func startContainerd(t *testing.T, dir string) string {
	t.Helper()
	if socket := containerds[dir]; socket != "" {
		return socket
	}
	socket := filepath.Join(dir, "socket")
	config := fmt.Sprintf("version = 2\nroot = %q\nstate = %q\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\", \"io.containerd.internal.v1.opt\"]\n[grpc]\naddress = %q\n[ttrpc]\naddress = %q\n",
		filepath.Join(dir, "root"), filepath.Join(dir, "state"), socket, socket+".ttrpc")
	file := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd := exec.Command("containerd", "--config", file, "--log-level", "warn")
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatalf("start containerd: %v: run demo/setup.sh tests", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended, which Wait tells
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Logf("containerd ended (%v) and printed:\n%s", err, &log)
		}
	})
	for range 100 {
		if _, err := command(t.Context(), "ctr", "--address", socket, "version"); err == nil {
			containerds[dir] = socket
			return socket
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("containerd does not answer")
	return ""
}

// scratch is a temporary folder with a short name, for sockets.
func scratch(t *testing.T) string {
	t.Helper()
	dir := must[string](t)(os.MkdirTemp("", "corn"))
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
