package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nasa-openscapes/corn/internal/pipeline"
	"github.com/nasa-openscapes/corn/internal/report"
)

const pushLong = `Push an image that was built before to a registry.

SRC is oci:DIR[:TAG|@DIGEST] or docker-archive:FILE, or an image of another registry. DST is
NAME:TAG of a registry. Blobs that the registry has are not sent, those of another repository
of the same registry are mounted; tags move when all else is there. The digest stays.

Credentials are those of docker login or podman login, their helpers included.`

const pushExample = `  corn push oci:image quay.io/team/hub:2026.01
  corn push docker-archive:hub.tar quay.io/team/hub --tag 2026.01 --tag latest
  corn push oci:image quay.io/team/hub:2026.01 --cache-branch main --json`

func newPush(g *globals) *cobra.Command {
	var req pipeline.TransferRequest
	cmd := &cobra.Command{
		Use:     "push SRC DST",
		Short:   "push an image that was built before to a registry",
		Long:    pushLong + "\n\n" + report.ExitCodes,
		Example: pushExample,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usage(cmd, fmt.Errorf("want a source and a destination, got %d: %q", len(args), args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			req.From, req.To = args[0], args[1]
			p := g.printer()
			res, err := pipeline.Push(cmd.Context(), req, p)
			if err != nil {
				return err
			}
			return p.Result(res, func(w io.Writer) error { return writeTransfer(w, res) })
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&req.Tags, "tag", "t", nil, "tag of the image; may be repeated (default: that of DST, else of SRC)")
	f.StringVar(&req.CacheBranch, "cache-branch", "", "also move the tag corn-cache-BRANCH, where the next build of that branch looks for layers to take over")
	transferFlags(cmd, &req)
	return cmd
}

const pullLong = `Pull an image of a registry into a folder or a file, without Docker.

REF is NAME[:TAG|@DIGEST]. Of an index the image for --platform is taken. An OCI layout has the
registry's bytes, and the digest stays; a docker archive has plain or gzip layers, which any
Docker loads.

Credentials are those of docker login or podman login, their helpers included.`

const pullExample = `  corn pull quay.io/team/hub:2026.01 -o oci:image
  corn pull quay.io/team/hub:2026.01 -o docker-archive:hub.tar
  corn pull quay.io/team/hub:2026.01 --platform linux/arm64 -o oci:image --json`

func newPull(g *globals) *cobra.Command {
	var req pipeline.TransferRequest
	cmd := &cobra.Command{
		Use:     "pull REF -o oci:DIR|docker-archive:FILE",
		Short:   "pull an image of a registry into a folder or a file",
		Long:    pullLong + "\n\n" + report.ExitCodes,
		Example: pullExample,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage(cmd, fmt.Errorf("want one image, got %d: %q", len(args), args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			req.From = args[0]
			if req.To == "" {
				return usage(cmd, fmt.Errorf("say where to: -o oci:DIR or -o docker-archive:FILE"))
			}
			p := g.printer()
			res, err := pipeline.Pull(cmd.Context(), req, p)
			if err != nil {
				return err
			}
			return p.Result(res, func(w io.Writer) error { return writeTransfer(w, res) })
		},
	}
	f := cmd.Flags()
	f.StringVarP(&req.To, "output", "o", "", "where to: oci:DIR or docker-archive:FILE")
	f.StringArrayVarP(&req.Tags, "tag", "t", nil, "tag of the image there; may be repeated (default: that of REF)")
	transferFlags(cmd, &req)
	complete(cmd, "output", "oci:", "docker-archive:")
	return cmd
}

func transferFlags(cmd *cobra.Command, req *pipeline.TransferRequest) {
	f := cmd.Flags()
	f.StringVar(&req.Platform, "platform", "", "image of an index to take, linux/amd64 or linux-64 (default: linux of this machine, or the only one there is)")
	f.StringVar(&req.CacheDir, "cache-dir", "", "where temporary files go (default $CORN_CACHE_DIR, else the user's cache folder)")
	complete(cmd, "platform", "linux/amd64", "linux/arm64")
}

func writeTransfer(w io.Writer, res *pipeline.TransferResult) error {
	names := []string{res.Output}
	if len(res.Tags) > 0 {
		names = append(names, "("+strings.Join(res.Tags, ", ")+")")
	}
	_, err := fmt.Fprintf(w, "image   %s\n        %s\n", strings.Join(names, " "), res.Digest)
	return err
}
