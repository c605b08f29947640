package peertree

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// RecordingName is the file of an environment's recording.
func RecordingName(name string) string { return name + ".txt.zst" }

// A Stage is what the demo's environments are built from.
type Stage struct {
	Channel      string // folder that holds the channel's
	Base         string // OCI layout of the base image
	Environments []Environment
	Projects     []string // folders of the projects that the environments are of
}

// An Environment is one of the demo.
type Environment struct {
	Name    string // its slug, or "notebook"
	Lock    string // file
	Inputs  string // digest of the lock
	Project string
}

// OpenStage makes the channel and the base image, or takes those that "make demo" left in
// $CORN_DEMO_DIR or .demo, and lists the environments: those of examples/hackweek, and those of
// testdata/kernels, which are locked into temp. root is the top of the repository.
func OpenStage(ctx context.Context, root, temp string) (*Stage, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	dir := os.Getenv("CORN_DEMO_DIR")
	if dir == "" {
		dir = filepath.Join(root, ".demo")
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	s := &Stage{Channel: filepath.Join(dir, "channel"), Base: filepath.Join(dir, "base")}
	kernels := filepath.Join(temp, "kernels")
	if err := os.CopyFS(kernels, os.DirFS(filepath.Join(root, "internal", "peertree", "testdata", "kernels"))); err != nil {
		return nil, err
	}
	demo := filepath.Join(temp, "demo-program")
	for _, args := range [][]string{
		{"go", "build", "-o", demo, "./demo"},
		{demo, "channel", "-o", s.Channel},
		{demo, "base", "-o", s.Base},
		{demo, "lock", kernels, "--channel", s.Channel},
	} {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	for _, project := range []string{filepath.Join(root, "examples", "hackweek"), kernels} {
		s.Projects = append(s.Projects, project)
		for _, pattern := range []string{"ci/conda-lock.yml", "ci/environments/*/conda-lock.yml", "ci/environments/*/conda-linux-64.lock"} {
			found, err := filepath.Glob(filepath.Join(project, filepath.FromSlash(pattern)))
			if err != nil {
				return nil, err
			}
			for _, file := range found {
				e := Environment{Name: filepath.Base(filepath.Dir(file)), Lock: file, Project: project}
				if e.Name == "ci" {
					e.Name = "notebook"
				}
				data, err := os.ReadFile(file)
				if err != nil {
					return nil, err
				}
				e.Inputs = fmt.Sprintf("sha256:%x", sha256.Sum256(data))
				s.Environments = append(s.Environments, e)
			}
		}
	}
	return s, nil
}
