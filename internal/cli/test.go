package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/nasa-openscapes/corn/internal/pipeline"
	"github.com/nasa-openscapes/corn/internal/report"
)

const testLong = `Start every kernel of an image through the image's own Jupyter, as a hub would, and say what works.

IMAGE is a project's folder, whose dist/image is tested (default: the current one), or an image:
oci:DIR, docker-archive:FILE, docker-daemon:NAME of the container engine here, or NAME[:TAG] of
the engine or a registry. No name is given to it in the engine.

Each kernel is started, executes a line, is interrupted, imports what its environment.yml asks
for, says its packages' versions, whether its environment is activated, and is stopped. Of a
project, notebooks in the environment's folder and in tests/ run in the kernel that they are
for, and tests/*.py or *.R beside its environment.yml. Kernels run side by side. test: in corn.yaml
exempts packages from being imported and kernels from being interrupted.`

const testExample = `  corn test
  corn test oci:image --junit results.xml
  corn test quay.io/team/hub:2026.01 --kernel team-a --json`

func newTest(g *globals) *cobra.Command {
	var req pipeline.TestRequest
	cmd := &cobra.Command{
		Use:     "test [IMAGE]",
		Short:   "start every kernel of an image and say what works",
		Long:    testLong + "\n\n" + report.ExitCodes,
		Example: testExample,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage(cmd, fmt.Errorf("want one image or project, got %d: %q", len(args), args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				req.Image = args[0]
			}
			if err := checkJobs(cmd, req.Jobs); err != nil {
				return err
			}
			p := g.printer()
			res, err := pipeline.Test(cmd.Context(), req, p)
			if res == nil {
				return err
			}
			return errors.Join(p.Result(res, func(w io.Writer) error { return writeTest(w, res) }), err)
		},
	}
	f := cmd.Flags()
	f.StringVar(&req.Project, "project", "", "project whose notebooks and tests run as well (default: IMAGE where it is one)")
	f.StringVar(&req.Exec, "exec", "", "what runs the image: sandbox, docker or podman (default: the first that works)")
	f.StringArrayVar(&req.Kernels, "kernel", nil, "test this kernel alone; may be repeated")
	f.DurationVar(&req.StartLimit, "start-timeout", 0, "how long a kernel may take until it answers (default: that of corn.yaml, else 1m)")
	f.StringVar(&req.JUnit, "junit", "", "write the results as JUnit XML to this file")
	f.StringVar(&req.Platform, "platform", "", "image of an index to test, linux/amd64 or linux-64 (default: linux of this machine)")
	f.StringVar(&req.CacheDir, "cache-dir", "", "local cache (default $CORN_CACHE_DIR, else the user's cache folder)")
	f.IntVarP(&req.Jobs, "jobs", "j", 0, "how many kernels run at once (default: one per core)")
	complete(cmd, "exec", "sandbox", "docker", "podman")
	complete(cmd, "platform", "linux/amd64", "linux/arm64")
	return cmd
}

// writeTest writes a table of the kernels, and below it what failed, with each kernel's log.
func writeTest(w io.Writer, res *pipeline.TestResult) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "KERNEL\tLANGUAGE\tVERSION\tSTART\tIMPORTS\tRESULT")
	for i := range res.Kernels {
		k := &res.Kernels[i]
		start, imports := "-", "-"
		if k.StartMillis > 0 {
			start = report.Seconds(time.Duration(k.StartMillis) * time.Millisecond)
		}
		if passed, of := k.Imported(); of > 0 {
			imports = fmt.Sprintf("%d of %d", passed, of)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", k.Name, dash(k.Language), dash(k.Version), start, imports, k.Result)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if res.Server.Log != "" {
		fmt.Fprintf(w, "\n%s: %s\n%s\n", res.Server.Command, res.Server.Detail, quoted(res.Server.Log))
	}
	for i := range res.Kernels {
		k := &res.Kernels[i]
		for _, s := range k.Failures() {
			fmt.Fprintf(w, "\n%s: %s: %s\n", k.Name, s.Name, strings.ReplaceAll(s.Detail, "\n", "\n    "))
		}
		if k.Log != "" {
			fmt.Fprintf(w, "\n%s: its log, of another start alone:\n%s\n", k.Name, quoted(k.Log))
		}
	}
	return nil
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// quoted sets lines that are not corn's apart.
func quoted(s string) string { return "    " + strings.ReplaceAll(s, "\n", "\n    ") }
