package cli

import (
	"bytes"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/nasa-openscapes/corn/internal/pipeline"
	"github.com/nasa-openscapes/corn/internal/report"
)

const sbomLong = `Print the bill of materials of an image, or of one kernel in it: every conda package and wheel
with its package URL, hashes and licence, and which environment has it. It is made of what the
image says of itself; no package is downloaded. "corn build --push" attaches the same documents
to the image, where scanners look for them.

What the base image is made of is not listed: ask a scanner.`

func newSBOM(g *globals) *cobra.Command {
	var req pipeline.SBOMRequest
	cmd := &cobra.Command{
		Use:     "sbom IMAGE",
		Short:   "print the bill of materials of an image, SPDX or CycloneDX",
		Long:    sbomLong + "\n\n" + report.ExitCodes,
		Example: "  corn sbom quay.io/team/hub:2026.01\n  corn sbom oci:image --format cyclonedx --kernel bash",
		Args:    oneImage,
		RunE: func(cmd *cobra.Command, args []string) error {
			if g.json {
				return usage(cmd, fmt.Errorf("the bill of materials is JSON of its own kind: want --format, not --json"))
			}
			req.Image = args[0]
			p := g.printer()
			var text bytes.Buffer
			if err := pipeline.SBOM(cmd.Context(), req, &text, p); err != nil {
				return err
			}
			return p.Result(nil, func(w io.Writer) error {
				_, err := text.WriteTo(w)
				return err
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&req.Format, "format", "spdx", "spdx (2.3) or cyclonedx (1.6), both JSON")
	f.StringVar(&req.Kernel, "kernel", "", "only what is in the environment of this kernel")
	imageFlags(cmd, &req.Platform, &req.CacheDir)
	complete(cmd, "format", "spdx", "cyclonedx")
	return cmd
}
