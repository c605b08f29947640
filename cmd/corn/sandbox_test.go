package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/nasa-openscapes/corn/internal/sandbox"
	"github.com/nasa-openscapes/corn/internal/testkit/toolroot"
)

// toolImage writes an image whose programs run into dir/dist/image, and returns a function that
// makes commands of corn in dir.
func toolImage(t *testing.T) func(args ...string) *exec.Cmd {
	t.Helper()
	if _, err := sandbox.Check(""); err != nil {
		t.Skipf("this machine refuses a sandbox: %v", err)
	}
	dir := t.TempDir()
	raw := toolroot.Base(t)
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil })
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, l)
	if err != nil {
		t.Fatal(err)
	}
	img, err = mutate.ConfigFile(img, &v1.ConfigFile{OS: "linux", Architecture: "amd64", RootFS: mustConfig(t, img).RootFS,
		Config: v1.Config{User: "jovyan", WorkingDir: "/home/jovyan", Env: []string{"PATH=/usr/bin", "LANG=C.UTF-8"}}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := layout.Write(filepath.Join(dir, "dist", "image"), empty.Index)
	if err == nil {
		err = p.AppendImage(img)
	}
	if err != nil {
		t.Fatal(err)
	}
	bin, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return func(args ...string) *exec.Cmd {
		cmd := exec.Command(bin, args...)
		cmd.Args[0] = "corn"
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "CORN_CACHE_DIR="+filepath.Join(dir, "cache"), "TERM=dumb")
		return cmd
	}
}

func mustConfig(t *testing.T, img v1.Image) *v1.ConfigFile {
	t.Helper()
	c, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestShell(t *testing.T) {
	corn := toolImage(t)
	for _, tt := range []struct {
		why            string
		args           string
		code           int
		stdout, stderr string // parts
	}{
		{"the image's user, its home and environment", "shell -- tool id ; pwd ; env", 0, "1000 1000 []\n/home/jovyan\nPATH=/usr/bin\nLANG=C.UTF-8\nHOME=/home/jovyan\n", ""},
		{"root", "shell --root oci:dist/image -- tool id", 0, "0 0 []\n", ""},
		{"what is changed", "shell -- tool write x y ; cat x", 0, "y", ""},
		{"is thrown away", "shell -- tool cat x", 1, "", "no such file"},
		{"the exit code", "shell -- tool exit 42", 42, "", "tool ended with exit code 42"},
		{"no such program", "shell -- none", 11, "", "start none: no folder of PATH has it: /usr/bin"},
		{"no such environment", "shell --env none -- tool id", 2, "", "--env none: no such environment"},
		{"no such image", "shell oci:none -- tool id", 7, "", "none"},
		{"two images", "shell a b", 2, "", "want one image"},
		{"no network", "shell --offline -- tool listen", 0, "lo true\n", ""},
	} {
		cmd := corn(strings.Fields(tt.args)...)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		_ = cmd.Run()
		if code := cmd.ProcessState.ExitCode(); code != tt.code || !strings.Contains(out.String(), tt.stdout) || !strings.Contains(errs.String(), tt.stderr) {
			t.Errorf("%s: corn %s: exit code %d, want %d\nstdout %q, want %q\nstderr %q, want %q", tt.why, tt.args, code, tt.code, out.String(), tt.stdout, errs.String(), tt.stderr)
		}
	}
}

func TestRunJupyter(t *testing.T) {
	corn := toolImage(t)
	cmd := corn("run", "--json")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stuck := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer stuck.Stop()
	var res struct{ URL, Token, Home string }
	if err := json.NewDecoder(out).Decode(&res); err != nil {
		_ = cmd.Wait()
		t.Fatalf("read the result: %v\n%s", err, errs.String())
	}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, strings.Replace(res.URL, "/lab?", "/api?", 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK || res.Home != "/home/jovyan" || len(res.Token) != 48 {
		t.Errorf("GET %s = %s; result %+v", res.URL, resp.Status, res)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("corn run, ended by a signal: %v, want exit code 0", err)
	}
	for _, want := range []string{"files at home: 0 user: 1000 token: true", "ended in peace"} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("stderr lacks %q:\n%s", want, errs.String())
		}
	}
}
