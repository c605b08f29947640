package e2e

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
	"github.com/nasa-openscapes/corn/internal/testkit/jupytertest"
	"github.com/nasa-openscapes/corn/lock"
)

// A stage is what all tests share: the programs, the channel with a server, the base.
type stage struct {
	root, dir  string
	corn, demo string
	channelURL string

	hackweek, links func() (*image, error)
}

// An image is one that corn built and Docker has.
type image struct {
	Tag     string `json:"-"`
	Dir     string `json:"-"` // of the project
	ID      string `json:"image_id"`
	Kernels []kernel
	Layers  []struct{ ID, Kind string }
}

// A kernel is one that corn says it made.
type kernel struct {
	Name        string
	DisplayName string `json:"display_name"`
	Language    string
	Environment string
	Prefix      string
}

func newStage(ctx context.Context) (*stage, error) {
	root, err := filepath.Abs("..")
	if err != nil {
		return nil, err
	}
	s := &stage{root: root, dir: os.Getenv("CORN_DEMO_DIR")}
	if s.dir == "" {
		s.dir = filepath.Join(root, ".demo")
	}
	if s.dir, err = filepath.Abs(s.dir); err != nil {
		return nil, err
	}
	bin := filepath.Join(s.dir, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return nil, err
	}
	s.corn, s.demo = filepath.Join(bin, "corn"), filepath.Join(bin, "demo")
	channel := filepath.Join(s.dir, "channel")
	for _, step := range [][]string{
		{"docker", "version"}, // asks the engine, too
		{"go", "build", "-o", bin, "./cmd/corn", "./demo"},
		{s.demo, "channel", "-o", channel},
		{s.demo, "base", "-o", filepath.Join(s.dir, "base")},
	} {
		if _, err := s.run(ctx, step...); err != nil {
			return nil, err
		}
	}
	server := httptest.NewServer(channeltest.NewHandler(channel, channeltest.Options{Redirect: true}))
	atEnd = append(atEnd, server.Close)
	s.channelURL = server.URL
	s.hackweek = sync.OnceValues(func() (*image, error) {
		return s.build(filepath.Join(root, "examples", "hackweek"), "hackweek")
	})
	s.links = sync.OnceValues(s.buildLinks)
	return s, nil
}

// run runs a program in the repository and returns its standard output.
func (s *stage) run(ctx context.Context, args ...string) ([]byte, error) {
	out, _, err := s.runBoth(ctx, args...)
	return out, err
}

// runBoth also returns what the program said on standard error.
func (s *stage) runBoth(ctx context.Context, args ...string) (stdout []byte, stderr string, err error) {
	start := time.Now()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = s.root
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, "", fmt.Errorf("%s: %w\n%s%s", strings.Join(args, " "), err, &out, &errs)
	}
	fmt.Fprintf(os.Stderr, "e2e: %5.1fs %s %s\n", time.Since(start).Seconds(), filepath.Base(args[0]), strings.Join(args[1:min(3, len(args))], " "))
	return out.Bytes(), errs.String(), nil
}

// build builds a project on the stage's base and loads the image into Docker, unless Docker has it.
func (s *stage) build(project, name string) (*image, error) {
	return s.buildOn(filepath.Join(s.dir, "base"), project, name)
}

func (s *stage) buildOn(base, project, name string) (*image, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	archive := filepath.Join(s.dir, name+".tar")
	img := &image{Tag: "corn-e2e/" + name + ":test", Dir: project}
	out, err := s.run(ctx, s.corn, "build", project, "--base", "oci:"+base,
		"-o", "docker-archive:"+archive, "-t", img.Tag, "--channel-alias", s.channelURL,
		"--cache-dir", filepath.Join(s.dir, "corn-cache"), "--json")
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(out, img); err != nil {
		return nil, fmt.Errorf("read the result of corn build: %w", err)
	}
	id, err := archivedID(archive)
	if err != nil {
		return nil, err
	}
	if id != img.ID {
		return nil, fmt.Errorf("%s holds image %s, corn said %s", archive, id, img.ID)
	}
	if has, err := jupytertest.Docker(ctx, "image", "inspect", "--format", "{{.Id}}", img.Tag); err == nil && strings.TrimSpace(has) == id {
		return img, nil
	}
	if _, err := s.run(ctx, "docker", "load", "--input", archive); err != nil {
		return nil, err
	}
	has, err := jupytertest.Docker(ctx, "image", "inspect", "--format", "{{.Id}}", img.Tag)
	if err == nil && strings.TrimSpace(has) != id {
		err = fmt.Errorf("docker has image %s as %s after loading %s", strings.TrimSpace(has), img.Tag, id)
	}
	return img, err
}

// archivedID is the id of the one image of a docker archive: the digest of its config.
func archivedID(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if err != nil {
			return "", fmt.Errorf("find manifest.json in %s: %w", name, err)
		}
		if h.Name != "manifest.json" {
			continue
		}
		var images []struct{ Config string }
		if err := json.NewDecoder(r).Decode(&images); err != nil || len(images) != 1 {
			return "", fmt.Errorf("read manifest.json of %s: %d images, %w", name, len(images), err)
		}
		return "sha256:" + strings.TrimSuffix(filepath.Base(images[0].Config), ".json"), nil
	}
}

// buildLinks makes the project of testdata/links complete: its notebook environment is
// the example's, and its locks are made here, for nobody reads them.
func (s *stage) buildLinks() (*image, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	dir := filepath.Join(s.dir, "links")
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "links"))); err != nil {
		return nil, err
	}
	for _, name := range []string{"environment.yml", "conda-lock.yml"} {
		data, err := os.ReadFile(filepath.Join(s.root, "examples", "hackweek", "ci", name))
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, "ci", name), data, 0o644); err != nil {
			return nil, err
		}
	}
	if _, err := s.run(ctx, s.demo, "lock", dir, "--channel", filepath.Join(s.dir, "channel")); err != nil {
		return nil, err
	}
	return s.build(dir, "links")
}

// must ends the test when what it needs cannot be had.
func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// versions are the packages of an environment's lock file: conda name to version.
func (img *image) versions(t *testing.T, environment string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(img.Dir, func(p string, d fs.DirEntry, err error) error {
		isLock := d != nil && (d.Name() == "conda-lock.yml" || d.Name() == "conda-linux-64.lock")
		if err != nil || !isLock || filepath.Base(filepath.Dir(p)) != environment {
			return err
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		l, err := lock.Read(p, data)
		if err != nil {
			return err
		}
		packages, err := l.For("linux-64")
		for _, pkg := range packages {
			found[pkg.Name] = pkg.Version
		}
		return err
	})
	if err != nil {
		t.Fatalf("locks of %s: %v", img.Dir, err)
	}
	if len(found) == 0 {
		t.Fatalf("environment %s has no lock below %s", environment, img.Dir)
	}
	return found
}

// within gives a context that ends after d, or when the test has ended.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// start runs a container that waits, with a user of a hub and, unless flags say otherwise, a root
// file system that may be written to.
func start(t *testing.T, img *image, flags ...string) *jupytertest.Container {
	t.Helper()
	if !slices.Contains(flags, "--network") {
		flags = append(flags, "--network", "none")
	}
	flags = append(flags, "--user", "1000:100")
	c := must[*jupytertest.Container](t)(jupytertest.Run(within(t, time.Minute), img.Tag, flags, "sleep", "infinity"))
	t.Cleanup(func() {
		if err := c.Remove(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// sh runs a script by bash in the container, and fails the test where the script fails.
// P is the prefix of an environment.
func sh(t *testing.T, c *jupytertest.Container, prefix, script string) string {
	t.Helper()
	out, err := trySh(t, c, prefix, script)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func trySh(t *testing.T, c *jupytertest.Container, prefix, script string) (string, error) {
	t.Helper()
	out, err := c.ExecInput(within(t, 3*time.Minute), []string{"--env", "P=" + prefix}, "set -euo pipefail\n"+script, "bash", "-s")
	var failed *jupytertest.CommandError
	if errors.As(err, &failed) {
		err = fmt.Errorf("script\n%s\nended with exit code %d and printed\n%s", script, jupytertest.ExitCode(err), failed.Output)
	}
	return strings.TrimSpace(out), err
}

// python runs a program by the environment's Python.
func python(t *testing.T, c *jupytertest.Container, prefix, program string, args ...string) string {
	t.Helper()
	command := append([]string{prefix + "/bin/python", "-"}, args...)
	out, err := c.ExecInput(within(t, 3*time.Minute), nil, program, command...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// changedPaths are the files that the container changed below the folders, without
// folders that hold other changes.
func changedPaths(t *testing.T, c *jupytertest.Container, below ...string) []string {
	t.Helper()
	changes := must[[]jupytertest.Change](t)(c.Changes(within(t, time.Minute)))
	var paths []string
	for _, ch := range changes {
		for _, dir := range below {
			if ch.Path == dir && ch.Kind == 'C' { // something below it changed
				continue
			}
			if ch.Path == dir || strings.HasPrefix(ch.Path, dir+"/") {
				paths = append(paths, string(ch.Kind)+" "+ch.Path)
			}
		}
	}
	return paths
}

// withoutTest gives a context for what is done when the test's own has ended.
func withoutTest(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), d)
}
