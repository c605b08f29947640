package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nasa-openscapes/corn/internal/pipeline"
	"github.com/nasa-openscapes/corn/internal/report"
)

const searchLong = `List what channels offer for a package: for each version the newest build, with --all every build.

SPEC is a MatchSpec ("numpy >=2") or a pattern of names ("*gdal*").`

func newSearch(g *globals) *cobra.Command {
	var req pipeline.SearchRequest
	cmd := &cobra.Command{
		Use:     "search SPEC",
		Short:   "list what channels offer",
		Long:    searchLong + "\n\n" + report.ExitCodes,
		Example: "  corn search \"xarray >=2024.1\"\n  corn search \"*gdal*\" -c conda-forge\n  corn search python --all --json",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage(cmd, fmt.Errorf("want one package or pattern, got %d: %q", len(args), args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Specs = args
			p := g.printer()
			res, err := pipeline.Search(cmd.Context(), req, p)
			if err != nil {
				return err
			}
			return p.Result(res, func(w io.Writer) error { return writeSearch(w, res) })
		},
	}
	cmd.Flags().BoolVar(&req.All, "all", false, "list every build")
	requestFlags(cmd.Flags(), &req.SolveRequest)
	complete(cmd, "platform", "linux/amd64", "linux/arm64")
	return cmd
}

func writeSearch(w io.Writer, res *pipeline.SearchResult) error {
	if len(res.Names) > 0 || len(res.Packages) == 0 {
		_, err := io.WriteString(w, strings.Join(append(res.Names, ""), "\n"))
		return err
	}
	return writePackages(w, res.Packages)
}
