// Package engine asks a Docker on this machine to load and run images, and looks at what
// they take of its disk.
package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/nasa-openscapes/corn/bench/layers"
	"github.com/nasa-openscapes/corn/bench/run"
)

// ErrMissing says that there is no Docker to measure with.
var ErrMissing = errors.New("no docker engine answers")

// Version returns "20.10.24, overlay2 on extfs", or ErrMissing.
func Version(ctx context.Context) (string, error) {
	out, err := docker(ctx, "info", "--format", "{{json .}}")
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrMissing, err)
	}
	var info struct {
		ServerVersion, Driver string
		DriverStatus          [][2]string
	}
	if err := json.Unmarshal([]byte(out), &info); err != nil {
		return "", fmt.Errorf("docker info: %w", err)
	}
	text := info.ServerVersion + ", " + info.Driver
	if i := slices.IndexFunc(info.DriverStatus, func(s [2]string) bool { return s[0] == "Backing Filesystem" }); i >= 0 {
		text += " on " + info.DriverStatus[i][1]
	}
	return text, nil
}

func docker(ctx context.Context, args ...string) (string, error) {
	var out, said strings.Builder
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("docker %s: %w: %s", args[0], err, strings.TrimSpace(said.String()))
	}
	return strings.TrimSpace(out.String()), nil
}

// Load loads an archive. An image of the same tag is removed first, so that all is unpacked.
func Load(ctx context.Context, archive, tag string) (time.Duration, error) {
	if err := Remove(ctx, tag); err != nil {
		return 0, err
	}
	u, err := run.Run(ctx, run.Options{}, "docker", "load", "-q", "-i", archive)
	return u.Wall, err
}

// Remove removes an image and its layers. One that is not there is no error.
func Remove(ctx context.Context, tag string) error {
	if _, err := docker(ctx, "image", "inspect", tag); err != nil {
		return nil //nolint:nilerr // it is not there
	}
	_, err := docker(ctx, "image", "rm", "-f", tag)
	return err
}

// Disk adds up what the layers above the lowest skip ones take. It needs overlay2 and root.
func Disk(ctx context.Context, tag string, skip int) (layers.Usage, error) {
	var sum layers.Usage
	out, err := docker(ctx, "image", "inspect", "--format", "{{json .GraphDriver}}", tag)
	if err != nil {
		return sum, err
	}
	var driver struct {
		Name string
		Data struct{ UpperDir, LowerDir string }
	}
	if err := json.Unmarshal([]byte(out), &driver); err != nil {
		return sum, fmt.Errorf("storage of %s: %w", tag, err)
	}
	if driver.Name != "overlay2" {
		return sum, fmt.Errorf("storage of %s: driver %s, want overlay2", tag, driver.Name)
	}
	dirs := []string{driver.Data.UpperDir}
	if driver.Data.LowerDir != "" {
		dirs = append(dirs, strings.Split(driver.Data.LowerDir, ":")...) // the highest first
	}
	for _, d := range dirs[:max(0, len(dirs)-skip)] {
		u, err := layers.DiskUsage(d)
		if err != nil {
			return sum, err
		}
		sum.Inodes += u.Inodes
		sum.Bytes += u.Bytes
	}
	return sum, nil
}

// A Container is a running one that does nothing until it is told to.
type Container struct{ id string }

// Start starts a container without network, as the image's user.
func Start(ctx context.Context, tag string) (*Container, error) {
	id, err := docker(ctx, "run", "-d", "--rm", "--init", "--network", "none", "--entrypoint", "", tag, "sleep", "3600")
	if err != nil {
		return nil, err
	}
	return &Container{id}, nil
}

// Exec runs a program in the container with text on its standard input, and returns its
// output.
func (c *Container) Exec(ctx context.Context, stdin string, argv ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "docker", append([]string{"exec", "-i", c.id}, argv...)...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, said strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("docker exec %s: %w: %s%s", argv[0], err, strings.TrimSpace(said.String()), out.String())
	}
	return out.String(), nil
}

// Stop ends the container, which removes it.
func (c *Container) Stop() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := docker(ctx, "rm", "-f", c.id); err != nil {
		fmt.Fprintln(os.Stderr, "bench: a container stays:", err)
	}
}
