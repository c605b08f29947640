package jupytertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// A CommandError reports a command that failed, with all that it printed.
type CommandError struct {
	Args   []string
	Output string // standard output, then standard error
	Err    error
}

func (e *CommandError) Error() string {
	return fmt.Sprintf("run %q: %v\n%s", strings.Join(e.Args, " "), e.Err, e.Output)
}

// Unwrap returns the cause; an exit code is an *exec.ExitError.
func (e *CommandError) Unwrap() error { return e.Err }

// Docker runs the docker client and returns its standard output.
//
// Errors: *CommandError.
func Docker(ctx context.Context, args ...string) (string, error) { return docker(ctx, "", args...) }

func docker(ctx context.Context, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "docker", args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		return out.String(), &CommandError{cmd.Args, out.String() + errs.String(), err}
	}
	return out.String(), nil
}

// A Container is a running container.
type Container struct{ ID string }

// Run starts a container of image in the background. flags stand before the image,
// command after it.
//
// Errors: *CommandError.
func Run(ctx context.Context, image string, flags []string, command ...string) (*Container, error) {
	args := append([]string{"run", "--detach", "--init"}, flags...)
	out, err := Docker(ctx, append(append(args, image), command...)...)
	if err != nil {
		return nil, err
	}
	return &Container{strings.TrimSpace(out)}, nil
}

// Exec runs a command in the container and returns its standard output.
//
// Errors: *CommandError.
func (c *Container) Exec(ctx context.Context, command ...string) (string, error) {
	return c.ExecInput(ctx, nil, "", command...)
}

// ExecInput is Exec with flags of "docker exec" and with standard input.
func (c *Container) ExecInput(ctx context.Context, flags []string, stdin string, command ...string) (string, error) {
	args := append([]string{"exec", "--interactive"}, flags...)
	return docker(ctx, stdin, append(append(args, c.ID), command...)...)
}

// A Change is a path that differs from the image.
type Change struct {
	Kind byte // 'A' added, 'C' changed, 'D' deleted
	Path string
}

// Changes lists what the container changed in its file system, folders included.
//
// Errors: *CommandError.
func (c *Container) Changes(ctx context.Context) ([]Change, error) {
	out, err := Docker(ctx, "diff", c.ID)
	if err != nil {
		return nil, err
	}
	var changes []Change
	for line := range strings.Lines(out) {
		kind, path, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !ok || len(kind) != 1 {
			return nil, fmt.Errorf("read changes of the container: line %q", line)
		}
		changes = append(changes, Change{kind[0], path})
	}
	return changes, nil
}

// Logs returns what the container printed so far, standard output and error mixed.
func (c *Container) Logs(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "docker", "logs", c.ID).CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%s\n(docker logs: %v)", out, err)
	}
	return string(out)
}

// Running says whether the container's main program is running.
func (c *Container) Running(ctx context.Context) (bool, error) {
	out, err := Docker(ctx, "inspect", "--format", "{{.State.Running}}", c.ID)
	return strings.TrimSpace(out) == "true", err
}

// Remove ends the container and removes it, its anonymous volumes too. It works after the
// end of the context that started it.
func (c *Container) Remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, err := Docker(ctx, "rm", "--force", "--volumes", c.ID)
	return err
}

// ExitCode returns the exit code inside err, -1 when it holds none.
func ExitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return -1
}
