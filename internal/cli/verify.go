package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/nasa-openscapes/corn/internal/pipeline"
	"github.com/nasa-openscapes/corn/internal/report"
)

const verifyLong = `Verify an image: that it is signed with a key, that it is made of what its provenance says, that
manifest, config and what the image says of itself agree, and with --layers that the bytes of
every layer are those of its digest and its frames those of its key.

Without --key no signature is asked for, and provenance is what whoever pushed the image says.
Whether packages give the very bytes of a layer only a build can tell: corn build --verify.`

func newVerify(g *globals) *cobra.Command {
	var req pipeline.VerifyRequest
	cmd := &cobra.Command{
		Use:     "verify IMAGE",
		Short:   "check an image's signature, provenance and layers",
		Long:    verifyLong + "\n\n" + report.ExitCodes,
		Example: "  corn verify quay.io/team/hub:2026.01 --key cosign.pub\n  corn verify oci:image --layers --json",
		Args:    oneImage,
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Image = args[0]
			p := g.printer()
			res, err := pipeline.VerifyImage(cmd.Context(), req, p)
			if res == nil {
				return err
			}
			return errors.Join(p.Result(res, func(w io.Writer) error {
				for _, c := range res.Checks {
					if _, err := fmt.Fprintf(w, "%-10s  %-7s  %s\n", c.Name, c.Result, c.Detail); err != nil {
						return err
					}
				}
				return nil
			}), err)
		},
	}
	f := cmd.Flags()
	f.StringVar(&req.Key, "key", "", "file of the public key that image and provenance have to be signed with, as cosign.pub")
	f.BoolVar(&req.Layers, "layers", false, "read every layer and compare its bytes")
	imageFlags(cmd, &req.Platform, &req.CacheDir)
	return cmd
}
