package e2e

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A repository is a project under git, as a team has it.
type repository struct {
	t   *testing.T
	s   *stage
	dir string
}

// newRepository makes one with the example's notebook environment.
func newRepository(t *testing.T, s *stage) *repository {
	t.Helper()
	r := &repository{t, s, filepath.Join(t.TempDir(), "hackweek")}
	r.copyExample("ci/environment.yml", "ci/conda-lock.yml")
	r.git("init", "--quiet", "--initial-branch", "main")
	return r
}

// smallProject has a notebook environment without JupyterLab, whose Jupyter starts kernels all
// the same, and one kernel: what an image has, in a fifth of the example's bytes.
func smallProject(t *testing.T, s *stage) *repository {
	t.Helper()
	r := &repository{t, s, filepath.Join(t.TempDir(), "small")}
	const channels = "channels:\n  - corn-demo\n  - nodefaults\ndependencies:\n"
	r.write("ci/environment.yml", "name: small\n"+channels+"  - python=3.13\n  - ipykernel\n")
	r.write("ci/environments/counting/environment.yml", "name: counting\n"+channels+"  - python=3.11\n  - ipykernel\n  - toolz\n")
	r.lock()
	return r
}

// copyExample copies files of examples/hackweek.
func (r *repository) copyExample(names ...string) {
	r.t.Helper()
	for _, name := range names {
		data := must[[]byte](r.t)(os.ReadFile(filepath.Join(r.s.root, "examples", "hackweek", filepath.FromSlash(name))))
		r.write(name, string(data))
	}
}

func (r *repository) write(name, text string) {
	r.t.Helper()
	file := filepath.Join(r.dir, filepath.FromSlash(name))
	err := os.MkdirAll(filepath.Dir(file), 0o755)
	if err == nil {
		err = os.WriteFile(file, []byte(text), 0o644)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *repository) git(args ...string) string {
	r.t.Helper()
	cmd := exec.CommandContext(within(r.t, time.Minute), "git", args...)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.org", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.org")
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r *repository) lock() {
	r.t.Helper()
	must[[]byte](r.t)(r.s.run(within(r.t, time.Minute), r.s.demo, "lock", r.dir, "--channel", filepath.Join(r.s.dir, "channel")))
}

// commit locks the environments, commits everything, and returns the tag that corn gives images
// of the commit.
func (r *repository) commit(message string) string {
	r.t.Helper()
	r.lock()
	r.git("add", "--all")
	r.git("commit", "--quiet", "--message", message)
	return r.git("rev-parse", "--short=12", "HEAD")
}

// A built is what corn says of an image.
type built struct {
	image
	Digest  string
	Outputs []struct {
		Ref          string
		BytesWritten int64 `json:"bytes_written"`
	}
	Warnings []string
	Said     string `json:"-"` // on standard error
	Layers   []builtLayer
}

type builtLayer struct {
	ID, Kind, Key, Digest string
	DiffID                string `json:"diff_id"`
	SizeBytes             int64  `json:"size_bytes"`
	TakenOver             bool   `json:"taken_over"`
}

// cornBuild builds a project; flags come after those that every build has.
func (s *stage) cornBuild(ctx context.Context, project string, flags ...string) (*built, error) {
	args := append([]string{
		s.corn, "build", project, "--base", "oci:" + filepath.Join(s.dir, "base"), "--channel-alias", s.channelURL,
		"--cache-dir", filepath.Join(s.dir, "corn-cache"), "--json",
	}, flags...)
	out, said, err := s.runBoth(ctx, args...)
	if err != nil {
		return nil, err
	}
	b := &built{image: image{Dir: project}, Said: said}
	return b, json.Unmarshal(out, b)
}
