package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/nasa-openscapes/corn/internal/pipeline"
	"github.com/nasa-openscapes/corn/internal/report"
)

const urlLong = `Print links that open a project's notebooks on a hub, through nbgitpuller, or on Binder.

PATH is a notebook of a git checkout, or a folder of some; Jupyter opens each with the kernel that
it was saved with. The image needs nbgitpuller, for Binder only where the notebooks are in another
repository than the one that Binder builds.`

func newURL(g *globals) *cobra.Command {
	var req pipeline.URLRequest
	cmd := &cobra.Command{
		Use:   "url [PATH...]",
		Short: "print links that open notebooks on a hub or on Binder",
		Long:  urlLong + "\n\n" + report.ExitCodes,
		Example: "  corn url environments/bash/tour.ipynb --hub https://hub.example.org\n" +
			"  corn url . --kernel bash --binder team/hub-image/main",
		Args: func(cmd *cobra.Command, _ []string) error {
			if req.Hub == "" && req.Binder == "" {
				return usage(cmd, errors.New("want --hub URL, --binder OWNER/NAME, or both"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Paths = args
			p := g.printer()
			res, err := pipeline.URL(cmd.Context(), req)
			if err != nil {
				return err
			}
			return p.Result(res, func(w io.Writer) error {
				for _, n := range res.Notebooks {
					for _, link := range []string{n.Hub, n.Binder} {
						if link == "" {
							continue
						}
						if _, err := fmt.Fprintln(w, link); err != nil {
							return err
						}
					}
				}
				return nil
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&req.Hub, "hub", "", "address of the hub")
	f.StringVar(&req.Binder, "binder", "", "repository that Binder builds: OWNER/NAME[/REF] on GitHub, or ADDRESS[@REF]")
	f.StringVar(&req.BinderHub, "binder-hub", "", "address of the BinderHub (default: https://mybinder.org)")
	f.StringVar(&req.Kernel, "kernel", "", "only notebooks of that kernel")
	f.StringVar(&req.Repository, "repo", "", "repository of the notebooks (default: the checkout's origin)")
	f.StringVar(&req.Branch, "branch", "", "its branch (default: the one that is checked out)")
	return cmd
}
