package cli

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nasa-openscapes/corn/internal/pipeline"
	"github.com/nasa-openscapes/corn/internal/report"
)

const deployLong = `Give a JupyterHub a new image, and see that it works there.

"deploy values" edits the files that say which image a hub takes, "deploy profile" prints an entry
for its list of profiles, "deploy hub" tries an image on a hub and restarts servers, and "deploy configurator" sets the image
on hubs that have that service.`

func newDeploy(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deploy",
		Short: "give a JupyterHub a new image",
		Long:  deployLong + "\n\n" + report.ExitCodes,
		Args:  noCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDeployValues(g), newDeployProfile(g), newDeployHub(g), newDeployConfigurator(g))
	return cmd
}

const deployValuesLong = `Put an image into helm values files (singleuser.image, profileList, profile_options, the
pre-puller), hubploy.yaml, a Dockerfile's FROM, or a configuration in JSON.

The places are found by the image's repository, and only their bytes change: comments, quotes,
anchors and line ends stay. A tag that YAML would read as a number, a date or a word like "on" is
quoted. Where only a tag stands in one of the files and its name in another, give both. The hub's own
image, init containers and sidecars are left. With --check nothing is written, and the exit code is
13 where a file would change.`

func newDeployValues(g *globals) *cobra.Command {
	var req pipeline.DeployValuesRequest
	cmd := &cobra.Command{
		Use:   "values --image REPO[:TAG][@DIGEST] FILE...",
		Short: "put an image into helm values files",
		Long:  deployValuesLong + "\n\n" + report.ExitCodes,
		Example: "  corn deploy values --image quay.io/team/hub:f577786 --display-names --dry-run common.values.yaml staging.values.yaml\n" +
			"  corn deploy values --image quay.io/team/hub:f577786 common.values.yaml\n" +
			"  corn deploy values --image quay.io/team/hub:f577786 --check common.values.yaml",
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(req.Images) == 0:
				return usage(cmd, errors.New("want --image, the image to put into the files"))
			case len(args) == 0:
				return usage(cmd, errors.New("want one or more files to edit"))
			case req.Check && req.DryRun:
				return usage(cmd, errors.New("--check and --dry-run are both given: each writes nothing, --check ends with 13 where a file would change"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Files = args
			p := g.printer()
			res, err := pipeline.DeployValues(req, p)
			if res == nil {
				return err
			}
			text := func(w io.Writer) error { return writeDeployValues(w, res, req.DryRun || req.Check) }
			return errors.Join(err, p.Result(res, text))
		},
	}
	cmd.Flags().StringArrayVar(&req.Images, "image", nil, "image to put where its repository stands; may be given again for others")
	cmd.Flags().BoolVar(&req.DisplayNames, "display-names", false, "change display_name and description too where they repeat the old tag")
	cmd.Flags().BoolVar(&req.DryRun, "dry-run", false, "show the change as a diff, and write nothing")
	cmd.Flags().BoolVar(&req.Check, "check", false, "write nothing; end with 13 where a file would change")
	return cmd
}

func writeDeployValues(w io.Writer, res *pipeline.DeployValuesResult, diff bool) error {
	for _, f := range res.Files {
		if diff {
			if _, err := io.WriteString(w, f.Diff); err != nil {
				return err
			}
			continue
		}
		for _, c := range f.Changes {
			if _, err := fmt.Fprintf(w, "%s:%d: %s: %s -> %s\n", f.File, c.Line, c.Path, c.Old, c.New); err != nil {
				return err
			}
		}
		if len(f.Changes) == 0 && f.Current > 0 {
			if _, err := fmt.Fprintf(w, "%s: up to date\n", f.File); err != nil {
				return err
			}
		}
	}
	return nil
}

// oneHub refuses what is not the address of one hub with an image for it.
func oneHub(cmd *cobra.Command, args []string, image string) error {
	switch {
	case len(args) != 1:
		return usage(cmd, fmt.Errorf("want the address of one hub, got %d: %q", len(args), args))
	case image == "":
		return usage(cmd, errors.New("want --image, an image of a registry"))
	}
	return nil
}

// trialFlags are those of commands that try an image on a hub.
func trialFlags(f *pflag.FlagSet, req *pipeline.DeployHubRequest) {
	f.StringVar(&req.User, "user", "", "whose trial server it is (default: the token's user)")
	f.BoolVar(&req.Default, "default-server", false, "try with the user's default server, where the hub has no named ones")
	f.DurationVar(&req.StartLimit, "start-limit", 10*time.Minute, "how long a server may take to start")
	f.StringVar(&req.Platform, "platform", "", "platform of the image (default: this machine's)")
	f.StringVar(&req.CacheDir, "cache-dir", "", "folder of the cache (default: $CORN_CACHE_DIR)")
}
