// Package cli turns command lines into requests, and that is all.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nasa-openscapes/corn/internal/report"
)

// Main runs one command line and returns the exit code.
func Main(ctx context.Context, args []string, stdout, stderr *os.File) int {
	opts := report.Detect(stderr, os.Getenv)
	var printer *report.Printer
	g := &globals{newPrinter: func(json, quiet bool) *report.Printer {
		opts.JSON, opts.Quiet = json, quiet
		printer = report.New(stdout, stderr, opts)
		return printer
	}}
	root := newRoot(g)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if printer == nil {
		printer = report.New(stdout, stderr, opts)
	}
	if err != nil {
		if ctx.Err() != nil {
			err = interruptedError{} // whatever was cut short says "context canceled"
		}
		return printer.Error(err)
	}
	printer.Close()
	return 0
}

// interruptedError is what a signal ends a command with.
type interruptedError struct{}

func (interruptedError) Error() string { return "interrupted" }
func (interruptedError) Unwrap() error { return context.Canceled }

// globals are the flags that every command has.
type globals struct {
	json, quiet bool
	newPrinter  func(json, quiet bool) *report.Printer
}

func (g *globals) printer() *report.Printer { return g.newPrinter(g.json, g.quiet) }

const rootLong = `corn turns a repository of conda environments into one multi-kernel JupyterHub image.

Every folder under environments/ (or ci/environments/, binder/environments/) with a locked
environment becomes a Jupyter kernel on top of a base image. The image is computed from
package archives: no Docker, no conda, no Python and no root are needed to build it.`

func newRoot(g *globals) *cobra.Command {
	root := &cobra.Command{
		Use:           "corn",
		Short:         "many conda environments, one JupyterHub image",
		Long:          rootLong,
		Version:       Version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("corn {{.Version}}\n")
	root.PersistentFlags().BoolVar(&g.json, "json", false, "print the result as one JSON document on stdout")
	root.PersistentFlags().BoolVarP(&g.quiet, "quiet", "q", false, "print no notes and no progress")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usage(cmd, err) })
	root.AddCommand(
		newAdd(g), newLock(g), newBuild(g), newPush(g), newPull(g), newTest(g), newRun(g), newShell(g), newInspect(g), newDiff(g), newSBOM(g), newVerify(g),
		newCheck(g), newList(g), newWhy(g), newSolve(g), newSearch(g), newDeploy(g), newURL(g), newProfile(g), newCache(g), newGC(g),
	)
	return root
}

// usage marks err as a mistake in the command line.
func usage(cmd *cobra.Command, err error) error {
	return report.In(report.Usage, &report.UsageError{Command: cmd.CommandPath(), Err: err})
}

// noCommand refuses what is no command.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("there is no command %q", args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		text += ": did you mean " + strings.Join(near, " or ") + "?"
	}
	return usage(cmd, errors.New(text))
}

// oneProject accepts at most one argument.
func oneProject(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usage(cmd, fmt.Errorf("want one project folder, got %d: %q", len(args), args))
	}
	return nil
}

// projectOf is the folder that oneProject let pass, else the current one.
func projectOf(args []string) string {
	if len(args) == 1 {
		return args[0]
	}
	return "."
}

// checkJobs refuses a --jobs that says nothing.
func checkJobs(cmd *cobra.Command, jobs int) error {
	if jobs < 0 {
		return usage(cmd, fmt.Errorf("--jobs is %d: want 1 or more, or 0 for one per core", jobs))
	}
	return nil
}
