package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nasa-openscapes/corn/internal/pipeline"
	"github.com/nasa-openscapes/corn/internal/report"
)

const whyLong = `Say which kernels have a package, and who asked for it: the line of environment.yml, and the
packages on the way from there. It reads the locks and asks nobody.`

func newWhy(g *globals) *cobra.Command {
	var req pipeline.WhyRequest
	cmd := &cobra.Command{
		Use:     "why PACKAGE [PROJECT]",
		Short:   "say who asked for a package, in which kernel",
		Long:    whyLong + "\n\n" + report.ExitCodes,
		Example: "  corn why numpy\n  corn why libgdal hackweek --env climate --json",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usage(cmd, fmt.Errorf("want a package and at most one project folder, got %d: %q", len(args), args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			req.Package, req.Project = args[0], "."
			if len(args) == 2 {
				req.Project = args[1]
			}
			p := g.printer()
			res, err := pipeline.Why(req, p)
			if err != nil {
				return err
			}
			return p.Result(res, func(w io.Writer) error { return writeWhy(w, res) })
		},
	}
	cmd.Flags().StringSliceVar(&req.Envs, "env", nil, "look into this environment alone; may be repeated")
	cmd.Flags().StringVar(&req.Platform, "platform", "", "platform whose locked packages count (default: linux of this machine)")
	complete(cmd, "platform", "linux/amd64", "linux/arm64")
	return cmd
}

func writeWhy(w io.Writer, res *pipeline.WhyResult) error {
	var b strings.Builder
	for _, e := range res.Environments {
		fmt.Fprintf(&b, "%s: %s %s (%s)\n", e.Name, res.Package, strings.TrimSpace(e.Version+" "+e.Build), e.Lock)
		for _, a := range e.Requested {
			fmt.Fprintf(&b, "  asked for by %s:%d: %s\n", a.File, a.Line, a.Spec)
		}
		for _, c := range e.Chains {
			fmt.Fprintf(&b, "  %s\n", strings.Join(c, " > "))
		}
		if len(e.Requested)+len(e.Chains) == 0 {
			b.WriteString("  nobody asks for it\n")
		}
	}
	if len(res.Without) > 0 {
		fmt.Fprintf(&b, "without: %s\n", strings.Join(res.Without, ", "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
