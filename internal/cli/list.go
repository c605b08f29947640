package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/nasa-openscapes/corn/internal/pipeline"
	"github.com/nasa-openscapes/corn/internal/report"
)

const listLong = `List the kernels of a project: languages, packages, the size of their archives and how much of
that other kernels have too, and whether their lock is what environment.yml asks for. It asks
nobody; sizes are those that the local cache knows.`

func newList(g *globals) *cobra.Command {
	var req pipeline.ListRequest
	cmd := &cobra.Command{
		Use:     "list [PROJECT]",
		Short:   "list kernels, their size and the state of their locks",
		Long:    listLong + "\n\n" + report.ExitCodes,
		Example: "  corn list\n  corn list hackweek --json",
		Args:    oneProject,
		RunE: func(_ *cobra.Command, args []string) error {
			req.Project = projectOf(args)
			p := g.printer()
			res, err := pipeline.List(req, p)
			if err != nil {
				return err
			}
			return p.Result(res, func(w io.Writer) error { return writeList(w, res) })
		},
	}
	cmd.Flags().StringVar(&req.Platform, "platform", "", "platform whose locked packages are counted (default: linux of this machine)")
	cmd.Flags().StringVar(&req.CacheDir, "cache-dir", "", "local cache (default $CORN_CACHE_DIR, else the user's cache folder)")
	complete(cmd, "platform", "linux/amd64", "linux/arm64")
	return cmd
}

func writeList(w io.Writer, res *pipeline.ListResult) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tDISPLAY NAME\tLANGUAGES\tPACKAGES\tSIZE\tSHARED\tLOCK")
	for _, e := range res.Environments {
		size, shared := "?", "?"
		if e.Packages > 0 && e.Unknown == 0 {
			size, shared = report.Size(e.Size), report.Size(e.Shared)
		} else if e.Size > 0 {
			size, shared = "over "+report.Size(e.Size), "over "+report.Size(e.Shared)
		}
		state := e.State
		if e.Reason != "" {
			state += ": " + e.Reason
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%s (%d)\t%s\n", e.Name, e.DisplayName, strings.Join(e.Languages, ", "), e.Packages, size, shared, e.SharedCount, state)
	}
	return t.Flush()
}
