// Package engine runs images in a container engine that this machine has, through the
// engine's command line: docker, or podman, which has the same commands.
//
// Out of scope: building images, engines of other machines, names and tags in an engine.
package engine

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"path"
	"strconv"
	"strings"
	"time"
)

// An Engine is a container engine. It is safe for concurrent use.
type Engine struct{ Program string } // "docker"

// Programs are the engines that Find looks for, in this order.
var Programs = []string{"docker", "podman"}

// A NoEngineError reports that there is no engine to use.
type NoEngineError struct {
	Reasons []string // one a program, "docker: not on the PATH"
}

func (e *NoEngineError) Error() string {
	return "no container engine: " + strings.Join(e.Reasons, "; ")
}

// Find returns the first engine that answers, or the one that is asked for by its program.
//
// Errors: *NoEngineError, and the end of ctx.
func Find(ctx context.Context, asked string) (*Engine, error) {
	missing, programs := &NoEngineError{}, Programs
	if asked != "" {
		programs = []string{asked}
	}
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			missing.Reasons = append(missing.Reasons, program+": not on the PATH")
			continue
		}
		e := &Engine{program}
		_, err := e.run(ctx, "version")
		if err == nil {
			return e, nil
		}
		if ctx.Err() != nil {
			return nil, err
		}
		text := err.Error()
		if failed, ok := errors.AsType[*CommandError](err); ok {
			text = lastLine(failed.Output)
		}
		missing.Reasons = append(missing.Reasons, program+": "+text)
	}
	return nil, missing
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// A CommandError reports a command of the engine that failed.
type CommandError struct {
	Args   []string
	Output string // what it said on standard error
	Err    error
}

func (e *CommandError) Error() string {
	return fmt.Sprintf("%s: %v: %s", strings.Join(e.Args[:min(2, len(e.Args))], " "), e.Err, strings.TrimSpace(e.Output))
}

// Unwrap returns the cause.
func (e *CommandError) Unwrap() error { return e.Err }

// run runs a command of the engine and returns its standard output.
func (e *Engine) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, e.Program, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return out.Bytes(), &CommandError{cmd.Args, errs.String(), err}
	}
	return out.Bytes(), nil
}

// ID returns the id of an image that the engine has, "sha256:..."; "" where it has none.
func (e *Engine) ID(ctx context.Context, image string) (string, error) {
	out, err := e.run(ctx, "image", "inspect", "--format", "{{.Id}}", image)
	if _, failed := errors.AsType[*exec.ExitError](err); failed && ctx.Err() == nil {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	id := strings.TrimSpace(string(out))
	if !strings.Contains(id, ":") { // podman leaves out the algorithm
		id = "sha256:" + id
	}
	return id, nil
}

// Load gives the engine the image of a docker archive.
func (e *Engine) Load(ctx context.Context, archive string) error {
	_, err := e.run(ctx, "load", "--quiet", "--input", archive)
	return err
}

// Save writes an image of the engine into a docker archive.
func (e *Engine) Save(ctx context.Context, image, archive string) error {
	_, err := e.run(ctx, "save", "--output", archive, image)
	return err
}

// User returns the user that the image's config names, "jovyan" or "1000:100"; "" is root.
func (e *Engine) User(ctx context.Context, image string) (string, error) {
	out, err := e.run(ctx, "image", "inspect", "--format", "{{.Config.User}}", image)
	return strings.TrimSpace(string(out)), err
}

// A Container is a container of an engine, running or not.
type Container struct {
	engine *Engine
	id     string
	failed string // why it did not start
}

// Create makes a container of image. flags stand before the image, command after it.
func (e *Engine) Create(ctx context.Context, image string, flags []string, command ...string) (*Container, error) {
	args := append([]string{"create"}, flags...)
	out, err := e.run(ctx, append(append(args, image), command...)...)
	if err != nil {
		return nil, err
	}
	return &Container{engine: e, id: lastLine(string(out))}, nil
}

// Start starts the container's program. That the image lacks the program is no error of Start:
// the program has ended then, with exit code 126 or 127.
func (c *Container) Start(ctx context.Context) error {
	_, err := c.engine.run(ctx, "start", c.id)
	if err == nil {
		return nil
	}
	if running, code, inspectErr := c.State(ctx); inspectErr == nil && !running && (code == 126 || code == 127) {
		c.failed = err.Error()
		return nil
	}
	return err
}

// State tells whether the container's program runs, and the exit code of one that has ended.
func (c *Container) State(ctx context.Context) (running bool, code int, err error) {
	out, err := c.engine.run(ctx, "inspect", "--type", "container", "--format", "{{.State.Running}} {{.State.ExitCode}}", c.id)
	if err != nil {
		return false, 0, err
	}
	up, number, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	if code, err = strconv.Atoi(number); err != nil {
		return false, 0, fmt.Errorf("%s inspect: state %q of a container", c.engine.Program, out)
	}
	return up == "true", code, nil
}

// Log returns what the container's program printed, standard output and error mixed.
func (c *Container) Log(ctx context.Context) []byte {
	out, err := exec.CommandContext(ctx, c.engine.Program, "logs", c.id).CombinedOutput()
	if err != nil {
		out = fmt.Appendf(out, "(%s logs: %v)\n", c.engine.Program, err)
	}
	return append(out, c.failed...)
}

// ReadFile returns a file of the container. One that is not there is an fs.ErrNotExist.
func (c *Container) ReadFile(ctx context.Context, name string) ([]byte, error) {
	out, err := c.engine.run(ctx, "cp", c.id+":/"+name, "-")
	if failed, ok := errors.AsType[*CommandError](err); ok && ctx.Err() == nil {
		return nil, &fs.PathError{Op: "copy", Path: "/" + name, Err: errors.Join(fs.ErrNotExist, failed)}
	}
	if err != nil {
		return nil, err
	}
	r := tar.NewReader(bytes.NewReader(out))
	for {
		h, err := r.Next()
		if err != nil {
			return nil, fmt.Errorf("%s cp: find %s: %w", c.engine.Program, name, err)
		}
		if h.Typeflag == tar.TypeReg && path.Base(h.Name) == path.Base(name) {
			return io.ReadAll(r)
		}
	}
}

// Remove ends the container and removes it, its anonymous volumes too. It works after the end
// of the context that started it.
func (c *Container) Remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := c.engine.run(ctx, "rm", "--force", "--volumes", c.id)
	return err
}
