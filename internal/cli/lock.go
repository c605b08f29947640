package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nasa-openscapes/corn/internal/pipeline"
	"github.com/nasa-openscapes/corn/internal/report"
)

const lockLong = `Solve the environments of a project and write their locks, and corn.lock.

An environment whose lock is what its environment.yml asks for keeps it. Of another, every
package stays that can stay; --update lets some move, --upgrade all. All environments choose from
one snapshot of their channels, side by side, and take the same archives where that
changes no version (sharing: in corn.yaml, or --sharing). conda-lock.yml is in the format of
conda-lock, micromamba and pixi; --explicit writes conda-linux-64.lock besides.

corn.lock is what a project remembers besides. It pins the base image and what builds need to know of it, says which packages share a layer and
in which order layers stand, and which interpreters compile. Commit it: a build then changes as few
layers as possible, on every machine. Without changes the file stays as it is.

Packages that neither the cache nor the image of --from knows are fetched.`

const lockExample = `  corn lock --base oci:base
  corn lock --env climate --update xarray
  corn lock --upgrade --sharing prefer
  corn lock --explicit
  corn lock --check
  corn lock --update-base
  corn lock hackweek --base oci:base --json`

func newLock(g *globals) *cobra.Command {
	var req pipeline.LockRequest
	cmd := &cobra.Command{
		Use:     "lock [PROJECT]",
		Short:   "solve the environments and write their locks",
		Long:    lockLong + "\n\n" + report.ExitCodes,
		Example: lockExample,
		Args:    oneProject,
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Project = projectOf(args)
			if err := checkJobs(cmd, req.Jobs); err != nil {
				return err
			}
			switch {
			case req.Check && (req.Upgrade || len(req.Update) > 0 || req.Explicit):
				return usage(cmd, errors.New("--check writes nothing: it goes with none of --update, --upgrade and --explicit"))
			case req.Upgrade && len(req.Update) > 0:
				return usage(cmd, errors.New("--upgrade lets every package move: leave --update out"))
			case !slices.Contains([]string{"", "builds", "prefer", "off"}, req.Sharing):
				return usage(cmd, fmt.Errorf("--sharing is %q: want builds, prefer or off", req.Sharing))
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
	f.StringSliceVar(&req.Envs, "env", nil, "lock this environment alone; may be repeated")
	f.StringSliceVar(&req.Update, "update", nil, "let this package move to its newest version; may be repeated")
	f.BoolVar(&req.Upgrade, "upgrade", false, "let every package move")
	f.BoolVar(&req.Explicit, "explicit", false, "write conda-linux-64.lock beside conda-lock.yml")
	f.StringVar(&req.Sharing, "sharing", "", "how far to go for archives in common: builds, prefer or off (default: sharing in corn.yaml, then builds)")
	f.BoolVar(&req.Refresh, "refresh", false, "ask the channels even where the cache is fresh")
	f.BoolVar(&req.Hints, "hints", false, "say which requirements of PyPI the environment's channels could serve")
	f.BoolVar(&req.UpdateBase, "update-base", false, "take the image that the base's tag names now")
	f.BoolVar(&req.Relayout, "relayout", false, "lay out by the rule alone and choose the interpreters anew: tidy, but most layers change")
	f.BoolVar(&req.Merge, "merge", false, "resolve the conflict markers that a merge left in the file: keep what both sides know")
	f.StringVar(&req.From, "from", "", "take the layout of an image that corn built, for a corn.lock that was lost")
	f.BoolVar(&req.Check, "check", false, "write nothing; fail if the file is not up to date, and say why")
	f.StringSliceVar(&req.Platforms, "platform", nil, "platform to lock for, linux/amd64 or linux-64; may be repeated; what is there for others stays (default: platforms in corn.yaml and those of the locks, else linux of this machine)")
	f.StringVar(&req.ChannelAlias, "channel-alias", "", "URL that replaces https://conda.anaconda.org in the locks")
	f.BoolVar(&req.Offline, "offline", false, "use only packages that are in the cache")
	f.StringVar(&req.CacheDir, "cache-dir", "", "local cache (default $CORN_CACHE_DIR, else the user's cache folder)")
	f.IntVarP(&req.Jobs, "jobs", "j", 0, "how much to do at once (default: one per core)")
	complete(cmd, "platform", "linux/amd64", "linux/arm64")
	complete(cmd, "sharing", "builds", "prefer", "off")
	return cmd
}

func writeLock(w io.Writer, res *pipeline.LockResult) error {
	var b strings.Builder
	for _, e := range res.Environments {
		writeLockedEnv(&b, &e)
	}
	if s := res.Sharing; s.Archives > 0 && len(res.Environments) > 1 {
		fmt.Fprintf(&b, "sharing  %s, %s of them different", report.Count(s.Packages, "package"), report.Count(s.Archives, "archive"))
		if s.Saved > 0 {
			fmt.Fprintf(&b, ": saves %s", report.Size(s.Saved))
		}
		b.WriteByte('\n')
	}
	for _, c := range res.Changes {
		fmt.Fprintln(&b, c)
	}
	if res.File != "" {
		state := "up to date"
		if res.Written {
			state = "written"
		}
		fmt.Fprintf(&b, "%s: %s\n", res.File, state)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// signs stand before what changed, as in a diff.
var signs = map[string]string{"added": "+", "removed": "-", "up": "^", "down": "v", "rebuilt": "~"}

// writeLockedEnv lists what changed in an environment; a first lock is summed up.
func writeLockedEnv(b *strings.Builder, e *pipeline.LockedEnvResult) {
	state := "up to date"
	switch {
	case e.State == "foreign":
		state = "left alone: " + e.Reason
	case e.Written:
		state = "written"
	}
	fmt.Fprintf(b, "%-8s %s, %s", e.Name, e.Lock, report.Count(e.Packages, "package"))
	if e.Size > 0 {
		fmt.Fprintf(b, ", %s", report.Size(e.Size))
	}
	fmt.Fprintf(b, ": %s\n", state)
	for _, m := range e.Lowered {
		fmt.Fprintf(b, "  shared: %s\n", m)
	}
	for _, h := range e.Hints {
		fmt.Fprintf(b, "  hint: %s\n", h)
	}
	if len(e.Changes) == e.Packages { // there was none before
		return
	}
	for _, c := range e.Changes {
		fmt.Fprintf(b, "  %s %s", signs[c.Change], c.Name)
		switch {
		case c.From != "" && c.To != "":
			fmt.Fprintf(b, " %s -> %s", c.From, c.To)
		default:
			fmt.Fprintf(b, " %s%s", c.From, c.To)
		}
		if c.Size > 0 {
			fmt.Fprintf(b, " (%s)", report.Size(c.Size))
		}
		b.WriteByte('\n')
	}
}
