package engine

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// An Execution is a program to run in a container that runs.
type Execution struct {
	Args     []string
	Env      []string // besides what the container has
	Dir      string   // empty: /
	UID, GID int
	Output   io.Writer // takes standard output and error
}

// Exec runs a program in the container and returns its exit code: 126 or 127 where it could not
// be started. The end of ctx ends the waiting, and not the program: Kill does.
func (c *Container) Exec(ctx context.Context, x Execution) (code int, err error) {
	args := []string{"exec", "--user", fmt.Sprintf("%d:%d", x.UID, x.GID), "--workdir", "/" + strings.TrimPrefix(x.Dir, "/")}
	for _, v := range x.Env {
		args = append(args, "--env", v)
	}
	args = append(append(args, c.id), x.Args...)
	cmd := exec.CommandContext(ctx, c.engine.Program, args...)
	cmd.Stdout, cmd.Stderr = x.Output, x.Output
	cmd.WaitDelay = 5 * time.Second
	err = cmd.Run()
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if ended, ok := errors.AsType[*exec.ExitError](err); ok && ended.ExitCode() > 0 {
		return ended.ExitCode(), nil
	}
	if err != nil {
		return 0, &CommandError{Args: cmd.Args, Err: err}
	}
	return 0, nil
}

// Kill ends all programs of the container, and waits for that.
func (c *Container) Kill(ctx context.Context) error {
	_, err := c.engine.run(ctx, "stop", "-t", "0", c.id)
	return err
}

// WrittenBytes tells how much the container has written to its own layer.
func (c *Container) WrittenBytes(ctx context.Context) (int64, error) {
	out, err := c.engine.run(ctx, "inspect", "--type", "container", "--size", "--format", "{{.SizeRw}}", c.id)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
}

// OutOfMemory tells whether the limit of memory ended a program of the container.
func (c *Container) OutOfMemory(ctx context.Context) (bool, error) {
	out, err := c.engine.run(ctx, "inspect", "--type", "container", "--format", "{{.State.OOMKilled}}", c.id)
	return strings.TrimSpace(string(out)) == "true", err
}

// Export hands the container's file system to fn as a tar archive, without what is mounted in it.
func (c *Container) Export(ctx context.Context, fn func(*tar.Reader) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.engine.Program, "export", c.id)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return &CommandError{Args: cmd.Args, Err: err}
	}
	fnErr := fn(tar.NewReader(out))
	if fnErr == nil {
		_, fnErr = io.Copy(io.Discard, out) // the padding
	}
	if fnErr != nil {
		cancel()
	}
	err = cmd.Wait()
	switch {
	case err != nil && (fnErr == nil || errors.Is(fnErr, io.ErrUnexpectedEOF)):
		return &CommandError{cmd.Args, errs.String(), err}
	case fnErr != nil:
		return fnErr
	}
	return nil
}

// RemoveImage takes a name from an image, and removes the image where that was its last. It works
// after the end of the context that loaded it.
func (e *Engine) RemoveImage(name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := e.run(ctx, "image", "rm", name)
	return err
}
