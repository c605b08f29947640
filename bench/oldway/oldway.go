// Package oldway is what corn is compared with: micromamba installs every environment into
// its own prefix, and each prefix becomes one compressed layer.
package oldway

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/nasa-openscapes/corn/bench/run"
)

// Variable names the environment variable with micromamba's path.
const Variable = "CORN_MICROMAMBA"

// A Peer is a micromamba with a root prefix of its own.
type Peer struct {
	Program string
	Dir     string // for its root, its home and the locks as it reads them
	Alias   string // URL that stands in for https://conda.anaconda.org
}

// ErrMissing says that there is no micromamba to compare with.
var ErrMissing = errors.New("no micromamba: name one in " + Variable)

// Find finds micromamba: in $CORN_MICROMAMBA, else on PATH.
func Find(lookPath func(string) (string, error), getenv func(string) string) (string, error) {
	name := getenv(Variable)
	if name == "" {
		name = "micromamba"
	}
	program, err := lookPath(name)
	if err != nil {
		return "", fmt.Errorf("%w (%w)", ErrMissing, err)
	}
	return program, nil
}

// Warmth says what the root prefix holds when an env is made.
type Warmth int

// The archives downloaded; and unpacked, too.
const (
	Archives Warmth = iota
	Extracted
)

func (w Warmth) String() string { return [...]string{"archives", "extracted"}[w] }

// Lock writes a lock as micromamba is to read it: with the local channel's URLs, under a
// name that it takes for a lock.
func (p *Peer) Lock(name, lockFile string) (string, error) {
	data, err := os.ReadFile(lockFile)
	if err != nil {
		return "", fmt.Errorf("read lock: %w", err)
	}
	text := strings.ReplaceAll(string(data), "https://conda.anaconda.org", strings.TrimRight(p.Alias, "/"))
	file := filepath.Join(p.Dir, name+"-lock.yml")
	if err := os.MkdirAll(p.Dir, 0o755); err != nil {
		return "", fmt.Errorf("write lock: %w", err)
	}
	return file, os.WriteFile(file, []byte(text), 0o644)
}

// Create installs a lock into prefix, which must not exist. Files get to know it as final.
func (p *Peer) Create(ctx context.Context, oneCore bool, lock, prefix, final string) (run.Usage, error) {
	o := run.Options{OneCore: oneCore, Env: []string{
		"HOME=" + filepath.Join(p.Dir, "home"), "PATH=/usr/bin:/bin", "LANG=C.UTF-8", "TZ=UTC", "no_proxy=127.0.0.1",
	}}
	return run.Run(ctx, o, p.Program, "create", "--no-rc", "--no-env", "-y", "-q", "-r", p.root(), "-p", prefix,
		"--relocate-prefix", final, "-f", lock)
}

func (p *Peer) root() string { return filepath.Join(p.Dir, "root") }

// Cool brings the root prefix to what w says. It must have been filled by Create.
func (p *Peer) Cool(w Warmth) error {
	if w == Extracted {
		return nil
	}
	pkgs := filepath.Join(p.root(), "pkgs")
	list, err := os.ReadDir(pkgs)
	if err != nil {
		return fmt.Errorf("look into micromamba's packages: %w", err)
	}
	for _, e := range list {
		if e.IsDir() && e.Name() != "cache" {
			if err := os.RemoveAll(filepath.Join(pkgs, e.Name())); err != nil {
				return fmt.Errorf("remove an unpacked package: %w", err)
			}
		}
	}
	return nil
}

// Prefix is where an env stands in an image.
func Prefix(name string) string { return path.Join("/srv/conda/envs", name) }
