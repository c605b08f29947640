package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/nasa-openscapes/corn/internal/hub"
	"github.com/nasa-openscapes/corn/internal/pipeline"
	"github.com/nasa-openscapes/corn/internal/report"
)

const deployHubLong = `Try an image on a JupyterHub through its REST API, and restart servers with it.

The image is looked up in its registry; a named server of one user is started with it, its progress
followed, its kernels compared with the build's, a cell run in each, and the server stopped. Then
--values files get the image, and servers are restarted on request: those named with --restart, and
with --restart-idle those that nobody used for so long. Whatever fails ends it; files and the server
that did not start are put back.

The token is in JUPYTERHUB_API_TOKEN. It needs the scopes read:users:name, read:servers, servers and
access:servers of the users, and list:users for --restart-idle.`

func newDeployHub(g *globals) *cobra.Command {
	var req pipeline.DeployHubRequest
	cmd := &cobra.Command{
		Use:   "hub URL --image IMAGE",
		Short: "try an image on a hub, and restart servers with it",
		Long:  deployHubLong + "\n\n" + report.ExitCodes,
		Example: "  corn deploy hub https://hub.example.org --image quay.io/team/hub:f577786 --user ada --profile python\n" +
			"  corn deploy hub https://hub.example.org --image quay.io/team/hub:f577786 --values common.values.yaml --restart ada --restart-idle 2h",
		Args: func(cmd *cobra.Command, args []string) error {
			if err := oneHub(cmd, args, req.Image); err != nil {
				return err
			}
			if req.Idle < 0 || req.StartLimit < 0 {
				return usage(cmd, errors.New("a time below zero: want one such as 90m"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Hub = args[0]
			p := g.printer()
			res, err := pipeline.DeployHub(cmd.Context(), req, p)
			if err != nil {
				return err
			}
			return p.Result(res, func(w io.Writer) error { return writeDeployHub(w, res) })
		},
	}
	f := cmd.Flags()
	trialFlags(f, &req)
	f.StringVar(&req.Image, "image", "", "image to try")
	f.StringVar(&req.Profile, "profile", "", "slug of a profile that takes other images, as KubeSpawner's unlisted_choice does")
	f.StringVar(&req.Option, "image-option", "", "option that takes the image (default: image)")
	f.StringArrayVar(&req.Options, "option", nil, "KEY=VALUE, another option of the spawner; may be repeated")
	f.StringArrayVar(&req.Values, "values", nil, "values file that gets the image once the trial worked; may be repeated")
	f.StringArrayVar(&req.Restart, "restart", nil, "USER or USER/SERVER to restart; may be repeated")
	f.DurationVar(&req.Idle, "restart-idle", 0, "restart servers that nobody used for so long, such as 2h")
	f.BoolVar(&req.NoTrial, "no-trial", false, "restart only")
	return cmd
}

func writeDeployHub(w io.Writer, res *pipeline.DeployHubResult) error {
	if res.Trial != nil {
		for _, k := range res.Trial.Kernels {
			if _, err := fmt.Fprintf(w, "kernel  %-20s %s\n", k.Name, k.Result); err != nil {
				return err
			}
		}
	}
	for _, f := range res.Values {
		for _, c := range f.Changes {
			if _, err := fmt.Fprintf(w, "%s:%d: %s: %s -> %s\n", f.File, c.Line, c.Path, c.Old, c.New); err != nil {
				return err
			}
		}
	}
	for _, r := range res.Restarts {
		if _, err := fmt.Fprintf(w, "server  %-20s %s\n", hub.ShowServer(r.User, r.Server), r.Result); err != nil {
			return err
		}
	}
	return nil
}
