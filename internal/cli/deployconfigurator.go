package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/nasa-openscapes/corn/internal/pipeline"
	"github.com/nasa-openscapes/corn/internal/report"
)

const deployConfiguratorLong = `Set the image of a hub that has the configurator service.

The service validates nothing, so the image is looked up in its registry first. The rest of what it
has saved stays; the image before is put back when a server that is started as users start theirs
does not work. Hubs whose profileList names images do not look at the configurator.

The token is in JUPYTERHUB_API_TOKEN: an admin user's, with access:services!service=configurator,
and for the trial the scopes of "corn deploy hub".`

func newDeployConfigurator(g *globals) *cobra.Command {
	var req pipeline.DeployConfiguratorRequest
	cmd := &cobra.Command{
		Use:   "configurator URL --image IMAGE",
		Short: "set the image of a hub that has the configurator service",
		Long:  deployConfiguratorLong + "\n\n" + report.ExitCodes,
		Example: "  corn deploy configurator https://hub.example.org --image quay.io/team/hub:f577786\n" +
			"  corn deploy configurator https://hub.example.org --image quay.io/team/hub:f577786 --no-trial --json",
		Args: func(cmd *cobra.Command, args []string) error {
			if err := oneHub(cmd, args, req.Image); err != nil {
				return err
			}
			if req.StartLimit < 0 {
				return usage(cmd, errors.New("--start-limit is below zero: want a time such as 10m"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Hub = args[0]
			p := g.printer()
			res, err := pipeline.DeployConfigurator(cmd.Context(), req, p)
			if err != nil {
				return err
			}
			return p.Result(res, func(w io.Writer) error {
				if !res.Changed {
					_, err := fmt.Fprintf(w, "%s: %s already\n", res.Key, res.Image)
					return err
				}
				_, err := fmt.Fprintf(w, "%s: %s -> %s\n", res.Key, res.Previous, res.Image)
				return err
			})
		},
	}
	f := cmd.Flags()
	trialFlags(f, &req.DeployHubRequest)
	f.StringVar(&req.Image, "image", "", "image to set")
	f.StringVar(&req.Service, "service", "", "name of the service (default: configurator)")
	f.BoolVar(&req.NoTrial, "no-trial", false, "set the image and start no server")
	return cmd
}
