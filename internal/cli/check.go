package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/nasa-openscapes/corn/internal/pipeline"
	"github.com/nasa-openscapes/corn/internal/report"
)

const checkLong = `Read a project and its locks and say what would be built, without fetching anything.

It names each kernel with its environment, lock and number of packages, the folder that was
taken for environments/ and those that were ignored, and every file that corn does not use.`

func newCheck(g *globals) *cobra.Command {
	var req pipeline.CheckRequest
	cmd := &cobra.Command{
		Use:     "check [PROJECT]",
		Short:   "read a project and its locks and list its kernels",
		Long:    checkLong + "\n\n" + report.ExitCodes,
		Example: "  corn check\n  corn check hackweek --json",
		Args:    oneProject,
		RunE: func(_ *cobra.Command, args []string) error {
			req.Project = projectOf(args)
			p := g.printer()
			res, err := pipeline.Check(req, p)
			if err != nil {
				return err
			}
			return p.Result(res, func(w io.Writer) error { return writeCheck(w, res) })
		},
	}
	cmd.Flags().StringVar(&req.Platform, "platform", "", "platform whose locked packages are counted (default: linux of this machine)")
	complete(cmd, "platform", "linux/amd64", "linux/arm64")
	return cmd
}

func writeCheck(w io.Writer, res *pipeline.CheckResult) error {
	for _, e := range res.Environments {
		kind := "kernel "
		if e.Notebook {
			kind = "notebook"
		}
		lock := e.Lock
		if lock == "" {
			lock = "no lock"
		}
		if _, err := fmt.Fprintf(w, "%-8s %-20s %q, %s, %s\n", kind, e.Name, e.DisplayName, lock, report.Count(e.Packages, "package")); err != nil {
			return err
		}
	}
	return nil
}
