package cli

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/nasa-openscapes/corn/internal/pipeline"
	"github.com/nasa-openscapes/corn/internal/report"
)

const shellLong = `Run a shell, or a command, in an image on this machine, without Docker.

IMAGE is oci:DIR[:TAG], docker-archive:FILE or NAME[:TAG] of a registry (default: what
corn build wrote to dist/image). It runs as the image's user, in a sandbox with the network of this
machine. With --env, a conda environment is active. Whatever is changed is thrown away at the end.

A step of a build that fails (apt.txt, a link script, postBuild, run) leaves its sandbox: --failed goes
there, as the step's user, in its folder and its environment.

Corn ends with the exit code of the command.`

func newShell(g *globals) *cobra.Command {
	var req pipeline.ShellRequest
	cmd := &cobra.Command{
		Use:     "shell [IMAGE] [-- COMMAND...]",
		Short:   "run a shell or a command in an image",
		Long:    shellLong + "\n\n" + report.ExitCodes,
		Example: "  corn shell\n  corn shell --env climate -- python -c 'import xarray'\n  corn shell oci:dist/image --root -- cat /etc/os-release",
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if req.Failed && (req.Env != "" || cmd.ArgsLenAtDash() != 0 && len(args) > 0) {
				return usage(cmd, errors.New("--failed goes with neither an image nor --env"))
			}
			if req.Image, req.Args, err = imageAndArgs(cmd, args); err != nil {
				return err
			}
			req.Stdin, req.Stdout, req.Stderr = os.Stdin, os.Stdout, os.Stderr
			return pipeline.Shell(cmd.Context(), req, g.printer())
		},
	}
	f := cmd.Flags()
	f.StringVar(&req.Env, "env", "", "name of the conda environment to activate")
	f.BoolVar(&req.Failed, "failed", false, "the sandbox that the last failing step of a build left, as its user; what is changed stays")
	f.BoolVar(&req.Root, "root", false, "run as root of the image instead of its user")
	f.BoolVar(&req.Offline, "offline", false, "run without network")
	f.StringVar(&req.CacheDir, "cache-dir", "", "local cache (default $CORN_CACHE_DIR, else the user's cache folder)")
	return cmd
}
