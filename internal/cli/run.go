package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/nasa-openscapes/corn/internal/pipeline"
	"github.com/nasa-openscapes/corn/internal/report"
)

const runLong = `Open JupyterLab of an image on this machine, without Docker.

IMAGE is oci:DIR[:TAG], docker-archive:FILE or NAME[:TAG] of a registry (default: what
corn build wrote to dist/image). Its layers are unpacked into the cache once. JupyterLab runs as
the image's user in a sandbox with an empty home, or with --home in a folder of yours, and is
reachable from this machine alone, by the URL that is printed. ^C ends it.

What follows -- goes to Jupyter.`

func newRun(g *globals) *cobra.Command {
	var req pipeline.RunRequest
	cmd := &cobra.Command{
		Use:     "run [IMAGE] [-- ARGUMENTS...]",
		Short:   "open JupyterLab of an image",
		Long:    runLong + "\n\n" + report.ExitCodes,
		Example: "  corn run\n  corn run oci:dist/image --port 9000 --home .\n  corn run docker-archive:hackweek.tar --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if req.Image, req.Args, err = imageAndArgs(cmd, args); err != nil {
				return err
			}
			if req.Port < 0 || req.Port > 65535 {
				return usage(cmd, fmt.Errorf("--port is %d: want 1 to 65535", req.Port))
			}
			req.Log = os.Stderr
			if g.quiet {
				req.Log = io.Discard
			}
			p := g.printer()
			return pipeline.Run(cmd.Context(), req, p, func(res *pipeline.RunResult) error {
				return p.Result(res, func(w io.Writer) error {
					_, err := fmt.Fprintln(w, res.URL)
					return err
				})
			})
		},
	}
	f := cmd.Flags()
	f.IntVar(&req.Port, "port", 0, "port to listen on (default 8888, or the next one that is free)")
	f.StringVar(&req.Home, "home", "", "folder of this machine to use as the home, . for the current one (default: an empty one)")
	f.StringVar(&req.CacheDir, "cache-dir", "", "local cache (default $CORN_CACHE_DIR, else the user's cache folder)")
	return cmd
}

// imageAndArgs splits the arguments at --: an image at most before it, a command after it.
func imageAndArgs(cmd *cobra.Command, args []string) (image string, rest []string, err error) {
	before := args
	if i := cmd.ArgsLenAtDash(); i >= 0 {
		before, rest = args[:i], args[i:]
	}
	switch {
	case len(before) > 1:
		return "", nil, usage(cmd, fmt.Errorf("want one image, got %d: %q (put -- before a command)", len(before), before))
	case len(before) == 1:
		return before[0], rest, nil
	}
	return "", rest, nil
}
