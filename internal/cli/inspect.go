package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/nasa-openscapes/corn/internal/pipeline"
	"github.com/nasa-openscapes/corn/internal/report"
)

const inspectLong = `Tell what is in an image: its kernels and what they ask for, layers, base, provenance, and where
each byte goes.

IMAGE is NAME[:TAG|@DIGEST] of a registry, oci:DIR, docker-archive:FILE, docker-daemon:NAME of
Docker or podman here, or the folder of a project that was built. No package is downloaded, and
of an image in a registry only the manifest, the config and the small metadata layer.

Bytes are those of compressed layers. What is an environment's own would not be there without
it; what is shared is there once for all that have it.`

const inspectExample = `  corn inspect oci:image
  corn inspect quay.io/team/hub:2026.01 --packages
  corn inspect quay.io/team/hub:2026.01 --json`

func newInspect(g *globals) *cobra.Command {
	var req pipeline.InspectRequest
	var packages bool
	var top int
	cmd := &cobra.Command{
		Use:     "inspect IMAGE",
		Short:   "tell what is in an image, and where each byte goes",
		Long:    inspectLong + "\n\n" + report.ExitCodes,
		Example: inspectExample,
		Args:    oneImage,
		RunE: func(cmd *cobra.Command, args []string) error {
			if top < 0 {
				return usage(cmd, fmt.Errorf("--top is %d: want 0 or more", top))
			}
			req.Image = args[0]
			p := g.printer()
			res, err := pipeline.Inspect(cmd.Context(), req, p)
			if err != nil {
				return err
			}
			return p.Result(res, func(w io.Writer) error { return writeInspect(w, res, packages, top) })
		},
	}
	f := cmd.Flags()
	f.BoolVar(&packages, "packages", false, "list all packages of each environment, not only those that are asked for")
	f.IntVar(&top, "top", 10, "how many of the biggest archives to list")
	imageFlags(cmd, &req.Platform, &req.CacheDir)
	return cmd
}

// oneImage accepts one argument.
func oneImage(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage(cmd, fmt.Errorf("want one image, got %d: %q", len(args), args))
	}
	return nil
}

// imageFlags are the flags of commands that read an image.
func imageFlags(cmd *cobra.Command, platform, cacheDir *string) {
	cmd.Flags().StringVar(platform, "platform", "", "image of an index to take, linux/amd64 or linux-64 (default: linux of this machine, or the only one there is)")
	cmd.Flags().StringVar(cacheDir, "cache-dir", "", "where temporary files go (default $CORN_CACHE_DIR, else the user's cache folder)")
	complete(cmd, "platform", "linux/amd64", "linux/arm64")
}

func writeInspect(w io.Writer, res *pipeline.InspectResult, packages bool, top int) error {
	var b strings.Builder
	fmt.Fprintf(&b, "image      %s\n           %s\nplatform   %s\nsize       %s in %s\n", res.Image, res.Digest, res.Platform, report.Size(res.Size), report.Count(len(res.Layers), "layer"))
	if res.Base != nil {
		writeBase(&b, res.Base)
	}
	for _, a := range []struct{ name, key string }{
		{"source", "source"}, {"revision", "revision"}, {"created", "created"}, {"version", "version"},
	} {
		if v := res.Annotations["org.opencontainers.image."+a.key]; v != "" {
			fmt.Fprintf(&b, "%-10s %s\n", a.name, v)
		}
	}
	if len(res.Tests) > 0 {
		fmt.Fprintf(&b, "tests      %s\n", testsInWords(res))
	}
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	if len(res.Kernels) > 0 {
		fmt.Fprintln(t, "\nKERNEL\tDISPLAY NAME\tLANGUAGE\tENVIRONMENT")
		for _, k := range res.Kernels {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", k.Name, k.DisplayName, k.Language, k.Environment)
		}
	}
	if res.Corn {
		fmt.Fprintln(t, "\nBYTES\tOWN\tSHARED\tPACKAGES\tPREFIX")
		fmt.Fprintf(t, "base\t%s\t\t\t\n", report.Size(res.Bytes.Base))
		for _, e := range res.Environments {
			fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\n", e.Name, report.Size(e.Own), report.Size(e.Shared), len(e.Packages), e.Prefix)
		}
		fmt.Fprintf(t, "(shared, once)\t%s\t\t\t\n(metadata)\t%s\t\t\t\n", report.Size(res.Bytes.Shared), report.Size(res.Bytes.Other))
	}
	writeEnvs(t, res, packages)
	fmt.Fprintln(t, "\nLAYER\tID\tSIZE\tARCHIVES\tDIGEST")
	for _, l := range res.Layers {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\n", l.Kind, l.ID, report.Size(l.Size), len(l.Artifacts), l.Digest)
	}
	if n := min(top, len(res.Artifacts)); n > 0 {
		fmt.Fprintln(t, "\nBIGGEST\tBYTES\tENVIRONMENTS")
		for _, a := range res.Artifacts[:n] {
			fmt.Fprintf(t, "%s\t%s\t%s\n", a.File, report.Size(a.Size), strings.Join(a.Environments, ", "))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(b.String()) { // tabwriter fills empty cells with blanks
		if _, err := io.WriteString(w, strings.TrimRight(line, " \n")+"\n"); err != nil {
			return err
		}
	}
	return nil
}

func writeBase(b *strings.Builder, base *pipeline.InspectedBase) {
	glibc := ""
	if base.Glibc != "" {
		glibc = ", glibc " + base.Glibc
	}
	name := ""
	if base.Name != "" {
		name = base.Name + ", "
	}
	fmt.Fprintf(b, "base       %s%s, %s%s\n           %s\n", name, report.Count(base.Layers, "layer"), report.Size(base.Size), glibc, base.Digest)
}

// testsInWords groups kernels by the result of their tests.
func testsInWords(res *pipeline.InspectResult) string {
	by := map[string][]string{}
	var order []string
	for _, k := range res.Tests {
		r := string(k.Result)
		if by[r] == nil {
			order = append(order, r)
		}
		by[r] = append(by[r], k.Name)
	}
	slices.Sort(order)
	var parts []string
	for _, r := range order {
		parts = append(parts, r+": "+strings.Join(by[r], ", "))
	}
	return strings.Join(parts, "; ")
}

// writeEnvs lists the packages of each environment that are asked for, or all.
func writeEnvs(w io.Writer, res *pipeline.InspectResult, all bool) {
	for _, e := range res.Environments {
		header := "ASKED FOR"
		if all {
			header = "PACKAGE"
		}
		for _, p := range e.Packages {
			if !all && !p.Requested {
				continue
			}
			if header != "" {
				fmt.Fprintf(w, "\n%s IN %s\tVERSION\tBUILD\n", header, e.Name)
				header = ""
			}
			kind := p.Build
			if p.Kind == "wheel" {
				kind = "(PyPI)"
			}
			mark := ""
			if all && p.Requested {
				mark = " *"
			}
			fmt.Fprintf(w, "%s%s\t%s\t%s\n", p.Name, mark, p.Version, kind)
		}
	}
}
