package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/internal/sandbox"
)

// A step that fails leaves its sandbox: what it changed, and the layers it saw, which are
// unpacked in the cache. corn shell --failed goes in. The last one of a cache is kept, for a week.

// A failedStep is how to get into the sandbox.
type failedStep struct {
	Step    string          `json:"step"`
	Project string          `json:"project"`
	Mode    sandbox.Mode    `json:"mode"`
	Layers  []digest.SHA256 `json:"layers"` // diff ids, the lowest first
	Args    []string        `json:"args"`
	Env     []string        `json:"env"`
	Dir     string          `json:"dir"`
	UID     int             `json:"uid"`
	GID     int             `json:"gid"`
	Groups  []int           `json:"groups,omitempty"`
	Network bool            `json:"network"`
	Active  bool            `json:"active,omitempty"` // the file activate is the launcher that it ran in
}

// failedAge is how long it is kept.
const failedAge = 7 * 24 * time.Hour

func failedDir(c *cache.Cache) string { return filepath.Join(c.Dir(), "failed-step") }

// keepFailed keeps the sandbox of a step that failed. The build's own error is what counts: one
// of keeping it is only said.
func (b *builder) keepFailed(root *sandbox.Root, layers []sandbox.Layer, s *step, c sandbox.Command) {
	if err := b.tryKeepFailed(root, layers, s, c); err != nil {
		b.talk.Say("step       the sandbox of %s cannot be kept: %v", s.name, err)
		return
	}
	b.talk.Say("step       \"corn shell --failed\" opens the sandbox as %s left it", s.name)
}

func (b *builder) tryKeepFailed(root *sandbox.Root, layers []sandbox.Layer, s *step, c sandbox.Command) error {
	dir, err := b.cache.TempDir()
	if err != nil {
		return err
	}
	f := failedStep{Step: s.name, Project: b.project.Dir, Mode: root.Mode(), Args: c.Args, Env: c.Env, Dir: c.Dir, UID: c.UID, GID: c.GID, Groups: c.Groups, Network: c.Network}
	if abs, err := filepath.Abs(f.Project); err == nil {
		f.Project = abs
	}
	for _, l := range layers {
		f.Layers = append(f.Layers, l.DiffID)
	}
	if c.Args[0] == activateAt {
		script, err := os.ReadFile(c.Mounts[0].Source)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "activate"), script, 0o755) //nolint:gosec // the image's user runs it
		}
		if err != nil {
			return err
		}
		f.Active = true
	}
	text, err := json.MarshalIndent(f, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "step.json"), text, 0o600); err != nil {
		return err
	}
	if err := root.Detach(filepath.Join(dir, "changes")); err != nil {
		return err
	}
	if err := sandbox.RemoveAll(failedDir(b.cache)); err != nil {
		return err
	}
	return os.Rename(dir, failedDir(b.cache))
}

// trimFailed removes it when it is old.
func trimFailed(c *cache.Cache) error {
	info, err := os.Stat(filepath.Join(failedDir(c), "step.json"))
	if err == nil && time.Since(info.ModTime()) < failedAge {
		return nil
	}
	return sandbox.RemoveAll(failedDir(c))
}

// A failedRoot is the sandbox of the step that failed last.
type failedRoot struct {
	*sandbox.Root
	step  failedStep
	cache *cache.Cache
}

// openFailed opens it.
func openFailed(ctx context.Context, cacheDir string) (_ *failedRoot, err error) {
	c, err := openCacheAt(cacheDir)
	if err != nil {
		return nil, err
	}
	r := &failedRoot{cache: c}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	text, err := os.ReadFile(filepath.Join(failedDir(c), "step.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, report.Hinted(report.Usage, "run it without --failed for a shell in an image", errors.New("--failed: no step of a build has failed with this cache, or a week ago"))
	}
	if err == nil {
		if err = json.Unmarshal(text, &r.step); err == nil && len(r.step.Args) == 0 {
			err = errors.New("step.json names no program")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open the sandbox of the step that failed: %w", err)
	}
	var layers []sandbox.Layer
	for _, id := range r.step.Layers {
		layers = append(layers, sandbox.Layer{DiffID: id, Open: func(context.Context) (io.ReadCloser, error) {
			return nil, report.Hinted(report.Sandbox, "run corn build again", fmt.Errorf("the layers that %s saw are no longer in the cache", r.step.Step))
		}})
	}
	r.Root, err = sandbox.Open(ctx, c, layers, sandbox.Options{Mode: r.step.Mode, Changes: filepath.Join(failedDir(c), "changes")})
	return r, sandboxError(err)
}

// command is one as the step's own was.
func (r *failedRoot) command(args ...string) sandbox.Command {
	s := &r.step
	c := sandbox.Command{Args: args, Env: s.Env, Dir: s.Dir, UID: s.UID, GID: s.GID, Groups: s.Groups, Network: s.Network}
	if s.Active {
		c.Args = append([]string{activateAt}, args...)
		c.Mounts = []sandbox.Mount{activateMount(filepath.Join(failedDir(r.cache), "activate"))}
	}
	return c
}

// Close leaves the changes where they are.
func (r *failedRoot) Close() error {
	var err error
	if r.Root != nil {
		err = r.Root.Close()
	}
	return errors.Join(err, r.cache.Close())
}

// A summer hashes what goes to a writer.
type summer struct {
	io.Writer
	h hash.Hash
}

func newSummer(w io.Writer) *summer {
	h := sha256.New()
	return &summer{io.MultiWriter(w, h), h}
}

func (s *summer) sum() digest.SHA256 { return digest.SHA256(s.h.Sum(nil)) }
