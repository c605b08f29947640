package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/nasa-openscapes/corn/internal/kernel"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/internal/sandbox"
)

// A ShellRequest says what to run in an image. The zero value is a shell in the image that
// corn build wrote.
type ShellRequest struct {
	Image    string   // reference; empty: oci:dist/image
	Env      string   // conda environment to activate
	Args     []string // program and arguments; none: the user's shell
	Root     bool     // as root instead of the image's user
	Failed   bool     // in the sandbox that the last failing step of a build left, as its user
	Offline  bool     // without network
	CacheDir string

	Stdin, Stdout, Stderr *os.File
}

// Shell runs a program in an image and throws away what it changed. Its exit code becomes the
// error's class.
func Shell(ctx context.Context, req ShellRequest, p *report.Printer) error {
	if req.Failed {
		return shellOfFailed(ctx, req, p)
	}
	r, err := openImageRoot(ctx, req.Image, req.CacheDir, "", p)
	if err != nil {
		return err
	}
	args := req.Args
	if len(args) == 0 {
		shell := r.user.Shell
		if shell == "" {
			shell = "/bin/sh"
		}
		args = []string{shell}
	}
	if req.Env != "" {
		prefix, err := r.envPrefix(req.Env)
		if err != nil {
			return errors.Join(err, r.Close())
		}
		args = append([]string{"/" + prefix + "/" + kernel.LauncherPath}, args...)
	}
	return errors.Join(runShell(ctx, req, r.Root, r.command(args...), p), r.Close())
}

// shellOfFailed goes where a step failed. What is changed there stays until the next one fails.
func shellOfFailed(ctx context.Context, req ShellRequest, p *report.Printer) error {
	r, err := openFailed(ctx, req.CacheDir)
	if err != nil {
		return err
	}
	p.Say("as %s of %s left it", r.step.Step, r.step.Project)
	args := req.Args
	if len(args) == 0 {
		args = []string{"/bin/sh"}
		if slices.Contains(r.Names("bin"), "bash") {
			args = []string{"/bin/bash"}
		}
	}
	c := r.command(args...)
	req.Offline = req.Offline || !c.Network
	return errors.Join(runShell(ctx, req, r.Root, c, p), r.Close())
}

// runShell runs a command of the user's.
func runShell(ctx context.Context, req ShellRequest, root *sandbox.Root, c sandbox.Command, p *report.Printer) (err error) {
	if req.Root {
		c.UID, c.GID, c.Groups = 0, 0, nil
	}
	c.Network = !req.Offline
	p.Close() // what follows is the program's
	if len(req.Args) == 0 && term.IsTerminal(int(req.Stdin.Fd())) && term.IsTerminal(int(req.Stdout.Fd())) {
		if t := os.Getenv("TERM"); t != "" {
			c.Env = append(slices.Clone(c.Env), "TERM="+t)
		}
		err = root.RunTerminal(ctx, c, req.Stdin, req.Stdout)
	} else {
		c.Stdin, c.Stdout, c.Stderr = req.Stdin, req.Stdout, req.Stderr
		err = root.Run(ctx, c)
	}
	if exit, ok := errors.AsType[*sandbox.ExitError](err); ok {
		return report.In(report.Class(exit.Code), err)
	}
	return sandboxError(err)
}

// envPrefix finds an env by its name.
func (r *imageRoot) envPrefix(name string) (string, error) {
	var names []string
	for _, n := range r.Names(r.condaDir + "/envs") {
		prefix := r.condaDir + "/envs/" + n
		if slices.Contains(r.Names(prefix+"/"+kernel.LauncherPath[:strings.LastIndexByte(kernel.LauncherPath, '/')]), "activate") {
			names = append(names, n)
			if n == name {
				return prefix, nil
			}
		}
	}
	hint := "the image has no environment that corn can activate"
	if names != nil {
		hint = "the image has " + strings.Join(names, ", ")
	}
	return "", report.Hinted(report.Usage, hint, fmt.Errorf("--env %s: no such environment in %s", name, r.ref))
}
