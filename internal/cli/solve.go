package cli

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nasa-openscapes/corn/internal/pipeline"
	"github.com/nasa-openscapes/corn/internal/report"
)

const solveLong = `Choose packages for a request and print them, each behind what it depends on. Nothing is written.

SPEC is a MatchSpec (numpy, "numpy >=2", python=3.12, conda-forge::gdal); -f reads an
environment.yml. The target is a Linux machine of this architecture with what --virtual says of it;
nothing is read from the machine that corn runs on. Where nothing satisfies the request, the
answer says why, and names a change that would help.`

const solveExample = `  corn solve python=3.12 "xarray >=2024.1"
  corn solve -f environment.yml -c conda-forge --virtual __glibc=2.36
  corn solve gdal --json`

func newSolve(g *globals) *cobra.Command {
	var req pipeline.SolveRequest
	cmd := &cobra.Command{
		Use:     "solve [SPEC...]",
		Short:   "show what a request for packages would give",
		Long:    solveLong + "\n\n" + report.ExitCodes,
		Example: solveExample,
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Specs = args
			if err := checkPriority(cmd, req.Priority); err != nil {
				return err
			}
			p := g.printer()
			res, err := pipeline.Solve(cmd.Context(), req, p)
			if err != nil {
				return err
			}
			return p.Result(res, func(w io.Writer) error { return writeSolve(w, res) })
		},
	}
	f := cmd.Flags()
	f.StringVarP(&req.File, "file", "f", "", "environment.yml to read")
	f.StringArrayVar(&req.Virtual, "virtual", nil, "a fact of the target, NAME=VERSION[=BUILD], as in __cuda=12.4; may be repeated")
	f.StringVar(&req.Priority, "channel-priority", "", "strict, flexible or disabled (default strict)")
	requestFlags(f, &req)
	complete(cmd, "channel-priority", "strict", "flexible", "disabled")
	complete(cmd, "platform", "linux/amd64", "linux/arm64")
	return cmd
}

func checkPriority(cmd *cobra.Command, priority string) error {
	if !slices.Contains([]string{"", "strict", "flexible", "disabled"}, priority) {
		return usage(cmd, fmt.Errorf("--channel-priority is %q: want strict, flexible or disabled", priority))
	}
	return nil
}

// requestFlags are those of commands that ask channels.
func requestFlags(f *pflag.FlagSet, req *pipeline.SolveRequest) {
	f.StringArrayVarP(&req.Channels, "channel", "c", nil, "channel, a name or a URL; may be repeated, the first counts most (default: the file's, then conda-forge)")
	f.StringVar(&req.Platform, "platform", "", "platform to choose for, linux/amd64 or linux-64 (default: linux of this machine)")
	f.StringVar(&req.ChannelAlias, "channel-alias", "", "URL that stands in for https://conda.anaconda.org")
	f.BoolVar(&req.Offline, "offline", false, "use only what is in the cache")
	f.BoolVar(&req.Refresh, "refresh", false, "ask the channels even where the cache is fresh")
	f.StringVar(&req.CacheDir, "cache-dir", "", "local cache (default $CORN_CACHE_DIR, else the user's cache folder)")
}

func writeSolve(w io.Writer, res *pipeline.SolveResult) error {
	if err := writePackages(w, res.Packages); err != nil {
		return err
	}
	text := report.Count(len(res.Packages), "package")
	if res.Size > 0 {
		text += ", " + report.Size(res.Size)
	}
	_, err := fmt.Fprintln(w, text)
	return err
}

// writePackages is a table; a star marks what was asked for by name.
func writePackages(w io.Writer, packages []pipeline.SolvedPackage) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, p := range packages {
		mark, size := " ", ""
		if p.Requested {
			mark = "*"
		}
		if p.Size > 0 {
			size = report.Size(p.Size)
		}
		if _, err := fmt.Fprintf(t, "%s %s\t%s\t%s\t%s\t%s\t%s\n", mark, p.Name, p.Version, p.Build, p.Channel, size, p.URL); err != nil {
			return err
		}
	}
	return t.Flush()
}
