package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nasa-openscapes/corn/internal/pipeline"
	"github.com/nasa-openscapes/corn/internal/report"
)

const buildLong = `Build the image of a project.

PROJECT is the repository's folder (default: the current one). Each folder below its
environments/ has an environment.yml, a name.txt with the kernel's display name, and a lock:
conda-lock.yml, conda-linux-64.lock or pixi.lock. The environment at the top runs JupyterLab.
An environment without a lock is solved for this build alone; one whose lock is no longer what
its environment.yml asks for is an error (see corn lock).

apt.txt, postBuild, run in corn.yaml and packages' link scripts are programs of the image: they run in a
sandbox, without root, and only when what they see changed. Where this machine refuses a sandbox,
--exec docker or podman runs them in a container. --plan says which would run, and why.

The image is written as an OCI layout by default. --push NAME[:TAG] pushes it to a registry, by
default under the first 12 digits of the git commit; "docker-archive:FILE" is for docker load.
What the previous image in the registry has, this branch's last one, is neither built nor sent
again. A registry that takes no image from this user: the image is built, its result printed,
and the exit code 9, or 0 with --push-optional.
The same project gives the same digest on every machine.`

const buildExample = `  corn build --base oci:base -o oci:image
  corn build hackweek --base docker-archive:base.tar -o docker-archive:hackweek.tar -t hackweek:2026
  corn build --push quay.io/team/hub
  corn build --push quay.io/team/hub:2026.01 --push ghcr.io/team/hub:2026.01 --push-optional
  corn build --base oci:base --offline --json`

func newBuild(g *globals) *cobra.Command {
	var req pipeline.BuildRequest
	var locked, plan bool
	cmd := &cobra.Command{
		Use:     "build [PROJECT]",
		Short:   "build the image of a project",
		Long:    buildLong + "\n\n" + report.ExitCodes,
		Example: buildExample,
		Args:    oneProject,
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Project = projectOf(args)
			if err := checkJobs(cmd, req.Jobs); err != nil {
				return err
			}
			req.Version = Version()
			req.StaleLocks = !locked
			p := g.printer()
			if plan {
				res, err := pipeline.Plan(cmd.Context(), req, p)
				if err != nil {
					return err
				}
				return p.Result(res, func(w io.Writer) error { return writePlan(w, res) })
			}
			res, err := pipeline.Build(cmd.Context(), req, p)
			if res == nil {
				return err
			}
			// An image that no registry took is an image all the same.
			return errors.Join(p.Result(res, func(w io.Writer) error { return writeBuild(w, res) }), err)
		},
	}
	f := cmd.Flags()
	f.StringVar(&req.Base, "base", "", "base image: NAME[:TAG] of a registry, oci:DIR[:TAG], docker-archive:FILE (default: base in corn.yaml, then the one in corn.lock)")
	f.StringVar(&req.From, "from", "", "previous image whose layers may be taken over (default: where it is pushed to, the last one of this branch, of the one it comes from, or of a commit before)")
	f.StringArrayVarP(&req.Outputs, "output", "o", nil, "where to write the image: docker://NAME[:TAG] (push), oci:DIR, docker-archive:FILE; may be repeated (default oci:PROJECT/dist/image)")
	f.StringArrayVar(&req.Push, "push", nil, "repository of a registry to push to, NAME[:TAG]; may be repeated; the same as -o docker://NAME[:TAG]")
	f.BoolVar(&req.PushOptional, "push-optional", false, "exit with 0 when a registry takes no image from this user, as in a pull request of a fork")
	f.BoolVar(&req.Verify, "verify", false, "build layers that could be taken over from the previous image, and fail if one has another digest")
	f.BoolVar(&plan, "plan", false, "list the steps and layers with the reason why each is made or kept, and do nothing")
	f.StringArrayVarP(&req.Tags, "tag", "t", nil, "name of the image, repo:tag or tag; may be repeated (default in a registry: the git commit)")
	f.StringSliceVar(&req.Attach, "attach", nil, "what to attach to an image in a registry besides results of tests: spdx, cyclonedx, provenance, none (default all)")
	f.StringVar(&req.SignKey, "sign-key", "", "sign the image and its provenance in registries with this private key, of cosign or openssl; its password is in $COSIGN_PASSWORD")
	f.BoolVar(&req.Release, "release", false, "tag the image in registries with the date of the commit as well, 2026.01.15")
	f.StringArrayVar(&req.Annotations, "annotation", nil, "annotation of the manifest, KEY=VALUE; may be repeated; KEY= leaves one out")
	f.StringVar(&req.Test, "test", "changed", "kernels to start before an image in a registry gets its tags: changed, all or none")
	f.StringVar(&req.Exec, "exec", "", "what runs steps and the kernels that are tested: sandbox, docker or podman (default: the sandbox for steps, the first that works for kernels)")
	f.StringVar(&req.Platform, "platform", "", "platform to build for, linux/amd64 or linux-64 (default: linux of this machine)")
	f.StringVar(&req.ChannelAlias, "channel-alias", "", "URL that replaces https://conda.anaconda.org in the locks")
	f.StringVar(&req.Compression, "compression", "", "zstd or gzip (default zstd; engines before Docker 23 need gzip)")
	f.BoolVar(&locked, "locked", true, "refuse locks that are not what environment.yml asks for; --locked=false builds what is locked")
	f.BoolVar(&req.Offline, "offline", false, "use only what is in the cache")
	f.StringVar(&req.CacheDir, "cache-dir", "", "local cache (default $CORN_CACHE_DIR, else the user's cache folder)")
	f.IntVarP(&req.Jobs, "jobs", "j", 0, "how much to do at once (default: one per core)")
	complete(cmd, "compression", "zstd", "gzip")
	complete(cmd, "attach", "spdx", "cyclonedx", "provenance", "none")
	complete(cmd, "test", "changed", "all", "none")
	complete(cmd, "exec", "sandbox", "docker", "podman")
	complete(cmd, "platform", "linux/amd64", "linux/arm64")
	complete(cmd, "output", "docker://", "oci:", "docker-archive:")
	return cmd
}

// complete registers the words that a shell offers for a flag.
func complete(cmd *cobra.Command, flag string, words ...string) {
	err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic(err) // a flag that does not exist is a bug in this file
	}
}

// writePlan lists layers, the lowest first, and what a step is.
func writePlan(w io.Writer, res *pipeline.PlanResult) error {
	steps := map[string]pipeline.PlannedStep{}
	for _, s := range res.Steps {
		steps[s.ID] = s
	}
	var b strings.Builder
	fmt.Fprintf(&b, "base  %s, %s\n", res.Base.Ref, report.Count(res.Base.Layers, "layer"))
	for _, l := range res.Layers {
		what := ""
		if s, ok := steps[l.ID]; ok {
			what = fmt.Sprintf(" (as %s, network %s, at most %s)", s.User, s.Network, shortTime(time.Duration(s.Timeout)*time.Second))
		} else if l.Packages > 0 {
			what = fmt.Sprintf(" (%s)", report.Count(l.Packages, "package"))
		}
		fmt.Fprintf(&b, "%-5s %s%s: %s\n", l.Action, l.ID, what, l.Reason)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// shortTime writes a time as corn.yaml has it: "1h", "1h30m", "90s".
func shortTime(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func writeBuild(w io.Writer, res *pipeline.BuildResult) error {
	for _, k := range res.Kernels {
		if _, err := fmt.Fprintf(w, "kernel  %-20s %q, %s, %s\n", k.Name, k.DisplayName, k.Language, report.Count(k.Packages, "package")); err != nil {
			return err
		}
	}
	for _, o := range res.Outputs {
		ref := o.Ref
		if o.Pushed != nil && !*o.Pushed {
			ref += " (not pushed)"
		} else if len(o.Tags) > 0 {
			ref += " (" + strings.Join(o.Tags, ", ") + ")"
		}
		if _, err := fmt.Fprintf(w, "image   %s\n        %s\n", ref, o.Digest); err != nil {
			return err
		}
	}
	return nil
}
