package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nasa-openscapes/corn/internal/engine"
	"github.com/nasa-openscapes/corn/internal/sandbox"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

var update = flag.Bool("update", false, "rewrite the golden parts of the stories")

// TestMain makes "corn" a program of the stories: the test binary, run again.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"corn": main})
}

// TestStories runs testdata/script/*.txtar, each a story of one user. They need no
// network, no root and no daemon; story_test.go has the commands that they have besides
// testscript's own.
func TestStories(t *testing.T) {
	testscript.Run(t, params(t, testscript.Params{Dir: "testdata/script"}))
}

// params adds what all stories have.
func params(t *testing.T, p testscript.Params) testscript.Params {
	t.Helper()
	worlds, err := filepath.Abs("testdata/world")
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	python := sync.OnceValues(func() (channeltest.Archive, error) { return realPython(dir) })
	more := p.Setup
	p.Setup = func(e *testscript.Env) error {
		e.Values[storyKey{}] = &story{worlds: worlds, python: python}
		for name, value := range map[string]string{
			"HOME": e.WorkDir + "/home", "CORN_CACHE_DIR": e.WorkDir + "/cache", "ROOT": root,
			// Nothing of the machine that runs the tests.
			"TERM": "dumb", "LANG": "C", "TZ": "", "NO_COLOR": "", "CI": "", "XDG_CACHE_HOME": "",
			"GITHUB_ACTIONS": "", "GITHUB_BASE_REF": "", "GITLAB_CI": "", "CI_DEFAULT_BRANCH": "", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "",
			"DOCKER_CONFIG": e.WorkDir + "/docker", "REGISTRY_AUTH_FILE": "", "DOCKER_AUTH_CONFIG": "", "XDG_RUNTIME_DIR": "", "XDG_CONFIG_HOME": "",
			"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "GIT_CEILING_DIRECTORIES": filepath.Dir(e.WorkDir),
			"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example.org", "GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z",
			"GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@example.org", "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z",
			"MICROMAMBA": os.Getenv("CORN_MICROMAMBA"),
			"HTTP_PROXY": "", "HTTPS_PROXY": "", "http_proxy": "", "https_proxy": "", "ALL_PROXY": "", "all_proxy": "",
		} {
			e.Setenv(name, value)
		}
		if more != nil {
			return more(e)
		}
		return nil
	}
	p.Cmds = commands
	p.Condition = func(name string) (bool, error) { return condition(name, python) }
	p.UpdateScripts = *update
	p.RequireUniqueNames = true
	return p
}

// condition knows [micromamba]: CORN_MICROMAMBA names one; [tmpfs]: small disks can be mounted; and [python]: @python is in Go's
// module cache, where the demo puts it.
func condition(name string, python func() (channeltest.Archive, error)) (bool, error) {
	switch name {
	case "micromamba":
		return os.Getenv("CORN_MICROMAMBA") != "", nil
	case "python":
		_, err := python()
		return err == nil && runtime.GOOS == "linux" && runtime.GOARCH == "amd64", nil
	case "sandbox":
		_, err := sandbox.Check("")
		return err == nil, nil //nolint:nilerr // that is the question
	case "docker":
		_, err := engine.Find(context.Background(), "docker")
		return err == nil, nil //nolint:nilerr // that is the question
	case "tmpfs":
	default:
		return false, fmt.Errorf("no condition is called %q", name)
	}
	if os.Geteuid() != 0 {
		return false, nil
	}
	dir, err := os.MkdirTemp("", "corn-tmpfs-")
	if err != nil {
		return false, err
	}
	defer os.Remove(dir)
	if mount(dir, "64k") != nil {
		return false, nil // root of a container may not
	}
	return true, unmount(dir)
}
