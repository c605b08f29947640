package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/nasa-openscapes/corn/demo/base"
	"github.com/nasa-openscapes/corn/demo/recipe"
)

// stage is the folder that runs of corn work in: channel, base, caches and images.
type stage struct {
	dir, corn, project, cache string
	log                       io.Writer
}

// flags adds the flags that every command with a stage has.
func (s *stage) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.dir, "dir", ".demo", "folder to work in")
	cmd.Flags().StringVar(&s.corn, "corn", "bin/corn", "corn's binary")
	cmd.Flags().StringVar(&s.project, "project", filepath.Join("examples", "hackweek"), "project to build")
	cmd.Flags().StringVar(&s.cache, "cache", "", "folder for downloads and converted packages (default the user's cache folder)")
}

func (s *stage) path(name ...string) string {
	return filepath.Join(append([]string{s.dir}, name...)...)
}

// prepare makes paths absolute, the channel and the base.
func (s *stage) prepare(ctx context.Context) error {
	for _, p := range []*string{&s.dir, &s.corn, &s.project} {
		abs, err := filepath.Abs(*p)
		if err != nil {
			return fmt.Errorf("find %s: %w", *p, err)
		}
		*p = abs
	}
	if _, err := os.Stat(s.corn); err != nil {
		return fmt.Errorf("corn is not built: %w", err)
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return fmt.Errorf("create %s: %w", s.dir, err)
	}
	if s.cache == "" {
		var err error
		if s.cache, err = recipe.CacheDir(); err != nil {
			return err
		}
	}
	s.say("the channel")
	if _, err := writeChannel(ctx, s.path("channel"), s.cache, "full"); err != nil {
		return fmt.Errorf("make channel: %w", err)
	}
	s.say("the base image")
	img, err := base.Debian(ctx, base.DebianOptions{Cache: filepath.Join(s.cache, "base"), Log: s.log})
	if err != nil {
		return fmt.Errorf("make base: %w", err)
	}
	return base.WriteLayout(s.path("base"), img)
}

func (s *stage) say(what string) { fmt.Fprintln(s.log, "demo:", what) }

// build runs "corn build" and returns how long it took. Its talk goes to the log; the
// command's own environment and wrapper come from the caller.
func (s *stage) build(ctx context.Context, alias string, wrap func(*exec.Cmd), args ...string) (time.Duration, error) {
	args = append([]string{"build", s.project, "--base", "oci:" + s.path("base"), "--channel-alias", alias}, args...)
	cmd := exec.CommandContext(ctx, s.corn, args...)
	cmd.Stdout, cmd.Stderr = s.log, s.log
	if wrap != nil {
		wrap(cmd)
	}
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("corn build: %w", err)
	}
	return time.Since(start), nil
}

// layoutDigest is the digest of the one image of an OCI layout.
func layoutDigest(dir string) (string, error) {
	data, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		return "", fmt.Errorf("read layout: %w", err)
	}
	var index struct {
		Manifests []struct {
			Digest string `json:"digest"`
		} `json:"manifests"`
	}
	if err := json.Unmarshal(data, &index); err != nil {
		return "", fmt.Errorf("read layout %s: %w", dir, err)
	}
	digests := map[string]bool{}
	for _, m := range index.Manifests { // one image may stand there under several tags
		digests[m.Digest] = true
	}
	if len(digests) != 1 {
		return "", fmt.Errorf("layout %s has %d images, want 1", dir, len(digests))
	}
	return index.Manifests[0].Digest, nil
}
