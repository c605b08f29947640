package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nasa-openscapes/corn/internal/engine"
	"github.com/nasa-openscapes/corn/internal/kerneltest"
)

// An engineRunner runs an image in a container engine.
type engineRunner struct {
	engine *engine.Engine
	image  string // id or name that the engine knows
	uid    int    // of the image's user, whom the home belongs to

	files *engine.Files
}

var _ kerneltest.Runner = (*engineRunner)(nil)

func (r *engineRunner) ReadFile(ctx context.Context, name string) ([]byte, error) {
	return r.files.ReadFile(ctx, name)
}

// Start starts a container as a hub starts a pod. The container shares the machine's network:
// the stand-in for the hub and Jupyter listen on loopback, and some engines have no bridge.
func (r *engineRunner) Start(ctx context.Context, p kerneltest.Program) (kerneltest.Process, error) {
	flags := []string{
		"--network", "host", "--group-add", strconv.Itoa(hubGroup),
		"--tmpfs", fmt.Sprintf("%s:exec,uid=%d,gid=%d,mode=2775", kerneltest.HomeDir, r.uid, hubGroup),
	}
	for _, v := range p.Env {
		flags = append(flags, "--env", v)
	}
	c, err := r.engine.Create(ctx, r.image, flags, p.Args...)
	if err != nil {
		return nil, err
	}
	if err := c.Start(ctx); err != nil {
		return nil, errors.Join(err, c.Remove())
	}
	return engineProcess{c}, nil
}

// hubGroup is the group that hubs add to every user and give volumes to.
const hubGroup = 100

func (r *engineRunner) close() error { return r.files.Close() }

type engineProcess struct{ c *engine.Container }

func (p engineProcess) Alive(ctx context.Context) error {
	running, code, err := p.c.State(ctx)
	if err == nil && !running {
		err = &kerneltest.EndedError{Code: code}
	}
	return err
}

func (p engineProcess) Log(ctx context.Context) []byte { return p.c.Log(ctx) }
func (p engineProcess) Stop() error                    { return p.c.Remove() }
