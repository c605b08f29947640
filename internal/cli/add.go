package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/nasa-openscapes/corn/internal/pipeline"
	"github.com/nasa-openscapes/corn/internal/report"
)

const addLong = `Make the folder of a new kernel, with an environment.yml and a name.txt, below environments/.

NAME is what people see in JupyterLab; the folder and the kernel are called by its slug. Nothing is
written unless the packages can be had together. Lock and build the kernel with corn lock and
corn build.`

const addExample = `  corn add "Team C (xarray)" python=3.12 "xarray >=2024.1" dask
  corn add "R" r-base=4.4 r-tidyverse -C hackweek -c conda-forge`

func newAdd(g *globals) *cobra.Command {
	var req pipeline.AddRequest
	cmd := &cobra.Command{
		Use:     "add NAME [SPEC...]",
		Short:   "make a new kernel",
		Long:    addLong + "\n\n" + report.ExitCodes,
		Example: addExample,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(cmd, errors.New("want the new kernel's name"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Name, req.Specs = args[0], args[1:]
			p := g.printer()
			res, err := pipeline.Add(cmd.Context(), req, p)
			if err != nil {
				return err
			}
			return p.Result(res, func(w io.Writer) error { return writeAdd(w, res) })
		},
	}
	f := cmd.Flags()
	f.StringVarP(&req.Project, "project", "C", ".", "folder of the project")
	f.StringArrayVarP(&req.Channels, "channel", "c", nil, "channel, a name or a URL; may be repeated (default: those of the other kernels, then conda-forge)")
	f.StringVar(&req.Platform, "platform", "", "platform to try the solve for (default: linux of this machine)")
	f.StringVar(&req.ChannelAlias, "channel-alias", "", "URL that stands in for https://conda.anaconda.org")
	f.BoolVar(&req.Offline, "offline", false, "use only what is in the cache")
	f.StringVar(&req.CacheDir, "cache-dir", "", "local cache (default $CORN_CACHE_DIR, else the user's cache folder)")
	complete(cmd, "platform", "linux/amd64", "linux/arm64")
	return cmd
}

func writeAdd(w io.Writer, res *pipeline.AddResult) error {
	size := ""
	if res.Size > 0 {
		size = ", " + report.Size(res.Size)
	}
	if _, err := fmt.Fprintf(w, "kernel  %-20s %q, %s%s\n", res.Name, res.DisplayName, report.Count(res.Packages, "package"), size); err != nil {
		return err
	}
	for _, f := range res.Files {
		if _, err := fmt.Fprintln(w, "file    "+f); err != nil {
			return err
		}
	}
	return nil
}
