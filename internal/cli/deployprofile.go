package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/nasa-openscapes/corn/internal/pipeline"
	"github.com/nasa-openscapes/corn/internal/report"
)

const deployProfileLong = `Print the entry of a hub's profileList for an image: its name, the kernels with the packages that
their environments ask for, and the image by its digest.

IMAGE is one of a registry, or oci:DIR or docker-archive:FILE with --as. It warns where a kernel's
python, dask, distributed or dask-gateway is not that of the notebook environment, in which the
workers of dask-gateway run.`

func newDeployProfile(g *globals) *cobra.Command {
	var req pipeline.DeployProfileRequest
	cmd := &cobra.Command{
		Use:   "profile IMAGE",
		Short: "print a profileList entry for an image",
		Long:  deployProfileLong + "\n\n" + report.ExitCodes,
		Example: "  corn deploy profile quay.io/team/hub:f577786\n" +
			"  corn deploy profile oci:image --as quay.io/team/hub:f577786 --choice",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage(cmd, fmt.Errorf("want one image, got %d: %q", len(args), args))
			}
			if req.Packages < 0 {
				return usage(cmd, fmt.Errorf("--packages is %d: want 1 or more, or 0 for 8", req.Packages))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Image = args[0]
			p := g.printer()
			res, err := pipeline.DeployProfile(cmd.Context(), req, p)
			if err != nil {
				return err
			}
			return p.Result(res, func(w io.Writer) error { _, err := io.WriteString(w, res.YAML); return err })
		},
	}
	f := cmd.Flags()
	f.StringVar(&req.As, "as", "", "REPOSITORY[:TAG] that the image has in its registry")
	f.StringVar(&req.DisplayName, "display-name", "", "what users read (default: the repository's name and the tag)")
	f.StringVar(&req.Slug, "slug", "", "what the hub's API calls it (default: made of the display name)")
	f.IntVar(&req.Packages, "packages", 0, "how many packages of a kernel to name (0: 8)")
	f.BoolVar(&req.Choice, "choice", false, "print a choice of profile_options instead")
	f.StringVar(&req.Platform, "platform", "", "platform of the image (default: this machine's)")
	f.StringVar(&req.CacheDir, "cache-dir", "", "folder of the cache (default: $CORN_CACHE_DIR)")
	return cmd
}
