package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/nasa-openscapes/corn/internal/pipeline"
	"github.com/nasa-openscapes/corn/internal/report"
)

const lockLong = `Write corn.lock, what a project remembers besides the locks of its environments.

It pins the base image and what builds need to know of it, says which packages share a layer and
in which order layers stand, and which interpreters compile. Commit it: a build then changes as few
layers as possible, on every machine. Without changes the file stays as it is.

Packages that neither the cache nor the image of --from knows are fetched.`

const lockExample = `  corn lock --base oci:base
  corn lock --check
  corn lock --update-base
  corn lock hackweek --base oci:base --json`

func newLock(g *globals) *cobra.Command {
	var req pipeline.LockRequest
	cmd := &cobra.Command{
		Use:     "lock [PROJECT]",
		Short:   "write corn.lock: the base image, the layout, the interpreters",
		Long:    lockLong + "\n\n" + report.ExitCodes,
		Example: lockExample,
		Args:    oneProject,
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Project = "."
			if len(args) == 1 {
				req.Project = args[0]
			}
			if req.Jobs < 0 {
				return usage(cmd, fmt.Errorf("--jobs is %d: want 1 or more, or 0 for one per core", req.Jobs))
			}
			switch {
			case req.Check && (req.UpdateBase || req.Relayout || req.Merge || req.From != ""):
				return usage(cmd, errors.New("--check writes nothing: it goes with none of --update-base, --relayout, --merge and --from"))
			case req.Relayout && req.From != "":
				return usage(cmd, errors.New("--relayout lays out anew and --from takes a layout over: give one of them"))
			}
			p := g.printer()
			res, err := pipeline.Lock(cmd.Context(), req, p)
			if err != nil {
				return err
			}
			return p.Result(res, func(w io.Writer) error { return writeLock(w, res) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&req.Base, "base", "", "base image: NAME[:TAG] of a registry, oci:DIR[:TAG], docker-archive:FILE (default: base in corn.yaml, then the one in corn.lock)")
	f.BoolVar(&req.UpdateBase, "update-base", false, "take the image that the base's tag names now")
	f.BoolVar(&req.Relayout, "relayout", false, "lay out by the rule alone and choose the interpreters anew: tidy, but most layers change")
	f.BoolVar(&req.Merge, "merge", false, "resolve the conflict markers that a merge left in the file: keep what both sides know")
	f.StringVar(&req.From, "from", "", "take the layout of an image that corn built, for a corn.lock that was lost")
	f.BoolVar(&req.Check, "check", false, "write nothing; fail if the file is not up to date, and say why")
	f.StringVar(&req.Platform, "platform", "", "platform to lock for, linux/amd64 or linux-64; what is there for others stays (default: linux of this machine)")
	f.StringVar(&req.ChannelAlias, "channel-alias", "", "URL that replaces https://conda.anaconda.org in the locks")
	f.BoolVar(&req.Offline, "offline", false, "use only packages that are in the cache")
	f.StringVar(&req.CacheDir, "cache-dir", "", "local cache (default $CORN_CACHE_DIR, else the user's cache folder)")
	f.IntVarP(&req.Jobs, "jobs", "j", 0, "how much to do at once (default: one per core)")
	complete(cmd, "platform", "linux/amd64", "linux/arm64")
	return cmd
}

func writeLock(w io.Writer, res *pipeline.LockResult) error {
	for _, c := range res.Changes {
		if _, err := fmt.Fprintln(w, c); err != nil {
			return err
		}
	}
	state := "up to date"
	if res.Written {
		state = "written"
	}
	_, err := fmt.Fprintf(w, "%s: %s\n", res.File, state)
	return err
}
