package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nasa-openscapes/corn/internal/pipeline"
	"github.com/nasa-openscapes/corn/internal/report"
)

const checkLong = `Read a project and its locks and say what would be built, without fetching anything.

It names each kernel with its environment, lock and number of packages, the folder that was
taken for environments/ and those that were ignored, and every file that corn does not use.

A Dockerfile is not run. Each of its instructions is explained: corn does it anyway, or what to
write into which file, or why an image of a hub goes without it, or that it is to be done by hand.`

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
			if res == nil {
				return err
			}
			return errors.Join(p.Result(res, func(w io.Writer) error { return writeCheck(w, res) }), err)
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
	for i := range res.Dockerfiles {
		if err := writeDockerfile(w, &res.Dockerfiles[i]); err != nil {
			return err
		}
	}
	return nil
}

// adviceWords say what becomes of an instruction.
var adviceWords = map[string]string{"done": "done by corn", "write": "write into ", "needless": "not needed", "manual": "by hand"}

// writeDockerfile writes each instruction, and below it what becomes of it and what to write.
func writeDockerfile(w io.Writer, d *pipeline.CheckedDockerfile) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s is not run by corn. ", d.Path)
	if d.Problem != "" {
		fmt.Fprintf(&b, "It cannot be explained: %s\n", d.Problem)
	} else {
		b.WriteString("What becomes of its instructions:\n")
	}
	settings := 0
	for _, in := range d.Instructions {
		fmt.Fprintf(&b, "%4d  %s\n", in.Line, in.Text)
		for _, part := range in.Parts {
			where := adviceWords[string(part.Result)]
			if part.Result == "write" {
				where += part.File
			}
			if part.Result == "write" && part.File == "corn.yaml" {
				settings++
			}
			fmt.Fprintf(&b, "      %s: %s\n", where, part.Text)
			for line := range strings.Lines(part.Write) {
				fmt.Fprintf(&b, "          %s\n", strings.TrimRight(line, "\n"))
			}
		}
	}
	if settings > 1 {
		b.WriteString("\nAll that is to be written into corn.yaml:\n")
		for line := range strings.Lines(d.CornYAML) {
			fmt.Fprintf(&b, "          %s\n", strings.TrimRight(line, "\n"))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
